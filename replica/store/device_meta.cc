// What a device's store knows besides records: its identity, clock, heads, cursors and settings.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/limits.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/batch_in_progress.h"
#include "replica/store/device_keys.h"
#include "replica/store/ended_places.h"
#include "replica/store/format.h"
#include "replica/store/keys.h"
#include "replica/store/kv_device_store.h"
#include "replica/store/kv_read_view.h"

namespace brigada {
namespace {

template <typename Message>
absl::Status ParseMeta(absl::string_view name, absl::string_view bytes, Message* message) {
  if (message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat("the stored ", name, " is damaged"));
}

// The server's time as far as it is known: never later than what it is.
absl::Time KnownTime(const v1::DeviceClock& clock) {
  return absl::FromUnixMillis(clock.server_time_ms()) + absl::Milliseconds(clock.elapsed_ms());
}

// Rounded up: what is counted from it is never more than what really passed.
int64_t MonotonicMs(const Clock& clock) {
  return absl::ToInt64Milliseconds(absl::Ceil(clock.Monotonic(), absl::Milliseconds(1)));
}

int64_t WallLead(absl::Time wall, const v1::DeviceClock& clock) {
  return clock.server_time_ms() == 0 ? 0 : absl::ToInt64Milliseconds(wall - KnownTime(clock));
}

// While both clocks go on together, the machine has run all the time and nobody has set its wall
// clock.
void CompareWithWall(absl::Time wall, v1::DeviceClock* clock) {
  if (clock->server_time_ms() == 0 || clock->has_restarted()) return;
  const int64_t lead = WallLead(wall, *clock);
  const absl::Duration gone_apart =
      absl::Milliseconds(lead) - absl::Milliseconds(clock->wall_lead_ms());
  if (absl::AbsDuration(gone_apart) <= kPermittedClockLead) {
    clock->set_wall_lead_ms(lead);
  } else {
    clock->set_has_restarted(true);
  }
}

// Of a partition without a subscription the server compares nothing. Once there is one again, its
// first checkpoint tells whether anything differs.
void DropUnread(const v1::Welcome& welcome, v1::RepairNotes* notes) {
  auto& due = *notes->mutable_due();
  due.erase(std::remove_if(due.begin(), due.end(),
                           [&](const std::string& partition) {
                             return std::none_of(welcome.feeds().begin(), welcome.feeds().end(),
                                                 [&](const v1::Feed& feed) {
                                                   return PartitionOfScope(feed.scope()) ==
                                                          partition;
                                                 });
                           }),
            due.end());
}

}  // namespace

absl::StatusOr<std::unique_ptr<DeviceStore>> OpenDeviceStore(std::unique_ptr<Kv> kv,
                                                             const DeviceStoreOptions& options) {
  auto store = std::make_unique<KvDeviceStore>(std::move(kv), options);
  RETURN_IF_ERROR(store->Open());
  return store;
}

absl::Status KvDeviceStore::Open() {
  ASSIGN_OR_RETURN(const bool exists, CheckFormat(*kv_, StoreKind::kDevice));
  if (!exists) RETURN_IF_ERROR(MakeNew());
  RETURN_IF_ERROR(LoadMeta());
  NoteBoot();
  RETURN_IF_ERROR(LoadPartitions());
  RETURN_IF_ERROR(LoadRejectedCount());
  RETURN_IF_ERROR(table_.Load(*kv_));
  // A crash may have cut a purge short. A full disk must not keep the user from what is here; the
  // next sync tries again.
  if (const absl::Status purged = RunPurge(/*is_opening=*/true); !purged.ok()) {
    Log(LogLevel::kWarning, "purge_not_done", {{"code", absl::StatusCodeToString(purged.code())}});
  }
  return absl::OkStatus();
}

absl::Status KvDeviceStore::MakeNew() {
  KvBatch batch;
  PutFormat(StoreKind::kDevice, &batch);
  batch.Put(Table::kMeta, std::string(kReplicaKey), NewReplicaId(*options_.random).AsBytes());
  return kv_->Write(batch, Durability::kSync);
}

absl::Status KvDeviceStore::LoadMeta() {
  ASSIGN_OR_RETURN(const std::optional<std::string> replica, kv_->Get(Table::kMeta, kReplicaKey));
  const absl::StatusOr<ReplicaId> id = ReplicaId::FromBytes(replica.value_or(""));
  if (!id.ok()) return absl::DataLossError("the stored replica id is missing or damaged");
  replica_ = *id;
  table_.set_own_replica(*id);
  ASSIGN_OR_RETURN(const std::optional<std::string> user, kv_->Get(Table::kMeta, kUserKey));
  ASSIGN_OR_RETURN(const std::optional<std::string> welcome, kv_->Get(Table::kMeta, kWelcomeKey));
  ASSIGN_OR_RETURN(const std::optional<std::string> clock, kv_->Get(Table::kMeta, kClockKey));
  ASSIGN_OR_RETURN(const std::optional<std::string> folios, kv_->Get(Table::kMeta, kFoliosKey));
  if (folios && folios->size() != sizeof folios_)
    return absl::DataLossError("the stored number of folios is damaged");
  if (folios) folios_ = BigEndian64(*folios);
  ASSIGN_OR_RETURN(const std::optional<std::string> folio_device,
                   kv_->Get(Table::kMeta, kFolioDeviceKey));
  folio_replica_ = replica_;
  if (folio_device) {
    ASSIGN_OR_RETURN(folio_replica_, ReplicaId::FromBytes(*folio_device));
  }
  MutexLock lock(&mu_);
  user_ = user.value_or("");
  if (welcome) RETURN_IF_ERROR(ParseMeta(kWelcomeKey, *welcome, &welcome_));
  if (clock) RETURN_IF_ERROR(ParseMeta(kClockKey, *clock, &time_));
  ASSIGN_OR_RETURN(const std::optional<std::string> purge, kv_->Get(Table::kMeta, kPurgeKey));
  if (purge) RETURN_IF_ERROR(ParseMeta(kPurgeKey, *purge, &purge_));
  ASSIGN_OR_RETURN(const std::optional<std::string> receipt, kv_->Get(Table::kMeta, kReceiptKey));
  if (receipt) RETURN_IF_ERROR(ParseMeta(kReceiptKey, *receipt, &receipt_));
  ASSIGN_OR_RETURN(const std::optional<std::string> repairs, kv_->Get(Table::kMeta, kRepairsKey));
  if (repairs) RETURN_IF_ERROR(ParseMeta(kRepairsKey, *repairs, &repairs_));
  clock_.Restore(Hlc{time_.stamp()});
  return absl::OkStatus();
}

// A monotonic clock counts from a boot, and a store that was copied or restored may be on another
// machine by now, which has been on for longer than the store is old. Of another boot nothing
// counts that lies before this store was opened in it.
void KvDeviceStore::NoteBoot() {
  const std::string boot = options_.clock->BootId();
  if (boot == time_.boot()) return;
  time_.set_boot(boot);
  time_.set_monotonic_ms(MonotonicMs(*options_.clock));
  if (time_.server_time_ms() == 0) return;
  time_.set_has_restarted(true);
  // So that what passes until the next commit counts after the next start of the program, too.
  const absl::Status noted = WriteMeta(kClockKey, time_.SerializeAsString(), Durability::kMemory);
  if (!noted.ok())
    Log(LogLevel::kWarning, "boot_not_noted", {{"code", absl::StatusCodeToString(noted.code())}});
}

absl::Status KvDeviceStore::LoadPartitions() {
  MutexLock lock(&mu_);
  for (const absl::string_view name : {kOutboxHeadName, kCursorName, kLeftCursorName}) {
    const std::string prefix = NamedMetaKey(name, "");
    const std::unique_ptr<KvIterator> it = kv_->Iterate(Table::kMeta, prefix, PrefixEnd(prefix));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      PartitionState& state = partitions_[std::string(AfterMetaName(it->key()))];
      if (name == kCursorName) {
        RETURN_IF_ERROR(ParseMeta(name, it->value(), &state.cursor.emplace()));
      } else if (name == kLeftCursorName) {
        RETURN_IF_ERROR(ParseMeta(name, it->value(), &state.left.emplace()));
      } else {
        RETURN_IF_ERROR(ParseMeta(name, it->value(), &state.head));
        // An earlier process may have committed with kMemory: the system has it, the disk need not.
        has_unsynced_commit_ =
            has_unsynced_commit_ || state.head.sequence() > state.head.confirmed();
      }
    }
    RETURN_IF_ERROR(it->status());
  }
  MarkOutbox();
  return absl::OkStatus();
}

