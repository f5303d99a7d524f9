// Change sets whose content the authority keeps for a person to look at, or until a record comes
// that they change. Bounded for each replica and in all: what finds no room is refused instead, and
// its device keeps it.
#ifndef REPLICA_STORE_QUARANTINE_H_
#define REPLICA_STORE_QUARANTINE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
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

// An honest device brings no more than it retains (DeviceStoreOptions).
inline constexpr size_t kMaxQuarantinedPerReplica = 16'384;
inline constexpr size_t kMaxQuarantinedBytesPerReplica = size_t{64} << 20;
// Of a replica whose work was accepted once, on a line that is lost: it may be nowhere else any
// more, so the other bounds do not hold it back. Four times what a device retains; that much a
// device can fill that lies about it.
inline constexpr size_t kMaxQuarantinedBytesSetBack = size_t{256} << 20;
inline constexpr size_t kMaxQuarantined = 131'072;
inline constexpr size_t kMaxQuarantinedBytes = size_t{1} << 30;

// How much is kept of each replica, in memory, so that no commit looks through the table. Value
// type; that of a batch may be below zero.
class QuarantineCensus {
 public:
  struct Share {
    int64_t sets = 0;
    int64_t bytes = 0;
  };

  // Adds those of one partition.
  absl::Status Load(const KvReader& reader, absl::string_view partition);
  void Add(absl::string_view replica, const Share& share);
  void Merge(const QuarantineCensus& other);

  bool is_empty() const { return shares_.empty(); }
  Share Of(absl::string_view replica) const;
  const Share& total() const { return total_; }

 private:
  std::map<std::string, Share, std::less<>> shares_;
  Share total_;
};

// The quarantine with what one write batch changes. One thread.
class Quarantine {
 public:
  // Both outlive it. `census`: of what is stored.
  Quarantine(const KvReader* reader, const QuarantineCensus* census)
      : rows_(reader, Table::kRejected), census_(census) {}

  // True while this replica may keep one more, of so many bytes.
  bool HasRoom(const ReplicaId& replica, size_t bytes) const;
  // The same of one that was accepted once.
  bool HasRoomSetBack(const ReplicaId& replica, size_t bytes) const;
  absl::StatusOr<std::optional<std::string>> Find(const std::string& key) const {
    return rows_.Get(key);
  }
  // `key`: QuarantineKey of that replica.
  absl::Status Put(const std::string& key, const ReplicaId& replica, std::string value);
  absl::Status Remove(const std::string& key, const ReplicaId& replica);
  void Stage(KvBatch* batch) const { rows_.Stage(batch); }
  // What the batch adds to the census once it is written.
  const QuarantineCensus& difference() const { return difference_; }

 private:
  absl::Status Set(const std::string& key, const ReplicaId& replica,
                   std::optional<std::string> value);

  StagedRows rows_;
  const QuarantineCensus* const census_;
  QuarantineCensus difference_;
};

// Of one that is not there, or not for who asks.
absl::Status NotInQuarantine();

// One of them, as a person is told of it.
struct QuarantinedSet {
  std::string partition;
  ReplicaId replica;
  uint64_t sequence = 0;
  v1::RejectedChangeSet kept;
  // Where its records are, and where it would put them; the partition where that is not known.
  std::vector<std::string> scopes;
};

struct QuarantinePage {
  std::vector<QuarantinedSet> sets;
  std::string next;  // where the next page begins; empty: this was the last
};

}  // namespace brigada

#endif  // REPLICA_STORE_QUARANTINE_H_
