#include "replica/base/random.h"

#include <sys/random.h>

#include <cstring>

#include "replica/base/check.h"

namespace brigada {

uint64_t Random::NextUint64() {
  uint8_t bytes[8];
  Fill(absl::MakeSpan(bytes));
  uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

uint64_t Random::Uniform(uint64_t bound) {
  CHECK(bound > 0);
  // Values past the last whole multiple of `bound` are drawn again, so that none is favoured.
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  uint64_t value = NextUint64();
  while (value >= limit) value = NextUint64();
  return value % bound;
}

double Random::NextDouble() { return static_cast<double>(NextUint64() >> 11) * 0x1.0p-53; }

namespace {

class KernelRandom final : public Random {
 public:
  void Fill(absl::Span<uint8_t> bytes) override {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t got = getrandom(bytes.data() + done, bytes.size() - done, 0);
      CHECK(got > 0 || errno == EINTR);
      if (got > 0) done += static_cast<size_t>(got);
    }
  }
};

}  // namespace

Random& SystemRandom() {
  static KernelRandom random;
  return random;
}

void SeededRandom::Fill(absl::Span<uint8_t> bytes) {
  for (size_t i = 0; i < bytes.size(); i += 8) {
    const uint64_t word = engine_();
    std::memcpy(bytes.data() + i, &word, std::min<size_t>(8, bytes.size() - i));
  }
}

}  // namespace brigada
