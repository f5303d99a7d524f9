// Whether a cursor that a device sends back is one this server gave, for what it reads now.
#ifndef REPLICA_SYNC_CURSOR_CHECK_H_
#define REPLICA_SYNC_CURSOR_CHECK_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/authority_store.h"

namespace brigada {

// The bytes that a cursor's MAC covers, for the host that signs: every field but `mac`, behind the
// replica. Feeds count in their canonical order.
std::string CursorMacInput(const ReplicaId& replica, const v1::Cursor& cursor);

// Sorted, without duplicates.
std::vector<v1::Feed> CanonicalFeeds(std::vector<v1::Feed> feeds);

// Why the pull has to start from zero; REASON_UNSPECIFIED when it need not, whatever feeds it is
// for (feed_change.h). `judged` is the replica's last change set that the store has judged in the
// partition, `mac` what the server computes for the cursor. OTHER_EPOCH: what the cursor stands on
// was lost with an epoch that is past. BEYOND_END: the store lost it without saying so, and a new
// epoch has to begin before anything is served.
v1::CursorReset::Reason CheckCursor(const AuthorityStore& store, const v1::Cursor& cursor,
                                    uint64_t judged, absl::string_view mac);

}  // namespace brigada

#endif  // REPLICA_SYNC_CURSOR_CHECK_H_
