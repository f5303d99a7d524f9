#include "server/directory.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "replica/base/sha256.h"
#include "replica/base/status_macros.h"
#include "replica/base/utf8.h"
#include "server/roles.h"

namespace brigada {
namespace {

constexpr int kMaxTries = 16;
constexpr size_t kMaxUserBytes = 64;

// Any of: wrong, used, expired. One answer, so that codes cannot be told apart by guessing.
absl::Status BadCode() {
  return absl::UnauthenticatedError(
      "the invitation is not valid: ask an administrator for a new one");
}

std::string CodeKey(absl::string_view code) {
  const Sha256Digest digest = Sha256(code);
  return std::string(AsView(digest));
}

bool HasExpired(const v1::InvitationRecord& invitation, absl::Time now) {
  return absl::ToUnixMillis(now) >= invitation.expires_ms();
}

template <typename T>
absl::StatusOr<T> ParseEntry(const std::string& value) {
  T message;
  if (!message.ParseFromString(value)) return absl::DataLossError("a directory entry is damaged");
  return message;
}

template <typename T>
absl::StatusOr<std::vector<T>> ListAll(const AuthorityStore& store, DirectoryKind kind) {
  ASSIGN_OR_RETURN(const auto entries, store.ListEntries(kind));
  std::vector<T> result;
  result.reserve(entries.size());
  for (const auto& [key, value] : entries) {
    ASSIGN_OR_RETURN(result.emplace_back(), ParseEntry<T>(value));
  }
  return result;
}

// An open grant of the same role over the same scopes that is in force no later.
bool SaysTheSame(const v1::GrantRecord& held, const v1::GrantRecord& wanted) {
  return held.role() == wanted.role() && held.revoked_ms() == 0 && held.until_ms() == 0 &&
         wanted.until_ms() == 0 && held.from_ms() <= wanted.from_ms() &&
         std::equal(held.scopes().begin(), held.scopes().end(), wanted.scopes().begin(),
                    wanted.scopes().end());
}

// Above every earlier one. Begins with the time, so that a server restored from a backup does not
// give again what it gave for a revocation that is lost.
uint64_t NextRevocation(const v1::UserRecord& user, int64_t now_ms) {
  const std::vector<v1::GrantRecord> grants(user.grants().begin(), user.grants().end());
  return std::max(LastRevocation(grants) + 1, static_cast<uint64_t>(std::max<int64_t>(0, now_ms)));
}

absl::Status ChangesTooFast() {
  return absl::AbortedError("a directory entry kept changing while it was edited; try again");
}

// The write that revokes the device, as long as it is the one that was read. Revoking what is
// revoked keeps the first time.
absl::StatusOr<DirectoryWrite> RevocationOf(const AuthorityStore& store, const ReplicaId& replica,
                                            absl::Time now) {
  ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                   store.GetEntry(DirectoryKind::kDevice, replica.bytes()));
  if (!stored.has_value()) return absl::NotFoundError("no such device");
  ASSIGN_OR_RETURN(v1::DeviceRecord device, ParseEntry<v1::DeviceRecord>(*stored));
  if (device.revoked_ms() == 0) device.set_revoked_ms(absl::ToUnixMillis(now));
  DirectoryWrite write{DirectoryKind::kDevice, replica.AsBytes(), device.SerializeAsString(),
                       std::nullopt};
  write.expected.emplace(stored);
  return write;
}

// Read, edit, write if unchanged; again when somebody else wrote in between.
absl::Status EditEntry(
    AuthorityStore& store, DirectoryKind kind, absl::string_view key,
    absl::FunctionRef<absl::StatusOr<std::string>(const std::optional<std::string>&)> edit) {
  for (int i = 0; i < kMaxTries; ++i) {
    ASSIGN_OR_RETURN(const std::optional<std::string> stored, store.GetEntry(kind, key));
    ASSIGN_OR_RETURN(std::string edited, edit(stored));
    DirectoryWrite write{kind, std::string(key), std::move(edited), std::nullopt};
    write.expected.emplace(stored);
    const absl::Status status = store.WriteEntries({&write, 1});
    if (!absl::IsAborted(status)) return status;
  }
  return ChangesTooFast();
}

}  // namespace

