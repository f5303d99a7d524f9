// What a server does beside committing, for the sweeps: an erasure and the scrubbing of its files,
// deletions that are forgotten, sums that are made anew, an epoch that begins while it runs.
#ifndef TESTS_CRASH_AUTHORITY_KEEPING_LIFE_H_
#define TESTS_CRASH_AUTHORITY_KEEPING_LIFE_H_

#include <memory>

#include "tests/crash/store_life.h"

namespace brigada {

std::unique_ptr<StoreLife> NewAuthorityKeepingLife(FaultEnv* env, SyncMode mode);

}  // namespace brigada

#endif  // TESTS_CRASH_AUTHORITY_KEEPING_LIFE_H_
