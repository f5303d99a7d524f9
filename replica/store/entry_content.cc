#include "replica/store/entry_content.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "replica/merge/apply.h"
#include "replica/store/feed_cover.h"
#include "replica/store/feed_entries.h"
#include "replica/store/record_table.h"

namespace brigada {
namespace {

// How the reader gets at a record.
struct Reach {
  v1::DataClass max_class = v1::DATA_CLASS_UNSPECIFIED;
  // The first sequence at which it was there with this class.
  uint64_t entered = UINT64_MAX;
};

// The sequence at which the record came into the feed (`kind`, `feed_scope`), which covers it.
uint64_t EnteredAt(const Record& record, const v1::Feed& feed, absl::string_view partition) {
  if (feed.kind() == v1::HERE) {
    // Coming up from below enters no level, but it enters this feed.
    const FieldState* scope = record.FindField(kScopeFieldNumber);
    return scope == nullptr ? record.sequence : record.writes[scope->changed].sequence;
  }
  const auto level = static_cast<size_t>(
      std::count(feed.scope().begin() + static_cast<std::ptrdiff_t>(partition.size()),
                 feed.scope().end(), '/'));
  return level < record.entered.size() ? record.entered[level] : record.sequence;
}

Reach ReachOf(const Record& record, v1::DataClass record_class, absl::Span<const v1::Feed> feeds,
              absl::string_view partition) {
  Reach reach;
  const std::string scope = record.scope();
  for (const v1::Feed& feed : feeds) {
    if (feed.max_class() < record_class || feed.max_class() < reach.max_class) continue;
    if (!FeedCovers(feed.scope(), feed.kind(), scope)) continue;
    const uint64_t entered = EnteredAt(record, feed, partition);
    reach.entered = feed.max_class() > reach.max_class ? entered : std::min(reach.entered, entered);
    reach.max_class = feed.max_class();
  }
  return reach;
}

// What the replica has by itself of a record.
struct Known {
  const FeedRequest& request;
  const std::set<uint64_t>& released;

  bool IsOwn(const WriteRef& write) const {
    return write.replica == request.replica && write.origin_sequence > request.own_from &&
           write.origin_sequence <= request.own_head && !released.contains(write.origin_sequence);
  }
};

// The replica made the record and has had it ever since.
bool HoldsAsCreator(const Record& record, const Reach& reach, const Known& known) {
  return known.IsOwn(record.created()) && record.created().sequence == reach.entered;
}

// Only a register whose one live version is the replica's own: what others added to a set, a map or
// a counter cannot be told from what it has.
bool IsEcho(const RecordType* type, const FieldState& field, const Record& record,
            const Known& known) {
  const FieldType* rules = type == nullptr ? nullptr : type->FindField(field.number);
  if (rules != nullptr && rules->policy != v1::LAST_WRITER && rules->policy != v1::FIRST_WRITER)
    return false;
  return field.slots.size() == 1 && field.slots[0].versions.size() == 1 &&
         known.IsOwn(record.writes[field.slots[0].versions[0].write]) &&
         known.IsOwn(record.writes[field.changed]);
}

// Everything there ever was of the record is the replica's own, and it was told nothing of it yet:
// an empty entry would say nothing.
bool IsKnown(const Record& record, const Record& told, const Known& known) {
  return told.fields.empty() && record.conflicts.empty() &&
         record.created().sequence > known.request.scanned &&
         std::all_of(record.writes.begin(), record.writes.end(),
                     [&](const WriteRef& write) { return known.IsOwn(write); });
}

}  // namespace

std::optional<v1::Entry> EntryContent(const RecordType* type, const Record& record,
                                      const FeedRequest& request,
                                      const std::set<uint64_t>& released) {
  const Known known{request, released};
  const v1::DataClass record_class = ClassOf(type, record);
  Reach reach = ReachOf(record, record_class, request.feeds, request.partition);
  if (reach.max_class == v1::DATA_CLASS_UNSPECIFIED) return std::nullopt;
  uint64_t complete = request.complete;
  if (request.held.has_value()) {
    // In a lower class the replica has only a part of it, and gets it whole.
    const Reach held = ReachOf(record, record_class, request.held->feeds, request.partition);
    if (held.max_class >= reach.max_class) {
      if (record.sequence <= request.held->scanned) return std::nullopt;
      complete = std::max(complete, request.held->complete);
      reach.entered = held.entered;
    }
  }
  v1::Entry entry;
  entry.set_whole(reach.entered > complete && !HoldsAsCreator(record, reach, known));
  Record told = entry.whole() ? record : RecordDelta(record, complete);
  HideAbove(type, reach.max_class, &told);
  if (!entry.whole() && record.is_live()) {
    std::erase_if(told.fields, [&](const FieldState& f) { return IsEcho(type, f, told, known); });
    if (IsKnown(record, told, known)) return std::nullopt;
  }
  *entry.mutable_state() = EncodeRecord(told);
  return entry;
}

}  // namespace brigada
