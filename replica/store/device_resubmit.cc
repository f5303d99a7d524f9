// Trying again what the authority refused: a new change set with the old content, position and
// stamp, which takes the old one's place in one write batch.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/schema/scope.h"
#include "replica/store/created_records.h"
#include "replica/store/device_commit.h"
#include "replica/store/device_keys.h"
#include "replica/store/grant_cover.h"
#include "replica/store/keys.h"
#include "replica/store/refusals.h"
#include "replica/store/schema_version.h"

namespace brigada {

struct KvDeviceStore::ListedSet {
  std::string key;
  v1::RejectedChangeSet entry;
  v1::ChangeSetHeader header;
  v1::ChangeSetBody body;
  bool is_edited = false;
  // Of an edit: it puts what it creates into another partition.
  bool begins_elsewhere = false;
};

struct KvDeviceStore::RetriesDone {
  struct Set {
    std::string partition;
    uint64_t first_try = 0;
    uint64_t sequence = 0;
    absl::flat_hash_set<std::string> records;
    absl::flat_hash_set<std::string> created;
  };
  std::vector<Set> sets;
  std::set<std::string> read;  // partitions whose outbox has been looked through
};

namespace {

// Of the list so many entries are looked at in one write batch; other commits pass in between.
constexpr size_t kMaxEntriesAtOnce = 256;

bool MayChange(const v1::Refusal& refusal) {
  return IsOfGrants(refusal) || IsNotJudged(refusal) || refusal.reason() == v1::UNKNOWN_RECORD;
}

// Nothing stood against it but a missing grant, a failure of the server, or a record whose creation
// was refused. What waits in quarantine for a record alone is applied by the server when that
// comes.
bool MayPassUnchanged(const v1::Verdict& verdict) {
  const auto& refusals = verdict.refusals();
  if (!std::all_of(refusals.begin(), refusals.end(), MayChange)) return false;
  return verdict.outcome() == v1::REJECTED ||
         std::any_of(refusals.begin(), refusals.end(), [](const v1::Refusal& refusal) {
           return IsOfGrants(refusal) || IsNotJudged(refusal);
         });
}

bool LacksGrantsOnly(const v1::Verdict& verdict) {
  return verdict.refusals_size() > 0 &&
         std::all_of(verdict.refusals().begin(), verdict.refusals().end(), IsOfGrants);
}

bool LacksARecord(const v1::Verdict& verdict) {
  return std::any_of(
      verdict.refusals().begin(), verdict.refusals().end(),
      [](const v1::Refusal& refusal) { return refusal.reason() == v1::UNKNOWN_RECORD; });
}

uint64_t FirstTryOf(const v1::ChangeSetHeader& header) {
  return header.has_retry_of() ? header.retry_of().sequence() : header.sequence();
}

absl::flat_hash_set<std::string> RecordsOf(const v1::ChangeSetBody& body) {
  absl::flat_hash_set<std::string> ids;
  for (const v1::Change& change : body.changes()) ids.insert(change.record_id());
  return ids;
}

absl::flat_hash_set<std::string> CreatedBy(const v1::ChangeSetBody& body) {
  absl::flat_hash_set<std::string> ids;
  for (const v1::Change& change : body.changes())
    if (change.kind() == v1::Change::CREATE) ids.insert(change.record_id());
  return ids;
}

bool Concerns(const v1::ChangeSetBody& body, const absl::flat_hash_set<std::string>& records) {
  return std::any_of(body.changes().begin(), body.changes().end(), [&](const v1::Change& change) {
    return records.contains(change.record_id());
  });
}

bool BeginsElsewhere(const v1::ChangeSetHeader& refused, const v1::ChangeSetBody& body) {
  return std::any_of(body.changes().begin(), body.changes().end(), [&](const v1::Change& change) {
    const auto scope = Scope::Parse(change.scope());
    return change.kind() == v1::Change::CREATE && scope.ok() &&
           scope->partition() != refused.partition();
  });
}

}  // namespace

// One that cannot be read holds nothing up: it stays, to be seen and discarded.
absl::StatusOr<std::vector<KvDeviceStore::ListedSet>> KvDeviceStore::ReadRejected(
    absl::string_view begin, absl::string_view end, size_t most, std::string* next) const {
  std::vector<ListedSet> list;
  size_t entries = 0;
  next->clear();
  const std::unique_ptr<KvIterator> it = kv_->Iterate(Table::kRejected, begin, end);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (++entries > most) {
      *next = std::string(it->key());
      break;
    }
    ListedSet set;
    set.key = std::string(it->key());
    if (set.entry.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())) &&
        set.header.ParseFromString(set.entry.change_set().header()) &&
        set.body.ParseFromString(set.entry.change_set().body())) {
      list.push_back(std::move(set));
    } else {
      Log(LogLevel::kError, "rejected_set_damaged", {{"partition", PartitionOfKey(it->key())}});
    }
  }
  RETURN_IF_ERROR(it->status());
  return list;
}

