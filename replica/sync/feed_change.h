// What becomes of a cursor when its replica's subscriptions change.
#ifndef REPLICA_SYNC_FEED_CHANGE_H_
#define REPLICA_SYNC_FEED_CHANGE_H_

#include <vector>

#include "brigada/v1/sync_service.pb.h"

namespace brigada {

// The feeds of `cursor` are `feeds` (both canonical, see cursor_check.h).
bool IsForFeeds(const v1::Cursor& cursor, const std::vector<v1::Feed>& feeds);

// `cursor`, which this server gave for other feeds, as one for `feeds`: unsigned. Where all of them
// are inside those it was given for it keeps its place. Else it starts again from zero, and `held`
// says which part of them the replica has, and up to where.
v1::Cursor CursorForFeeds(const v1::Cursor& cursor, const std::vector<v1::Feed>& feeds);

}  // namespace brigada

#endif  // REPLICA_SYNC_FEED_CHANGE_H_
