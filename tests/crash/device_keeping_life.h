// What happens to a device beside commits and batches, for the sweeps: an erasure, a second try of
// refused work, a repair, sums that are made anew, a server that went back, the division of a copy,
// a scope that is lost and the scrubbing of the files.
#ifndef TESTS_CRASH_DEVICE_KEEPING_LIFE_H_
#define TESTS_CRASH_DEVICE_KEEPING_LIFE_H_

#include <memory>

#include "tests/crash/store_life.h"

namespace brigada {

std::unique_ptr<StoreLife> NewDeviceKeepingLife(FaultEnv* env, SyncMode mode);

}  // namespace brigada

#endif  // TESTS_CRASH_DEVICE_KEEPING_LIFE_H_
