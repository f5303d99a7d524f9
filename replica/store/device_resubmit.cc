// Trying again what the authority refused: a new change set with the old content, position and
// stamp, which takes the old one's place in one write batch.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/created_records.h"
#include "replica/store/device_commit.h"
#include "replica/store/device_keys.h"
#include "replica/store/grant_cover.h"
#include "replica/store/keys.h"

namespace brigada {

struct KvDeviceStore::ListedSet {
  std::string key;
  v1::RejectedChangeSet entry;
  v1::ChangeSetHeader header;
  v1::ChangeSetBody body;
};

namespace {

// Bounds one write batch; the rest goes at the next welcome.
constexpr size_t kMaxRetriesAtOnce = 256;

bool IsOfGrants(v1::RefusalReason reason) {
  return reason == v1::NOT_GRANTED || reason == v1::LATE_AFTER_REVOCATION;
}

// Nothing stood against it but a missing grant, or a record whose creation was refused.
bool MayPassUnchanged(const v1::Verdict& verdict) {
  return verdict.outcome() == v1::REJECTED &&
         std::all_of(
             verdict.refusals().begin(), verdict.refusals().end(), [](const v1::Refusal& refusal) {
               return IsOfGrants(refusal.reason()) || refusal.reason() == v1::UNKNOWN_RECORD;
             });
}

bool LacksGrantsOnly(const v1::Verdict& verdict) {
  return verdict.outcome() == v1::REJECTED && verdict.refusals_size() > 0 &&
         std::all_of(verdict.refusals().begin(), verdict.refusals().end(),
                     [](const v1::Refusal& refusal) { return IsOfGrants(refusal.reason()); });
}

bool ShareRecord(const v1::ChangeSetBody& one, const v1::ChangeSetBody& other) {
  for (const v1::Change& a : one.changes()) {
    for (const v1::Change& b : other.changes())
      if (a.record_id() == b.record_id()) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::vector<KvDeviceStore::ListedSet>> KvDeviceStore::ReadRejectedList(
    absl::string_view partition) const {
  std::vector<ListedSet> list;
  const std::string prefix = partition.empty() ? "" : PartitionPrefix(partition);
  const std::unique_ptr<KvIterator> it =
      kv_->Iterate(Table::kRejected, prefix, prefix.empty() ? "" : PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    ListedSet& set = list.emplace_back();
    set.key = std::string(it->key());
    if (!set.entry.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())) ||
        !set.header.ParseFromString(set.entry.change_set().header()) ||
        !set.body.ParseFromString(set.entry.change_set().body())) {
      return absl::DataLossError("a stored rejected change set is damaged");
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
    ASSIGN_OR_RETURN(std::vector<ListedSet> list, ReadRejectedList(partition));
    const std::string key = ChangeSetKey(partition, sequence);
    std::vector<ListedSet> chosen;
    CreatedRecords created;
    for (ListedSet& set : list) {
      const bool is_asked = set.key == key;
      const bool goes_along = !chosen.empty() && MayPassUnchanged(set.entry.verdict()) &&
                              created.FirstConcerned(set.body) != 0;
      if (!is_asked && !goes_along) continue;
      if (is_asked && !edited.empty())
        set.body.mutable_changes()->Assign(edited.begin(), edited.end());
      created.Add(set.body, set.header.sequence());
      chosen.push_back(std::move(set));
    }
    if (chosen.empty()) {
      return absl::NotFoundError(
          absl::StrCat("no rejected change set ", sequence, " in ", partition));
    }
    if (chosen.front().entry.verdict().outcome() == v1::QUARANTINED) {
      return absl::FailedPreconditionError(
          "the server keeps this change set in quarantine, for a person to decide there");
    }
    CommitGroup group(&table_, kv_.get(), folios_);
    absl::Status first;
    receipts = StageRetries(&chosen, &group, &first);
    RETURN_IF_ERROR(first);
    RETURN_IF_ERROR(WriteRetries(&group, receipts.size()));
  }
  notifier_.Deliver();
  return receipts;
}

absl::StatusOr<uint64_t> KvDeviceStore::ResubmitCovered() {
  uint64_t count = 0;
  {
    const WriterTurn turn(&writers_);
    v1::Welcome welcome;
    {
      MutexLock lock(&mu_);
      if (rejected_ == 0) return 0;
      welcome = welcome_;
    }
    ASSIGN_OR_RETURN(std::vector<ListedSet> list, ReadRejectedList(""));
    CommitGroup group(&table_, kv_.get(), folios_);
    std::vector<ListedSet> chosen;
    CreatedRecords created;
    for (ListedSet& set : list) {
      const bool is_covered = GrantsCoverAll(welcome, set.entry, set.body, set.header.partition());
      if (!is_covered && set.entry.tried_covered()) {
        set.entry.set_tried_covered(false);
        group.batch.Put(Table::kRejected, set.key, set.entry.SerializeAsString());
      }
      const bool goes =
          is_covered && !set.entry.tried_covered() && LacksGrantsOnly(set.entry.verdict());
      const bool goes_along =
          MayPassUnchanged(set.entry.verdict()) && created.FirstConcerned(set.body) != 0;
      if ((!goes && !goes_along) || chosen.size() >= kMaxRetriesAtOnce) continue;
      created.Add(set.body, set.header.sequence());
      chosen.push_back(std::move(set));
    }
    absl::Status first;
    count = StageRetries(&chosen, &group, &first).size();
    if (!group.batch.empty()) RETURN_IF_ERROR(WriteRetries(&group, count));
  }
  if (count > 0) notifier_.Deliver();
  return count;
}

// A set that cannot be committed as it is (a rule has changed since) stays on the list. `first`:
// what became of the first.
std::vector<CommitReceipt> KvDeviceStore::StageRetries(std::vector<ListedSet>* chosen,
                                                       CommitGroup* group, absl::Status* first) {
  std::vector<CommitReceipt> receipts;
  std::vector<std::pair<const ListedSet*, uint64_t>> done;
  group->clock = clock_;
  for (ListedSet& set : *chosen) {
    CommitRequest request;
    request.changes.assign(set.body.changes().begin(), set.body.changes().end());
    request.retry.emplace().header = set.header;
    for (const auto& [earlier, sequence] : done) {
      if (earlier->header.partition() == set.header.partition() &&
          ShareRecord(earlier->body, set.body))
        request.retry->seen_own.push_back(sequence);
    }
    absl::StatusOr<std::vector<CheckedChange>> checked =
        CheckChanges(*options_.registry, request.changes);
    absl::StatusOr<CommitReceipt> receipt =
        checked.ok() ? absl::UnknownError("not committed") : checked.status();
    if (!set.header.user().empty() && set.header.user() != user()) {
      receipt = absl::FailedPreconditionError("the change set is another user's work");
    } else if (checked.ok()) {
      request.checked = *std::move(checked);
      receipt = StageCommit(&request, group);
    }
    if (&set == &chosen->front()) *first = receipt.status();
    if (!receipt.ok()) {
      Log(LogLevel::kWarning, "retry_not_possible",
          {{"partition", set.header.partition()},
           {"sequence", set.header.sequence()},
           {"code", absl::StatusCodeToString(receipt.status().code())}});
      continue;
    }
    group->batch.Delete(Table::kRejected, set.key);
    done.emplace_back(&set, receipt->sequence);
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
