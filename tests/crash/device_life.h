// A device's work for the sweeps: commits of each kind, batches with verdicts and entries, the
// rejected list, settings, a reopening.
#ifndef TESTS_CRASH_DEVICE_LIFE_H_
#define TESTS_CRASH_DEVICE_LIFE_H_

#include <memory>

#include "tests/crash/store_life.h"

namespace brigada {

std::unique_ptr<StoreLife> NewDeviceLife(FaultEnv* env, SyncMode mode);

// For SweepFlips: recovers the damaged store. Its outbox, its rejected list and who it is must be
// in the new one.
std::string RecoverDeviceLife(FaultEnv& env, const StoreContent& whole);

}  // namespace brigada

#endif  // TESTS_CRASH_DEVICE_LIFE_H_
