// Sealing: whoever has the public key closes a content, only the holder of the private key opens
// it, not even who closed it.
//
//   box = ephemeral public key(32) | AES-256-GCM(content) | tag(16)
//   key = SHA-256("brigada seal", ephemeral public key, public key, X25519(ephemeral, public key)),
//         each part behind its length; the nonce is zero, because no key closes two contents
//
// What a box belongs to (`about`) is bound to it: it is not in the box, and the box opens only
// beside the same bytes. Nothing says who closed a box: what has to be believed carries its own
// signature. Keys made on the way are wiped.
#ifndef REPLICA_CRYPTO_SEAL_H_
#define REPLICA_CRYPTO_SEAL_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/base/random.h"
#include "replica/crypto/mac.h"

namespace brigada {

inline constexpr size_t kSealPublicKeyBytes = 32;
// By how much a box is longer than its content.
inline constexpr size_t kSealOverhead = 48;

// The private key. Const calls are thread safe.
class SealKey {
 public:
  // Always the same of the same secret, and of no use to find it.
  static SealKey DerivedFrom(const MacKey& secret);

  const std::string& public_key() const { return public_key_; }
  // kInvalidArgument: it was sealed to another key or about something else, changed, or is no box.
  // An operation with the private key: some 100 us.
  absl::StatusOr<std::string> Open(absl::string_view box, absl::string_view about) const;

 private:
  SealKey(const MacKey& secret, std::string public_key)
      : private_key_(secret), public_key_(std::move(public_key)) {}

  MacKey private_key_;
  std::string public_key_;
};

// kInvalidArgument: `public_key` is none. The same content and random bytes give the same box.
absl::StatusOr<std::string> Seal(absl::string_view public_key, absl::string_view content,
                                 absl::string_view about, Random& random);

}  // namespace brigada

#endif  // REPLICA_CRYPTO_SEAL_H_
