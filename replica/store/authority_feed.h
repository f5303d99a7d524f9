// A page of the feeds that a replica reads: what changed, told as far as it does not know it.
#ifndef REPLICA_STORE_AUTHORITY_FEED_H_
#define REPLICA_STORE_AUTHORITY_FEED_H_

#include "absl/status/statusor.h"
#include "replica/schema/registry.h"
#include "replica/store/authority_store.h"
#include "replica/store/kv.h"

namespace brigada {

// AuthorityStore::ReadFeed on one snapshot. Entries and verdicts come by commit sequence; those of
// one sequence are never torn apart, so a page may exceed its target by one change set; one that
// would take it beyond kMaxPageBytes waits for the next page. The work of one page is bounded by
// request.max_entries.
absl::StatusOr<FeedPage> ReadFeedPage(const Registry& registry, const KvReader& snapshot,
                                      const FeedRequest& request);

}  // namespace brigada

#endif  // REPLICA_STORE_AUTHORITY_FEED_H_
