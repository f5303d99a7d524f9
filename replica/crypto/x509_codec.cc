#include "replica/crypto/x509_codec.h"

#include <openssl/pem.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"

namespace brigada::openssl {
namespace {

constexpr size_t kMaxCertificateBytes = size_t{16} << 10;
// The least of the upper bounds that X.520 gives the attributes in use.
constexpr size_t kMaxNameTextBytes = 64;

// The DER bytes inside the first certificate of a PEM text; empty when there is none.
std::string FirstCertificateInPem(absl::string_view pem) {
  const BioPtr bio = ReadFrom(pem);
  unsigned char* data = nullptr;
  long size = 0;  // NOLINT(google-runtime-int): the type that OpenSSL fills in
  if (PEM_bytes_read_bio(&data, &size, nullptr, PEM_STRING_X509, bio.get(), NoPassword, nullptr) !=
      1)
    return "";
  std::string der(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  OPENSSL_free(data);
  return der;
}

absl::StatusOr<CertificatePtr> DecodeCertificate(absl::string_view der) {
  const unsigned char* cursor = Bytes(der);
  CertificatePtr certificate(d2i_X509(nullptr, &cursor, static_cast<int>(der.size())));
  // The decoder takes BER and stops where the structure ends: one certificate would have many
  // spellings and fingerprints.
  if (certificate == nullptr || TryDer(certificate.get(), i2d_X509) != der)
    return absl::InvalidArgumentError("not a certificate in DER or PEM");
  return certificate;
}

}  // namespace

absl::StatusOr<CertificatePtr> ParseCertificate(absl::string_view pem_or_der) {
  if (pem_or_der.size() > kMaxCertificateBytes)
    return absl::InvalidArgumentError("a certificate over 16 KiB is none of ours");
  const bool is_pem = absl::StartsWith(absl::StripLeadingAsciiWhitespace(pem_or_der), "-----BEGIN");
  ASSIGN_OR_RETURN(
      CertificatePtr certificate,
      DecodeCertificate(is_pem ? FirstCertificateInPem(pem_or_der) : std::string(pem_or_der)));
  if ((X509_get_extension_flags(certificate.get()) & EXFLAG_INVALID) != 0)
    return absl::InvalidArgumentError("the certificate's extensions are malformed");
  return certificate;
}

absl::StatusOr<RequestPtr> ParseRequest(absl::string_view der) {
  if (der.size() > kMaxCertificateBytes)
    return absl::InvalidArgumentError("a certificate request over 16 KiB is none of ours");
  const unsigned char* cursor = Bytes(der);
  RequestPtr request(d2i_X509_REQ(nullptr, &cursor, static_cast<int>(der.size())));
  if (request == nullptr || TryDer(request.get(), i2d_X509_REQ) != der)
    return absl::InvalidArgumentError("not a certificate request in DER");
  return request;
}

std::string CertificateToPem(X509* certificate) {
  const BioPtr bio = NewMemory();
  CHECK(PEM_write_bio_X509(bio.get(), certificate) == 1);
  return Content(bio.get());
}

absl::Status AddNameText(X509_NAME* name, int nid, absl::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("the name is empty");
  if (text.size() > kMaxNameTextBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the name is longer than ", kMaxNameTextBytes, " bytes"));
  }
  if (std::any_of(text.begin(), text.end(), absl::ascii_iscntrl))
    return absl::InvalidArgumentError("the name has control characters");
  if (X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, Bytes(text),
                                 static_cast<int>(text.size()), -1, 0) != 1)
    return absl::InvalidArgumentError("the name is not UTF-8");
  return absl::OkStatus();
}

absl::StatusOr<std::string> NameText(const X509_NAME* name, int nid) {
  const int index = X509_NAME_get_index_by_NID(name, nid, -1);
  if (index < 0) return absl::InvalidArgumentError("the name's attribute is missing");
  if (X509_NAME_get_index_by_NID(name, nid, index) >= 0)
    return absl::InvalidArgumentError("the name's attribute is there twice");
  unsigned char* utf8 = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  if (size < 0) return absl::InvalidArgumentError("the name's attribute is not text");
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<size_t>(size));
  OPENSSL_free(utf8);
  return text;
}

absl::StatusOr<ReplicaId> ReplicaIdInName(const X509_NAME* name) {
  ASSIGN_OR_RETURN(const std::string text, NameText(name, NID_commonName));
  const absl::StatusOr<ReplicaId> replica = ReplicaId::Parse(text);
  // The other spellings of an id are refused: one device, one name.
  if (!replica.ok() || replica->is_zero() || replica->ToString() != text)
    return absl::InvalidArgumentError("the common name is not a replica id");
  return *replica;
}

}  // namespace brigada::openssl