absl::Status CheckUserName(absl::string_view user) {
  if (user.empty() || user.size() > kMaxUserBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a user name has 1 to ", kMaxUserBytes, " bytes"));
  }
  // What is no text could be stored and never read again.
  const bool has_control_characters =
      std::any_of(user.begin(), user.end(), [](char c) { return absl::ascii_iscntrl(c); });
  if (has_control_characters || !CountCodePoints(user).has_value()) {
    return absl::InvalidArgumentError(
        "a user name is text in UTF-8 without control characters: does this terminal use another "
        "encoding?");
  }
  return absl::OkStatus();
}

std::string SoftwareName(absl::string_view said) {
  size_t end = std::min(said.size(), kMaxNameBytes);
  while (end > 0 && end < said.size() && (static_cast<unsigned char>(said[end]) & 0xc0) == 0x80)
    --end;
  return std::string(said.substr(0, end));
}

absl::StatusOr<std::vector<v1::GrantRecord>> GrantsOf(const AuthorityStore& store,
                                                      absl::string_view user) {
  ASSIGN_OR_RETURN(const std::optional<std::string> value,
                   store.GetEntry(DirectoryKind::kUser, user));
  if (!value.has_value()) return std::vector<v1::GrantRecord>();
  ASSIGN_OR_RETURN(const v1::UserRecord record, ParseEntry<v1::UserRecord>(*value));
  return std::vector<v1::GrantRecord>(record.grants().begin(), record.grants().end());
}

absl::StatusOr<std::vector<std::string>> ScopesOfUser(const AuthorityStore& store,
                                                      absl::string_view user, absl::Time now) {
  ASSIGN_OR_RETURN(const std::vector<v1::GrantRecord> grants, GrantsOf(store, user));
  std::vector<std::string> current;
  std::vector<std::string> all;
  for (const v1::GrantRecord& grant : grants) {
    const bool has_ended = grant.revoked_ms() != 0 ||
                           (grant.until_ms() != 0 && grant.until_ms() <= absl::ToUnixMillis(now));
    all.insert(all.end(), grant.scopes().begin(), grant.scopes().end());
    if (!has_ended) current.insert(current.end(), grant.scopes().begin(), grant.scopes().end());
  }
  return current.empty() ? all : current;
}

absl::StatusOr<std::vector<v1::GrantRecord>> AllGrants(const AuthorityStore& store) {
  ASSIGN_OR_RETURN(const std::vector<v1::UserRecord> users,
                   ListAll<v1::UserRecord>(store, DirectoryKind::kUser));
  std::vector<v1::GrantRecord> grants;
  for (const v1::UserRecord& user : users) {
    grants.insert(grants.end(), user.grants().begin(), user.grants().end());
  }
  return grants;
}

absl::StatusOr<std::string> AddGrant(AuthorityStore& store, v1::GrantRecord grant, Random& random) {
  std::string id = NewRandomId<RecordId>(random).AsBytes();
  RETURN_IF_ERROR(
      EditEntry(store, DirectoryKind::kUser, grant.user(),
                [&](const std::optional<std::string>& stored) -> absl::StatusOr<std::string> {
                  v1::UserRecord user;
                  if (stored.has_value()) {
                    ASSIGN_OR_RETURN(user, ParseEntry<v1::UserRecord>(*stored));
                  }
                  user.set_user(grant.user());
                  for (const v1::GrantRecord& held : user.grants()) {
                    if (SaysTheSame(held, grant)) {
                      id = held.id();
                      return user.SerializeAsString();
                    }
                  }
                  grant.set_id(id);
                  *user.add_grants() = grant;
                  return user.SerializeAsString();
                }));
  return id;
}

absl::StatusOr<v1::GrantRecord> FindGrant(const AuthorityStore& store, absl::string_view grant_id) {
  ASSIGN_OR_RETURN(const std::vector<v1::GrantRecord> grants, AllGrants(store));
  for (const v1::GrantRecord& grant : grants) {
    if (grant.id() == grant_id) return grant;
  }
  return absl::NotFoundError("no grant has this id; list them with `brigada grants`");
}

absl::Status RevokeGrant(AuthorityStore& store, absl::string_view grant_id, absl::Time now) {
  ASSIGN_OR_RETURN(const v1::GrantRecord found, FindGrant(store, grant_id));
  return EditEntry(store, DirectoryKind::kUser, found.user(),
                   [&](const std::optional<std::string>& stored) -> absl::StatusOr<std::string> {
                     ASSIGN_OR_RETURN(v1::UserRecord user,
                                      ParseEntry<v1::UserRecord>(stored.value_or("")));
                     const int64_t now_ms = absl::ToUnixMillis(now);
                     const uint64_t revocation = NextRevocation(user, now_ms);
                     for (v1::GrantRecord& grant : *user.mutable_grants()) {
                       if (grant.id() != grant_id || grant.revoked_ms() != 0) continue;
                       grant.set_revoked_ms(now_ms);
                       grant.set_revocation(revocation);
                     }
                     return user.SerializeAsString();
                   });
}

