// Change sets after their verdict: kept until every backup of the server holds them, so that a
// server that went back can be sent again what it lost.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/batch_in_progress.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"
#include "replica/store/kv_device_store.h"
#include "replica/store/own_fields.h"
#include "replica/store/refusals.h"
#include "replica/store/sealed_body.h"

namespace brigada {
namespace {

absl::StatusOr<v1::OutboxChangeSet> ParseStored(absl::string_view value) {
  v1::OutboxChangeSet set;
  if (!set.ParseFromArray(value.data(), static_cast<int>(value.size())))
    return absl::DataLossError("a retained change set is damaged");
  return set;
}

// Its scope has left this device, and there is nothing in it to show or to try.
bool IsWithheld(const PendingSet& set) {
  return (set.change_set.has_sealed_body() ||
          set.change_set.stub().reason() == v1::ChangeSet::Stub::UNREADABLE) &&
         !SaysSomething(set.body);
}

// What is no longer kept cannot be sent again: no verdict of it is waited for.
void SkipDropped(v1::OutboxHead* head) {
  if (head->reconfirmed() >= head->redelivered() || head->retained_from() == 0) return;
  head->set_reconfirmed(
      std::min(head->redelivered(), std::max(head->reconfirmed(), head->retained_from() - 1)));
}

bool NamesErased(const v1::Verdict& verdict) {
  return std::any_of(verdict.refusals().begin(), verdict.refusals().end(),
                     [](const v1::Refusal& r) { return r.reason() == v1::ERASED_RECORD; });
}

// Either clock may stand wrong by decades, now or when the verdict came, and no backup need hold
// the set: it is as old as both clocks say at least. What either did not know then does not age.
absl::Duration AgeOf(const v1::OutboxChangeSet& set, const JudgedAt& now) {
  if (set.judged_at_ms() <= 0 || set.judged_wall_ms() <= 0) return absl::ZeroDuration();
  return absl::Milliseconds(
      std::min(now.server_ms - set.judged_at_ms(), now.wall_ms - set.judged_wall_ms()));
}

// Leaves of the body what the chain covers.
void Discard(v1::ChangeSet* set) {
  if (set->has_stub()) return;
  const absl::StatusOr<Sha256Digest> hash = BodyHashOf(*set);
  if (!hash.ok()) return;
  set->clear_salt();
  set->mutable_stub()->set_reason(v1::ChangeSet::Stub::DISCARDED);
  set->mutable_stub()->set_body_hash(std::string(AsView(*hash)));
}

bool IsChain(absl::string_view bytes) { return bytes.size() == sizeof(ChainValue); }

}  // namespace

v1::OutboxChangeSet RetainedSet(v1::OutboxChangeSet set, const v1::Verdict& verdict,
                                absl::string_view epoch, const JudgedAt& at) {
  *set.mutable_verdict() = verdict;
  set.set_epoch(std::string(epoch));
  set.set_judged_at_ms(at.server_ms);
  set.set_judged_wall_ms(at.wall_ms);
  const bool is_refused = verdict.outcome() == v1::REJECTED;
  // What is sealed is in no rejected list: it is nowhere else.
  const bool is_sealed = set.change_set().has_sealed_body() && !NamesErased(verdict);
  if (is_refused && !is_sealed) Discard(set.mutable_change_set());
  return set;
}

JudgedAt KvDeviceStore::TimesOf(const v1::DeviceClock& clock) const {
  return {clock.server_time_ms() + clock.elapsed_ms(), absl::ToUnixMillis(options_.clock->Now())};
}

absl::Status KvDeviceStore::Retain(const v1::Verdict& verdict, BatchInProgress* work) {
  v1::OutboxHead& head = work->state.head;
  const std::string key = ChangeSetKey(work->partition, verdict.sequence());
  ASSIGN_OR_RETURN(const std::optional<std::string> value, kv_->Get(Table::kOutbox, key));
  if (!value) return absl::DataLossError("a change set of the outbox is missing");
  ASSIGN_OR_RETURN(v1::OutboxChangeSet set, ParseStored(*value));
  const JudgedAt now = TimesOf(ClockNow(work->clock.last()));
  if (head.retained_from() == 0) {
    head.set_retained_from(1);
    head.set_retained_chain(std::string(AsView(ChainStart(replica_.bytes(), work->partition))));
  }
  // Behind one that could not be read: nobody can say what this one continues, so it could not be
  // sent again.
  if (head.retained_from() == verdict.sequence() && !IsChain(head.retained_chain())) {
    head.set_retained_from(verdict.sequence() + 1);
    head.set_retained_chain(set.chain());
    work->writes.Delete(Table::kOutbox, key);
    return absl::OkStatus();
  }
  set = RetainedSet(std::move(set), verdict, work->epoch, now);
  const std::string kept = set.SerializeAsString();
  work->retained[verdict.sequence()] = std::move(set);
  head.set_retained_bytes(head.retained_bytes() + kept.size());
  work->writes.Put(Table::kOutbox, key, kept);
  if (head.retained_bytes() <= options_.retained_bytes_max) return absl::OkStatus();
  return DropRetained(work->partition, /*covered=*/0, now, &head, &work->writes);
}

absl::Status KvDeviceStore::ApplyLateVerdict(const v1::Verdict& verdict, BatchInProgress* work) {
  v1::OutboxHead& head = work->state.head;
  const uint64_t sequence = verdict.sequence();
  const bool was_settled = IsSettled(head, sequence);
  if (sequence == head.reconfirmed() + 1 && sequence <= head.redelivered())
    head.set_reconfirmed(sequence);
  if (sequence < head.retained_from()) return SettleListed(verdict, work);
  const std::string key = ChangeSetKey(work->partition, sequence);
  v1::OutboxChangeSet set;
  bool is_rejected = false;
  if (const auto staged = work->retained.find(sequence); staged != work->retained.end()) {
    set = staged->second;
    is_rejected = work->is_rejected[sequence];
  } else {
    ASSIGN_OR_RETURN(const auto value, kv_->Get(Table::kOutbox, key));
    if (!value) return SettleListed(verdict, work);
    if (!ParsePendingSet(*value, sequence).ok()) return ApplyLateVerdictOfDamaged(verdict, work);
    ASSIGN_OR_RETURN(set, ParseStored(*value));
    ASSIGN_OR_RETURN(const auto rejected, kv_->Get(Table::kRejected, key));
    is_rejected = work->is_rejected[sequence] = rejected.has_value();
  }
  // Pulled again: nothing new. A release stands though the verdict before it is pulled once more.
  const v1::Verdict& known = set.verdict();
  const bool is_before_release = known.released_ms() != 0 && set.epoch() == work->epoch &&
                                 verdict.commit_sequence() < known.commit_sequence();
  const bool is_known = is_before_release || known.commit_sequence() == verdict.commit_sequence();
  // What a server says that went back is another word, though the epoch and the number be the same.
  if (was_settled && is_known) return absl::OkStatus();
  PendingSet judged;
  judged.change_set = set.change_set();
  if (!judged.header.ParseFromString(judged.change_set.header()) ||
      !judged.body.ParseFromString(judged.change_set.has_body() ? judged.change_set.body()
                                                                : set.remaining()))
    return absl::DataLossError("a retained change set is damaged");
  if (is_rejected && (!IsKeptOut(verdict) || IsDoneElsewhere(verdict, judged.header))) {
    // Nobody reads its scope here any more.
    if (judged.change_set.has_sealed_body()) work->scrubbed.insert(work->partition);
    LeaveList(sequence, work);
  } else if (!is_rejected && IsKeptOut(verdict) && !IsKeptOut(set.verdict()) &&
             !IsWithheld(judged)) {
    RETURN_IF_ERROR(MoveToRejected(judged, verdict, work));
  }
  // What was sent again comes whole with its entries; what waited is left out of them.
  if (IsKeptOut(set.verdict()) && !IsKeptOut(verdict) && sequence > head.redelivered())
    RETURN_IF_ERROR(FoldReleased(judged, verdict, work));
  if (verdict.released_ms() != 0) RETURN_IF_ERROR(EndSameWork(judged.header, work));
  const uint64_t bytes_before = set.ByteSizeLong();
  set = RetainedSet(std::move(set), verdict, work->epoch, TimesOf(ClockNow(work->clock.last())));
  head.set_retained_bytes(head.retained_bytes() - std::min(head.retained_bytes(), bytes_before) +
                          set.ByteSizeLong());
  work->writes.Put(Table::kOutbox, key, set.SerializeAsString());
  work->retained[sequence] = std::move(set);
  return absl::OkStatus();
}

absl::Status KvDeviceStore::ApplyLateVerdictOfDamaged(const v1::Verdict& verdict,
                                                      BatchInProgress* work) {
  v1::OutboxHead& head = work->state.head;
  RETURN_IF_ERROR(GiveUpRetained(work->partition, verdict.sequence(), &head, &work->writes));
  return SettleListed(verdict, work);
}

// Change set `sequence` cannot be read: what lies before it could not be sent again past it, and
// nobody can tell what it says. Retained is what comes after, from the first one on of which the
// chain value before it is known.
absl::Status KvDeviceStore::GiveUpRetained(absl::string_view partition, uint64_t sequence,
                                           v1::OutboxHead* head, KvBatch* batch) const {
  const uint64_t first = head->retained_from();
  std::string chain;
  const auto it = kv_->Iterate(Table::kOutbox, ChangeSetKey(partition, first),
                               ChangeSetKey(partition, head->confirmed() + 1));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const uint64_t at = BigEndian64(it->key().substr(PartitionPrefix(partition).size()));
    if (at > sequence && IsChain(chain)) break;
    const absl::StatusOr<v1::OutboxChangeSet> set = ParseStored(it->value());
    chain = set.ok() ? set->chain() : "";
    head->set_retained_from(at + 1);
    head->set_retained_bytes(head->retained_bytes() -
                             std::min<uint64_t>(head->retained_bytes(), it->value().size()));
    batch->Delete(Table::kOutbox, std::string(it->key()));
  }
  RETURN_IF_ERROR(it->status());
  if (!IsChain(chain) && head->sequence() == head->confirmed()) chain = head->chain();
  head->set_retained_chain(chain);
  SkipDropped(head);
  Log(LogLevel::kError, "retained_set_damaged",
      {{"partition", partition},
       {"sequence", sequence},
       {"dropped", head->retained_from() - first}});
  return absl::OkStatus();
}

