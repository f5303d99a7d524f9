#include "server/organization.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/enrollment_service.pb.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/certificate.h"
#include "replica/crypto/secret_bytes.h"
#include "replica/crypto/secret_file.h"
#include "replica/crypto/signing_key.h"
#include "server/address.h"
#include "server/directory.h"
#include "server/erasures.h"
#include "server/init_directory.h"
#include "server/open_store.h"
#include "server/roles.h"

namespace brigada {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = size_t{64} << 10;
constexpr absl::Duration kFirstInvitationValidFor = absl::Hours(24 * 30);

std::string PathOf(const std::string& directory, absl::string_view name) {
  return absl::StrCat(directory, "/", name);
}

// The organization's files in `directory`, but for the store.
absl::Status WriteIdentity(const InitOptions& options, const std::string& directory,
                           const Address& address, Random& random) {
  const auto write = [&](absl::string_view name, absl::string_view content) {
    return WriteSecretFile(PathOf(directory, name), content, IfFileExists::kRefuse);
  };
  ASSIGN_OR_RETURN(const CertificateAuthority authority,
                   CertificateAuthority::Create(options.organization));
  ASSIGN_OR_RETURN(const SigningKey key, SigningKey::Generate());
  std::vector<std::string> names = options.names;
  if (std::find(names.begin(), names.end(), address.host) == names.end()) {
    names.insert(names.begin(), address.host);
  }
  ASSIGN_OR_RETURN(const std::string certificate, authority.IssueServer(key.PublicKeyDer(), names));
  RETURN_IF_ERROR(write("server.key", key.ToPem()));
  RETURN_IF_ERROR(write("server.pem", certificate));
  RETURN_IF_ERROR(write("cursor.key", MacKey::Generate(random).bytes()));
  RETURN_IF_ERROR(write("address", options.public_address));
  RETURN_IF_ERROR(write("ca.pem", authority.certificate_pem()));
  return write("ca.key", authority.KeyPem());
}

absl::Status Damaged(const std::string& directory, absl::string_view name,
                     absl::string_view how = "it cannot be read") {
  return absl::DataLossError(absl::StrCat(
      "the key file ", PathOf(directory, name), " is damaged (", how,
      "): no backup of the store holds it; put back the copy that was made of the organization's "
      "files"));
}

// The file `name` says a certificate, and that of the key in the file `key_name`.
absl::Status CheckPair(const std::string& directory, absl::string_view name,
                       absl::string_view certificate, absl::string_view key_name,
                       absl::string_view key_pem) {
  const absl::StatusOr<std::string> certified = PublicKeyOfCertificate(certificate);
  if (!certified.ok()) return Damaged(directory, name);
  const absl::StatusOr<SigningKey> key = SigningKey::FromPem(key_pem);
  if (!key.ok()) return Damaged(directory, key_name);
  if (key->PublicKeyDer() != *certified)
    return Damaged(directory, key_name, absl::StrCat("it is not the key of ", name));
  return absl::OkStatus();
}

// What whoever dials the server has to believe. gRPC would only say that it cannot listen.
struct ServerIdentity {
  CertificateAuthority authority;
  std::string certificate_pem;
  std::string key_pem;
  MacKey cursor_key;
};

absl::StatusOr<ServerIdentity> ReadIdentity(const std::string& directory) {
  const auto read = [&](absl::string_view name) -> absl::StatusOr<std::string> {
    absl::StatusOr<std::string> content = ReadSecretFile(PathOf(directory, name), kMaxFileBytes);
    const bool is_damaged =
        absl::IsDataLoss(content.status()) || absl::IsInvalidArgument(content.status());
    return is_damaged ? Damaged(directory, name) : std::move(content);
  };
  ASSIGN_OR_RETURN(const std::string ca_pem, read("ca.pem"));
  ASSIGN_OR_RETURN(const std::string ca_key, read("ca.key"));
  RETURN_IF_ERROR(CheckPair(directory, "ca.pem", ca_pem, "ca.key", ca_key));
  absl::StatusOr<CertificateAuthority> authority = CertificateAuthority::Load(ca_pem, ca_key);
  if (!authority.ok()) return Damaged(directory, "ca.pem");
  ASSIGN_OR_RETURN(std::string certificate, read("server.pem"));
  ASSIGN_OR_RETURN(std::string key, read("server.key"));
  if (!CheckIssuedBy(certificate, ca_pem).ok())
    return Damaged(directory, "server.pem", "it is no certificate of the authority in ca.pem");
  RETURN_IF_ERROR(CheckPair(directory, "server.pem", certificate, "server.key", key));
  ASSIGN_OR_RETURN(std::string cursor_bytes, read("cursor.key"));
  const absl::StatusOr<MacKey> cursor_key = MacKey::FromBytes(cursor_bytes);
  Wipe(&cursor_bytes);
  if (!cursor_key.ok()) return Damaged(directory, "cursor.key");
  return ServerIdentity{*std::move(authority), std::move(certificate), std::move(key), *cursor_key};
}

absl::StatusOr<std::string> MakeInvitation(Organization& organization,
                                           const UserInvitation& invited, absl::Time now,
                                           Random& random) {
  v1::Invitation invitation;
  invitation.set_server(organization.public_address);
  invitation.set_ca_der(organization.authority.certificate_der());
  invitation.set_user(invited.user);
  invitation.set_expires_ms(absl::ToUnixMillis(now + invited.valid_for));
  v1::InvitationRecord record;
  record.set_user(invitation.user());
  record.set_expires_ms(invitation.expires_ms());
  record.set_created_by(invited.invited_by);
  ASSIGN_OR_RETURN(*invitation.mutable_code(),
                   AddInvitation(*organization.store, record, now, random));
  return absl::StrCat("BRG1-", absl::WebSafeBase64Escape(invitation.SerializeAsString()));
}

}  // namespace

