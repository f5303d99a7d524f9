// Whether the grants a welcome told of allow a write, as far as a device can know. The authority
// decides; this says what is worth trying.
#ifndef REPLICA_STORE_GRANT_COVER_H_
#define REPLICA_STORE_GRANT_COVER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "brigada/v1/change.pb.h"
#include "brigada/v1/sync_service.pb.h"
#include "google/protobuf/repeated_field.h"

namespace brigada {

// True when some grant lets its user write records of the type at `scope`.
bool GrantsCover(const v1::Welcome& welcome, uint32_t type_id, absl::string_view scope);

// True when every change is covered, where its record is (`places`, one for each change) and where
// it goes. A record without a place counts as anywhere in the partition.
bool GrantsCoverAll(const v1::Welcome& welcome,
                    const google::protobuf::RepeatedPtrField<std::string>& places,
                    const v1::ChangeSetBody& body, absl::string_view partition);

}  // namespace brigada

#endif  // REPLICA_STORE_GRANT_COVER_H_
