// What a feed entry tells one reader of a record.
#ifndef REPLICA_STORE_ENTRY_CONTENT_H_
#define REPLICA_STORE_ENTRY_CONTENT_H_

#include <cstdint>
#include <optional>
#include <set>

#include "brigada/v1/sync_service.pb.h"
#include "replica/merge/record.h"
#include "replica/schema/registry.h"
#include "replica/store/authority_store.h"

namespace brigada {

// The content of the entry of `record`, a live or deleted record that lies in feeds of `request`:
// `whole` and `state` are set. Left out are the fields the replica has by its `complete`, those
// above the class it may read, and its own writes that it lays into its base by their verdicts, but
// those of the change sets in `released`: it need not have their content any more. Nullopt: nothing
// is left that the replica does not know by itself.
std::optional<v1::Entry> EntryContent(const RecordType* type, const Record& record,
                                      const FeedRequest& request,
                                      const std::set<uint64_t>& released = {});

}  // namespace brigada

#endif  // REPLICA_STORE_ENTRY_CONTENT_H_
