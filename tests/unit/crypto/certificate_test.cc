// What reads certificates and requests, against damaged, foreign and forged ones.
#include "replica/crypto/certificate.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <memory>

#include "absl/strings/str_replace.h"
#include "replica/base/random.h"
#include "replica/crypto/certificate_authority.h"
#include "replica/crypto/certificate_request.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/crypto/damage.h"

namespace brigada {
namespace {

using ::absl::StatusCode;

// Keys and ids differ from run to run, so the runs together meet every bit.
constexpr size_t kStride = 5;

class CertificateTest : public ::testing::Test {
 protected:
  CertificateTest()
      : authority_(CertificateAuthority::Create("Brigada de prueba").value()),
        key_(SigningKey::Generate().value()),
        replica_(NewReplicaId(SystemRandom())),
        request_(CreateRequest(key_, replica_).value()),
        device_(authority_.IssueDevice(request_, replica_, "ana").value()) {}

  CertificateAuthority authority_;
  SigningKey key_;
  ReplicaId replica_;
  std::string request_;
  std::string device_;
};

TEST_F(CertificateTest, PemAndDerSayTheSame) {
  ASSERT_OK_AND_ASSIGN(const std::string pem, CertificatePem(device_));
  EXPECT_EQ(pem.find("-----BEGIN CERTIFICATE-----"), 0U);
  EXPECT_THAT(CertificateDer(pem), IsOkAndHolds(device_));
  EXPECT_THAT(CertificateDer(device_), IsOkAndHolds(device_));
  EXPECT_THAT(ReplicaIdOfCertificate(pem), IsOkAndHolds(replica_));
  EXPECT_THAT(CertificateFingerprint(pem), IsOkAndHolds(Sha256(device_)));
}

TEST_F(CertificateTest, DamagedDerIsRefusedOrNotIssuedByTheAuthority) {
  std::vector<std::string> damaged = Truncations(device_);
  damaged.push_back(device_ + '\0');
  for (const std::string& bytes : damaged) {
    ASSERT_THAT(CertificateDer(bytes), StatusIs(StatusCode::kInvalidArgument));
  }
  for (const std::string& bytes : BitFlips(device_, kStride)) {
    const absl::Status issued = CheckIssuedBy(bytes, authority_.certificate_der());
    ASSERT_FALSE(issued.ok());
    // The rest must answer too, one way or the other.
    static_cast<void>(ReplicaIdOfCertificate(bytes).ok());
    static_cast<void>(UserOfCertificate(bytes).ok());
    static_cast<void>(PublicKeyOfCertificate(bytes).ok());
    static_cast<void>(CertificatePem(bytes).ok());
  }
}

TEST_F(CertificateTest, DamagedAuthorityVouchesForNothing) {
  for (const std::string& bytes : BitFlips(authority_.certificate_der(), kStride)) {
    const absl::StatusOr<std::string> key = PublicKeyOfCertificate(bytes);
    if (key.ok() && *key == SigningKey::FromPem(authority_.KeyPem())->PublicKeyDer()) continue;
    ASSERT_FALSE(CheckIssuedBy(device_, bytes).ok());
  }
}

TEST_F(CertificateTest, DamagedPemIsRefusedOrReadAsSomething) {
  const std::string pem = CertificatePem(device_).value();
  for (const std::string& bytes : Truncations(pem)) {
    // Only the last line break may be missing.
    if (bytes.size() + 1 == pem.size()) continue;
    ASSERT_THAT(CertificateDer(bytes), StatusIs(StatusCode::kInvalidArgument));
  }
  for (const std::string& bytes : BitFlips(pem, kStride)) {
    const absl::StatusOr<std::string> der = CertificateDer(bytes);
    if (der.ok() && *der == device_) continue;
    ASSERT_FALSE(CheckIssuedBy(bytes, authority_.certificate_der()).ok());
  }
}

TEST_F(CertificateTest, GarbageIsRefused) {
  for (const std::string& bytes :
       {std::string(), std::string("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
        std::string(1 << 20, '0'), std::string("\x30\x84\x7f\xff\xff\xff", 6)}) {
    EXPECT_THAT(CertificateDer(bytes), StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(CheckIssuedBy(device_, bytes), StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(ReadRequest(bytes), StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST_F(CertificateTest, AnotherOrganizationDidNotIssueIt) {
  // The same name, so that only the keys differ.
  ASSERT_OK_AND_ASSIGN(const CertificateAuthority other,
                       CertificateAuthority::Create("Brigada de prueba"));
  EXPECT_OK(CheckIssuedBy(device_, authority_.certificate_pem()));
  EXPECT_THAT(CheckIssuedBy(device_, other.certificate_pem()),
              StatusIs(StatusCode::kUnauthenticated));
}

TEST_F(CertificateTest, DeviceCannotIssueCertificates) {
  EXPECT_THAT(CheckIssuedBy(device_, device_), StatusIs(StatusCode::kUnauthenticated));
}

// A certificate that says `common_name` and nothing about what it is for, signed by its own key.
std::string SelfSigned(const std::string& common_name) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> forged(X509_new(), X509_free);
  X509_set_version(forged.get(), X509_VERSION_3);
  X509_NAME* subject = X509_get_subject_name(forged.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.data()),
                             static_cast<int>(common_name.size()), -1, 0);
  X509_set_issuer_name(forged.get(), subject);
  X509_gmtime_adj(X509_getm_notBefore(forged.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(forged.get()), 3600);
  X509_set_pubkey(forged.get(), key.get());
  X509_sign(forged.get(), key.get(), EVP_sha256());
  std::string der(static_cast<size_t>(i2d_X509(forged.get(), nullptr)), '\0');
  auto* cursor = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509(forged.get(), &cursor);
  return der;
}

TEST_F(CertificateTest, SelfSignedCertificateIsNoAuthority) {
  const std::string forged = SelfSigned("Brigada certificate authority");
  EXPECT_OK(CertificateDer(forged));
  EXPECT_THAT(CheckIssuedBy(forged, forged), StatusIs(StatusCode::kUnauthenticated));
}

TEST_F(CertificateTest, CertificateNotForTlsClientsNamesNoReplica) {
  EXPECT_THAT(ReplicaIdOfCertificate(SelfSigned(replica_.ToString())),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(CertificateTest, ServerAndAuthorityAreNoDevices) {
  ASSERT_OK_AND_ASSIGN(const std::string server,
                       authority_.IssueServer(key_.PublicKeyDer(), {"localhost"}));
  EXPECT_THAT(ReplicaIdOfCertificate(server), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(ReplicaIdOfCertificate(authority_.certificate_der()),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(UserOfCertificate(server), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(CertificateTest, RequestNamesReplicaAndKey) {
  ASSERT_OK_AND_ASSIGN(const RequestedIdentity requested, ReadRequest(request_));
  EXPECT_EQ(requested.replica, replica_);
  EXPECT_EQ(requested.public_key_der, key_.PublicKeyDer());
}

TEST_F(CertificateTest, DamagedRequestIsRefused) {
  std::vector<std::string> damaged = Truncations(request_);
  for (const std::string& flipped : BitFlips(request_)) damaged.push_back(flipped);
  damaged.push_back(request_ + '\0');
  for (const std::string& bytes : damaged) {
    const absl::Status status = ReadRequest(bytes).status();
    ASSERT_TRUE(absl::IsInvalidArgument(status) || absl::IsUnauthenticated(status)) << status;
    ASSERT_FALSE(authority_.IssueDevice(bytes, replica_, "ana").ok());
  }
}

TEST_F(CertificateTest, RequestForNoReplicaIsRefused) {
  EXPECT_THAT(CreateRequest(key_, ReplicaId()), StatusIs(StatusCode::kInvalidArgument));
}

// A request that OpenSSL finds in order: signed by `key`, with `common_name`.
std::string ForeignRequest(EVP_PKEY* key, const std::string& common_name, const EVP_MD* digest) {
  X509_REQ* request = X509_REQ_new();
  X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.data()),
                             static_cast<int>(common_name.size()), -1, 0);
  X509_REQ_set_pubkey(request, key);
  X509_REQ_sign(request, key, digest);
  std::string der(static_cast<size_t>(i2d_X509_REQ(request, nullptr)), '\0');
  auto* cursor = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509_REQ(request, &cursor);
  X509_REQ_free(request);
  return der;
}

TEST_F(CertificateTest, RequestUnderOtherAlgorithmsOrNamesIsRefused) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> p256(EVP_EC_gen("P-256"),
                                                                 EVP_PKEY_free);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> p384(EVP_EC_gen("P-384"),
                                                                 EVP_PKEY_free);
  const std::string name = replica_.ToString();
  EXPECT_OK(ReadRequest(ForeignRequest(p256.get(), name, EVP_sha256())));
  EXPECT_THAT(ReadRequest(ForeignRequest(p384.get(), name, EVP_sha256())),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(ReadRequest(ForeignRequest(p256.get(), name, EVP_sha1())),
              StatusIs(StatusCode::kUnauthenticated));
  const std::string with_nul = name + std::string(1, '\0');
  const std::string without_dashes = absl::StrReplaceAll(name, {{"-", ""}});
  for (const std::string& wrong :
       {std::string("ana"), with_nul, without_dashes, ReplicaId().ToString()}) {
    EXPECT_THAT(ReadRequest(ForeignRequest(p256.get(), wrong, EVP_sha256())),
                StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST_F(CertificateTest, FailuresLeaveTheErrorQueueOfTheThreadAsItWas) {
  ERR_clear_error();
  EXPECT_FALSE(CertificateDer("nonsense").ok());
  EXPECT_FALSE(ReadRequest("nonsense").ok());
  EXPECT_FALSE(CheckIssuedBy(device_, device_).ok());
  EXPECT_FALSE(CertificateAuthority::Create("\xff").ok());
  EXPECT_EQ(ERR_peek_error(), 0U);
}

}  // namespace
}  // namespace brigada
