#include "replica/store/authority_feed.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replica/base/limits.h"
#include "replica/base/status_macros.h"
#include "replica/store/entry_content.h"
#include "replica/store/feed_cover.h"
#include "replica/store/feed_entries.h"
#include "replica/store/keys.h"
#include "replica/store/record_table.h"
#include "replica/store/scope_sums.h"
#include "replica/store/verdict_table.h"

namespace brigada {
namespace {

// More stubs than there are partitions lead in a circle.
constexpr int kMaxStubs = 128;

struct RecordName {
  uint32_t type_id = 0;
  RecordId id;

  friend auto operator<=>(const RecordName&, const RecordName&) = default;
};

// What the feeds say of one record at one sequence. Where one feed says that it left and another
// holds it, it is there.
struct Mention {
  bool is_here = false;
  std::string moved_to;
  bool is_erased = false;
};

class PageReader {
 public:
  PageReader(const Registry& registry, const KvReader& snapshot, const FeedRequest& request)
      : registry_(registry), snapshot_(snapshot), request_(request) {}

  absl::StatusOr<FeedPage> Read() {
    ASSIGN_OR_RETURN(const auto head, snapshot_.Get(Table::kMeta, HeadKey(request_.partition)));
    page_.head = head.has_value() ? NumberOf(*head) : 0;
    page_.to = page_.head;
    if (request_.scanned >= page_.head) return WithSums();
    OpenFeeds();
    OpenVerdicts();
    while (true) {
      ASSIGN_OR_RETURN(const uint64_t sequence, NextSequence());
      if (sequence == UINT64_MAX) break;
      const size_t bytes_before = bytes_;
      const int entries_before = page_.body.entries_size();
      const int verdicts_before = page_.body.verdicts_size();
      const size_t damaged_before = page_.damaged.size();
      RETURN_IF_ERROR(ReadSequence(sequence));
      if (bytes_ > kMaxPageBytes && bytes_before > 0) {
        // It goes alone, in the next page.
        DropAfter(entries_before, verdicts_before);
        page_.damaged.resize(damaged_before);
        page_.to = sequence - 1;
        break;
      }
      const bool is_full = bytes_ >= request_.target_bytes || looked_at_ >= request_.max_entries;
      if (!is_full || sequence >= page_.head) continue;
      page_.to = sequence;
      break;
    }
    return WithSums();
  }

 private:
  absl::StatusOr<FeedPage> WithSums() {
    if (request_.wants_sums && page_.to == page_.head) {
      ASSIGN_OR_RETURN(page_.sums, ReadScopeSums(snapshot_, request_.partition, request_.feeds));
    }
    return std::move(page_);
  }

  struct FeedCursor {
    const v1::Feed* feed = nullptr;
    size_t prefix_size = 0;
    std::unique_ptr<KvIterator> it;
  };

  void DropAfter(int entries, int verdicts) {
    auto* const all = page_.body.mutable_entries();
    all->DeleteSubrange(entries, all->size() - entries);
    page_.body.mutable_verdicts()->DeleteSubrange(verdicts, page_.body.verdicts_size() - verdicts);
  }

  // Up to here the replica has its verdicts and what the feeds it holds have told.
  uint64_t KnownTo() const {
    return std::max(request_.scanned, request_.held.has_value() ? request_.held->scanned : 0);
  }

  // An added feed may remember that a record left it, which has come to a held one since.
  bool WasTold(uint64_t sequence) const {
    return request_.held.has_value() && sequence <= request_.held->scanned;
  }

  void OpenFeeds() {
    for (const v1::Feed& feed : request_.feeds) {
      const std::string prefix = FeedPrefix(request_.partition, feed.scope(), feed.kind());
      FeedCursor& cursor = feeds_.emplace_back();
      cursor.feed = &feed;
      cursor.prefix_size = prefix.size();
      const bool is_held = request_.held.has_value() && IsInsideAny(feed, request_.held->feeds);
      cursor.it = snapshot_.Iterate(Table::kFeeds,
                                    FeedBound(prefix, is_held ? KnownTo() : request_.scanned),
                                    PrefixEnd(prefix));
      cursor.it->SeekToFirst();
    }
  }

  void OpenVerdicts() {
    const std::string prefix = VerdictPlacePrefix(request_.partition, request_.replica);
    verdict_prefix_size_ = prefix.size();
    verdicts_ =
        snapshot_.Iterate(Table::kVerdicts, FeedBound(prefix, KnownTo()), PrefixEnd(prefix));
    verdicts_->SeekToFirst();
  }

  // The least sequence any iterator stands at; UINT64_MAX when all are at their end.
  absl::StatusOr<uint64_t> NextSequence() const {
    uint64_t next = UINT64_MAX;
    for (const FeedCursor& cursor : feeds_) {
      if (!cursor.it->Valid()) {
        RETURN_IF_ERROR(cursor.it->status());
        continue;
      }
      FeedKeyParts parts;
      if (!ParseFeedKey(cursor.it->key(), cursor.prefix_size, &parts)) return DamagedKey();
      next = std::min(next, parts.sequence);
    }
    if (!verdicts_->Valid()) {
      RETURN_IF_ERROR(verdicts_->status());
      return next;
    }
    if (verdicts_->key().size() != verdict_prefix_size_ + sizeof(uint64_t)) return DamagedKey();
    return std::min(next, BigEndian64(verdicts_->key().substr(verdict_prefix_size_)));
  }

