#include "replica/sync/feed_change.h"

#include <algorithm>

#include "replica/store/feed_cover.h"
#include "replica/sync/cursor_check.h"

namespace brigada {
namespace {

std::vector<v1::Feed> FeedsOf(const google::protobuf::RepeatedPtrField<v1::Feed>& feeds) {
  return {feeds.begin(), feeds.end()};
}

bool SameFeed(const v1::Feed& a, const v1::Feed& b) {
  return a.scope() == b.scope() && a.kind() == b.kind() && a.max_class() == b.max_class();
}

}  // namespace

bool IsForFeeds(const v1::Cursor& cursor, const std::vector<v1::Feed>& feeds) {
  const std::vector<v1::Feed> given = CanonicalFeeds(FeedsOf(cursor.feeds()));
  return std::equal(given.begin(), given.end(), feeds.begin(), feeds.end(), SameFeed);
}

v1::Cursor CursorForFeeds(const v1::Cursor& cursor, const std::vector<v1::Feed>& feeds) {
  v1::Cursor adapted = cursor;
  adapted.clear_mac();
  adapted.clear_held();
  adapted.mutable_feeds()->Assign(feeds.begin(), feeds.end());
  const std::vector<v1::Feed> given = FeedsOf(cursor.feeds());
  const bool is_narrowed = std::all_of(
      feeds.begin(), feeds.end(), [&](const v1::Feed& feed) { return IsInsideAny(feed, given); });
  v1::Held held = cursor.held();
  if (!cursor.has_held() && !is_narrowed) {
    *held.mutable_feeds() = cursor.feeds();
    held.set_complete(cursor.complete());
    held.set_scanned(cursor.scanned());
  }
  const std::vector<v1::Feed> common = CanonicalFeeds(CommonFeeds(FeedsOf(held.feeds()), feeds));
  held.mutable_feeds()->Assign(common.begin(), common.end());
  if (!common.empty()) *adapted.mutable_held() = std::move(held);
  if (!is_narrowed) {
    adapted.set_complete(0);
    adapted.set_scanned(0);
  }
  return adapted;
}

}  // namespace brigada
