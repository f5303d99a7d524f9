// A server's work for the sweeps: groups of pushes with conflicts, refusals, moves, deletions and a
// quarantined change set, writes of the directory, a backup, a reopening.
#ifndef TESTS_CRASH_AUTHORITY_LIFE_H_
#define TESTS_CRASH_AUTHORITY_LIFE_H_

#include <memory>

#include "tests/crash/store_life.h"

namespace brigada {

std::unique_ptr<StoreLife> NewAuthorityLife(FaultEnv* env, SyncMode mode);

}  // namespace brigada

#endif  // TESTS_CRASH_AUTHORITY_LIFE_H_
