// A backup in the place of a store that knew more, for the sweeps: it is opened beside the journal
// that the store had, brought up to date, and its devices send again what it lost.
#ifndef TESTS_CRASH_RESTORE_LIFE_H_
#define TESTS_CRASH_RESTORE_LIFE_H_

#include <memory>

#include "tests/crash/store_life.h"

namespace brigada {

std::unique_ptr<StoreLife> NewRestoreLife(FaultEnv* env, SyncMode mode);

}  // namespace brigada

#endif  // TESTS_CRASH_RESTORE_LIFE_H_
