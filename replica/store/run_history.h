// The starts of a server store, to tell a cursor from its past from one that it cannot have given.
#ifndef REPLICA_STORE_RUN_HISTORY_H_
#define REPLICA_STORE_RUN_HISTORY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "brigada/v1/storage.pb.h"
#include "replica/base/ids.h"
#include "replica/store/kv.h"

namespace brigada {

using PartitionHeads = std::map<std::string, uint64_t, std::less<>>;

// Immutable once the current run is appended; then thread safe.
class RunHistory {
 public:
  absl::Status Load(const KvReader& reader);
  // Starts `run`, which found the partitions at `heads`.
  void Append(const Run& run, absl::Time now, const PartitionHeads& heads, KvBatch* batch);

  // True when a cursor given by `run` can stand at `sequence`. A run wrote from its own start to
  // the start of the next one; the current one, up to `head`.
  bool IsKnownPoint(const Run& run, absl::string_view partition, uint64_t sequence,
                    uint64_t head) const;

 private:
  std::vector<v1::RunRecord> runs_;
  uint64_t next_number_ = 1;
};

}  // namespace brigada

#endif  // REPLICA_STORE_RUN_HISTORY_H_
