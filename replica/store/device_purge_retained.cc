// What retained change sets say of records that left with a subscription is sealed to the
// organization before the receipt: nobody reads it here any more, and a server that went back is
// given it again all the same (docs/decisions/008-sealed-retained-work.md).
#include <algorithm>
#include <optional>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/authority_erase.h"
#include "replica/store/batch_in_progress.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"
#include "replica/store/scrub_notes.h"
#include "replica/store/sealed_body.h"

namespace brigada {
namespace {

// Of one write batch, and of one stay in the store.
constexpr size_t kMaxSetsChanged = 64;
constexpr size_t kMaxSetsRead = 1024;
constexpr size_t kMaxBytesRead = size_t{4} << 20;

}  // namespace

bool SaysSomething(const v1::ChangeSetBody& body) {
  return std::any_of(body.changes().begin(), body.changes().end(), [](const v1::Change& change) {
    return !change.values().empty() || !change.removed().empty() || !change.scope().empty() ||
           !change.cleared().empty();
  });
}

// Work that a server which went back has not judged again is still to be sent, whole.
bool KvDeviceStore::HasUnsettled() const {
  return std::any_of(partitions_.begin(), partitions_.end(), [](const auto& entry) {
    return entry.second.head.reconfirmed() < entry.second.head.redelivered();
  });
}

// The records that would say of delivered work where it belongs have not come yet, as after a
// recovery. They come with what this device still reads; of a partition of which it reads nothing
// none will.
bool KvDeviceStore::LacksRecords() const {
  return std::any_of(partitions_.begin(), partitions_.end(), [&](const auto& entry) {
    const PartitionState& state = entry.second;
    const bool has_retained =
        state.head.retained_from() != 0 && state.head.retained_from() <= state.head.confirmed();
    const bool was_pulled =
        state.left.has_value() || (state.cursor && state.cursor->complete() > 0);
    return has_retained && !was_pulled &&
           std::any_of(welcome_.feeds().begin(), welcome_.feeds().end(), [&](const v1::Feed& feed) {
             return PartitionOfScope(feed.scope()) == entry.first;
           });
  });
}

absl::Status KvDeviceStore::ScrubRetained(const PurgePass& pass) {
  for (const std::string& partition : Partitions()) {
    uint64_t next = Head(partition).retained_from();
    while (next != 0) RETURN_IF_ERROR(ScrubSomeRetained(partition, pass, &next));
  }
  return absl::OkStatus();
}

// One bounded batch; moves `next` on, and to 0 at the end.
absl::Status KvDeviceStore::ScrubSomeRetained(const std::string& partition, const PurgePass& pass,
                                              uint64_t* next) {
  const WriterTurn turn(&writers_);
  v1::OutboxHead head = Head(partition);
  const uint64_t from = std::max(*next, head.retained_from());
  *next = 0;
  KvBatch writes;
  size_t changed = 0;
  size_t read = 0;
  size_t bytes = 0;
  const auto it = kv_->Iterate(Table::kOutbox, ChangeSetKey(partition, from),
                               ChangeSetKey(partition, head.confirmed() + 1));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const uint64_t sequence = BigEndian64(it->key().substr(PartitionPrefix(partition).size()));
    if (changed >= kMaxSetsChanged || ++read > kMaxSetsRead || bytes >= kMaxBytesRead) {
      *next = sequence;
      break;
    }
    bytes += it->value().size();
    const absl::StatusOr<std::optional<std::string>> kept =
        WithholdLost(pass, sequence, it->value());
    if (absl::IsInvalidArgument(kept.status())) {
      // What is changed already is written first: giving up counts on what is stored.
      *next = sequence;
      if (changed > 0) break;
      RETURN_IF_ERROR(GiveUpRetained(partition, sequence, &head, &writes));
      *next = head.retained_from();
      ++changed;
      break;
    }
    RETURN_IF_ERROR(kept.status());
    if (!kept->has_value()) continue;
    head.set_retained_bytes(head.retained_bytes() + (*kept)->size() -
                            std::min<uint64_t>(head.retained_bytes(), it->value().size()));
    writes.Put(Table::kOutbox, std::string(it->key()), **kept);
    ++changed;
  }
  RETURN_IF_ERROR(it->status());
  if (changed == 0) return absl::OkStatus();
  RETURN_IF_ERROR(StageScrubNote(*kv_, partition, &writes));
  return WriteHead(partition, std::move(head), std::move(writes));
}

// What is kept of it; nullopt: all, as it is. kInvalidArgument: it is damaged, so that nobody can
// tell what it says.
absl::StatusOr<std::optional<std::string>> KvDeviceStore::WithholdLost(
    const PurgePass& pass, uint64_t sequence, absl::string_view value) const {
  v1::OutboxChangeSet stored;
  absl::StatusOr<PendingSet> set = ParsePendingSet(value, sequence);
  if (!set.ok() || !stored.ParseFromArray(value.data(), static_cast<int>(value.size())))
    return absl::InvalidArgumentError("a retained change set is damaged");
  ASSIGN_OR_RETURN(const bool is_emptied, EmptyLost(pass, &set->body));
  if (!is_emptied) return std::optional<std::string>();
  // What the server keeps for a person to look at is in the rejected list too, which stays.
  const bool is_quarantined = stored.verdict().outcome() == v1::QUARANTINED;
  if (is_quarantined && !SealKeyIn(LastWelcome()).has_value()) return std::optional<std::string>();
  RETURN_IF_ERROR(Withhold(set->body, &stored));
  return std::optional<std::string>(stored.SerializeAsString());
}

absl::Status KvDeviceStore::Withhold(const v1::ChangeSetBody& remaining,
                                     v1::OutboxChangeSet* stored) const {
  v1::ChangeSet* const set = stored->mutable_change_set();
  if (set->has_body()) {
    const std::optional<std::string> key = SealKeyIn(LastWelcome());
    // Without a key to seal to nothing stays but what the chain covers.
    const bool is_sealed = key.has_value() && SealBody(*key, *options_.random, set).ok();
    if (!is_sealed) return MakeStub(v1::ChangeSet::Stub::UNREADABLE, remaining, stored);
  }
  stored->set_remaining(remaining.SerializeAsString());
  return absl::OkStatus();
}

// True when `body` said something that this device may no longer read.
absl::StatusOr<bool> KvDeviceStore::EmptyLost(const PurgePass& pass,
                                              v1::ChangeSetBody* body) const {
  const std::string before = body->SerializeAsString();
  for (int i = 0; i < body->changes_size(); ++i) {
    const uint32_t type_id = body->changes(i).type_id();
    const std::string record = body->changes(i).record_id();
    ASSIGN_OR_RETURN(const RecordId id, RecordId::FromBytes(record));
    ASSIGN_OR_RETURN(const bool stays, StaysReadable(pass, type_id, id));
    if (!stays) EmptyChanges(type_id, record, body);
  }
  return body->SerializeAsString() != before;
}

// Of a record that is gone nothing says any more where it was.
absl::StatusOr<bool> KvDeviceStore::StaysReadable(const PurgePass& pass, uint32_t type_id,
                                                  const RecordId& id) const {
  ASSIGN_OR_RETURN(const auto found, table_.Find(*kv_, type_id, id));
  if (!found.has_value()) return false;
  const RecordType* const type = options_.registry->Find(type_id);
  ASSIGN_OR_RETURN(const RecordStorage stored, DecodeStorage(type, found->bytes));
  return IsUntouched(type, stored.base, pass.lost);
}

}  // namespace brigada
