// What a device may no longer read leaves it: the records of subscriptions that ended, conflicts
// among them, and the fields above a class that was lowered. A purge is noted with the welcome that
// said so and goes on, batch by batch, over restarts, until a pass finds nothing; work that has not
// been judged keeps its record until it has.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/schema/index_value.h"
#include "replica/store/device_keys.h"
#include "replica/store/ended_places.h"
#include "replica/store/feed_cover.h"
#include "replica/store/keys.h"
#include "replica/store/kv_device_store.h"
#include "replica/store/scrub_notes.h"
#include "replica/store/sealed_body.h"

namespace brigada {
namespace {

// Of one write batch, and of one stay in the store.
constexpr size_t kMaxRecordsChanged = 256;
constexpr size_t kMaxRecordsRead = 4096;

enum class Fate { kStays, kIsMasked, kGoes };

struct Judgement {
  Fate fate = Fate::kStays;
  v1::DataClass readable = v1::DATA_CLASS_UNSPECIFIED;
};

// A record that no lost subscription brought (a kiosk's own work) is left alone, and the bare
// tombstone of an erased one, which keeps it from coming back.
Judgement JudgementOf(const RecordType* type, const Record& base, absl::Span<const v1::Feed> lost,
                      absl::Span<const v1::Feed> feeds) {
  if (!base.exists() || base.erased) return {};
  const v1::DataClass record_class = ClassOf(type, base);
  const std::string scope = base.scope();
  const v1::DataClass before = ReadableClass(lost, scope, record_class);
  const v1::DataClass now = ReadableClass(feeds, scope, record_class);
  if (before <= now) return {};
  return {now == v1::DATA_CLASS_UNSPECIFIED ? Fate::kGoes : Fate::kIsMasked, now};
}

// True when the record is another one now.
bool Carry(const Judgement& judgement, RecordSlot* slot) {
  if (judgement.fate == Fate::kGoes) {
    slot->state = RecordStorage();
    return true;
  }
  const std::string before = EncodeStorage(slot->state);
  HideAbove(slot->type, judgement.readable, &slot->state.base);
  return EncodeStorage(slot->state) != before;
}

// Of what the slot takes out of the store, the live records, by scope. Conflicts are no work of
// anybody's.
absl::Status CountTaken(const KvReader& kv, const RecordSlot& slot,
                        std::map<std::string, uint64_t>* taken) {
  if (slot.state.base.exists() || slot.type_id == kConflictTypeId) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<std::string> stored,
                   kv.Get(Table::kRecords, RecordKey(slot.partition, slot.type_id, slot.id)));
  if (!stored) return absl::OkStatus();
  ASSIGN_OR_RETURN(const RecordStorage record, DecodeStorage(slot.type, *stored));
  if (record.base.is_live()) ++(*taken)[record.base.scope()];
  return absl::OkStatus();
}

std::vector<v1::Feed> FeedsOf(const google::protobuf::RepeatedPtrField<v1::Feed>& feeds) {
  return {feeds.begin(), feeds.end()};
}

}  // namespace

// Everything this device has been given, less what it still reads.
v1::Purge KvDeviceStore::PurgeAfter(const v1::Welcome& welcome) const {
  MutexLock lock(&mu_);
  std::vector<v1::Feed> given;
  AddFeeds(welcome_.feeds(), &given);
  AddFeeds(purge_.lost(), &given);
  for (const auto& [partition, state] : partitions_) {
    if (!state.cursor) continue;
    AddFeeds(state.cursor->feeds(), &given);
    AddFeeds(state.cursor->held().feeds(), &given);
  }
  const std::vector<v1::Feed> now = FeedsOf(welcome.feeds());
  v1::Purge purge;
  for (v1::Feed& feed : given) {
    if (!IsInsideAny(feed, now)) *purge.add_lost() = std::move(feed);
  }
  const bool is_new_epoch = !welcome_.epoch().empty() && welcome_.epoch() != welcome.epoch();
  purge.set_is_held_back(purge.lost_size() > 0 && is_new_epoch);
  return purge;
}

absl::Status KvDeviceStore::RunPurge() { return RunPurge(/*is_opening=*/false); }

