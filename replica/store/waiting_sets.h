// Quarantined change sets that wait for a record nobody knows yet: after the server went back, an
// edit can come before the create that its writer had seen.
#ifndef REPLICA_STORE_WAITING_SETS_H_
#define REPLICA_STORE_WAITING_SETS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/storage.pb.h"
#include "replica/base/ids.h"
#include "replica/store/kv.h"
#include "replica/store/staged_rows.h"

namespace brigada {

// Whose change sets wait, counted per record that they wait for: kept in memory, so that no commit
// looks through the table. Value type.
class WaitingCensus {
 public:
  // Adds those of one partition.
  absl::Status Load(const KvReader& reader, absl::string_view partition);
  void Add(const v1::WaitingChangeSet& set) { Count(set, 1); }
  void Remove(const v1::WaitingChangeSet& set) { Count(set, -1); }
  void Merge(const WaitingCensus& other);

  bool is_empty() const { return users_.empty() && replicas_.empty(); }
  int64_t CountOf(absl::string_view replica) const;
  std::vector<std::string> Users() const;

 private:
  // Nothing is kept of a zero. The difference that a batch makes may be below.
  using Counts = std::map<std::string, int64_t, std::less<>>;
  void Count(const v1::WaitingChangeSet& set, int64_t by);
  static void Count(const std::string& key, int64_t by, Counts* counts);

  Counts users_;
  Counts replicas_;
};

// Those of the store with what one write batch changes. One thread.
class WaitingSets {
 public:
  // Both outlive it. `census`: of what is stored.
  WaitingSets(const KvReader* reader, const WaitingCensus* census)
      : rows_(reader, Table::kRejected), census_(census) {}

  // True while one more of this replica may wait, for so many records (kMaxWaitingPerReplica).
  bool HasRoom(const ReplicaId& replica, size_t records) const;
  absl::Status Add(absl::string_view partition, uint32_t type_id, const RecordId& id,
                   const v1::WaitingChangeSet& set);
  absl::Status Remove(absl::string_view partition, uint32_t type_id, const RecordId& id,
                      const v1::WaitingChangeSet& set);
  // In the order in which they were judged when they were accepted before, then by replica.
  absl::StatusOr<std::vector<v1::WaitingChangeSet>> Find(absl::string_view partition,
                                                         uint32_t type_id,
                                                         const RecordId& id) const;
  void Stage(KvBatch* batch) const { rows_.Stage(batch); }
  // What the batch adds to the census once it is written.
  const WaitingCensus& difference() const { return difference_; }

 private:
  StagedRows rows_;
  const WaitingCensus* const census_;
  WaitingCensus difference_;
};

}  // namespace brigada

#endif  // REPLICA_STORE_WAITING_SETS_H_
