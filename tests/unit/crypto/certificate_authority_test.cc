// The issued certificates as a TLS peer judges them: OpenSSL's own verification, on clocks from
// 1970 to 9999.
#include "replica/crypto/certificate_authority.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "replica/base/random.h"
#include "replica/crypto/certificate.h"
#include "replica/crypto/certificate_request.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::absl::StatusCode;

using X509Handle = std::unique_ptr<X509, decltype(&X509_free)>;

X509Handle Decode(absl::string_view pem_or_der) {
  const std::string der = CertificateDer(pem_or_der).value();
  const auto* cursor = reinterpret_cast<const unsigned char*>(der.data());
  return X509Handle(d2i_X509(nullptr, &cursor, static_cast<int>(der.size())), X509_free);
}

// X509_V_OK, or why a peer that trusts `authority` refuses `certificate` when its clock says `now`.
int VerifyAsPeer(absl::string_view certificate, absl::string_view authority, int purpose,
                 time_t now) {
  const X509Handle leaf = Decode(certificate);
  const X509Handle root = Decode(authority);
  const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(),
                                                                      X509_STORE_free);
  X509_STORE_add_cert(store.get(), root.get());
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(
      X509_STORE_CTX_new(), X509_STORE_CTX_free);
  X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr);
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_X509_STRICT);
  X509_STORE_CTX_set_purpose(context.get(), purpose);
  X509_STORE_CTX_set_time(context.get(), 0, now);
  X509_verify_cert(context.get());
  return X509_STORE_CTX_get_error(context.get());
}

class CertificateAuthorityTest : public ::testing::Test {
 protected:
  CertificateAuthorityTest()
      : authority_(CertificateAuthority::Create("Organización de Oaxaca").value()),
        key_(SigningKey::Generate().value()),
        replica_(NewReplicaId(SystemRandom())),
        request_(CreateRequest(key_, replica_).value()) {}

  std::string Device() const { return authority_.IssueDevice(request_, replica_, "ana").value(); }
  absl::StatusOr<std::string> Server(const std::vector<std::string>& names) const {
    return authority_.IssueServer(key_.PublicKeyDer(), names);
  }

  CertificateAuthority authority_;
  SigningKey key_;
  ReplicaId replica_;
  std::string request_;
};

TEST_F(CertificateAuthorityTest, DeviceCertificateCarriesItsIdentity) {
  const std::string device = Device();
  EXPECT_THAT(ReplicaIdOfCertificate(device), IsOkAndHolds(replica_));
  EXPECT_THAT(UserOfCertificate(device), IsOkAndHolds("ana"));
  EXPECT_THAT(OrganizationOfCertificate(device), IsOkAndHolds("Organización de Oaxaca"));
  EXPECT_THAT(PublicKeyOfCertificate(device), IsOkAndHolds(key_.PublicKeyDer()));
  EXPECT_OK(CheckIssuedBy(device, authority_.certificate_der()));
}

