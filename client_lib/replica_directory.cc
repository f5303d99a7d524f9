#include "client_lib/replica_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "brigada/v1/client_identity.pb.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/certificate.h"
#include "replica/crypto/secret_file.h"
#include "replica/crypto/signing_key.h"

namespace brigada {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = size_t{64} << 10;

constexpr char kNextKey[] = "/device.key.next";
constexpr char kNextIdentity[] = "/identity.next";

absl::StatusOr<std::string> ReadOrMakeKeyAt(const std::string& path) {
  absl::StatusOr<std::string> existing = ReadSecretFile(path, kMaxFileBytes);
  if (existing.ok() || !absl::IsNotFound(existing.status())) return existing;
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::Generate());
  RETURN_IF_ERROR(WriteSecretFile(path, key.ToPem(), IfFileExists::kRefuse));
  return key.ToPem();
}

absl::Status WriteIdentity(const std::string& path, const Credentials& credentials) {
  v1::ClientIdentity identity;
  identity.set_server(credentials.server);
  identity.set_ca_pem(credentials.ca_pem);
  identity.set_certificate_pem(credentials.certificate_pem);
  return WriteSecretFile(path, identity.SerializeAsString(), IfFileExists::kReplace);
}

absl::StatusOr<v1::ClientIdentity> ReadIdentityAt(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadSecretFile(path, kMaxFileBytes));
  v1::ClientIdentity identity;
  if (!identity.ParseFromString(bytes))
    return absl::DataLossError(absl::StrCat(path, " is damaged"));
  return identity;
}

absl::StatusOr<std::string> ReadCertificateAt(const std::string& path) {
  ASSIGN_OR_RETURN(const v1::ClientIdentity identity, ReadIdentityAt(path));
  return identity.certificate_pem();
}

// A certificate that cannot be read proves nothing against the key.
bool FitsCertificate(absl::string_view key_pem, absl::string_view certificate) {
  const absl::StatusOr<SigningKey> key = SigningKey::FromPem(key_pem);
  if (!key.ok()) return false;
  const absl::StatusOr<std::string> der = CertificateDer(certificate);
  if (!der.ok()) return true;
  const absl::StatusOr<std::string> public_key = PublicKeyOfCertificate(*der);
  return !public_key.ok() || *public_key == key->PublicKeyDer();
}

absl::Status LostKey() {
  return absl::FailedPreconditionError(
      "this device is not enrolled any more: its key is missing, damaged or not its certificate's; "
      "ask an administrator for an invitation and run `brigada enrol`, its work is kept");
}

absl::Status NotEnrolled() {
  return absl::FailedPreconditionError(
      "this device is not enrolled: ask an administrator for an invitation and run `brigada "
      "enrol`");
}

// No later try helps by itself.
absl::Status CannotUse(const std::string& path, const std::error_code& error) {
  return absl::FailedPreconditionError(
      absl::StrCat("cannot use ", path, ": ", error.message(), "; choose another directory"));
}

// Another user's directory, or one on a medium that is read-only: each file in it would fail in its
// own way later.
absl::Status CheckUsable(const std::string& path) {
  if (faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) == 0)
    return absl::OkStatus();
  return CannotUse(path, std::error_code(errno, std::generic_category()));
}

}  // namespace

absl::Status ReplicaDirectory::Prepare(bool create) const {
  std::error_code error;
  if (fs::is_directory(path_, error)) return CheckUsable(path_);
  // What lies on the way to it is closed: whether it is there nobody can tell.
  if (error == std::errc::permission_denied) return CannotUse(path_, error);
  if (fs::exists(path_, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, " is not a directory; choose another one for the replica"));
  }
  if (!create) {
    return absl::NotFoundError(
        absl::StrCat("no replica at ", path_, "; make one with `brigada init`"));
  }
  fs::create_directories(path_, error);
  // No later try helps by itself.
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot make ", path_, ": ", error.message(), "; choose another directory"));
  }
  fs::permissions(path_, fs::perms::owner_all, error);
  if (error) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot protect ", path_, ": ", error.message(), "; choose another directory"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Credentials> ReplicaDirectory::ReadCredentials() const {
  const absl::StatusOr<std::string> bytes = ReadSecretFile(path_ + "/identity", kMaxFileBytes);
  if (absl::IsNotFound(bytes.status())) return NotEnrolled();
  RETURN_IF_ERROR(bytes.status());
  v1::ClientIdentity identity;
  if (!identity.ParseFromString(*bytes)) {
    return absl::DataLossError(
        absl::StrCat(path_, "/identity is damaged: enrol this device again"));
  }
  absl::StatusOr<std::string> key = ReadKey();
  if (!key.ok() || !FitsCertificate(*key, identity.certificate_pem())) return LostKey();
  return Credentials{identity.server(), identity.ca_pem(), identity.certificate_pem(),
                     *std::move(key)};
}

absl::StatusOr<std::string> ReplicaDirectory::ReadKey() const {
  return ReadSecretFile(path_ + "/device.key", kMaxFileBytes);
}

absl::StatusOr<std::string> ReplicaDirectory::ReadCertificate() const {
  return ReadCertificateAt(path_ + "/identity");
}

absl::Status ReplicaDirectory::WriteCredentials(const Credentials& credentials) const {
  return WriteIdentity(path_ + "/identity", credentials);
}

absl::StatusOr<std::string> ReplicaDirectory::ReadOrMakeKey() const {
  return ReadOrMakeKeyAt(path_ + "/device.key");
}

absl::StatusOr<std::string> ReplicaDirectory::ReadOrMakeNextKey() const {
  return ReadOrMakeKeyAt(path_ + kNextKey);
}

absl::Status ReplicaDirectory::WriteNextCredentials(const Credentials& credentials) const {
  return WriteIdentity(path_ + kNextIdentity, credentials);
}

absl::StatusOr<std::string> ReplicaDirectory::ReadNextCertificate() const {
  return ReadCertificateAt(path_ + kNextIdentity);
}

absl::Status ReplicaDirectory::AdoptNext() const {
  // The identity last: while it waits, both steps are done again.
  const std::pair<const char*, const char*> steps[] = {{kNextKey, "/device.key"},
                                                       {kNextIdentity, "/identity"}};
  for (const auto& [from, to] : steps) {
    std::error_code error;
    if (!fs::exists(path_ + from, error)) continue;
    ASSIGN_OR_RETURN(const std::string content, ReadSecretFile(path_ + from, kMaxFileBytes));
    RETURN_IF_ERROR(WriteSecretFile(path_ + to, content, IfFileExists::kReplace));
    fs::remove(path_ + from, error);
  }
  return absl::OkStatus();
}

}  // namespace brigada
