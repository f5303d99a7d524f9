#include "replica/store/outbox_salvage.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "brigada/v1/storage.pb.h"
#include "replica/base/ids.h"
#include "replica/base/status_macros.h"
#include "replica/store/device_keys.h"
#include "replica/store/format.h"
#include "replica/store/keys.h"
#include "replica/store/kv_device_store.h"
#include "replica/store/outbox_mirror.h"

namespace brigada {
namespace {

constexpr size_t kBatchBytes = size_t{1} << 20;
constexpr std::array<Table, 3> kMirroredTables = {Table::kMeta, Table::kOutbox, Table::kRejected};
constexpr std::array<absl::string_view, 9> kPlainMeta = {kFormatKey,  kReplicaKey,     kUserKey,
                                                         kWelcomeKey, kPurgeKey,       kReceiptKey,
                                                         kFoliosKey,  kFolioDeviceKey, kClockKey};
// Where no head says how far the sequence goes it is looked for so far behind the last one found.
constexpr uint64_t kBeyondLast = 1024;
// More than a device makes in years; a number beyond it is not believed.
constexpr uint64_t kMaxSought = uint64_t{1} << 22;

using Visit =
    std::function<absl::Status(Table table, absl::string_view key, absl::string_view value)>;

template <typename Message>
std::optional<Message> Parsed(absl::string_view value) {
  Message message;
  if (!message.ParseFromArray(value.data(), static_cast<int>(value.size()))) return std::nullopt;
  return message;
}

uint64_t SequenceOf(absl::string_view key) {
  return NumberOf(key.substr(std::min(key.size(), PartitionOfKey(key).size() + 1)));
}

// How far a row's life has gone; the later state of two is the greater.
struct RowState {
  int step = 0;  // 0: it is no row
  // What it says, which nothing ever adds to: an erasure takes a part of it, the next one another.
  size_t bytes_said = 0;

  bool IsAfter(const RowState& other) const {
    return step != other.step ? step > other.step : bytes_said < other.bytes_said;
  }
  bool operator==(const RowState&) const = default;
};

int StepsOf(const v1::ChangeSet& set) { return set.has_body() ? 0 : set.has_sealed_body() ? 1 : 2; }

RowState StateOf(Table table, absl::string_view key, absl::string_view value) {
  if (table == Table::kRejected) {
    const auto set = Parsed<v1::RejectedChangeSet>(value);
    if (!set.has_value()) return {};
    return {1 + StepsOf(set->change_set()), set->change_set().body().size()};
  }
  const auto set = Parsed<v1::OutboxChangeSet>(value);
  if (!set.has_value() || !ParsePendingSet(value, SequenceOf(key)).ok()) return {};
  return {1 + StepsOf(set->change_set()) + (set->has_verdict() ? 1 : 0), set->remaining().size()};
}

// Likewise of a head; its numbers only rise.
uint64_t StateOfHead(absl::string_view value) {
  const auto head = Parsed<v1::OutboxHead>(value);
  return head.has_value() ? head->sequence() + head->confirmed() + head->retained_from() : 0;
}

uint64_t StampOf(absl::string_view value) {
  const auto clock = Parsed<v1::DeviceClock>(value);
  return clock.has_value() ? clock->stamp() : 0;
}

// Reads the mirrored tables past what is damaged: from both ends as far as it goes, and what lies
// between key by key, of the partitions that either copy knows. A row may be visited again.
class DamagedReader {
 public:
  DamagedReader(const KvReader& from, const KvReader& known, const Visit& visit)
      : from_(from), known_(known), visit_(visit) {}

  absl::Status Read() {
    RETURN_IF_ERROR(ReadKnownHeads());
    std::vector<Table> damaged;
    for (const Table table : kMirroredTables) {
      ASSIGN_OR_RETURN(const bool is_whole, ReadFromBothEnds(table));
      if (!is_whole) damaged.push_back(table);
    }
    for (const Table table : damaged)
      RETURN_IF_ERROR(table == Table::kMeta ? ReadMetaByName() : ReadBySequence(table));
    return absl::OkStatus();
  }

 private:
  // The sequences of a partition that may be there.
  struct Stretch {
    uint64_t last_of_head = 0;
    uint64_t last_seen = 0;
  };

  absl::Status ReadKnownHeads() {
    const std::string prefix = NamedMetaKey(kOutboxHeadName, "");
    const auto it = known_.Iterate(Table::kMeta, prefix, PrefixEnd(prefix));
    for (it->SeekToFirst(); it->Valid(); it->Next()) NoteHead(it->key(), it->value());
    for (const Table table : {Table::kOutbox, Table::kRejected}) {
      const auto rows = known_.Iterate(table, "", "");
      for (rows->SeekToFirst(); rows->Valid(); rows->Next()) NoteRow(rows->key());
    }
    return it->status();
  }
  void NoteHead(absl::string_view key, absl::string_view value) {
    const auto head = Parsed<v1::OutboxHead>(value);
    if (!head.has_value()) return;
    const size_t name = NamedMetaKey(kOutboxHeadName, "").size();
    Stretch& stretch = stretches_[std::string(key.substr(name))];
    stretch.last_of_head = std::max(stretch.last_of_head, head->sequence());
  }
  void NoteRow(absl::string_view key) {
    Stretch& stretch = stretches_[std::string(PartitionOfKey(key))];
    stretch.last_seen = std::max(stretch.last_seen, SequenceOf(key));
  }