absl::StatusOr<std::vector<CommitReceipt>> KvDeviceStore::Resubmit(absl::string_view partition,
                                                                   uint64_t sequence,
                                                                   std::vector<v1::Change> edited) {
  std::vector<CommitReceipt> receipts;
  {
    const WriterTurn turn(&writers_);
    const std::string key = ChangeSetKey(partition, sequence);
    std::string next;
    ASSIGN_OR_RETURN(std::vector<ListedSet> list,
                     ReadRejected(key, PrefixEnd(PartitionPrefix(partition)), SIZE_MAX, &next));
    std::vector<ListedSet> chosen;
    CreatedRecords created;
    for (ListedSet& set : list) {
      const bool is_asked = set.key == key;
      const bool goes_along = !chosen.empty() && MayPassUnchanged(set.entry.verdict()) &&
                              created.FirstConcerned(set.body) != 0;
      if (!is_asked && !goes_along) continue;
      if (is_asked && !edited.empty()) {
        set.body.mutable_changes()->Assign(edited.begin(), edited.end());
        set.is_edited = true;
        set.begins_elsewhere = BeginsElsewhere(set.header, set.body);
      }
      created.Add(set.body, set.header.sequence());
      chosen.push_back(std::move(set));
      // What depends on it was written for the partition that it leaves.
      if (chosen.front().begins_elsewhere) break;
    }
    if (chosen.empty()) {
      return absl::NotFoundError(
          absl::StrCat("no readable rejected change set ", sequence, " in ", partition));
    }
    const ListedSet& asked = chosen.front();
    if (WaitsForRecords(asked.entry.verdict()) && !IsOfFormerId(asked.header)) {
      return absl::FailedPreconditionError(
          "the server keeps this change set, and applies it when the records that it waits for "
          "have come");
    }
    CommitGroup group(&table_, kv_.get(), folios_);
    absl::Status first;
    RetriesDone done;
    ASSIGN_OR_RETURN(receipts, StageRetries(&chosen, &group, &done, &first));
    RETURN_IF_ERROR(first);
    RETURN_IF_ERROR(WriteRetries(&group, receipts.size()));
  }
  notifier_.Deliver();
  return receipts;
}

absl::StatusOr<uint64_t> KvDeviceStore::ResubmitCovered() {
  uint64_t count = 0;
  std::string next;
  CreatedRecords created;
  RetriesDone done;
  do {
    ASSIGN_OR_RETURN(const uint64_t went, ResubmitStep(&next, &created, &done));
    if (went > 0) notifier_.Deliver();
    count += went;
  } while (!next.empty());
  return count;
}

absl::StatusOr<uint64_t> KvDeviceStore::ResubmitStep(std::string* next, CreatedRecords* created,
                                                     RetriesDone* done) {
  const WriterTurn turn(&writers_);
  {
    MutexLock lock(&mu_);
    if (rejected_ == 0) {
      next->clear();
      return 0;
    }
  }
  const std::string begin = *next;
  ASSIGN_OR_RETURN(std::vector<ListedSet> list, ReadRejected(begin, "", kMaxEntriesAtOnce, next));
  CommitGroup group(&table_, kv_.get(), folios_);
  std::vector<ListedSet> chosen;
  for (ListedSet& set : list) {
    ASSIGN_OR_RETURN(const Chance chance,
                     ChanceOf(set.entry, set.header, set.body, &group.records));
    if (chance != Chance::kCovered && set.entry.tried_covered()) {
      set.entry.set_tried_covered(false);
      group.batch.Put(Table::kRejected, set.key, set.entry.SerializeAsString());
    }
    ASSIGN_OR_RETURN(const bool goes, GoesNow(set, chance, done));
    const bool goes_along =
        MayPassUnchanged(set.entry.verdict()) && created->FirstConcerned(set.body) != 0;
    if (!goes && !goes_along) continue;
    created->Add(set.body, set.header.sequence());
    chosen.push_back(std::move(set));
  }
  absl::Status first;
  ASSIGN_OR_RETURN(const auto receipts, StageRetries(&chosen, &group, done, &first));
  if (!group.batch.empty()) RETURN_IF_ERROR(WriteRetries(&group, receipts.size()));
  return receipts.size();
}

