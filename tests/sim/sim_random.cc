#include "tests/sim/sim_random.h"

namespace brigada {

// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): its state is a counter, so any seed is a good one.
uint64_t SimRandom::Next() {
  state_ += 0x9e3779b97f4a7c15;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

void SimRandom::Fill(absl::Span<uint8_t> bytes) {
  uint64_t word = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i % 8 == 0) word = Next();
    bytes[i] = static_cast<uint8_t>(word >> (8 * (i % 8)));
  }
}

SimRandom SimRandom::Fork(absl::string_view label) const {
  TraceHash hash;
  hash.Add(seed_);
  hash.Add(label);
  return SimRandom(hash.value());
}

void TraceHash::Add(uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) {
    value_ ^= (value >> shift) & 0xff;
    value_ *= 0x100000001b3;
  }
}

void TraceHash::Add(absl::string_view bytes) {
  Add(bytes.size());
  for (const char c : bytes) {
    value_ ^= static_cast<uint8_t>(c);
    value_ *= 0x100000001b3;
  }
}

}  // namespace brigada