  absl::Status Take(Table table, absl::string_view key, absl::string_view value) {
    if (!IsMirrored(table, key)) return absl::OkStatus();
    const std::string prefix = NamedMetaKey(kOutboxHeadName, "");
    if (table != Table::kMeta) NoteRow(key);
    if (table == Table::kMeta && key.substr(0, prefix.size()) == prefix) NoteHead(key, value);
    return visit_(table, key, value);
  }
  absl::StatusOr<bool> ReadFromBothEnds(Table table) {
    const auto it = from_.Iterate(table, "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next())
      RETURN_IF_ERROR(Take(table, it->key(), it->value()));
    if (it->status().ok()) return true;
    const auto back = from_.Iterate(table, "", "");
    for (back->SeekToLast(); back->Valid(); back->Prev())
      RETURN_IF_ERROR(Take(table, back->key(), back->value()));
    return false;
  }
  absl::Status TakeAt(Table table, const std::string& key) {
    const auto value = from_.Get(table, key);
    if (!value.ok() || !value->has_value()) return absl::OkStatus();
    return Take(table, key, **value);
  }
  absl::Status ReadMetaByName() {
    for (const absl::string_view name : kPlainMeta)
      RETURN_IF_ERROR(TakeAt(Table::kMeta, std::string(name)));
    std::vector<std::string> partitions;
    for (const auto& [partition, stretch] : stretches_) partitions.push_back(partition);
    for (const std::string& partition : partitions)
      RETURN_IF_ERROR(TakeAt(Table::kMeta, NamedMetaKey(kOutboxHeadName, partition)));
    return absl::OkStatus();
  }
  absl::Status ReadBySequence(Table table) {
    const std::map<std::string, Stretch> stretches = stretches_;
    for (const auto& [partition, stretch] : stretches) {
      const uint64_t said =
          stretch.last_of_head > 0 ? stretch.last_of_head : stretch.last_seen + kBeyondLast;
      const uint64_t last = std::min(kMaxSought, std::max(said, stretch.last_seen));
      for (uint64_t sequence = 1; sequence <= last; ++sequence)
        RETURN_IF_ERROR(TakeAt(table, ChangeSetKey(partition, sequence)));
    }
    return absl::OkStatus();
  }

  const KvReader& from_;
  const KvReader& known_;
  const Visit& visit_;
  std::map<std::string, Stretch> stretches_;
};

// Takes of two rows under one key the one that says more.
class Merger {
 public:
  Merger(bool is_later, Kv* to) : is_later_(is_later), to_(*to) {}

  absl::Status Offer(Table table, absl::string_view key, absl::string_view value) {
    ASSIGN_OR_RETURN(const std::optional<std::string> present, to_.Get(table, key));
    const bool is_taken = table == Table::kMeta ? IsTakenInMeta(key, value, present)
                                                : IsTakenRow(table, key, value, present);
    if (!is_taken) return absl::OkStatus();
    batch_.Put(table, std::string(key), std::string(value));
    return batch_.bytes() < kBatchBytes ? absl::OkStatus() : Finish();
  }
  absl::Status Finish() {
    RETURN_IF_ERROR(to_.Write(batch_, Durability::kMemory));
    batch_ = KvBatch();
    return absl::OkStatus();
  }

 private:
  bool IsTakenRow(Table table, absl::string_view key, absl::string_view value,
                  const std::optional<std::string>& present) const {
    const RowState state = StateOf(table, key, value);
    const RowState there = present.has_value() ? StateOf(table, key, *present) : RowState();
    return state.IsAfter(there) || (is_later_ && state.step > 0 && state == there);
  }
  bool IsTakenInMeta(absl::string_view key, absl::string_view value,
                     const std::optional<std::string>& present) const {
    const absl::string_view name = key.substr(0, key.find('\0'));
    // One that has ended since would take away what it has no right to.
    if (name == kPurgeKey) return is_later_;
    if (!present.has_value()) return true;
    if (name == kOutboxHeadName) return StateOfHead(value) > StateOfHead(*present);
    if (name == kClockKey) return StampOf(value) > StampOf(*present);
    if (name == kFoliosKey) return NumberOf(value) > NumberOf(*present);
    return is_later_;
  }

  const bool is_later_;
  Kv& to_;
  KvBatch batch_;
};

}  // namespace

bool CanReadMirroredTables(const KvReader& reader) {
  return std::all_of(kMirroredTables.begin(), kMirroredTables.end(), [&](Table table) {
    const std::unique_ptr<KvIterator> it = reader.Iterate(table, "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
    }
    return it->status().ok();
  });
}

absl::Status CopyMirroredTables(const KvReader& from, Kv* to) {
  for (const Table table : kMirroredTables) {
    KvBatch batch;
    const std::unique_ptr<KvIterator> it = from.Iterate(table, "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      if (IsMirrored(table, it->key()))
        batch.Put(table, std::string(it->key()), std::string(it->value()));
      if (batch.bytes() < kBatchBytes) continue;
      RETURN_IF_ERROR(to->Write(batch, Durability::kMemory));
      batch = KvBatch();
    }
    RETURN_IF_ERROR(it->status());
    RETURN_IF_ERROR(to->Write(batch, Durability::kMemory));
  }
  return absl::OkStatus();
}

bool MayBeSameReplica(const KvReader& a, const KvReader& b) {
  const auto of_a = a.Get(Table::kMeta, kReplicaKey);
  const auto of_b = b.Get(Table::kMeta, kReplicaKey);
  if (!of_a.ok() || !of_b.ok() || !of_a->has_value() || !of_b->has_value()) return true;
  return **of_a == **of_b;
}

absl::Status SalvageOutbox(const KvReader& from, bool is_later, Kv* to) {
  Merger merger(is_later, to);
  const Visit offer = [&](Table table, absl::string_view key, absl::string_view value) {
    return merger.Offer(table, key, value);
  };
  RETURN_IF_ERROR(DamagedReader(from, *to, offer).Read());
  return merger.Finish();
}

}  // namespace brigada
