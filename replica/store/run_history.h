// The past of a server store: its epochs and its starts. It tells a cursor or a position from this
// past from one that a lost or foreign past gave, and how much of the latter still counts.
//
// The line of a store is the list of its runs: each wrote from the heads it found to the heads the
// next one found. A backup that is restored, a copied directory or a machine set back goes on from
// an earlier point, with a new run: the lines share what lies before that point and nothing after.
//
//   E0:  R1 ---- R2 ------x-------- R3 ---   lost: what R2 wrote after x, and R3
//                          \ E1: R4 ------    this store's line: R1, R2 up to x, R4
//
// An epoch begins whenever it is found that there are two lines. Its commit sequences lie above all
// that any line gave before (the floor counts milliseconds since 1970), so numbers of a lost line
// never look like later ones of this.
#ifndef REPLICA_STORE_RUN_HISTORY_H_
#define REPLICA_STORE_RUN_HISTORY_H_

#include <cstdint>
#include <map>
#include <optional>
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

// Value type.
class RunHistory {
 public:
  absl::Status Load(const KvReader& reader);
  // Starts `run`, which found the partitions at `heads`.
  void AppendRun(const Run& run, absl::Time now, const PartitionHeads& heads, KvBatch* batch);
  // Ends the current epoch at `heads` and begins `epoch`; the next run is its first. `evidence`
  // fields of `how` (is_unannounced, doubtful_run) are kept.
  void BeginEpoch(const Epoch& epoch, absl::Time now, const PartitionHeads& heads,
                  const v1::EpochRecord& how, KvBatch* batch);
  // Another line's epoch; nothing when it is known already.
  void AddForeign(v1::EpochRecord epoch, KvBatch* batch);

  // The last epoch of this line; nullptr in a new store.
  const v1::EpochRecord* current() const;
  bool KnowsEpoch(absl::string_view epoch) const { return Find(epoch) != nullptr; }
  bool KnowsRun(absl::string_view run) const;
  // True for a known epoch that is not the current one.
  bool IsPast(absl::string_view epoch) const;
  // Commit sequences of the current epoch are greater.
  uint64_t floor() const;

  // Up to which sequence of the partition this store has what (`epoch`, `run`) told. `head`: the
  // partition's now. 0 when nothing is certain. An empty run stands for the epoch's line.
  uint64_t SharedUpTo(absl::string_view epoch, absl::string_view run, absl::string_view partition,
                      uint64_t head) const;
  // True when this line gave `sequence`; false for numbers that only a lost one gave. `head`: the
  // partition's now. Where two lines gave the same numbers, false.
  bool IsOfThisLine(absl::string_view partition, uint64_t sequence, uint64_t head) const;

 private:
  uint64_t EndBefore(const v1::EpochRecord& next, absl::string_view partition) const;
  const v1::EpochRecord* Find(absl::string_view epoch) const;
  uint64_t EndOfRun(size_t index, absl::string_view partition, uint64_t head) const;
  uint64_t EndOfEpoch(absl::string_view epoch, bool of_unknown_run, absl::string_view partition,
                      uint64_t head) const;
  bool IsDoubtful(absl::string_view run) const;

  std::vector<v1::RunRecord> runs_;
  std::vector<v1::EpochRecord> epochs_;
  uint64_t next_run_ = 1;
  uint64_t next_epoch_ = 1;
};

}  // namespace brigada

#endif  // REPLICA_STORE_RUN_HISTORY_H_
