// Which subscriptions lie inside which, and what they let a reader have of a record.
#ifndef REPLICA_STORE_FEED_COVER_H_
#define REPLICA_STORE_FEED_COVER_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "brigada/v1/sync_service.pb.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "replica/merge/record.h"
#include "replica/schema/registry.h"

namespace brigada {

// Every record of the place of `inner` is in the place of `outer`, whatever the classes.
bool IsPlaceInside(const v1::Feed& inner, const v1::Feed& outer);
// Everything `inner` brings, `outer` brings too.
bool IsInside(const v1::Feed& inner, const v1::Feed& outer);
bool IsInsideAny(const v1::Feed& inner, absl::Span<const v1::Feed> outer);
// Adds to `all` those of `feeds` that are inside none of it.
void AddFeeds(const google::protobuf::RepeatedPtrField<v1::Feed>& feeds,
              std::vector<v1::Feed>* all);

// What the feeds of both lists bring.
std::vector<v1::Feed> CommonFeeds(absl::Span<const v1::Feed> one, absl::Span<const v1::Feed> other);

// The highest class in which a record of `scope` and `record_class` is read through `feeds`;
// DATA_CLASS_UNSPECIFIED: not at all.
v1::DataClass ReadableClass(absl::Span<const v1::Feed> feeds, absl::string_view scope,
                            v1::DataClass record_class);

// Takes out of `record` what is above `max_class`: values, open conflicts and past states. Fields
// that this program does not know count as the most sensitive.
void HideAbove(const RecordType* type, v1::DataClass max_class, Record* record);

}  // namespace brigada

#endif  // REPLICA_STORE_FEED_COVER_H_
