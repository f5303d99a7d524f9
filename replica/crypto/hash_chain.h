// The hash chain over the change sets of one replica in one partition:
//
//   chain_0 = ChainStart(replica, partition)
//   chain_n = SHA-256(chain_{n-1}, header_n, BodyHash(salt_n, body_n))
//
// Every part goes in behind its length (Sha256Parts), so no two different lists of parts meet. One
// signature of chain_n vouches for every change set up to n. Because the body enters by its hash
// only, a body can be erased while the chain goes on; the salt keeps the erased body from being
// guessed from its hash.
//
// The values are stored and sent: changing how they are made is a new format version.
#ifndef REPLICA_CRYPTO_HASH_CHAIN_H_
#define REPLICA_CRYPTO_HASH_CHAIN_H_

#include "absl/strings/string_view.h"
#include "replica/base/sha256.h"

namespace brigada {

using ChainValue = Sha256Digest;

// The value before the first change set: binds the chain to its replica and partition, so that a
// signed value never counts for another. `replica` is the 16 bytes of the ReplicaId.
ChainValue ChainStart(absl::string_view replica, absl::string_view partition);

// `salt` and `body` as the writer made them; of a body that was sealed or erased since, this hash
// is what is sent.
Sha256Digest BodyHash(absl::string_view salt, absl::string_view body);

// `header` is the serialized header as received, never encoded again.
ChainValue NextChain(const ChainValue& previous, absl::string_view header,
                     const Sha256Digest& body_hash);

}  // namespace brigada

#endif  // REPLICA_CRYPTO_HASH_CHAIN_H_
