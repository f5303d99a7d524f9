// Randomness of a simulation. A generator forks others by label, from its seed and not from what it
// has drawn: one more draw in one module shifts nothing in another.
#ifndef TESTS_SIM_SIM_RANDOM_H_
#define TESTS_SIM_SIM_RANDOM_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "replica/base/random.h"

namespace brigada {

// One thread. Cheap to make, so that every step of a history has its own.
class SimRandom final : public Random {
 public:
  explicit SimRandom(uint64_t seed) : seed_(seed), state_(seed) {}

  void Fill(absl::Span<uint8_t> bytes) override;
  uint64_t Next();
  // True `per_mille` times of a thousand.
  bool Chance(uint64_t per_mille) { return Next() % 1000 < per_mille; }
  SimRandom Fork(absl::string_view label) const;

 private:
  uint64_t seed_;
  uint64_t state_;
};

// FNV-1a over what is added, to compare two runs.
class TraceHash {
 public:
  void Add(uint64_t value);
  void Add(absl::string_view bytes);
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace brigada

#endif  // TESTS_SIM_SIM_RANDOM_H_
