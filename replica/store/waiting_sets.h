// Quarantined change sets that wait for a record nobody knows yet: after the server went back, an
// edit can come before the create that its writer had seen.
#ifndef REPLICA_STORE_WAITING_SETS_H_
#define REPLICA_STORE_WAITING_SETS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "brigada/v1/storage.pb.h"
#include "replica/base/ids.h"
#include "replica/store/kv.h"

namespace brigada {

// Those of the store with what one write batch changes. One thread.
class WaitingSets {
 public:
  explicit WaitingSets(const KvReader* reader) : reader_(reader) {}

  void Add(absl::string_view partition, uint32_t type_id, const RecordId& id,
           const v1::WaitingChangeSet& set);
  void Remove(absl::string_view partition, uint32_t type_id, const RecordId& id,
              const v1::Dot& dot);
  // In the order in which they were judged when they were accepted before, then by replica.
  absl::StatusOr<std::vector<v1::WaitingChangeSet>> Find(absl::string_view partition,
                                                         uint32_t type_id,
                                                         const RecordId& id) const;
  void Stage(KvBatch* batch) const;

  static absl::StatusOr<std::vector<std::string>> Users(const KvReader& reader,
                                                        absl::Span<const std::string> partitions);

 private:
  const KvReader* const reader_;
  std::map<std::string, std::optional<std::string>> changed_;
};

}  // namespace brigada

#endif  // REPLICA_STORE_WAITING_SETS_H_
