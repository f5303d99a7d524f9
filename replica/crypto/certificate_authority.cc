#include "replica/crypto/certificate_authority.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "replica/base/check.h"
#include "replica/base/random.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/certificate.h"
#include "replica/crypto/certificate_request.h"
#include "replica/crypto/openssl_handles.h"
#include "replica/crypto/x509_codec.h"

namespace brigada {
namespace {

using openssl::CertificatePtr;

// A phone with a dead battery wakes up in 1970.
constexpr char kNotBefore[] = "19700101000000Z";
// RFC 5280, section 4.1.2.5: no expiry.
constexpr char kNotAfter[] = "99991231235959Z";
constexpr size_t kMaxServerNames = 100;
constexpr size_t kMaxHostNameBytes = 253;
constexpr size_t kMaxHostLabelBytes = 63;

void SetRandomSerial(X509* certificate) {
  std::array<uint8_t, 16> bytes{};
  SystemRandom().Fill(absl::MakeSpan(bytes));
  const openssl::BignumPtr number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  CHECK(number != nullptr);
  CHECK(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr);
}

// A certificate with everything but names, extensions and signature.
CertificatePtr NewCertificate(EVP_PKEY* public_key) {
  CertificatePtr certificate(X509_new());
  CHECK(certificate != nullptr);
  CHECK(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  SetRandomSerial(certificate.get());
  CHECK(ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate.get()), kNotBefore) == 1);
  CHECK(ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate.get()), kNotAfter) == 1);
  CHECK(X509_set_pubkey(certificate.get(), public_key) == 1);
  return certificate;
}

// `value` is in OpenSSL's own notation, so it is always a constant of ours.
void AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const openssl::ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  CHECK(extension != nullptr);
  CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
}

void AddLeafExtensions(X509* certificate, X509* issuer, const char* purpose) {
  AddExtension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(certificate, issuer, NID_key_usage, "critical,digitalSignature");
  AddExtension(certificate, issuer, NID_ext_key_usage, purpose);
  AddExtension(certificate, issuer, NID_subject_key_identifier, "hash");
  AddExtension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
}

absl::Status SignCertificate(X509* certificate, const SigningKey& key) {
  if (X509_sign(certificate, key.native_handle(), EVP_sha256()) <= 0)
    return absl::InternalError("issue a certificate: the random generator failed");
  return absl::OkStatus();
}

bool IsHostLabel(absl::string_view label) {
  return !label.empty() && label.size() <= kMaxHostLabelBytes && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-';
         });
}

bool IsHostName(absl::string_view name) {
  if (name.size() > kMaxHostNameBytes) return false;
  const std::vector<absl::string_view> labels = absl::StrSplit(name, '.');
  const size_t first = labels.size() > 1 && labels.front() == "*" ? 1 : 0;
  // A last label of digits alone is an address that went wrong, such as 10.0.0.256.
  return std::all_of(labels.begin() + static_cast<std::ptrdiff_t>(first), labels.end(),
                     IsHostLabel) &&
         !std::all_of(labels.back().begin(), labels.back().end(), absl::ascii_isdigit);
}

// The 4 or 16 bytes of an address; empty when `name` is none.
std::string AddressBytes(const std::string& name) {
  // inet_pton stops at a NUL and would take what comes before it for the whole.
  if (absl::StrContains(name, '\0')) return "";
  std::array<char, sizeof(in6_addr)> bytes{};
  if (inet_pton(AF_INET, name.c_str(), bytes.data()) == 1)
    return std::string(bytes.data(), sizeof(in_addr));
  if (inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1)
    return std::string(bytes.data(), sizeof(in6_addr));
  return "";
}

absl::StatusOr<openssl::GeneralNamePtr> AlternativeName(const std::string& name) {
  const std::string address = AddressBytes(name);
  if (address.empty() && !IsHostName(name)) {
    return absl::InvalidArgumentError(
        "issue a server certificate: a name is neither a host name nor an IP address (give it "
        "without "
        "port and scheme)");
  }
  const std::string& value = address.empty() ? name : address;
  openssl::GeneralNamePtr general_name(GENERAL_NAME_new());
  ASN1_STRING* text =
      ASN1_STRING_type_new(address.empty() ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING);
  CHECK(general_name != nullptr && text != nullptr);
  CHECK(ASN1_STRING_set(text, value.data(), static_cast<int>(value.size())) == 1);
  GENERAL_NAME_set0_value(general_name.get(), address.empty() ? GEN_DNS : GEN_IPADD, text);
  return general_name;
}