absl::Status KvDeviceStore::RunPurge(bool is_opening) {
  v1::Purge purge;
  {
    MutexLock lock(&mu_);
    if (purge_.lost().empty() || purge_.is_held_back()) return absl::OkStatus();
    if (purge_step_ == PurgeStep::kFiles) return absl::OkStatus();
    if (purge_step_ == PurgeStep::kWaits && (HasUnjudged() || HasUnsettled() || LacksRecords()))
      return absl::OkStatus();
    purge = purge_;
  }
  PurgePass pass;
  pass.lost = FeedsOf(purge.lost());
  for (const v1::Feed& feed : purge.lost()) {
    const absl::StatusOr<Scope> scope = Scope::Parse(feed.scope());
    if (scope.ok()) pass.partitions.insert(std::string(scope->partition()));
  }
  for (const std::string& partition : pass.partitions) {
    pass.next_key = PartitionPrefix(partition);
    while (!pass.next_key.empty()) {
      RETURN_IF_ERROR(PurgeSome(PrefixEnd(PartitionPrefix(partition)), &pass));
      notifier_.Deliver();
    }
  }
  RETURN_IF_ERROR(PurgeVisitors(&pass));
  notifier_.Deliver();
  if (MustWait(pass)) return absl::OkStatus();
  // The welcome that is stored may be of a program that knew no key to seal to.
  if (is_opening && !SealKeyIn(LastWelcome()).has_value()) return absl::OkStatus();
  RETURN_IF_ERROR(ScrubRetained(pass));
  return NoteFiles(purge, pass);
}

bool KvDeviceStore::MustWait(const PurgePass& pass) {
  MutexLock lock(&mu_);
  if (pass.waiting == 0 && !HasUnsettled() && !HasUnjudged() && !LacksRecords()) return false;
  purge_step_ = PurgeStep::kWaits;
  // What waits has work from after the welcome.
  if (pass.waiting > 0 && !HasUnjudged()) MarkOutbox();
  return true;
}

bool KvDeviceStore::IsUntouched(const RecordType* type, const Record& base,
                                absl::Span<const v1::Feed> lost) const {
  const std::vector<v1::Feed> feeds = FeedsOf(LastWelcome().feeds());
  return JudgementOf(type, base, lost, feeds).fate == Fate::kStays;
}

void KvDeviceStore::MarkOutbox() {
  purge_waits_for_.clear();
  for (const auto& [partition, state] : partitions_)
    purge_waits_for_[partition] = state.head.sequence();
}

// Of any partition: a record may have gone to another one since. A verdict puts into base what was
// created, and the content beside it is kept.
bool KvDeviceStore::HasUnjudged() const {
  return std::any_of(partitions_.begin(), partitions_.end(), [&](const auto& entry) {
    const v1::OutboxHead& head = entry.second.head;
    const auto mark = purge_waits_for_.find(entry.first);
    return mark != purge_waits_for_.end() &&
           head.confirmed() < std::min(mark->second, head.sequence());
  });
}

// One bounded batch; moves `next_key` on, and empties it at `end`.
absl::Status KvDeviceStore::PurgeSome(const std::string& end, PurgePass* pass) {
  const WriterTurn turn(&writers_);
  RecordBatch records(&table_, kv_.get());
  const std::vector<v1::Feed> feeds = FeedsOf(LastWelcome().feeds());
  size_t changed = 0;
  size_t read = 0;
  const std::unique_ptr<KvIterator> it = kv_->Iterate(Table::kRecords, pass->next_key, end);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    pass->next_key = std::string(it->key());
    if (changed >= kMaxRecordsChanged || ++read > kMaxRecordsRead) break;
    RecordKeyParts parts;
    if (!ParseRecordKey(it->key(), &parts)) return absl::DataLossError("a record key is damaged");
    const RecordType* const type = options_.registry->Find(parts.type_id);
    ASSIGN_OR_RETURN(const RecordStorage stored, DecodeStorage(type, it->value()));
    const Judgement judgement = JudgementOf(type, stored.base, pass->lost, feeds);
    if (judgement.fate == Fate::kStays) continue;
    if (!stored.pending.empty()) {
      ++pass->waiting;
      continue;
    }
    ASSIGN_OR_RETURN(RecordSlot* const slot,
                     records.Open(parts.partition, parts.type_id, parts.id));
    slot->dirty = Carry(judgement, slot);
    changed += slot->dirty ? 1 : 0;
  }
  RETURN_IF_ERROR(it->status());
  if (!it->Valid()) pass->next_key.clear();
  if (changed == 0) return absl::OkStatus();
  pass->changed += changed;
  return WritePurged(&records);
}