absl::StatusOr<std::string> InitOrganization(const InitOptions& options, const Clock& clock,
                                             Random& random) {
  RETURN_IF_ERROR(CheckUserName(options.administrator));
  ASSIGN_OR_RETURN(const Address address, ParseAddress(options.public_address));
  ASSIGN_OR_RETURN(InitDirectory directory, InitDirectory::Begin(options.directory));
  const std::string work = directory.work_path();
  RETURN_IF_ERROR(WriteIdentity(options, work, address, random));
  RETURN_IF_ERROR(
      OpenStore({.path = PathOf(work, "store"), .create = true}, clock, random).status());
  std::string invitation;
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<Organization> made,
                     OpenOrganization(work, clock, random));
    UserInvitation first;
    first.user = options.administrator;
    first.role = std::string(RoleName(Role::kAdministrator));
    first.scopes = {"MX"};
    first.invited_by = "init";
    first.valid_for = kFirstInvitationValidFor;
    ASSIGN_OR_RETURN(invitation, InviteUser(*made, first, clock.Now(), random));
  }
  RETURN_IF_ERROR(directory.Finish());
  return invitation;
}

absl::StatusOr<std::string> InviteUser(Organization& organization, const UserInvitation& invitation,
                                       absl::Time now, Random& random) {
  RETURN_IF_ERROR(CheckUserName(invitation.user));
  RETURN_IF_ERROR(CheckGrant(invitation.role, invitation.scopes));
  v1::GrantRecord grant;
  grant.set_user(invitation.user);
  grant.set_role(invitation.role);
  grant.mutable_scopes()->Assign(invitation.scopes.begin(), invitation.scopes.end());
  grant.set_from_ms(absl::ToUnixMillis(now));
  grant.set_granted_by(invitation.invited_by);
  RETURN_IF_ERROR(AddGrant(*organization.store, grant, random).status());
  return MakeInvitation(organization, invitation, now, random);
}

absl::StatusOr<std::unique_ptr<Organization>> OpenOrganization(const std::string& directory,
                                                               const Clock& clock, Random& random) {
  std::error_code error;
  if (!fs::exists(PathOf(directory, "ca.key"), error)) {
    return absl::NotFoundError(
        absl::StrCat(directory, " holds no organization; make one with `brigada-server init --dir ",
                     directory, "`"));
  }
  ASSIGN_OR_RETURN(ServerIdentity identity, ReadIdentity(directory));
  ASSIGN_OR_RETURN(std::string address,
                   ReadSecretFile(PathOf(directory, "address"), kMaxFileBytes));
  if (!fs::exists(PathOf(directory, "store"), error) &&
      fs::exists(PathOf(directory, kRestoringName), error)) {
    return absl::FailedPreconditionError(
        absl::StrCat("a restore of ", directory,
                     " was interrupted; run the same `brigada-server restore` again"));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Journal> journal,
                   Journal::Open(PathOf(directory, kJournalName), &clock));
  OpenHow how{.path = PathOf(directory, "store")};
  how.journal = journal.get();
  ASSIGN_OR_RETURN(std::unique_ptr<AuthorityStore> store, OpenStore(how, clock, random));
  RETURN_IF_ERROR(ResumeErasures(*store, clock.Now()));
  RETURN_IF_ERROR(journal->NoteStart(*store));
  return std::unique_ptr<Organization>(new Organization{
      directory, std::move(address), std::move(identity.authority),
      std::move(identity.certificate_pem), std::move(identity.key_pem), identity.cursor_key,
      SealKey::DerivedFrom(identity.cursor_key), std::move(journal), std::move(store)});
}

}  // namespace brigada
