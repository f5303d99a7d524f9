// Certificates issued by earlier versions: devices keep them for years, and servers have to read
// them.
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "replica/crypto/certificate.h"
#include "replica/crypto/certificate_authority.h"
#include "replica/crypto/certificate_request.h"
#include "tests/compat/golden_file.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

constexpr absl::string_view kAbout = "Certificates in DER with what they say. Their keys are gone.";

// What can be read of any certificate of ours; a device's names its replica and user too.
std::string TextOf(absl::string_view certificate) {
  const auto fingerprint = CertificateFingerprint(certificate);
  const auto organization = OrganizationOfCertificate(certificate);
  const auto key = PublicKeyOfCertificate(certificate);
  EXPECT_TRUE(fingerprint.ok() && organization.ok() && key.ok());
  std::string text =
      absl::StrCat("organization: ", *organization, "\npublic key: ", absl::BytesToHexString(*key),
                   "\nfingerprint: ", absl::BytesToHexString(AsView(*fingerprint)), "\n");
  if (const auto replica = ReplicaIdOfCertificate(certificate); replica.ok())
    absl::StrAppend(&text, "replica: ", replica->ToString(), "\n");
  if (const auto user = UserOfCertificate(certificate); user.ok())
    absl::StrAppend(&text, "user: ", *user, "\n");
  return text;
}

TEST(GoldenCertificatesTest, Regenerate) {
  if (!IsRegenerating()) GTEST_SKIP() << "only with BRIGADA_REGENERATE=1";
  const auto authority = CertificateAuthority::Create("Brigada de ayer").value();
  const auto key = SigningKey::Generate().value();
  const ReplicaId replica = *ReplicaId::Parse("a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf");
  const std::string server =
      *CertificateDer(*authority.IssueServer(key.PublicKeyDer(), {"brigada.example.mx"}));
  const std::string device = *authority.IssueDevice(*CreateRequest(key, replica), replica, "ana");
  GoldenFile golden("certificates.txt", kAbout);
  golden.Expect("authority", TextOf(authority.certificate_der()), authority.certificate_der());
  golden.Expect("server", TextOf(server), server);
  golden.Expect("device", TextOf(device), device);
  golden.Finish();
}

TEST(GoldenCertificatesTest, CertificatesOfEarlierVersionsAreReadAndTrusted) {
  if (IsRegenerating()) GTEST_SKIP();
  GoldenFile golden("certificates.txt", kAbout);
  for (const char* name : {"authority", "server", "device"}) {
    const GoldenEntry* const entry = golden.Find(name);
    ASSERT_NE(entry, nullptr);
    golden.Expect(name, TextOf(entry->bytes), entry->bytes);
    EXPECT_OK(CheckIssuedBy(entry->bytes, golden.Find("authority")->bytes)) << name;
  }
  golden.Finish();
}

}  // namespace
}  // namespace brigada