// Nothing could be sent past one that is damaged.
absl::Status KvDeviceStore::GiveUpDamaged(absl::string_view partition, v1::OutboxHead* head,
                                          KvBatch* batch) const {
  const auto it = kv_->Iterate(Table::kOutbox, ChangeSetKey(partition, head->retained_from()),
                               ChangeSetKey(partition, head->confirmed() + 1));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const uint64_t sequence = BigEndian64(it->key().substr(PartitionPrefix(partition).size()));
    if (sequence < head->retained_from() || ParsePendingSet(it->value(), sequence).ok()) continue;
    RETURN_IF_ERROR(GiveUpRetained(partition, sequence, head, batch));
  }
  return it->status();
}

// The oldest first, while they are covered, too old, or too much.
absl::Status KvDeviceStore::DropRetained(absl::string_view partition, uint64_t covered,
                                         const JudgedAt& now, v1::OutboxHead* head,
                                         KvBatch* batch) const {
  const auto it = kv_->Iterate(Table::kOutbox, ChangeSetKey(partition, head->retained_from()),
                               ChangeSetKey(partition, head->confirmed() + 1));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const absl::StatusOr<v1::OutboxChangeSet> parsed = ParseStored(it->value());
    if (!parsed.ok()) {
      const uint64_t damaged = BigEndian64(it->key().substr(PartitionPrefix(partition).size()));
      return GiveUpRetained(partition, damaged, head, batch);
    }
    const v1::OutboxChangeSet& set = *parsed;
    // Its verdict is on its way into the store with this batch.
    if (!set.has_verdict()) break;
    const uint64_t sequence = set.verdict().sequence();
    const bool is_covered = set.verdict().commit_sequence() <= covered &&
                            IsSettled(*head, sequence) && !WaitsForRecords(set.verdict());
    const bool is_old = AgeOf(set, now) > options_.retained_for;
    if (!is_covered && !is_old && head->retained_bytes() <= options_.retained_bytes_max) break;
    batch->Delete(Table::kOutbox, std::string(it->key()));
    head->set_retained_from(sequence + 1);
    head->set_retained_chain(set.chain());
    head->set_retained_bytes(head->retained_bytes() -
                             std::min<uint64_t>(head->retained_bytes(), it->value().size()));
  }
  SkipDropped(head);
  return it->status();
}