TEST_F(CertificateAuthorityTest, CertificatesAreValidOnEveryClock) {
  ASSERT_OK_AND_ASSIGN(const std::string server, Server({"localhost"}));
  for (const time_t now :
       {time_t{0}, time_t{1'767'225'600}, time_t{4'294'967'295}, time_t{253'402'300'798}}) {
    EXPECT_EQ(VerifyAsPeer(Device(), authority_.certificate_der(), X509_PURPOSE_SSL_CLIENT, now),
              X509_V_OK)
        << now;
    EXPECT_EQ(VerifyAsPeer(server, authority_.certificate_der(), X509_PURPOSE_SSL_SERVER, now),
              X509_V_OK)
        << now;
  }
}

TEST_F(CertificateAuthorityTest, CertificateServesItsOnePurpose) {
  ASSERT_OK_AND_ASSIGN(const std::string server, Server({"localhost"}));
  const std::string& root = authority_.certificate_der();
  EXPECT_EQ(VerifyAsPeer(Device(), root, X509_PURPOSE_SSL_SERVER, 0), X509_V_ERR_INVALID_PURPOSE);
  EXPECT_EQ(VerifyAsPeer(server, root, X509_PURPOSE_SSL_CLIENT, 0), X509_V_ERR_INVALID_PURPOSE);
}

TEST_F(CertificateAuthorityTest, PeerRefusesTheCertificateOfAnotherOrganization) {
  ASSERT_OK_AND_ASSIGN(const CertificateAuthority other,
                       CertificateAuthority::Create("Organización de Oaxaca"));
  EXPECT_NE(VerifyAsPeer(Device(), other.certificate_der(), X509_PURPOSE_SSL_CLIENT, 0), X509_V_OK);
}

TEST_F(CertificateAuthorityTest, ServerCertificateMatchesItsNamesOnly) {
  ASSERT_OK_AND_ASSIGN(const std::string pem,
                       Server({"sync.example.org", "*.campo.example.org", "10.0.0.7", "::1"}));
  const X509Handle server = Decode(pem);
  for (const char* host : {"sync.example.org", "oaxaca.campo.example.org"})
    EXPECT_EQ(X509_check_host(server.get(), host, 0, 0, nullptr), 1) << host;
  for (const char* host : {"example.org", "other.example.org", "Brigada server", "10.0.0.7"})
    EXPECT_EQ(X509_check_host(server.get(), host, 0, 0, nullptr), 0) << host;
  EXPECT_EQ(X509_check_ip_asc(server.get(), "10.0.0.7", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(server.get(), "::1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(server.get(), "10.0.0.8", 0), 0);
}

TEST_F(CertificateAuthorityTest, MalformedServerNamesAreRefused) {
  for (const std::string& name :
       {std::string(), std::string("a..b"), std::string("-a.org"), std::string("10.0.0.256"),
        std::string("host:50051"), std::string("https://host"), std::string("a.org,DNS:b.org"),
        std::string("a.org\0.b.org", 12), std::string("10.0.0.1\0x", 10), std::string("*"),
        std::string("a.*.org"), std::string("niño.org"), std::string(64, 'a'),
        std::string(300, 'a')}) {
    EXPECT_THAT(Server({name}), StatusIs(StatusCode::kInvalidArgument)) << name;
  }
  EXPECT_THAT(Server({}), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Server(std::vector<std::string>(101, "a.org")),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(authority_.IssueServer("not a key", {"a.org"}),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(CertificateAuthorityTest, SerialNumbersAreRandomPositiveAndFarApart) {
  std::set<std::string> serials;
  for (int i = 0; i < 20; ++i) {
    const X509Handle device = Decode(Device());
    const ASN1_INTEGER* serial = X509_get0_serialNumber(device.get());
    EXPECT_EQ(ASN1_STRING_type(serial), V_ASN1_INTEGER);
    EXPECT_LE(ASN1_STRING_length(serial), 16);
    EXPECT_GE(ASN1_STRING_length(serial), 12);
    serials.emplace(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
                    static_cast<size_t>(ASN1_STRING_length(serial)));
  }
  EXPECT_EQ(serials.size(), 20U);
}

TEST_F(CertificateAuthorityTest, RequestForAnotherReplicaIsRefused) {
  EXPECT_THAT(authority_.IssueDevice(request_, NewReplicaId(SystemRandom()), "ana"),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(CertificateAuthorityTest, MalformedTextIsRefused) {
  for (const std::string& text : {std::string(), std::string(65, 'a'), std::string("\xff\xfe"),
                                  std::string("a\nb"), std::string("a\0b", 3)}) {
    EXPECT_THAT(CertificateAuthority::Create(text), StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(authority_.IssueDevice(request_, replica_, text),
                StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST_F(CertificateAuthorityTest, LongestNamesAreAccepted) {
  const std::string longest(64, 'a');
  ASSERT_OK_AND_ASSIGN(const CertificateAuthority other, CertificateAuthority::Create(longest));
  ASSERT_OK_AND_ASSIGN(const std::string device, other.IssueDevice(request_, replica_, longest));
  EXPECT_THAT(UserOfCertificate(device), IsOkAndHolds(longest));
}

TEST_F(CertificateAuthorityTest, LoadedAuthorityIssuesForTheSameOrganization) {
  ASSERT_OK_AND_ASSIGN(
      const CertificateAuthority loaded,
      CertificateAuthority::Load(authority_.certificate_pem(), authority_.KeyPem()));
  EXPECT_EQ(loaded.organization(), authority_.organization());
  EXPECT_EQ(loaded.certificate_der(), authority_.certificate_der());
  ASSERT_OK_AND_ASSIGN(const std::string device, loaded.IssueDevice(request_, replica_, "ana"));
  EXPECT_OK(CheckIssuedBy(device, authority_.certificate_der()));
}

TEST_F(CertificateAuthorityTest, LoadRefusesWhatIsNoAuthority) {
  ASSERT_OK_AND_ASSIGN(const CertificateAuthority other, CertificateAuthority::Create("Otra"));
  const std::string& pem = authority_.certificate_pem();
  EXPECT_THAT(CertificateAuthority::Load(pem, other.KeyPem()),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(CertificateAuthority::Load(Device(), key_.ToPem()),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(CertificateAuthority::Load("", authority_.KeyPem()),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(CertificateAuthority::Load(pem, ""), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(CertificateAuthority::Load(pem.substr(0, pem.size() / 2), authority_.KeyPem()),
              StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace brigada
