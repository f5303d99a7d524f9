#include "replica/sync/cursor_check.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace brigada {
namespace {

auto Key(const v1::Feed& feed) {
  return std::make_tuple(feed.scope(), static_cast<int>(feed.kind()),
                         static_cast<int>(feed.max_class()));
}

bool SameFeed(const v1::Feed& a, const v1::Feed& b) { return Key(a) == Key(b); }

// Takes the same time wherever the first difference is.
bool EqualMac(absl::string_view a, absl::string_view b) {
  if (a.size() != b.size() || a.empty()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

}  // namespace

std::string CursorMacInput(const ReplicaId& replica, const v1::Cursor& cursor) {
  // Every part behind its length: no two cursors give the same bytes.
  const auto part = [](absl::string_view bytes) {
    return absl::StrCat(bytes.size(), ":", bytes, ";");
  };
  std::string input = part(replica.bytes());
  absl::StrAppend(&input, part(cursor.partition()), part(cursor.epoch()), part(cursor.run()),
                  cursor.complete(), ";", cursor.scanned(), ";", cursor.judged(), ";");
  const auto append_feeds = [&](const google::protobuf::RepeatedPtrField<v1::Feed>& feeds) {
    for (const v1::Feed& feed : CanonicalFeeds({feeds.begin(), feeds.end()})) {
      absl::StrAppend(&input, part(feed.scope()), static_cast<int>(feed.kind()), ";",
                      static_cast<int>(feed.max_class()), ";");
    }
  };
  append_feeds(cursor.feeds());
  if (cursor.has_held()) {
    absl::StrAppend(&input, "held;", cursor.held().complete(), ";", cursor.held().scanned(), ";");
    append_feeds(cursor.held().feeds());
  }
  return input;
}

std::vector<v1::Feed> CanonicalFeeds(std::vector<v1::Feed> feeds) {
  std::sort(feeds.begin(), feeds.end(),
            [](const v1::Feed& a, const v1::Feed& b) { return Key(a) < Key(b); });
  feeds.erase(std::unique(feeds.begin(), feeds.end(), SameFeed), feeds.end());
  return feeds;
}

v1::CursorReset::Reason CheckCursor(const AuthorityStore& store, const v1::Cursor& cursor,
                                    uint64_t judged, absl::string_view mac) {
  if (!EqualMac(mac, cursor.mac()) || cursor.complete() > cursor.scanned())
    return v1::CursorReset::NOT_AUTHENTIC;
  const absl::StatusOr<Epoch> epoch = Epoch::FromBytes(cursor.epoch());
  const absl::StatusOr<Run> run = Run::FromBytes(cursor.run());
  if (!epoch.ok() || !run.ok()) return v1::CursorReset::NOT_AUTHENTIC;
  // A point from before the lines parted holds in every epoch after it.
  const uint64_t furthest = std::max(cursor.scanned(), cursor.held().scanned());
  if (!store.IsKnownPoint(*run, cursor.partition(), furthest) || judged < cursor.judged())
    return store.IsPastEpoch(*epoch) ? v1::CursorReset::OTHER_EPOCH : v1::CursorReset::BEYOND_END;
  return v1::CursorReset::REASON_UNSPECIFIED;
}

}  // namespace brigada
