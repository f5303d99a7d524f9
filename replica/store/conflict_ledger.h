// The ledger of conflicts: what a merge found becomes a record of its own, in the same write batch,
// synced like any other. docs/merge-semantics.md says what one entry holds and where it goes on.
#ifndef REPLICA_STORE_CONFLICT_LEDGER_H_
#define REPLICA_STORE_CONFLICT_LEDGER_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "replica/base/hlc.h"
#include "replica/base/ids.h"
#include "replica/merge/apply.h"
#include "replica/store/kv.h"
#include "replica/store/trial_records.h"

namespace brigada {

// An entry with more losers, or larger ones, goes on in further entries.
inline constexpr int kMaxLosers = 16;
inline constexpr size_t kMaxLoserBytes = size_t{256} << 10;

// Of the entries that one change cites, further ones included, so many are looked at.
inline constexpr int kMaxCitedEntries = 64;

// The entry in which `conflict` goes on; the first has number 0. Conflict.continued says how many
// there are.
RecordId ContinuationId(const RecordId& conflict, uint32_t number);

// Writes the ledger's entries of one group of change sets, as the authority (a ReplicaId of zeros).
// One thread.
class ConflictLedger {
 public:
  // `reader` is what the group started from; it outlives the ledger.
  explicit ConflictLedger(const KvReader* reader) : reader_(reader) {}

  // Lays `event`, found on the record of `about` by the change set with this effective stamp and
  // commit sequence, into its entry: in the scope of that record, under the class of what met. An
  // entry that is there already is extended; what no longer fits goes into a further one.
  absl::Status Record(const TrialRecord& about, const ConflictEvent& event, Hlc stamp,
                      uint64_t commit_sequence, TrialRecords* records);

  // What met in the conflicts that `change` cites and that are about its record: of guarded fields
  // (STATE, FIRST_WRITER, all of an append-only record), for no other value needs a conflict to be
  // let in. At most
  // kMaxCitedEntries entries are read.
  absl::StatusOr<std::vector<CitedConflict>> CitedBy(const v1::Change& change,
                                                     const TrialRecord& about,
                                                     TrialRecords* records) const;

  // Moves the entries about a record that has moved to where it is now: the open ones and what they
  // go on in, and as many of the decided ones as travel lightly.
  absl::Status Follow(const TrialRecord& about, Hlc stamp, uint64_t commit_sequence,
                      TrialRecords* records) const;

 private:
  // A record's type and id.
  using Name = std::pair<uint32_t, RecordId>;
  absl::StatusOr<std::vector<RecordId>> EntriesAbout(const TrialRecord& about) const;

  const KvReader* const reader_;
  // Entries made in this group, which the index of `reader_` does not know.
  absl::flat_hash_map<Name, std::vector<RecordId>> made_;
};

}  // namespace brigada

#endif  // REPLICA_STORE_CONFLICT_LEDGER_H_