absl::Status KvDeviceStore::WritePurged(RecordBatch* records) {
  KvBatch writes;
  RETURN_IF_ERROR(records->Stage(&writes));
  std::set<std::string> partitions;
  std::map<std::string, uint64_t> taken;
  for (const RecordSlot& slot : records->slots()) {
    if (!slot.dirty) continue;
    partitions.insert(slot.partition);
    RETURN_IF_ERROR(CountTaken(*kv_, slot, &taken));
  }
  RETURN_IF_ERROR(StageTakenAway(*kv_, taken, &writes));
  for (const std::string& partition : partitions)
    RETURN_IF_ERROR(StageScrubNote(*kv_, partition, &writes));
  RETURN_IF_ERROR(kv_->Write(writes, Durability::kMemory));
  TellOfChanges(records);
  return absl::OkStatus();
}

// Records on their way into a lost scope, which are still in the partition they left: the index of
// scopes knows them. They are few.
absl::Status KvDeviceStore::PurgeVisitors(PurgePass* pass) {
  const WriterTurn turn(&writers_);
  RecordBatch records(&table_, kv_.get());
  const uint64_t before = pass->changed;
  for (const std::string& partition : table_.Partitions()) {
    for (const RecordType* const type : options_.registry->types()) {
      const std::string prefix = IndexPrefix(partition, type->type_id(), kScopeFieldNumber);
      for (const v1::Feed& lost : pass->lost) {
        if (PartitionOfScope(lost.scope()) == partition) continue;
        RETURN_IF_ERROR(PurgeVisitorsIn(IndexBound(prefix, EncodeIndexStringPrefix(lost.scope())),
                                        *type, pass, &records));
      }
    }
  }
  return pass->changed == before ? absl::OkStatus() : WritePurged(&records);
}

absl::Status KvDeviceStore::PurgeVisitorsIn(absl::string_view index_prefix, const RecordType& type,
                                            PurgePass* pass, RecordBatch* records) {
  const std::vector<v1::Feed> feeds = FeedsOf(LastWelcome().feeds());
  const std::string partition(PartitionOfKey(index_prefix));
  const auto it = kv_->Iterate(Table::kIndex, index_prefix, PrefixEnd(index_prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    ASSIGN_OR_RETURN(RecordSlot* const slot,
                     records->Open(partition, type.type_id(), IdOfIndexKey(it->key())));
    const Judgement judgement = JudgementOf(&type, slot->state.base, pass->lost, feeds);
    if (slot->dirty || judgement.fate == Fate::kStays) continue;
    if (!slot->state.pending.empty()) {
      ++pass->waiting;
      continue;
    }
    slot->dirty = Carry(judgement, slot);
    pass->changed += slot->dirty ? 1 : 0;
  }
  return it->status();
}

// The tables are done; the partitions are noted whatever this pass found: another one may have been
// cut short.
absl::Status KvDeviceStore::NoteFiles(const v1::Purge& purge, const PurgePass& pass) {
  const WriterTurn turn(&writers_);
  KvBatch due;
  for (const std::string& partition : pass.partitions)
    RETURN_IF_ERROR(StageScrubNote(*kv_, partition, &due));
  RETURN_IF_ERROR(kv_->Write(due, Durability::kMemory));
  Log(LogLevel::kInfo, "purged_from_tables",
      {{"feeds", purge.lost_size()}, {"records", pass.changed}});
  MutexLock lock(&mu_);
  // Unless another welcome came in between.
  if (purge_.SerializeAsString() == purge.SerializeAsString()) purge_step_ = PurgeStep::kFiles;
  return absl::OkStatus();
}

v1::Receipt KvDeviceStore::PendingReceipt() const {
  MutexLock lock(&mu_);
  return receipt_;
}

}  // namespace brigada
