// Sweeps over the life of a store: a power cut in the middle of every operation of its disk, and a
// flipped bit in every byte of its files.
#ifndef TESTS_CRASH_SWEEP_H_
#define TESTS_CRASH_SWEEP_H_

#include <cstdint>
#include <functional>
#include <string>

#include "tests/crash/store_life.h"

namespace brigada {

// What a sweep did; `wrong` is the first thing that must not be, empty when all held.
struct SweepResult {
  uint64_t cases = 0;
  uint64_t intact = 0;    // a flip that changed nothing of the content
  uint64_t detected = 0;  // a flip that some read, or the opening, reported
  std::string wrong;
};

// Prints the figures of a sweep.
void Report(const char* name, const SweepResult& result);

// Cuts the power in the middle of each operation of the disk, once with the unsynced bytes gone and
// once with a part of them there. Of the many operations that open or copy a store every
// `stride`-th is taken, of those of other steps every `short_stride`-th (all of them with
// BRIGADA_LONG). Then the store must open, hold the first
// n steps whole for some n from the last durable one acknowledged on, keep what it told its
// callers, and be able to take the rest of the steps.
SweepResult SweepPowerCuts(const NewLife& new_life, SyncMode mode, uint64_t stride,
                           uint64_t short_stride = 1);

// Flips one bit of every `stride`-th byte of each file (all bytes with BRIGADA_LONG). Then the
// store must not open, or a read must fail, or it holds all it held. Of a store that is damaged
// `recover`, unless null, says what of `whole` cannot be had again; empty: nothing.
using Recover = std::function<std::string(FaultEnv& env, const StoreContent& whole)>;
SweepResult SweepFlips(const NewLife& new_life, uint64_t stride, const Recover& recover = {});

// Cuts the power as SweepPowerCuts does and takes the database away as well, so that its mirror is
// all there is. `recover` must then find the content after n steps, for some n from the last
// durable one acknowledged on.
SweepResult SweepCutsWithoutDatabase(const NewLife& new_life, uint64_t stride,
                                     const Recover& recover);

}  // namespace brigada

#endif  // TESTS_CRASH_SWEEP_H_