  absl::Status ReadSequence(uint64_t sequence) {
    RETURN_IF_ERROR(ReadVerdictAt(sequence));
    std::map<RecordName, Mention> mentions;
    for (FeedCursor& cursor : feeds_) {
      FeedKeyParts parts;
      for (; cursor.it->Valid(); cursor.it->Next(), ++looked_at_) {
        if (!ParseFeedKey(cursor.it->key(), cursor.prefix_size, &parts)) return DamagedKey();
        if (parts.sequence != sequence) break;
        const RecordName name = {parts.type_id, parts.id};
        RETURN_IF_ERROR(PassDamage(name, sequence,
                                   AddMention(*cursor.feed, cursor.it->value(), &mentions[name])));
      }
    }
    for (const auto& [name, mention] : mentions)
      RETURN_IF_ERROR(PassDamage(name, sequence, Tell(name, sequence, mention)));
    return absl::OkStatus();
  }

  absl::Status Tell(const RecordName& name, uint64_t sequence, const Mention& mention) {
    if (mention.is_erased) return TellErased(name, sequence, mention.is_here);
    if (mention.is_here) return TellRecord(name, sequence);
    if (mention.moved_to.empty() || WasTold(sequence)) return absl::OkStatus();
    return TellMove(name, sequence, mention.moved_to);
  }

  // What is damaged stays so: whoever waited for it would never be told anything else. The sums of
  // the next checkpoint count it, so nobody takes less without it being seen.
  absl::Status PassDamage(const RecordName& name, uint64_t sequence, const absl::Status& status) {
    if (!absl::IsDataLoss(status)) return status;
    page_.damaged.push_back({.type_id = name.type_id,
                             .id = name.id,
                             .sequence = sequence,
                             .why = std::string(status.message())});
    return absl::OkStatus();
  }

  // Leaves `mention` as it is when the reader may not know of the record.
  absl::Status AddMention(const v1::Feed& feed, absl::string_view value, Mention* mention) {
    v1::FeedEntry entry;
    if (!entry.ParseFromArray(value.data(), static_cast<int>(value.size())))
      return absl::DataLossError("its entry is damaged");
    mention->is_erased = mention->is_erased || entry.erased();
    if (entry.data_class() > static_cast<uint32_t>(feed.max_class())) return absl::OkStatus();
    if (entry.moved_to().empty()) {
      mention->is_here = true;
    } else if (!IsCovered(entry)) {
      mention->moved_to = entry.moved_to();
    }
    return absl::OkStatus();
  }

  // The record went to where the replica reads it too: the feed there tells what became of it.
  bool IsCovered(const v1::FeedEntry& entry) const {
    return std::any_of(request_.feeds.begin(), request_.feeds.end(), [&](const v1::Feed& feed) {
      return entry.data_class() <= static_cast<uint32_t>(feed.max_class()) &&
             FeedCovers(feed.scope(), feed.kind(), entry.moved_to());
    });
  }

  absl::StatusOr<RecordStorage> NewestOf(const RecordName& name, uint64_t sequence) const {
    ASSIGN_OR_RETURN(
        const auto bytes,
        snapshot_.Get(Table::kRecords, RecordKey(request_.partition, name.type_id, name.id)));
    if (!bytes.has_value()) return absl::DataLossError("its entry names no record");
    ASSIGN_OR_RETURN(RecordStorage storage, Decode(name, *bytes));
    if (storage.base.sequence != sequence)
      return absl::DataLossError("its entry is not its newest");
    return storage;
  }

  absl::StatusOr<RecordStorage> Decode(const RecordName& name, absl::string_view bytes) const {
    auto storage = DecodeStorage(registry_.Find(name.type_id), bytes);
    if (!storage.ok()) return absl::DataLossError(storage.status().message());
    return storage;
  }

  absl::Status TellRecord(const RecordName& name, uint64_t sequence) {
    ASSIGN_OR_RETURN(const RecordStorage storage, NewestOf(name, sequence));
    const Record& record = storage.base;
    auto entry = EntryContent(registry_.Find(name.type_id), record, request_, ReleasedOf(record));
    if (!entry.has_value()) return absl::OkStatus();
    entry->set_scope(record.scope());
    entry->mutable_came_from()->Assign(storage.came_from.begin(), storage.came_from.end());
    Add(name, sequence, *std::move(entry));
    return absl::OkStatus();
  }

