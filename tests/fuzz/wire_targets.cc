// Bytes that come over the wire beside the frames: compressed bodies, cursors, invitations,
// certificates.
#include <string>

#include "client_lib/enrollment.h"
#include "replica/base/check.h"
#include "replica/base/limits.h"
#include "replica/crypto/certificate.h"
#include "replica/crypto/certificate_request.h"
#include "replica/crypto/signing_key.h"
#include "replica/sync/codec.h"
#include "replica/sync/cursor_check.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/fuzz_world.h"
#include "tests/fuzz/scripts.pb.h"

namespace brigada {
namespace {

constexpr size_t kMaxInflated = size_t{1} << 20;

template <typename Body>
void Unpack(absl::string_view bytes, uint32_t stated) {
  Body body;
  if (!UnpackBody(bytes, stated, kMaxInflated, &body).ok()) return;
  CHECK(stated <= kMaxInflated);
  const PackedBody packed = PackBody(body);
  Body again;
  CHECK(UnpackBody(packed.bytes, packed.inflated_bytes, kMaxInflatedBytes, &again).ok());
  CHECK(again.SerializeAsString() == body.SerializeAsString());
}

void Sort(google::protobuf::RepeatedPtrField<v1::Feed>* feeds) {
  const std::vector<v1::Feed> sorted = CanonicalFeeds({feeds->begin(), feeds->end()});
  feeds->Assign(sorted.begin(), sorted.end());
}

bool IsSame(v1::Cursor first, v1::Cursor second) {
  for (v1::Cursor* cursor : {&first, &second}) {
    cursor->clear_mac();
    Sort(cursor->mutable_feeds());
    if (cursor->has_held()) Sort(cursor->mutable_held()->mutable_feeds());
  }
  return first.SerializeAsString() == second.SerializeAsString();
}

}  // namespace

// The size that the frame states (3 bytes), then the body.
void FuzzBody(absl::string_view input) {
  if (input.size() < 3) return;
  uint32_t stated = 0;
  for (const char byte : input.substr(0, 3)) stated = stated << 8 | static_cast<uint8_t>(byte);
  Unpack<v1::PushBody>(input.substr(3), stated);
  Unpack<v1::BatchBody>(input.substr(3), stated);
}

// Two cursors have the same MAC only when they say the same.
void FuzzCursor(absl::string_view input) {
  fuzz::CursorScript script;
  if (!ParseScript(input, &script)) return;
  const std::string first = CursorMacInput(FuzzReplica('A'), script.first());
  const std::string second = CursorMacInput(FuzzReplica('A'), script.second());
  CHECK((first == second) == IsSame(script.first(), script.second()));
  CHECK(first != CursorMacInput(FuzzReplica('B'), script.first()));
}

void FuzzInvitation(absl::string_view input) {
  const auto invitation = ReadInvitation(input);
  if (!invitation.ok()) return CHECK(absl::IsInvalidArgument(invitation.status()));
  CHECK(!invitation->code().empty());
  OrganizationOfCertificate(invitation->ca_der()).status().IgnoreError();
}

void FuzzCertificate(absl::string_view input) {
  CertificateDer(input).status().IgnoreError();
  CertificatePem(input).status().IgnoreError();
  ReplicaIdOfCertificate(input).status().IgnoreError();
  UserOfCertificate(input).status().IgnoreError();
  OrganizationOfCertificate(input).status().IgnoreError();
  CertificateFingerprint(input).status().IgnoreError();
  CHECK(!CheckIssuedBy(input, "").ok());
  const auto key = PublicKeyOfCertificate(input);
  if (key.ok()) CHECK(!SigningKey::VerifySignature(*key, "message", "signature").ok());
  SigningKey::FromPem(input).status().IgnoreError();
}

}  // namespace brigada