absl::StatusOr<std::optional<v1::DeviceRecord>> FindDevice(const AuthorityStore& store,
                                                           const ReplicaId& replica) {
  ASSIGN_OR_RETURN(const std::optional<std::string> value,
                   store.GetEntry(DirectoryKind::kDevice, replica.bytes()));
  if (!value.has_value()) return std::optional<v1::DeviceRecord>();
  ASSIGN_OR_RETURN(v1::DeviceRecord device, ParseEntry<v1::DeviceRecord>(*value));
  return std::optional<v1::DeviceRecord>(std::move(device));
}

absl::StatusOr<bool> IsDeviceOf(const AuthorityStore& store, const ReplicaId& replica,
                                absl::string_view user) {
  ASSIGN_OR_RETURN(const std::optional<v1::DeviceRecord> device, FindDevice(store, replica));
  return device.has_value() && device->user() == user;
}

absl::StatusOr<std::vector<v1::DeviceRecord>> AllDevices(const AuthorityStore& store) {
  return ListAll<v1::DeviceRecord>(store, DirectoryKind::kDevice);
}

std::set<ReplicaId> WithItsCopies(absl::Span<const v1::DeviceRecord> devices,
                                  const ReplicaId& replica) {
  std::multimap<std::string, ReplicaId> copies;
  for (const v1::DeviceRecord& device : devices) {
    const absl::StatusOr<ReplicaId> id = ReplicaId::FromBytes(device.replica());
    if (id.ok() && !device.copied_from().empty()) copies.emplace(device.copied_from(), *id);
  }
  std::set<ReplicaId> family = {replica};
  std::vector<ReplicaId> unvisited = {replica};
  while (!unvisited.empty()) {
    const auto [begin, end] = copies.equal_range(unvisited.back().AsBytes());
    unvisited.pop_back();
    for (auto it = begin; it != end; ++it)
      if (family.insert(it->second).second) unvisited.push_back(it->second);
  }
  return family;
}

size_t CountCopies(absl::Span<const v1::DeviceRecord> devices, const ReplicaId& replica) {
  std::map<std::string, const v1::DeviceRecord*> by_id;
  for (const v1::DeviceRecord& device : devices) by_id[device.replica()] = &device;
  std::string first = replica.AsBytes();
  // Each step goes to an older device; no more of them than there are.
  for (size_t steps = 0; steps < devices.size(); ++steps) {
    const auto found = by_id.find(first);
    if (found == by_id.end() || found->second->copied_from().empty()) break;
    first = found->second->copied_from();
  }
  const std::set<ReplicaId> family =
      WithItsCopies(devices, ReplicaId::FromBytes(first).value_or(replica));
  return static_cast<size_t>(
      std::count_if(devices.begin(), devices.end(), [&](const v1::DeviceRecord& device) {
        const absl::StatusOr<ReplicaId> id = ReplicaId::FromBytes(device.replica());
        return id.ok() && !device.copied_from().empty() && device.revoked_ms() == 0 &&
               family.contains(*id);
      }));
}

absl::Status EditDevice(AuthorityStore& store, const ReplicaId& replica,
                        absl::FunctionRef<void(v1::DeviceRecord&)> edit) {
  return EditEntry(
      store, DirectoryKind::kDevice, replica.bytes(),
      [&](const std::optional<std::string>& stored) -> absl::StatusOr<std::string> {
        if (!stored.has_value()) {
          return absl::NotFoundError("no such device; list them with `brigada devices`");
        }
        ASSIGN_OR_RETURN(v1::DeviceRecord device, ParseEntry<v1::DeviceRecord>(*stored));
        edit(device);
        return device.SerializeAsString();
      });
}

absl::Status EditDevices(AuthorityStore& store, const std::map<ReplicaId, DeviceEdit>& edits) {
  for (int i = 0; i < kMaxTries; ++i) {
    std::vector<DirectoryWrite> writes;
    for (const auto& [replica, edit] : edits) {
      std::string key = replica.AsBytes();
      ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                       store.GetEntry(DirectoryKind::kDevice, key));
      if (!stored.has_value()) continue;
      ASSIGN_OR_RETURN(v1::DeviceRecord device, ParseEntry<v1::DeviceRecord>(*stored));
      edit(device);
      DirectoryWrite write{DirectoryKind::kDevice, std::move(key), device.SerializeAsString(),
                           std::nullopt};
      write.expected.emplace(stored);
      writes.push_back(std::move(write));
    }
    if (writes.empty()) return absl::OkStatus();
    const absl::Status status = store.WriteEntries(writes);
    if (!absl::IsAborted(status)) return status;
  }
  return ChangesTooFast();
}

