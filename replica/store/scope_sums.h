// The sums of what lies in each feed of a partition, kept in the write batch that changes a record,
// and what a reader with certain subscriptions has of them: the checkpoint's count and fingerprint.
#ifndef REPLICA_STORE_SCOPE_SUMS_H_
#define REPLICA_STORE_SCOPE_SUMS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/kv.h"
#include "replica/store/record_sum.h"

namespace brigada {

// Sums by their key (SumKey).
using SumsByKey = std::map<std::string, ClassSums, std::less<>>;

// Adds `sums` to, or takes them from, those of each feed that a record of `scope` lies in. Nothing
// when the scope is of another partition: a record that waits there for its new partition's entry.
void CountIn(absl::string_view partition, absl::string_view scope, const ClassSums& sums,
             bool is_added, SumsByKey* changes);

// kDataLoss: the stored sums are damaged.
absl::StatusOr<ClassSums> ReadClassSums(const KvReader& reader, absl::string_view key);

// What a reader of `feeds`, all of `partition`, has: one sum for each feed that lies in no other,
// with what the feeds inside it add by a higher class. In the order of scope and kind. One Get per
// feed.
absl::StatusOr<std::vector<v1::ScopeSum>> ReadScopeSums(const KvReader& reader,
                                                        absl::string_view partition,
                                                        absl::Span<const v1::Feed> feeds);

// Puts into `batch` what makes the stored sums of `partition` those of `sums`. False: they are.
absl::StatusOr<bool> StageAllSums(const KvReader& reader, absl::string_view partition,
                                  const SumsByKey& sums, KvBatch* batch);

}  // namespace brigada

#endif  // REPLICA_STORE_SCOPE_SUMS_H_
