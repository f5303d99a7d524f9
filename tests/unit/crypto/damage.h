// Damaged copies of valid bytes, for the tests of what reads them.
#ifndef TESTS_UNIT_CRYPTO_DAMAGE_H_
#define TESTS_UNIT_CRYPTO_DAMAGE_H_

#include <cstddef>
#include <string>
#include <vector>

namespace brigada {

inline std::vector<std::string> Truncations(const std::string& valid) {
  std::vector<std::string> damaged;
  for (size_t size = 0; size < valid.size(); ++size) damaged.push_back(valid.substr(0, size));
  return damaged;
}

// One copy per flipped bit, every `stride`-th one: an odd stride still meets all eight places of a
// byte.
inline std::vector<std::string> BitFlips(const std::string& valid, size_t stride = 1) {
  std::vector<std::string> damaged;
  for (size_t bit = 0; bit < 8 * valid.size(); bit += stride) {
    damaged.push_back(valid);
    damaged.back()[bit / 8] = static_cast<char>(damaged.back()[bit / 8] ^ (1 << (bit % 8)));
  }
  return damaged;
}

}  // namespace brigada

#endif  // TESTS_UNIT_CRYPTO_DAMAGE_H_