absl::Status AddAlternativeNames(X509* certificate, absl::Span<const std::string> names) {
  if (names.empty() || names.size() > kMaxServerNames)
    return absl::InvalidArgumentError("issue a server certificate: give 1 to 100 names");
  const openssl::GeneralNamesPtr general_names(GENERAL_NAMES_new());
  CHECK(general_names != nullptr);
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(openssl::GeneralNamePtr general_name, AlternativeName(name));
    CHECK(sk_GENERAL_NAME_push(general_names.get(), general_name.get()) > 0);
    // The stack owns it now.
    static_cast<void>(general_name.release());
  }
  CHECK(X509_add1_ext_i2d(certificate, NID_subject_alt_name, general_names.get(), 0, 0) == 1);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CertificateAuthority> CertificateAuthority::Create(absl::string_view organization) {
  const openssl::ErrorQueueGuard guard;
  ASSIGN_OR_RETURN(SigningKey key, SigningKey::Generate());
  const CertificatePtr certificate = NewCertificate(key.native_handle());
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  const absl::Status named = openssl::AddNameText(subject, NID_organizationName, organization);
  if (!named.ok()) return Annotate(named, "make a certificate authority");
  RETURN_IF_ERROR(openssl::AddNameText(subject, NID_commonName, "Brigada certificate authority"));
  CHECK(X509_set_issuer_name(certificate.get(), subject) == 1);
  X509* self = certificate.get();
  AddExtension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  AddExtension(self, self, NID_key_usage, "critical,keyCertSign");
  AddExtension(self, self, NID_subject_key_identifier, "hash");
  AddExtension(self, self, NID_authority_key_identifier, "keyid:always");
  RETURN_IF_ERROR(SignCertificate(self, key));
  return CertificateAuthority(std::move(key), std::string(organization),
                              openssl::ToDer(self, i2d_X509), openssl::CertificateToPem(self));
}

absl::StatusOr<CertificateAuthority> CertificateAuthority::Load(absl::string_view certificate_pem,
                                                                absl::string_view key_pem) {
  ASSIGN_OR_RETURN(SigningKey key, SigningKey::FromPem(key_pem));
  ASSIGN_OR_RETURN(std::string der, CertificateDer(certificate_pem));
  ASSIGN_OR_RETURN(std::string pem, CertificatePem(der));
  ASSIGN_OR_RETURN(std::string organization, OrganizationOfCertificate(der));
  ASSIGN_OR_RETURN(const std::string public_key, PublicKeyOfCertificate(der));
  if (public_key != key.PublicKeyDer()) {
    return absl::FailedPreconditionError(
        "load the certificate authority: the key belongs to another certificate");
  }
  if (!CheckIssuedBy(der, der).ok()) {
    return absl::InvalidArgumentError(
        "load the certificate authority: the certificate is not an authority's own");
  }
  return CertificateAuthority(std::move(key), std::move(organization), std::move(der),
                              std::move(pem));
}

absl::StatusOr<std::string> CertificateAuthority::IssueServer(
    absl::string_view public_key_der, absl::Span<const std::string> names) const {
  const openssl::ErrorQueueGuard guard;
  ASSIGN_OR_RETURN(const openssl::KeyPtr public_key, openssl::ParsePublicKey(public_key_der));
  ASSIGN_OR_RETURN(const CertificatePtr issuer, openssl::ParseCertificate(certificate_der_));
  const CertificatePtr certificate = NewCertificate(public_key.get());
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  RETURN_IF_ERROR(openssl::AddNameText(subject, NID_organizationName, organization_));
  RETURN_IF_ERROR(openssl::AddNameText(subject, NID_commonName, "Brigada server"));
  CHECK(X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get())) == 1);
  AddLeafExtensions(certificate.get(), issuer.get(), "serverAuth");
  RETURN_IF_ERROR(AddAlternativeNames(certificate.get(), names));
  RETURN_IF_ERROR(SignCertificate(certificate.get(), key_));
  return openssl::CertificateToPem(certificate.get());
}

absl::StatusOr<std::string> CertificateAuthority::IssueDevice(absl::string_view csr_der,
                                                              const ReplicaId& replica,
                                                              absl::string_view user) const {
  const openssl::ErrorQueueGuard guard;
  ASSIGN_OR_RETURN(const RequestedIdentity requested, ReadRequest(csr_der));
  if (requested.replica != replica) {
    return absl::InvalidArgumentError(
        "issue a device certificate: the request names another replica");
  }
  ASSIGN_OR_RETURN(const openssl::KeyPtr public_key,
                   openssl::ParsePublicKey(requested.public_key_der));
  ASSIGN_OR_RETURN(const CertificatePtr issuer, openssl::ParseCertificate(certificate_der_));
  const CertificatePtr certificate = NewCertificate(public_key.get());
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  RETURN_IF_ERROR(openssl::AddNameText(subject, NID_organizationName, organization_));
  RETURN_IF_ERROR(openssl::AddNameText(subject, NID_commonName, replica.ToString()));
  const absl::Status named = openssl::AddNameText(subject, NID_userId, user);
  if (!named.ok()) return Annotate(named, "issue a device certificate: user");
  CHECK(X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get())) == 1);
  AddLeafExtensions(certificate.get(), issuer.get(), "clientAuth");
  RETURN_IF_ERROR(SignCertificate(certificate.get(), key_));
  return openssl::ToDer(certificate.get(), i2d_X509);
}

}  // namespace brigada
