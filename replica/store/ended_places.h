// What a device tells its user of places that it may read no more: which, since when, and how many
// of their records its purges took away. A setting of the store, in text: a line for each place,
// "scope records milliseconds".
#ifndef REPLICA_STORE_ENDED_PLACES_H_
#define REPLICA_STORE_ENDED_PLACES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/storage.pb.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/kv.h"

namespace brigada {

// The setting's key.
inline constexpr absl::string_view kEndedPlaces = "ended_places";

struct EndedPlaceNote {
  std::string scope;
  uint64_t records = 0;
  int64_t at_ms = 0;  // server time
};

// In the order in which they ended. What cannot be read is left out.
std::vector<EndedPlaceNote> ParseEndedPlaces(absl::string_view text);

// A welcome came, after which `purge` is due: notes the places that ended, and forgets those that
// are read again. What only a lower class of is read now has not ended.
absl::Status StageEndedPlaces(const KvReader& kv, const v1::Welcome& welcome,
                              const v1::Purge& purge, KvBatch* batch);
// The batch takes so many live records away, by scope.
absl::Status StageTakenAway(const KvReader& kv, const std::map<std::string, uint64_t>& taken,
                            KvBatch* batch);

}  // namespace brigada

#endif  // REPLICA_STORE_ENDED_PLACES_H_