// Its later verdict, should it wait for a record, goes to a replica that this store no longer is.
bool KvDeviceStore::IsOfFormerId(const v1::ChangeSetHeader& header) const {
  return header.replica() != replica_.bytes();
}

absl::StatusOr<KvDeviceStore::Chance> KvDeviceStore::ChanceOf(const v1::RejectedChangeSet& entry,
                                                              const v1::ChangeSetHeader& header,
                                                              const v1::ChangeSetBody& body,
                                                              RecordBatch* records) const {
  const v1::Verdict& verdict = entry.verdict();
  if (!MayPassUnchanged(verdict) && !(WaitsForRecords(verdict) && IsOfFormerId(header)))
    return Chance::kNone;
  const v1::Welcome welcome = LastWelcome();
  if (LacksGrantsOnly(verdict)) {
    return GrantsCoverAll(welcome, entry.scopes(), body, header.partition()) ? Chance::kCovered
                                                                             : Chance::kNone;
  }
  // By a server that was too old for it, or one that failed.
  if (WasNotJudged(verdict))
    return header.schema_version() <= SchemaVersionIn(welcome) ? Chance::kCovered : Chance::kNone;
  if (!LacksARecord(verdict)) return Chance::kNone;
  google::protobuf::RepeatedPtrField<std::string> places;
  for (const v1::Change& change : body.changes()) {
    std::string* const place = places.Add();
    if (change.kind() == v1::Change::CREATE) continue;
    const auto id = RecordId::FromBytes(change.record_id());
    if (!id.ok()) return Chance::kNone;
    const absl::StatusOr<RecordSlot*> slot = records->Find(change.type_id(), *id);
    // A damaged record is dealt with where it is read for its own sake.
    if (absl::IsDataLoss(slot.status())) return Chance::kNone;
    RETURN_IF_ERROR(slot.status());
    if (*slot == nullptr || !(*slot)->state.visible().is_live()) return Chance::kNone;
    *place = (*slot)->state.visible().scope();
  }
  return GrantsCoverAll(welcome, places, body, header.partition()) ? Chance::kCovered
                                                                   : Chance::kRecordsHere;
}

// A record that the server said it did not know, and that is here, was one of two things: unknown
// because its creation was refused, which has gone again since; or there, where this user could not
// read it then, and can now.
absl::StatusOr<bool> KvDeviceStore::GoesNow(const ListedSet& set, Chance chance,
                                            RetriesDone* done) const {
  if (chance == Chance::kNone) return false;
  if (chance == Chance::kCovered && !set.entry.tried_covered()) return true;
  if (!LacksARecord(set.entry.verdict())) return false;
  // Of a former id: the server tells this replica no other verdict.
  if (WaitsForRecords(set.entry.verdict())) return true;
  return FollowsARetry(set, done);
}

// A record it changes was created by an earlier change set that has gone again after this one.
absl::StatusOr<bool> KvDeviceStore::FollowsARetry(const ListedSet& set, RetriesDone* done) const {
  const std::string& partition = set.header.partition();
  RETURN_IF_ERROR(ReadRetriesSent(partition, done));
  return std::any_of(done->sets.begin(), done->sets.end(), [&](const RetriesDone::Set& earlier) {
    return earlier.partition == partition && earlier.first_try < FirstTryOf(set.header) &&
           earlier.sequence > set.header.sequence() && Concerns(set.body, earlier.created);
  });
}

absl::Status KvDeviceStore::ReadRetriesSent(const std::string& partition, RetriesDone* done) const {
  if (!done->read.insert(partition).second) return absl::OkStatus();
  const std::string prefix = PartitionPrefix(partition);
  const std::unique_ptr<KvIterator> it = kv_->Iterate(Table::kOutbox, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    v1::OutboxChangeSet stored;
    v1::ChangeSetHeader header;
    v1::ChangeSetBody body;
    // What is damaged is found by those who send it. Released is as good as sent again.
    if (!stored.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())) ||
        !header.ParseFromString(stored.change_set().header()) ||
        (!header.has_retry_of() && stored.verdict().released_ms() == 0) ||
        !body.ParseFromString(stored.change_set().body()))
      continue;
    done->sets.push_back({header.partition(), FirstTryOf(header), header.sequence(),
                          RecordsOf(body), CreatedBy(body)});
  }
  return it->status();
}