  // Of the replica's change sets that wrote in the record, those that were released: what it has
  // of them it may have tried again, or dropped.
  std::set<uint64_t> ReleasedOf(const Record& record) {
    std::set<uint64_t> released;
    for (const WriteRef& write : record.writes) {
      const uint64_t sequence = write.origin_sequence;
      if (write.replica != request_.replica || sequence <= request_.own_from ||
          sequence > request_.own_head)
        continue;
      const auto [known, is_new] = is_released_.try_emplace(sequence, true);
      if (is_new) {
        const auto stored = ReadVerdict(snapshot_, request_.partition, request_.replica, sequence);
        // Where that cannot be read, more is told than need be.
        known->second =
            !stored.ok() || (stored->has_value() && (*stored)->verdict().released_ms() != 0);
      }
      if (known->second) released.insert(sequence);
    }
    return released;
  }

  // Whoever may read such a record here, and who made it without reading (a kiosk).
  absl::Status TellErased(const RecordName& name, uint64_t sequence, bool is_reader) {
    ASSIGN_OR_RETURN(const RecordStorage storage, NewestOf(name, sequence));
    const Record& record = storage.base;
    if (!is_reader && record.created().replica != request_.replica) return absl::OkStatus();
    v1::Entry entry;
    entry.set_scope(record.scope());
    entry.set_whole(true);
    *entry.mutable_state() = EncodeRecord(record);
    entry.mutable_came_from()->Assign(storage.came_from.begin(), storage.came_from.end());
    Add(name, sequence, std::move(entry));
    return absl::OkStatus();
  }

  absl::Status TellMove(const RecordName& name, uint64_t sequence, const std::string& moved_to) {
    v1::Entry entry;
    entry.set_moved_to(moved_to);
    // That it left its entry says by itself.
    RETURN_IF_ERROR(PassDamage(name, sequence, TellWhereItIs(name, &entry)));
    Add(name, sequence, std::move(entry));
    return absl::OkStatus();
  }

  // Where it has been, for the reader may still have it there; and of a record that went to another
  // partition where it is now, for the reader may have read further there.
  absl::Status TellWhereItIs(const RecordName& name, v1::Entry* entry) const {
    std::string partition = request_.partition;
    for (int i = 0; i < kMaxStubs; ++i) {
      ASSIGN_OR_RETURN(const auto bytes,
                       snapshot_.Get(Table::kRecords, RecordKey(partition, name.type_id, name.id)));
      // The tombstone that it became has been collected.
      if (!bytes.has_value() && i > 0) return absl::OkStatus();
      if (!bytes.has_value()) break;
      ASSIGN_OR_RETURN(const RecordStorage storage, Decode(name, *bytes));
      if (i == 0) {
        entry->mutable_came_from()->Assign(storage.came_from.begin(), storage.came_from.end());
        if (PartitionOfScope(entry->moved_to()) == request_.partition) return absl::OkStatus();
      }
      if (!storage.left.has_value()) {
        const std::string scope = storage.base.scope();
        if (!scope.empty()) entry->set_moved_to(scope);
        return absl::OkStatus();
      }
      partition = std::string(PartitionOfScope(storage.left->scope));
    }
    return absl::DataLossError("it moved and is in no partition");
  }

  void Add(const RecordName& name, uint64_t sequence, v1::Entry entry) {
    entry.set_type_id(name.type_id);
    entry.set_record_id(name.id.AsBytes());
    entry.set_sequence(sequence);
    bytes_ += entry.ByteSizeLong();
    *page_.body.add_entries() = std::move(entry);
  }

  absl::Status ReadVerdictAt(uint64_t sequence) {
    if (!verdicts_->Valid() ||
        BigEndian64(verdicts_->key().substr(verdict_prefix_size_)) != sequence)
      return absl::OkStatus();
    const uint64_t of_set = NumberOf(verdicts_->value());
    ASSIGN_OR_RETURN(auto stored,
                     ReadVerdict(snapshot_, request_.partition, request_.replica, of_set));
    if (!stored.has_value()) return absl::DataLossError("read feed: a verdict is missing");
    const bool is_first = stored->verdict().commit_sequence() != sequence;
    v1::Verdict* const told = is_first ? stored->mutable_first() : stored->mutable_verdict();
    bytes_ += told->ByteSizeLong();
    *page_.body.add_verdicts() = std::move(*told);
    verdicts_->Next();
    ++looked_at_;
    return absl::OkStatus();
  }

  static absl::Status DamagedKey() { return absl::DataLossError("read feed: a key is damaged"); }

  const Registry& registry_;
  const KvReader& snapshot_;
  const FeedRequest& request_;
  std::vector<FeedCursor> feeds_;
  std::unique_ptr<KvIterator> verdicts_;
  size_t verdict_prefix_size_ = 0;
  std::map<uint64_t, bool> is_released_;  // of the replica's change sets
  FeedPage page_;
  size_t bytes_ = 0;
  size_t looked_at_ = 0;
};

}  // namespace

absl::StatusOr<FeedPage> ReadFeedPage(const Registry& registry, const KvReader& snapshot,
                                      const FeedRequest& request) {
  return PageReader(registry, snapshot, request).Read();
}

}  // namespace brigada
