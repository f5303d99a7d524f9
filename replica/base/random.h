// Randomness comes in through Random, so that one seed replays a whole history.
#ifndef REPLICA_BASE_RANDOM_H_
#define REPLICA_BASE_RANDOM_H_

#include <cstdint>
#include <random>

#include "absl/types/span.h"

namespace brigada {

class Random {
 public:
  virtual ~Random() = default;
  virtual void Fill(absl::Span<uint8_t> bytes) = 0;

  uint64_t NextUint64();
  // Uniform in [0, bound); `bound` > 0.
  uint64_t Uniform(uint64_t bound);
  // Uniform in [0, 1).
  double NextDouble();
};

// The system's generator (getrandom). Thread safe. Aborts when the system has no randomness to
// give.
Random& SystemRandom();

// A generator that repeats itself from the same seed: tests, simulation and generated data only.
// One thread.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  void Fill(absl::Span<uint8_t> bytes) override;

 private:
  std::mt19937_64 engine_;
};

}  // namespace brigada

#endif  // REPLICA_BASE_RANDOM_H_
