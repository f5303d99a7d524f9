#include "replica/store/authority_repair.h"

#include <optional>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/feed_cover.h"
#include "replica/store/feed_entries.h"

namespace brigada {
namespace {

using Item = v1::RangeItems::Item;

// Of one frame.
constexpr size_t kMaxRecordsRead = 4096;
constexpr size_t kItemOverhead = 24;

class RangeMatch {
 public:
  RangeMatch(const RangeReader& who, const RangeRequest& request, const v1::RangeItems& items,
             const RunHistory& past, uint64_t head)
      : who_(who), request_(request), items_(items), past_(past), head_(head) {}

  // Both lists are in the order of keys.
  absl::StatusOr<RangeRepairPage> Run() {
    RangeScan scan(who_, items_.begin(), items_.end());
    page_.end = items_.end();
    for (size_t read = 0;; ++read) {
      ASSIGN_OR_RETURN(const std::optional<ScannedRecord> record, scan.Next());
      if (!record.has_value()) break;
      while (HasItem() && NextItem().key() < record->key) Absent(TakeItem());
      if (bytes_ >= request_.target_bytes || read == kMaxRecordsRead) {
        page_.end = record->key;
        return std::move(page_);
      }
      page_.read = read + 1;
      if (HasItem() && NextItem().key() == record->key) {
        Both(*record, TakeItem());
      } else if (record->is_counted) {
        Tell(*record);
      }
    }
    while (HasItem()) Absent(TakeItem());
    return std::move(page_);
  }

 private:
  bool HasItem() const { return next_ < items_.items_size(); }
  const Item& NextItem() const { return items_.items(next_); }
  const Item& TakeItem() { return items_.items(next_++); }

  // What came after that the feed tells.
  bool IsStillToCome(const ScannedRecord& record) const {
    return record.state.base.sequence > request_.scanned;
  }

  void Absent(const Item& item) {
    // Lost with a past of this store, or deleted so long ago that nothing is left of it.
    past_.IsOfThisLine(who_.partition, item.created(), head_) ? Gone(item) : Kept(item);
  }

  void Both(const ScannedRecord& record, const Item& item) {
    // The device's may be the last whole copy.
    if (record.is_damaged) return Kept(item);
    if (record.is_counted && record.sum.Fingerprint() == item.fingerprint()) return;
    const Record& base = record.state.base;
    if (record.is_counted) return Tell(record);
    if (!base.exists()) return Absent(item);
    if (base.is_live()) return NotForIt(record, item);
    const bool is_readable = ReadableClass(who_.feeds, base.scope(), ClassOf(record.type, base)) !=
                             v1::DATA_CLASS_UNSPECIFIED;
    if (!is_readable && !IsOwn(base)) return Absent(item);
    if (IsStillToCome(record)) return;
    // The replica knows a later life, which this store lost.
    if (!base.erased && item.sequence() > base.sequence) return Kept(item);
    is_readable || base.erased ? Tell(record) : Gone(item);
  }

  // It lives where the replica does not read it. What it made itself it may hold all the same; else
  // the answer is as if there were no such record, so that ids cannot be tried out.
  void NotForIt(const ScannedRecord& record, const Item& item) {
    const std::string scope = record.state.base.scope();
    const bool is_of_its_place = std::any_of(
        who_.feeds.begin(), who_.feeds.end(),
        [&](const v1::Feed& feed) { return FeedCovers(feed.scope(), feed.kind(), scope); });
    is_of_its_place&& IsOwn(record.state.base) ? Kept(item) : Absent(item);
  }

  bool IsOwn(const Record& record) const { return record.created().replica == request_.replica; }

  void Gone(const Item& item) {
    page_.body.add_gone(item.key());
    bytes_ += kItemOverhead;
  }

  void Kept(const Item& item) {
    page_.body.add_kept(item.key());
    bytes_ += kItemOverhead;
  }

  void Tell(const ScannedRecord& record) {
    if (IsStillToCome(record)) return;
    v1::Entry& entry = *page_.body.add_entries();
    entry.set_type_id(TypeOfRangeKey(record.key));
    entry.set_record_id(IdOfRangeKey(record.key).AsBytes());
    entry.set_scope(record.state.base.scope());
    entry.set_sequence(record.state.base.sequence);
    entry.set_whole(true);
    Record told = record.state.base;
    if (told.is_live()) HideAbove(record.type, record.readable, &told);
    *entry.mutable_state() = EncodeRecord(told);
    bytes_ += entry.ByteSizeLong();
  }

  const RangeReader& who_;
  const RangeRequest& request_;
  const v1::RangeItems& items_;
  const RunHistory& past_;
  const uint64_t head_;
  int next_ = 0;
  size_t bytes_ = 0;
  RangeRepairPage page_;
};

}  // namespace

absl::StatusOr<RangeRepairPage> MakeRangeRepair(const RangeReader& who, const RangeRequest& request,
                                                const v1::RangeItems& items, const RunHistory& past,
                                                uint64_t head) {
  return RangeMatch(who, request, items, past, head).Run();
}

}  // namespace brigada
