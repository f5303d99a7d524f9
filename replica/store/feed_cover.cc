#include "replica/store/feed_cover.h"

#include <algorithm>

#include "replica/store/feed_entries.h"

namespace brigada {
namespace {

v1::DataClass ClassOfField(const RecordType* type, uint32_t number) {
  if (number == kScopeFieldNumber) return v1::PUBLIC;
  const FieldType* field = type == nullptr ? nullptr : type->FindField(number);
  return field == nullptr ? v1::INCIDENT : field->data_class;
}

}  // namespace

bool IsPlaceInside(const v1::Feed& inner, const v1::Feed& outer) {
  if (outer.kind() == v1::BELOW) return FeedCovers(outer.scope(), v1::BELOW, inner.scope());
  return inner.kind() == outer.kind() && inner.scope() == outer.scope();
}

bool IsInside(const v1::Feed& inner, const v1::Feed& outer) {
  return inner.max_class() <= outer.max_class() && IsPlaceInside(inner, outer);
}

bool IsInsideAny(const v1::Feed& inner, absl::Span<const v1::Feed> outer) {
  return std::any_of(outer.begin(), outer.end(),
                     [&](const v1::Feed& feed) { return IsInside(inner, feed); });
}

std::vector<v1::Feed> CommonFeeds(absl::Span<const v1::Feed> one,
                                  absl::Span<const v1::Feed> other) {
  std::vector<v1::Feed> common;
  for (const v1::Feed& a : one) {
    for (const v1::Feed& b : other) {
      if (!IsPlaceInside(a, b) && !IsPlaceInside(b, a)) continue;
      v1::Feed feed = IsPlaceInside(a, b) ? a : b;
      feed.set_max_class(std::min(a.max_class(), b.max_class()));
      if (!IsInsideAny(feed, common)) common.push_back(std::move(feed));
    }
  }
  return common;
}

v1::DataClass ReadableClass(absl::Span<const v1::Feed> feeds, absl::string_view scope,
                            v1::DataClass record_class) {
  v1::DataClass readable = v1::DATA_CLASS_UNSPECIFIED;
  for (const v1::Feed& feed : feeds) {
    if (feed.max_class() >= record_class && FeedCovers(feed.scope(), feed.kind(), scope))
      readable = std::max(readable, feed.max_class());
  }
  return readable;
}

void HideAbove(const RecordType* type, v1::DataClass max_class, Record* record) {
  const auto is_hidden = [&](uint32_t number) { return ClassOfField(type, number) > max_class; };
  std::erase_if(record->fields, [&](const FieldState& f) { return is_hidden(f.number); });
  std::erase_if(record->conflicts,
                [&](const OpenConflict& c) { return c.field != 0 && is_hidden(c.field); });
  std::erase_if(record->past_states, [&](const PastState& p) { return is_hidden(p.field); });
}

void AddFeeds(const google::protobuf::RepeatedPtrField<v1::Feed>& feeds,
              std::vector<v1::Feed>* all) {
  for (const v1::Feed& feed : feeds) {
    if (!IsInsideAny(feed, *all)) all->push_back(feed);
  }
}

}  // namespace brigada
