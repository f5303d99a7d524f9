// What an erasure takes from a device beside the record itself: the content of unsent and of
// refused change sets. Both keep their place, so that sequences and chains go on.
#include <algorithm>
#include <utility>

#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/authority_erase.h"
#include "replica/store/batch_in_progress.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"
#include "replica/store/sealed_body.h"

namespace brigada {

bool HasErased(const v1::Verdict& verdict, uint32_t change) {
  for (const v1::Refusal& refusal : verdict.refusals()) {
    if (refusal.reason() == v1::ERASED_RECORD && refusal.change() == change) return true;
  }
  return false;
}

namespace {

// True when `body` said something of the erased records.
bool EmptyErased(const std::vector<ChangedRecord>& erased, v1::ChangeSetBody* body) {
  const std::string before = body->SerializeAsString();
  for (const ChangedRecord& record : erased) EmptyChanges(record.type_id, record.id.bytes(), body);
  return body->SerializeAsString() != before;
}

// The same, of a change set. What was sealed may say something of every record that it names.
bool EmptyErasedIn(const std::vector<ChangedRecord>& erased, PendingSet* set) {
  const bool says_something = EmptyErased(erased, &set->body);
  if (!set->change_set.has_sealed_body()) return says_something;
  const auto& changes = set->body.changes();
  return std::any_of(changes.begin(), changes.end(), [&](const v1::Change& change) {
    return std::any_of(erased.begin(), erased.end(), [&](const ChangedRecord& record) {
      return record.type_id == change.type_id() && record.id.bytes() == change.record_id();
    });
  });
}

}  // namespace

// The hash of the body stays, without the salt: with it a short body could be guessed.
absl::Status MakeStub(v1::ChangeSet::Stub::Reason reason, const v1::ChangeSetBody& remaining,
                      v1::OutboxChangeSet* stored) {
  v1::ChangeSet* const sent = stored->mutable_change_set();
  if (!sent->has_stub()) {
    ASSIGN_OR_RETURN(const Sha256Digest hash, BodyHashOf(*sent));
    sent->clear_salt();
    sent->mutable_stub()->set_reason(reason);
    sent->mutable_stub()->set_body_hash(std::string(AsView(hash)));
  }
  stored->set_remaining(remaining.SerializeAsString());
  return absl::OkStatus();
}

absl::Status KvDeviceStore::ScrubErased(BatchInProgress* work) const {
  if (work->erased.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(ScrubOutbox(work));
  return ScrubRejected(work);
}

// The whole outbox of the partition is looked through: an erasure is rare, and what an index said
// of its content would have to be erased as well.
absl::Status KvDeviceStore::ScrubOutbox(BatchInProgress* work) const {
  const v1::OutboxHead& head = work->state.head;
  const std::string prefix = PartitionPrefix(work->partition);
  const auto it = kv_->Iterate(Table::kOutbox, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const absl::string_view number = it->key().substr(prefix.size());
    if (number.size() != sizeof(uint64_t)) return absl::DataLossError("a malformed outbox key");
    const uint64_t sequence = BigEndian64(number);
    // Let go of in this batch, or left by a recovery: nothing else looks at it any more.
    if (sequence < head.retained_from()) {
      work->writes.Delete(Table::kOutbox, std::string(it->key()));
      continue;
    }
    // Judged in this batch: it is looked at below.
    if (work->retained.contains(sequence)) continue;
    RETURN_IF_ERROR(ScrubSet(sequence, it->value(), work));
  }
  RETURN_IF_ERROR(it->status());
  for (auto& [sequence, stored] : work->retained) {
    if (sequence < head.retained_from()) continue;
    const std::string kept = stored.SerializeAsString();
    RETURN_IF_ERROR(ScrubSet(sequence, kept, work));
  }
  return absl::OkStatus();
}

absl::Status KvDeviceStore::ScrubSet(uint64_t sequence, absl::string_view value,
                                     BatchInProgress* work) const {
  v1::OutboxHead& head = work->state.head;
  v1::OutboxChangeSet stored;
  absl::StatusOr<PendingSet> set = ParsePendingSet(value, sequence);
  absl::Status taken = set.status();
  if (set.ok()) {
    if (!EmptyErasedIn(work->erased, &*set)) return absl::OkStatus();
    stored.ParseFromArray(value.data(), static_cast<int>(value.size()));
    taken = MakeStub(v1::ChangeSet::Stub::ERASED, set->body, &stored);
  }
  // Nobody can tell what it says: it goes as a whole. What was not sent is for a recovery to save.
  if (!taken.ok() && sequence <= head.confirmed()) {
    work->scrubbed.insert(work->partition);
    return GiveUpRetained(work->partition, sequence, &head, &work->writes);
  }
  RETURN_IF_ERROR(taken);
  work->scrubbed.insert(work->partition);
  const std::string kept = stored.SerializeAsString();
  work->writes.Put(Table::kOutbox, ChangeSetKey(work->partition, sequence), kept);
  if (sequence <= head.confirmed()) {
    head.set_retained_bytes(head.retained_bytes() -
                            std::min<uint64_t>(head.retained_bytes(), value.size()) + kept.size());
  }
  set->change_set = stored.change_set();
  work->pending.insert_or_assign({work->partition, sequence}, *std::move(set));
  return absl::OkStatus();
}

absl::Status KvDeviceStore::ScrubRejected(BatchInProgress* work) const {
  const std::string prefix = PartitionPrefix(work->partition);
  const auto it = kv_->Iterate(Table::kRejected, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    v1::RejectedChangeSet rejected;
    // Nothing can be taken out of what cannot be read: it goes as a whole.
    if (!rejected.ParseFromArray(it->value().data(), static_cast<int>(it->value().size()))) {
      Log(LogLevel::kError, "rejected_set_damaged", {{"partition", work->partition}});
      work->writes.Delete(Table::kRejected, std::string(it->key()));
      --work->rejected_gain;
      continue;
    }
    if (work->released.contains(std::string(it->key()))) continue;
    work->rejected.try_emplace(std::string(it->key()), std::move(rejected));
  }
  RETURN_IF_ERROR(it->status());
  for (auto& [key, rejected] : work->rejected) {
    v1::ChangeSetBody body;
    if (!body.ParseFromString(rejected.change_set().body()) || !EmptyErased(work->erased, &body))
      continue;
    rejected.mutable_change_set()->set_body(body.SerializeAsString());
    work->scrubbed.insert(work->partition);
  }
  return absl::OkStatus();
}

}  // namespace brigada
