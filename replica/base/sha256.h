#ifndef REPLICA_BASE_SHA256_H_
#define REPLICA_BASE_SHA256_H_

#include <array>
#include <cstdint>
#include <initializer_list>

#include "absl/strings/string_view.h"

namespace brigada {

using Sha256Digest = std::array<uint8_t, 32>;

// SHA-256 over the parts, each preceded by its length (8 bytes, big endian), so that ("ab","c") and
// ("a","bc") never meet. Thread safe.
Sha256Digest Sha256Parts(std::initializer_list<absl::string_view> parts);

// Plain SHA-256 of `bytes`.
Sha256Digest Sha256(absl::string_view bytes);

// The digest's bytes as a view; valid as long as `digest`.
absl::string_view AsView(const Sha256Digest& digest);

}  // namespace brigada

#endif  // REPLICA_BASE_SHA256_H_
