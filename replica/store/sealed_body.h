// Change sets whose body only the organization can read. A device keeps its delivered work so that
// a server that went back can be given it again; what it may no longer read itself it keeps sealed.
//
//   sealed_body = body hash(32) | box over salt(16) and body, about the header's bytes
//
// The hash is that of the body in clear, as the chain has it; the signed chain value vouches for
// it, and for the header.
#ifndef REPLICA_STORE_SEALED_BODY_H_
#define REPLICA_STORE_SEALED_BODY_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/change.pb.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/base/random.h"
#include "replica/base/sha256.h"
#include "replica/crypto/seal.h"

namespace brigada {

// The feature by which a welcome tells the organization's public key, and the key in a welcome;
// nullopt when it names none.
std::string SealFeature(absl::string_view public_key);
std::optional<std::string> SealKeyIn(const v1::Welcome& welcome);

// Puts the sealed body in the place of the one in clear, and takes the salt. `set` has a body.
// kInvalidArgument: `public_key` is none; `set` is untouched.
absl::Status SealBody(absl::string_view public_key, Random& random, v1::ChangeSet* set);

// Puts the body back where it was sealed to `key` beside this header and is what the hash says.
// Any other stays as it is, and the answer is false.
bool OpenBody(const SealKey& key, v1::ChangeSet* set);

// What the chain holds of the body, whatever is left of it. kDataLoss: nothing is, not even the
// hash.
absl::StatusOr<Sha256Digest> BodyHashOf(const v1::ChangeSet& set);

}  // namespace brigada

#endif  // REPLICA_STORE_SEALED_BODY_H_
