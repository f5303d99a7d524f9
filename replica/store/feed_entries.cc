#include "replica/store/feed_entries.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

bool Contains(const std::vector<FeedName>& feeds, const FeedName& feed) {
  return std::find(feeds.begin(), feeds.end(), feed) != feeds.end();
}

std::string EntryKey(const RecordSlot& slot, const FeedName& feed, uint64_t sequence) {
  return FeedKey(slot.partition, feed.scope, feed.kind, sequence, slot.type_id, slot.id);
}

std::string EntryValue(v1::DataClass data_class, absl::string_view moved_to, bool erased = false) {
  v1::FeedEntry entry;
  entry.set_erased(erased);
  entry.set_data_class(static_cast<uint32_t>(data_class));
  entry.set_moved_to(std::string(moved_to));
  return entry.SerializeAsString();
}

// An erased record is told of wherever it has ever been: what left a device's base may still be in
// its unsent work.
void StageErasure(RecordSlot* slot, KvBatch* batch) {
  const Record& after = slot->state.base;
  const std::string value = EntryValue(ClassOf(slot->type, after), "", /*erased=*/true);
  for (Departure& departure : slot->state.departures) {
    const FeedName feed{departure.scope, departure.kind};
    batch->Delete(Table::kFeeds, EntryKey(*slot, feed, departure.sequence));
    departure.sequence = after.sequence;
    batch->Put(Table::kFeeds, EntryKey(*slot, feed, after.sequence), value);
  }
}

// The record is back in `feed`: nothing there may say any more that it left.
void ForgetDeparture(const FeedName& feed, RecordSlot* slot, KvBatch* batch) {
  auto& departures = slot->state.departures;
  const auto it = std::find_if(departures.begin(), departures.end(), [&](const Departure& d) {
    return d.scope == feed.scope && d.kind == feed.kind;
  });
  if (it == departures.end()) return;
  batch->Delete(Table::kFeeds, EntryKey(*slot, feed, it->sequence));
  departures.erase(it);
}

// The feeds of the scopes that the record passed through inside this batch.
void AddPassedFeeds(const RecordSlot& slot, std::vector<FeedName>* feeds) {
  for (const std::string& passed : slot.passed_scopes) {
    for (FeedName& feed : FeedsOf(slot.partition, passed))
      if (!Contains(*feeds, feed)) feeds->push_back(std::move(feed));
  }
}

// The record has gone from those of `old_feeds` that are not among `new_feeds`.
void StageDepartures(const std::vector<FeedName>& old_feeds, const std::vector<FeedName>& new_feeds,
                     const Leaving& gone, RecordSlot* slot, KvBatch* batch) {
  const std::string moved = EntryValue(gone.data_class, gone.scope);
  for (const FeedName& feed : old_feeds) {
    if (gone.scope.empty() || Contains(new_feeds, feed)) continue;
    ForgetDeparture(feed, slot, batch);
    batch->Put(Table::kFeeds, EntryKey(*slot, feed, gone.sequence), moved);
    slot->state.departures.push_back({feed.scope, feed.kind, gone.sequence});
  }
  for (const FeedName& feed : new_feeds) ForgetDeparture(feed, slot, batch);
}

}  // namespace

std::vector<FeedName> FeedsOf(absl::string_view partition, absl::string_view scope) {
  std::vector<FeedName> feeds;
  if (scope.empty()) return feeds;
  feeds.push_back({std::string(scope), v1::HERE});
  if (!absl::StrContains(partition, '/')) return feeds;
  for (size_t end = partition.size(); end != absl::string_view::npos;
       end = end == scope.size() ? absl::string_view::npos
                                 : std::min(scope.find('/', end + 1), scope.size())) {
    feeds.push_back({std::string(scope.substr(0, end)), v1::BELOW});
  }
  return feeds;
}

bool FeedCovers(absl::string_view feed_scope, v1::FeedKind kind, absl::string_view scope) {
  if (feed_scope == scope) return true;
  return kind == v1::BELOW && absl::ConsumePrefix(&scope, feed_scope) &&
         absl::StartsWith(scope, "/");
}

void StageFeedEntries(const Record& before, RecordSlot* slot, KvBatch* batch) {
  const Record& after = slot->state.base;
  const std::string old_scope = before.exists() ? before.scope() : "";
  const std::string new_scope = after.exists() ? after.scope() : "";
  // Where it is from now on, in this partition or in another.
  const Leaving gone =
      slot->state.left.value_or(Leaving{new_scope, after.sequence, ClassOf(slot->type, after)});
  if (old_scope == new_scope && before.sequence == after.sequence && slot->passed_scopes.empty())
    return;
  std::vector<FeedName> old_feeds = FeedsOf(slot->partition, old_scope);
  const std::vector<FeedName> new_feeds =
      old_scope == new_scope ? old_feeds : FeedsOf(slot->partition, new_scope);
  for (const FeedName& feed : old_feeds) {
    if (before.sequence != gone.sequence)
      batch->Delete(Table::kFeeds, EntryKey(*slot, feed, before.sequence));
  }
  if (old_scope != new_scope || !slot->passed_scopes.empty()) {
    AddPassedFeeds(*slot, &old_feeds);
    StageDepartures(old_feeds, new_feeds, gone, slot, batch);
  }
  if (after.erased) StageErasure(slot, batch);
  const std::string value = EntryValue(gone.data_class, "", after.erased);
  for (const FeedName& feed : new_feeds)
    batch->Put(Table::kFeeds, EntryKey(*slot, feed, after.sequence), value);
}

}  // namespace brigada
