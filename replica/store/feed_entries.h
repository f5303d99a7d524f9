// Which feeds a record is in, and what changes in them when it changes.
#ifndef REPLICA_STORE_FEED_ENTRIES_H_
#define REPLICA_STORE_FEED_ENTRIES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/kv.h"
#include "replica/store/record_table.h"

namespace brigada {

struct FeedName {
  std::string scope;
  v1::FeedKind kind = v1::FEED_KIND_UNSPECIFIED;

  friend bool operator==(const FeedName&, const FeedName&) = default;
};

// here(scope), and below(level) of every level from the partition's down. The nation has no below:
// nobody reads everything through a feed.
std::vector<FeedName> FeedsOf(absl::string_view partition, absl::string_view scope);

// True when a record of `scope` is in the feed (`kind`, `feed_scope`).
bool FeedCovers(absl::string_view feed_scope, v1::FeedKind kind, absl::string_view scope);

// Puts into `batch` what makes the feeds right when the record of `slot` had `before` as its base
// (which may not exist): its entry stands at its newest sequence in every feed that covers it, and
// where it left one, an entry there names its new scope. Updates the departures.
void StageFeedEntries(const Record& before, RecordSlot* slot, KvBatch* batch);

}  // namespace brigada

#endif  // REPLICA_STORE_FEED_ENTRIES_H_