// The server lets go of what it holds in quarantine when the retry is accepted. Should it lose that
// again, only the retry may come back to life. The content stays all the same: an administrator may
// release the first try while the retry is on its way, and then it is what counts.
absl::Status KvDeviceStore::LeaveQuarantine(const ListedSet& set, CommitGroup* group) const {
  if (set.entry.verdict().outcome() != v1::QUARANTINED) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto value, kv_->Get(Table::kOutbox, set.key));
  if (!value.has_value()) return absl::OkStatus();
  v1::OutboxChangeSet kept;
  if (!kept.ParseFromString(*value)) return absl::DataLossError("a retained change set is damaged");
  kept.mutable_verdict()->set_outcome(v1::REJECTED);
  const std::string refused = kept.SerializeAsString();
  v1::OutboxHead& head = group->partitions[set.header.partition()].head;
  head.set_retained_bytes(head.retained_bytes() -
                          std::min<uint64_t>(head.retained_bytes(), value->size()) +
                          refused.size());
  group->batch.Put(Table::kOutbox, set.key, refused);
  return absl::OkStatus();
}

absl::StatusOr<CommitReceipt> KvDeviceStore::StageRetry(const ListedSet& set,
                                                        const RetriesDone& done,
                                                        CommitGroup* group) {
  if (!set.header.user().empty() && set.header.user() != user())
    return absl::FailedPreconditionError("the change set is another user's work");
  CommitRequest request;
  request.changes.assign(set.body.changes().begin(), set.body.changes().end());
  ASSIGN_OR_RETURN(request.checked, CheckChanges(*options_.registry, request.changes));
  // It begins there as work of today: no number of this partition counts in that.
  if (set.begins_elsewhere) {
    // It would not let go of it for a change set of another partition, and could apply both.
    if (set.entry.verdict().outcome() == v1::QUARANTINED) {
      return absl::FailedPreconditionError(
          "the server keeps this change set, so it cannot go to another state: discard it and "
          "register its content anew");
    }
    return StageCommit(&request, group);
  }
  RetryOf& retry = request.retry.emplace();
  retry.header = set.header;
  retry.is_edited = set.is_edited;
  for (const RetriesDone::Set& earlier : done.sets) {
    const bool is_seen = earlier.partition == set.header.partition() &&
                         earlier.first_try < FirstTryOf(set.header) &&
                         Concerns(set.body, earlier.records);
    const auto& seen = retry.seen_own;
    if (is_seen && std::find(seen.begin(), seen.end(), earlier.sequence) == seen.end())
      retry.seen_own.push_back(earlier.sequence);
  }
  return StageCommit(&request, group);
}

// A set that cannot be committed as it is (a rule has changed since) stays on the list. `first`:
// what became of the first.
absl::StatusOr<std::vector<CommitReceipt>> KvDeviceStore::StageRetries(
    std::vector<ListedSet>* chosen, CommitGroup* group, RetriesDone* done, absl::Status* first) {
  std::vector<CommitReceipt> receipts;
  group->clock = clock_;
  for (ListedSet& set : *chosen) {
    if (LacksARecord(set.entry.verdict()))
      RETURN_IF_ERROR(ReadRetriesSent(set.header.partition(), done));
    absl::StatusOr<CommitReceipt> receipt = StageRetry(set, *done, group);
    if (&set == &chosen->front()) *first = receipt.status();
    if (!receipt.ok()) {
      Log(LogLevel::kWarning, "retry_not_possible",
          {{"partition", set.header.partition()},
           {"sequence", set.header.sequence()},
           {"code", absl::StatusCodeToString(receipt.status().code())}});
      continue;
    }
    RETURN_IF_ERROR(LeaveQuarantine(set, group));
    group->batch.Delete(Table::kRejected, set.key);
    done->sets.push_back({receipt->partition, FirstTryOf(set.header), receipt->sequence,
                          RecordsOf(set.body), CreatedBy(set.body)});
    receipts.push_back(*std::move(receipt));
  }
  return receipts;
}

absl::Status KvDeviceStore::WriteRetries(CommitGroup* group, uint64_t count) {
  RETURN_IF_ERROR(WriteGroup(group));
  MutexLock lock(&mu_);
  rejected_ -= count;
  return absl::OkStatus();
}

}  // namespace brigada
