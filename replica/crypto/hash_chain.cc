#include "replica/crypto/hash_chain.h"

namespace brigada {
namespace {

// 16 bytes where a later link has the 32 of a chain value: a start is never taken for a link.
constexpr absl::string_view kStartLabel = "brigada chain v1";

}  // namespace

ChainValue ChainStart(absl::string_view replica, absl::string_view partition) {
  return Sha256Parts({kStartLabel, replica, partition});
}

Sha256Digest BodyHash(absl::string_view salt, absl::string_view body) {
  return Sha256Parts({salt, body});
}

ChainValue NextChain(const ChainValue& previous, absl::string_view header,
                     const Sha256Digest& body_hash) {
  return Sha256Parts({AsView(previous), header, AsView(body_hash)});
}

}  // namespace brigada