absl::Status KvDeviceStore::DropCovered(const v1::Welcome& welcome) {
  const JudgedAt now{welcome.server_time_ms(), absl::ToUnixMillis(options_.clock->Now())};
  for (const std::string& partition : Partitions()) {
    const PartitionState state = StateOf(partition);
    v1::OutboxHead head = state.head;
    if (head.retained_from() == 0) continue;
    const bool is_reset = std::any_of(
        welcome.resets().begin(), welcome.resets().end(),
        [&](const auto& reset) { return reset.partition() == partition && !reset.has_cursor(); });
    uint64_t covered = 0;
    // Until the checkpoint after a reset a verdict here may be of a line that is lost; the number
    // of its commit then says nothing of the backups.
    for (const v1::PartitionHead& of : welcome.covered())
      if (of.partition() == partition && !is_reset && !state.left) covered = of.sequence();
    KvBatch dropped;
    RETURN_IF_ERROR(DropRetained(partition, covered, now, &head, &dropped));
    if (!dropped.empty()) RETURN_IF_ERROR(WriteHead(partition, std::move(head), dropped));
  }
  return absl::OkStatus();
}

absl::Status KvDeviceStore::WriteHead(absl::string_view partition, v1::OutboxHead head,
                                      KvBatch batch) {
  batch.Put(Table::kMeta, NamedMetaKey(kOutboxHeadName, partition), head.SerializeAsString());
  RETURN_IF_ERROR(kv_->Write(batch, Durability::kSync));
  MutexLock lock(&mu_);
  partitions_[std::string(partition)].head = std::move(head);
  return absl::OkStatus();
}

absl::Status KvDeviceStore::ResumeAfterLoss(absl::string_view partition, uint64_t expected) {
  const WriterTurn turn(&writers_);
  v1::OutboxHead head = Head(partition);
  if (expected == 0 || expected > head.confirmed()) return absl::OkStatus();
  const bool is_under_way = head.reconfirmed() < head.redelivered();
  head.set_reconfirmed(is_under_way ? std::min(head.reconfirmed(), expected - 1) : expected - 1);
  head.set_redelivered(head.confirmed());
  KvBatch dropped;
  RETURN_IF_ERROR(GiveUpDamaged(partition, &head, &dropped));
  SkipDropped(&head);
  return WriteHead(partition, std::move(head), std::move(dropped));
}

}  // namespace brigada