std::string KvDeviceStore::user() const {
  MutexLock lock(&mu_);
  return user_;
}

std::string KvDeviceStore::UserOf(const v1::ChangeSetHeader& header) const {
  return header.user().empty() ? user() : header.user();
}

absl::Status KvDeviceStore::SetUser(absl::string_view user) {
  const WriterTurn turn(&writers_);
  {
    MutexLock lock(&mu_);
    if (user_ == user) return absl::OkStatus();
    for (const auto& [partition, state] : partitions_) {
      if (!user_.empty() && state.head.sequence() > state.head.confirmed()) {
        return absl::FailedPreconditionError(
            "work of another user is not sent yet: sync it before the user changes");
      }
    }
  }
  RETURN_IF_ERROR(WriteMeta(kUserKey, user, Durability::kSync));
  MutexLock lock(&mu_);
  user_ = std::string(user);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ReadView>> KvDeviceStore::Read() const {
  // Before the snapshot: what a view claims to have seen is then never more than it shows.
  std::map<std::string, uint64_t, std::less<>> complete;
  {
    MutexLock lock(&mu_);
    for (const auto& [partition, state] : partitions_) {
      if (state.cursor) complete[partition] = state.cursor->complete();
    }
  }
  return MakeKvReadView(&table_, kv_->Snapshot(), std::move(complete));
}

absl::StatusOr<bool> KvDeviceStore::IsDeleted(const RecordType& type, const RecordId& id) const {
  ASSIGN_OR_RETURN(const auto found, table_.Find(*kv_->Snapshot(), type.type_id(), id));
  if (!found.has_value()) return false;
  const auto storage = DecodeStorage(&type, found->bytes);
  if (!storage.ok())
    return Annotate(storage.status(), absl::StrCat("read ", type.name(), " ", id.ToString()));
  return storage->visible().deleted;
}

std::vector<std::string> KvDeviceStore::Partitions() const {
  MutexLock lock(&mu_);
  std::vector<std::string> names;
  names.reserve(partitions_.size());
  for (const auto& [partition, state] : partitions_) names.push_back(partition);
  return names;
}

KvDeviceStore::PartitionState KvDeviceStore::StateOf(absl::string_view partition) const {
  MutexLock lock(&mu_);
  const auto found = partitions_.find(partition);
  return found == partitions_.end() ? PartitionState{} : found->second;
}

v1::OutboxHead KvDeviceStore::Head(absl::string_view partition) const {
  return StateOf(partition).head;
}

std::vector<v1::Cursor> KvDeviceStore::Cursors() const {
  MutexLock lock(&mu_);
  std::vector<v1::Cursor> cursors;
  for (const auto& [partition, state] : partitions_) {
    if (state.cursor) cursors.push_back(*state.cursor);
  }
  return cursors;
}

std::vector<v1::Cursor> KvDeviceStore::LeftCursors() const {
  MutexLock lock(&mu_);
  std::vector<v1::Cursor> cursors;
  for (const auto& [partition, state] : partitions_) {
    if (state.left) cursors.push_back(*state.left);
  }
  return cursors;
}

// Where the system names no boot, a clock that reads less than it did means a new one, of which
// only its own part is known; so the sum is never more than what really passed. The readings that
// others are compared with are rounded up for the same reason, hence the millisecond of tolerance.
v1::DeviceClock KvDeviceStore::ClockNow(Hlc last_stamp) const {
  v1::DeviceClock now = time_;
  int64_t monotonic_ms = absl::ToInt64Milliseconds(options_.clock->Monotonic());
  int64_t passed_ms = monotonic_ms;
  if (monotonic_ms + 1 >= time_.monotonic_ms()) {
    monotonic_ms = std::max(monotonic_ms, time_.monotonic_ms());
    passed_ms = monotonic_ms - time_.monotonic_ms();
  } else {
    now.set_has_restarted(time_.server_time_ms() != 0);
  }
  if (time_.server_time_ms() != 0) now.set_elapsed_ms(time_.elapsed_ms() + passed_ms);
  CompareWithWall(options_.clock->Now(), &now);
  now.set_monotonic_ms(monotonic_ms);
  now.set_stamp(last_stamp.value);
  return now;
}

// The wall clock does not tell the time, but how much of it has passed while the machine was off:
// somebody may have set it instead, and then the authority lowers what is of the future.
absl::Time KvDeviceStore::TimeOfStamps() const {
  const v1::DeviceClock now = ClockNow(clock_.last());
  const absl::Time wall = options_.clock->Now();
  if (now.server_time_ms() == 0) return wall;
  const absl::Time known = KnownTime(now);
  if (!now.has_restarted()) return known;
  return std::max(known, wall - absl::Milliseconds(now.wall_lead_ms()));
}

void KvDeviceStore::TakeClock(const v1::DeviceClock& clock) {
  time_ = clock;
  clock_ = HybridClock();
  clock_.Restore(Hlc{clock.stamp()});
}

absl::Status KvDeviceStore::NoteRevocation(uint64_t revocation) {
  const WriterTurn turn(&writers_);
  if (time_.revocation() == revocation) return absl::OkStatus();
  v1::DeviceClock now = ClockNow(clock_.last());
  now.set_revocation(revocation);
  RETURN_IF_ERROR(WriteMeta(kClockKey, now.SerializeAsString(), Durability::kMemory));
  TakeClock(now);
  return absl::OkStatus();
}

absl::Status KvDeviceStore::NoteServerTime(absl::Time server_time) {
  const WriterTurn turn(&writers_);
  v1::DeviceClock now = ClockNow(clock_.last());
  now.set_server_time_ms(absl::ToUnixMillis(server_time));
  now.set_elapsed_ms(0);
  now.set_has_restarted(false);
  now.set_wall_lead_ms(WallLead(options_.clock->Now(), now));
  now.set_monotonic_ms(MonotonicMs(*options_.clock));
  RETURN_IF_ERROR(WriteMeta(kClockKey, now.SerializeAsString(), Durability::kMemory));
  TakeClock(now);
  return absl::OkStatus();
}

absl::Status KvDeviceStore::NoteWelcome(const v1::Welcome& welcome) {
  for (const v1::CursorReset& reset : welcome.resets()) {
    const v1::Cursor& cursor = reset.cursor();
    if (reset.has_cursor() &&
        (cursor.partition() != reset.partition() || cursor.complete() > cursor.scanned()))
      return absl::InvalidArgumentError("malformed welcome: a cursor that contradicts itself");
  }
  const WriterTurn turn(&writers_);
  RETURN_IF_ERROR(DropCovered(welcome));
  const v1::Purge purge = PurgeAfter(welcome);
  KvBatch batch;
  v1::Welcome kept = welcome;
  kept.clear_resets();
  batch.Put(Table::kMeta, std::string(kWelcomeKey), kept.SerializeAsString());
  if (purge.lost_size() > 0) {
    batch.Put(Table::kMeta, std::string(kPurgeKey), purge.SerializeAsString());
  } else {
    batch.Delete(Table::kMeta, std::string(kPurgeKey));
  }
  RETURN_IF_ERROR(StageEndedPlaces(*kv_, welcome, purge, &batch));
  v1::Receipt receipt = PendingReceipt();
  if (receipt.feeds_size() > 0 && welcome.receipt() >= receipt.number()) {
    receipt.clear_feeds();
    batch.Put(Table::kMeta, std::string(kReceiptKey), receipt.SerializeAsString());
  }
  v1::RepairNotes repairs = Repairs();
  DropUnread(welcome, &repairs);
  for (const v1::CursorReset& reset : welcome.resets()) {
    if (reset.reason() == v1::CursorReset::BELOW_FLOOR) AddDue(reset.partition(), &repairs);
    StageLeft(reset, &batch);
    const std::string key = NamedMetaKey(kCursorName, reset.partition());
    if (reset.has_cursor()) {
      batch.Put(Table::kMeta, key, reset.cursor().SerializeAsString());
    } else {
      batch.Delete(Table::kMeta, key);
    }
  }
  if (repairs.due_size() != Repairs().due_size())
    batch.Put(Table::kMeta, std::string(kRepairsKey), repairs.SerializeAsString());
  RETURN_IF_ERROR(kv_->Write(batch, Durability::kMemory));
  MutexLock lock(&mu_);
  repairs_ = std::move(repairs);
  welcome_ = std::move(kept);
  purge_ = purge;
  purge_step_ = PurgeStep::kRecords;
  MarkOutbox();
  receipt_ = std::move(receipt);
  for (const v1::CursorReset& reset : welcome.resets()) TakeReset(reset);
  return absl::OkStatus();
}

void KvDeviceStore::TakeReset(const v1::CursorReset& reset) {
  const auto found = partitions_.find(reset.partition());
  if (found == partitions_.end()) return;
  if (reset.has_cursor()) {
    found->second.cursor = reset.cursor();
  } else if (found->second.cursor) {
    found->second.left = found->second.seen_by();
    found->second.cursor.reset();
  }
}

// What was seen until now counts in the numbers of the last checkpoint, whatever comes next.
void KvDeviceStore::StageLeft(const v1::CursorReset& reset, KvBatch* batch) const {
  const PartitionState state = StateOf(reset.partition());
  if (reset.has_cursor() || !state.cursor) return;
  batch->Put(Table::kMeta, NamedMetaKey(kLeftCursorName, reset.partition()),
             state.seen_by()->SerializeAsString());
}

absl::Status KvDeviceStore::GiveUpCursor(absl::string_view partition) {
  const WriterTurn turn(&writers_);
  v1::CursorReset reset;
  reset.set_partition(std::string(partition));
  KvBatch batch;
  StageLeft(reset, &batch);
  batch.Delete(Table::kMeta, NamedMetaKey(kCursorName, partition));
  RETURN_IF_ERROR(kv_->Write(batch, Durability::kMemory));
  MutexLock lock(&mu_);
  TakeReset(reset);
  return absl::OkStatus();
}

v1::Welcome KvDeviceStore::LastWelcome() const {
  MutexLock lock(&mu_);
  return welcome_;
}

absl::Status KvDeviceStore::PutSetting(absl::string_view key, absl::string_view value) {
  const WriterTurn turn(&writers_);
  return WriteMeta(NamedMetaKey(kSettingName, key), value, Durability::kSync);
}

absl::StatusOr<std::string> KvDeviceStore::GetSetting(absl::string_view key) const {
  ASSIGN_OR_RETURN(std::optional<std::string> value,
                   kv_->Get(Table::kMeta, NamedMetaKey(kSettingName, key)));
  if (!value) return absl::NotFoundError(absl::StrCat("no setting ", key));
  return *std::move(value);
}

absl::Status KvDeviceStore::WriteMeta(absl::string_view key, absl::string_view value,
                                      Durability durability) {
  KvBatch batch;
  batch.Put(Table::kMeta, std::string(key), std::string(value));
  return kv_->Write(batch, durability);
}

void KvDeviceStore::SetChangeListener(ChangeListener listener) {
  notifier_.SetListener(std::move(listener));
}

}  // namespace brigada
