#include "replica/store/sealed_body.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/hash_chain.h"

namespace brigada {
namespace {

constexpr absl::string_view kSealFeaturePrefix = "seal=";
constexpr size_t kHashBytes = sizeof(Sha256Digest);
constexpr size_t kSaltBytes = 16;

}  // namespace

std::string SealFeature(absl::string_view public_key) {
  return absl::StrCat(kSealFeaturePrefix, absl::BytesToHexString(public_key));
}

std::optional<std::string> SealKeyIn(const v1::Welcome& welcome) {
  for (absl::string_view feature : welcome.features()) {
    if (!absl::ConsumePrefix(&feature, kSealFeaturePrefix)) continue;
    const bool is_hex = std::all_of(feature.begin(), feature.end(), absl::ascii_isxdigit);
    if (is_hex && feature.size() == 2 * kSealPublicKeyBytes) return absl::HexStringToBytes(feature);
  }
  return std::nullopt;
}

absl::Status SealBody(absl::string_view public_key, Random& random, v1::ChangeSet* set) {
  ASSIGN_OR_RETURN(const std::string box,
                   Seal(public_key, absl::StrCat(set->salt(), set->body()), set->header(), random));
  const Sha256Digest hash = BodyHash(set->salt(), set->body());
  set->clear_salt();
  set->set_sealed_body(absl::StrCat(AsView(hash), box));
  return absl::OkStatus();
}

bool OpenBody(const SealKey& key, v1::ChangeSet* set) {
  const absl::string_view sealed = set->sealed_body();
  if (sealed.size() <= kHashBytes) return false;
  const absl::StatusOr<std::string> content = key.Open(sealed.substr(kHashBytes), set->header());
  if (!content.ok() || content->size() < kSaltBytes) return false;
  const absl::string_view salt = absl::string_view(*content).substr(0, kSaltBytes);
  const absl::string_view body = absl::string_view(*content).substr(kSaltBytes);
  if (AsView(BodyHash(salt, body)) != sealed.substr(0, kHashBytes)) return false;
  set->set_salt(std::string(salt));
  set->set_body(std::string(body));
  return true;
}

absl::StatusOr<Sha256Digest> BodyHashOf(const v1::ChangeSet& set) {
  if (set.has_body()) return BodyHash(set.salt(), set.body());
  absl::string_view stated = set.stub().body_hash();
  if (set.has_sealed_body()) stated = absl::string_view(set.sealed_body()).substr(0, kHashBytes);
  Sha256Digest hash;
  if (stated.size() != hash.size()) return absl::DataLossError("a change set has no body");
  std::copy(stated.begin(), stated.end(), reinterpret_cast<char*>(hash.data()));
  return hash;
}

}  // namespace brigada
