// Message authentication codes of the server for its own eyes: what it hands out (a cursor) and
// wants back unchanged.
#ifndef REPLICA_CRYPTO_MAC_H_
#define REPLICA_CRYPTO_MAC_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "replica/base/random.h"

namespace brigada {

// A 256-bit secret. Its copies wipe their memory when destroyed.
class MacKey {
 public:
  static constexpr size_t kSize = 32;

  static MacKey Generate(Random& random);
  // kInvalidArgument unless `bytes` is 32 long and not all zeros (a key that was never written).
  static absl::StatusOr<MacKey> FromBytes(absl::string_view bytes);

  MacKey(const MacKey&) = default;
  MacKey& operator=(const MacKey&) = default;
  ~MacKey();

  // The secret itself; valid as long as this object.
  absl::string_view bytes() const {
    return absl::string_view(reinterpret_cast<const char*>(bytes_.data()), kSize);
  }

 private:
  MacKey() = default;

  std::array<uint8_t, kSize> bytes_{};
};

inline constexpr size_t kMacBytes = 16;

// The first 16 bytes of HMAC-SHA256 over the parts, each behind its length (8 bytes, big endian).
// Make the first part a label of the purpose when one key serves several. Thread safe.
std::string ComputeMac(const MacKey& key, absl::Span<const absl::string_view> parts);

// kUnauthenticated unless `mac` is ComputeMac(key, parts). Takes the same time whichever byte
// differs.
absl::Status VerifyMac(const MacKey& key, absl::Span<const absl::string_view> parts,
                       absl::string_view mac);

}  // namespace brigada

#endif  // REPLICA_CRYPTO_MAC_H_
