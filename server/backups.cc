#include "server/backups.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

std::string KeyOf(const v1::BackupRecord& backup) {
  return NumberValue(static_cast<uint64_t>(backup.made_ms()));
}

// Oldest first: the key begins with the time.
absl::StatusOr<std::vector<v1::BackupRecord>> AllBackups(const AuthorityStore& store) {
  ASSIGN_OR_RETURN(const auto entries, store.ListEntries(DirectoryKind::kBackup));
  std::vector<v1::BackupRecord> backups;
  for (const auto& [key, value] : entries) {
    if (!backups.emplace_back().ParseFromString(value))
      return absl::DataLossError("the record of a backup is damaged");
  }
  std::sort(backups.begin(), backups.end(),
            [](const auto& a, const auto& b) { return a.made_ms() < b.made_ms(); });
  return backups;
}

// Everything that `backup` holds.
bool Holds(const v1::BackupRecord& other, const v1::BackupRecord& backup) {
  return std::all_of(backup.heads().begin(), backup.heads().end(), [&](const auto& head) {
    const auto held = other.heads().find(head.first);
    return held != other.heads().end() && held->second >= head.second;
  });
}

// The server's clock alone may stand wrong by decades, when a backup is made or when its age is
// asked: what other backups hold by then tells besides how long ago that was.
bool IsKept(const v1::BackupRecord& backup, const std::vector<v1::BackupRecord>& all,
            absl::Time now) {
  if (absl::FromUnixMillis(backup.made_ms()) + kBackupKeptFor > now) return true;
  const auto later = std::count_if(all.begin(), all.end(), [&](const v1::BackupRecord& other) {
    return other.complete() && other.made_ms() != backup.made_ms() && Holds(other, backup);
  });
  return later < kBackupsKept;
}

// Leaves in `least` what `backup` holds as well.
void Lower(const v1::BackupRecord& backup, std::map<std::string, uint64_t>* least) {
  for (auto it = least->begin(); it != least->end();) {
    const auto held = backup.heads().find(it->first);
    if (held == backup.heads().end()) {
      it = least->erase(it);
    } else {
      it->second = std::min(it->second, held->second);
      ++it;
    }
  }
}

}  // namespace

v1::BackupRecord BackupBegun(const AuthorityStore& store, absl::string_view name, absl::Time now) {
  v1::BackupRecord backup;
  backup.set_made_ms(absl::ToUnixMillis(now));
  backup.set_name(std::string(name));
  for (const std::string& partition : store.Partitions())
    (*backup.mutable_heads())[partition] = store.Head(partition);
  return backup;
}

absl::Status NoteBackup(AuthorityStore& store, const v1::BackupRecord& backup, absl::Time now) {
  ASSIGN_OR_RETURN(const std::vector<v1::BackupRecord> known, AllBackups(store));
  std::vector<DirectoryWrite> writes;
  writes.push_back(
      {DirectoryKind::kBackup, KeyOf(backup), backup.SerializeAsString(), std::nullopt});
  for (const v1::BackupRecord& old : known) {
    if (!backup.complete()) break;
    if (!IsKept(old, known, now) && old.made_ms() != backup.made_ms())
      writes.push_back({DirectoryKind::kBackup, KeyOf(old), std::nullopt, std::nullopt});
  }
  return store.WriteEntries(writes);
}

absl::Status ForgetBackup(AuthorityStore& store, const v1::BackupRecord& backup) {
  const DirectoryWrite write{DirectoryKind::kBackup, KeyOf(backup), std::nullopt, std::nullopt};
  return store.WriteEntries({&write, 1});
}

absl::StatusOr<std::vector<v1::PartitionHead>> CoveredByBackups(const AuthorityStore& store,
                                                                absl::Time now) {
  ASSIGN_OR_RETURN(const std::vector<v1::BackupRecord> backups, AllBackups(store));
  std::vector<v1::PartitionHead> covered;
  const auto newest = std::find_if(backups.rbegin(), backups.rend(),
                                   [](const auto& backup) { return backup.complete(); });
  if (newest == backups.rend()) return covered;
  // Not the oldest alone: a clock that was set back, or a restore, makes a later one hold less. And
  // one that may not be whole covers nothing by itself, but if it is, it holds no more than it
  // says.
  std::map<std::string, uint64_t> least(newest->heads().begin(), newest->heads().end());
  for (const v1::BackupRecord& backup : backups)
    if (IsKept(backup, backups, now)) Lower(backup, &least);
  for (const auto& [partition, head] : least) {
    v1::PartitionHead& of_partition = covered.emplace_back();
    of_partition.set_partition(partition);
    of_partition.set_sequence(head);
  }
  return covered;
}

}  // namespace brigada
