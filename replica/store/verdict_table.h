// What the authority remembers of the change sets it has judged, and of how far each replica is.
#ifndef REPLICA_STORE_VERDICT_TABLE_H_
#define REPLICA_STORE_VERDICT_TABLE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/storage.pb.h"
#include "replica/base/ids.h"
#include "replica/store/kv.h"

namespace brigada {

// kDataLoss: the stored bytes are damaged.
absl::StatusOr<v1::ReplicaProgress> ReadProgress(const KvReader& reader,
                                                 absl::string_view partition,
                                                 const ReplicaId& replica);
absl::StatusOr<std::optional<v1::StoredVerdict>> ReadVerdict(const KvReader& reader,
                                                             absl::string_view partition,
                                                             const ReplicaId& replica,
                                                             uint64_t sequence);

// The verdicts one write batch adds, seen by its later steps. One thread.
class VerdictBatch {
 public:
  explicit VerdictBatch(const KvReader* reader) : reader_(reader) {}

  // How far a replica is: change it freely, it is written by Stage(). Stays in place until the
  // batch is gone.
  absl::StatusOr<v1::ReplicaProgress*> Progress(absl::string_view partition,
                                                const ReplicaId& replica);
  absl::StatusOr<std::optional<v1::StoredVerdict>> Find(absl::string_view partition,
                                                        const ReplicaId& replica,
                                                        uint64_t sequence) const;
  // A later one of the same change set takes the place of the earlier, which keeps its own in the
  // feed (`first`).
  void Add(absl::string_view partition, const ReplicaId& replica, const v1::StoredVerdict& verdict);
  void Stage(KvBatch* batch) const;

 private:
  const KvReader* const reader_;
  // By key, which sorts what is staged no worse than any other order would.
  std::map<std::string, v1::ReplicaProgress> progress_;
  absl::flat_hash_map<std::string, v1::StoredVerdict> added_;
  KvBatch places_;
};

}  // namespace brigada

#endif  // REPLICA_STORE_VERDICT_TABLE_H_
