// 32 bytes that nobody finds in memory once they are no longer needed.
#ifndef REPLICA_CRYPTO_SECRET_BYTES_H_
#define REPLICA_CRYPTO_SECRET_BYTES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "replica/base/sha256.h"

namespace brigada {

// Begins as zeros; wipes its memory when destroyed.
class SecretBytes {
 public:
  static constexpr size_t kSize = 32;

  SecretBytes() = default;
  // Takes what `digest` holds, and wipes it there.
  explicit SecretBytes(Sha256Digest&& digest);
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  uint8_t* data() { return bytes_.data(); }
  const uint8_t* data() const { return bytes_.data(); }
  // Valid as long as this object.
  absl::string_view view() const { return AsView(bytes_); }

 private:
  std::array<uint8_t, kSize> bytes_{};
};

// Leaves `secret` empty, and nothing of what it held in its memory.
void Wipe(std::string* secret);

}  // namespace brigada

#endif  // REPLICA_CRYPTO_SECRET_BYTES_H_
