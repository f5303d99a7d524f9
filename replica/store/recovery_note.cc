#include "replica/store/recovery_note.h"

#include <rocksdb/env.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "brigada/v1/outbox_mirror.pb.h"
#include "replica/base/status_macros.h"
#include "replica/store/framed_record.h"
#include "replica/store/rocks_status.h"

namespace brigada {
namespace {

constexpr absl::string_view kNoting = "noting the recovery";

std::string PathIn(const std::string& directory) { return absl::StrCat(directory, "/RECOVERED"); }

absl::Status SyncNames(rocksdb::Env& env, const std::string& directory) {
  std::unique_ptr<rocksdb::Directory> names;
  RETURN_IF_ERROR(ToStatus(env.NewDirectory(directory, &names), kNoting));
  return ToStatus(names->Fsync(), kNoting);
}

}  // namespace

absl::Status WriteRecoveryNote(rocksdb::Env& env, const std::string& directory,
                               const RecoveredStore& recovered) {
  v1::RecoveryNote note;
  note.set_replica(recovered.replica.AsBytes());
  note.set_unsent(recovered.outbox.unsent);
  note.set_retained(recovered.outbox.retained);
  note.set_rejected(recovered.outbox.rejected);
  for (const LostChangeSets& lost : recovered.outbox.lost_sets) {
    v1::RecoveryNote::LostSets& sets = *note.add_lost();
    sets.set_partition(lost.partition);
    sets.set_first(lost.first);
    sets.set_last(lost.last);
  }
  note.set_mirror_damages(recovered.mirror_damages);
  note.set_is_whole(recovered.is_whole);
  note.set_damaged_name(
      recovered.damaged_path.substr(recovered.damaged_path.find_last_of('/') + 1));
  RETURN_IF_ERROR(ToStatus(rocksdb::WriteStringToFile(&env, FramedRecord(note.SerializeAsString()),
                                                      PathIn(directory), /*should_sync=*/true),
                           kNoting));
  return SyncNames(env, directory);
}

std::optional<RecoveredStore> ReadRecoveryNote(rocksdb::Env& env, const std::string& directory) {
  std::string bytes;
  if (!rocksdb::ReadFileToString(&env, PathIn(directory), &bytes).ok()) return std::nullopt;
  const std::optional<absl::string_view> content = ReadFramed(bytes);
  v1::RecoveryNote note;
  if (!content.has_value() ||
      !note.ParseFromArray(content->data(), static_cast<int>(content->size())))
    return std::nullopt;
  const absl::StatusOr<ReplicaId> replica = ReplicaId::FromBytes(note.replica());
  if (!replica.ok()) return std::nullopt;
  RecoveredStore recovered;
  recovered.replica = *replica;
  recovered.outbox.unsent = note.unsent();
  recovered.outbox.retained = note.retained();
  recovered.outbox.rejected = note.rejected();
  for (const v1::RecoveryNote::LostSets& sets : note.lost()) {
    recovered.outbox.lost_sets.push_back({sets.partition(), sets.first(), sets.last()});
    recovered.outbox.lost += sets.last() - sets.first() + 1;
  }
  recovered.mirror_damages = note.mirror_damages();
  recovered.is_whole = note.is_whole();
  recovered.damaged_path =
      absl::StrCat(directory.substr(0, directory.find_last_of('/') + 1), note.damaged_name());
  return recovered;
}

absl::Status RemoveRecoveryNote(rocksdb::Env& env, const std::string& directory) {
  if (env.FileExists(PathIn(directory)).IsNotFound()) return absl::OkStatus();
  RETURN_IF_ERROR(ToStatus(env.DeleteFile(PathIn(directory)), kNoting));
  return SyncNames(env, directory);
}

}  // namespace brigada