absl::StatusOr<std::string> AddInvitation(AuthorityStore& store,
                                          const v1::InvitationRecord& invitation, absl::Time now,
                                          Random& random) {
  const std::string code = NewRandomId<RecordId>(random).AsBytes();
  std::vector<DirectoryWrite> writes;
  writes.push_back(
      {DirectoryKind::kInvitation, CodeKey(code), invitation.SerializeAsString(), std::nullopt});
  ASSIGN_OR_RETURN(const auto stored, store.ListEntries(DirectoryKind::kInvitation));
  for (const auto& [key, value] : stored) {
    ASSIGN_OR_RETURN(const v1::InvitationRecord earlier, ParseEntry<v1::InvitationRecord>(value));
    if (HasExpired(earlier, now))
      writes.push_back({DirectoryKind::kInvitation, key, std::nullopt, std::nullopt});
  }
  RETURN_IF_ERROR(store.WriteEntries(writes));
  return code;
}

absl::StatusOr<v1::InvitationRecord> FindInvitation(const AuthorityStore& store,
                                                    absl::string_view code, absl::Time now) {
  ASSIGN_OR_RETURN(const std::optional<std::string> value,
                   store.GetEntry(DirectoryKind::kInvitation, CodeKey(code)));
  if (!value.has_value()) return BadCode();
  ASSIGN_OR_RETURN(v1::InvitationRecord invitation, ParseEntry<v1::InvitationRecord>(*value));
  if (HasExpired(invitation, now)) return BadCode();
  return invitation;
}

absl::StatusOr<v1::DeviceRecord> RedeemInvitation(AuthorityStore& store, absl::string_view code,
                                                  const v1::DeviceRecord& device, absl::Time now,
                                                  const std::optional<ReplicaId>& replaced) {
  ASSIGN_OR_RETURN(v1::InvitationRecord invitation, FindInvitation(store, code, now));
  const std::string unused = invitation.SerializeAsString();
  ASSIGN_OR_RETURN(const std::optional<std::string> enrolled,
                   store.GetEntry(DirectoryKind::kDevice, device.replica()));
  v1::DeviceRecord stored = device;
  if (enrolled.has_value()) {
    ASSIGN_OR_RETURN(const v1::DeviceRecord known, ParseEntry<v1::DeviceRecord>(*enrolled));
    const bool is_same = known.public_key() == device.public_key() && known.user() == device.user();
    if (!is_same || known.revoked_ms() != 0) return BadCode();
  }
  if (!invitation.used_by().empty()) {
    // Only the answer may have been lost; the device is there. (After a restore it may not be.)
    const bool is_repeat =
        invitation.used_by() == device.replica() && invitation.used_key() == device.public_key();
    if (!is_repeat) return BadCode();
    if (enrolled.has_value()) {
      ASSIGN_OR_RETURN(stored, ParseEntry<v1::DeviceRecord>(*enrolled));
      stored.set_certificate_hash(device.certificate_hash());
    }
  }
  invitation.set_used_by(device.replica());
  invitation.set_used_key(device.public_key());
  DirectoryWrite use_up{DirectoryKind::kInvitation, CodeKey(code), invitation.SerializeAsString(),
                        std::nullopt};
  use_up.expected.emplace(unused);
  DirectoryWrite enrol{DirectoryKind::kDevice, device.replica(), stored.SerializeAsString(),
                       std::nullopt};
  enrol.expected.emplace(enrolled);
  std::vector<DirectoryWrite> writes = {std::move(use_up), std::move(enrol)};
  if (replaced.has_value()) {
    ASSIGN_OR_RETURN(writes.emplace_back(), RevocationOf(store, *replaced, now));
  }
  const absl::Status status = store.WriteEntries(writes);
  if (absl::IsAborted(status)) {
    if (!replaced.has_value()) return BadCode();
    return absl::UnavailableError("the device to replace changed at the same time; try again");
  }
  RETURN_IF_ERROR(status);
  return stored;
}

}  // namespace brigada
