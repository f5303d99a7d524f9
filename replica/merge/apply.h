// Merging: how a change meets a record. Pure functions; time, identity and order are arguments.
#ifndef REPLICA_MERGE_APPLY_H_
#define REPLICA_MERGE_APPLY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "brigada/v1/change.pb.h"
#include "brigada/v1/conflict.pb.h"
#include "replica/merge/record.h"
#include "replica/schema/registry.h"

namespace brigada {

// A conflict that a change cites, as the ledger has it.
struct CitedConflict {
  RecordId id;
  uint32_t field = 0;
  std::vector<std::string> values;  // of every contender, further entries included
  // Of a conflict of the whole record: whose edits are parked there, by replica and commit
  // sequence, the latest among them.
  std::vector<WriteRef> parked = {};
};

// The writer of a change and what it had seen.
struct WriteContext {
  WriteRef write;  // with the effective stamp and the commit sequence
  // The writer saw every change of the record up to this commit sequence.
  uint64_t seen = 0;
  // Replica bytes + 8 bytes big-endian sequence of the provisional change sets it had seen.
  absl::flat_hash_set<std::string> provisional;
  // The same of writes that it saw with their verdict, although what it saw counts elsewhere: the
  // record came from another partition since.
  absl::flat_hash_set<std::string> confirmed;
  // Of its own replica it saw the change sets before this one: all of them, unless it is a retry.
  uint64_t own_before = UINT64_MAX;
  // Those of the conflicts cited by the change that are about its record; the caller may leave out
  // what no guarded value (STATE, FIRST_WRITER) is decided by and nothing is parked in.
  std::vector<CitedConflict> cited;
};

// A conflict that a change opened, extended or decided: becomes a Conflict record.
struct ConflictEvent {
  RecordId id;
  uint32_t field = 0;  // 0: the whole record
  std::string key;
  v1::Conflict entry;  // complete, about_type and about_record left to the caller
};

struct ApplyResult {
  // Not empty: the record is unchanged.
  std::vector<v1::Refusal> refusals;
  std::vector<ConflictEvent> conflicts;
  // Fields this change wrote whose standing value is another's (of a SET or MAP: in which nothing
  // of it took effect). 0: the conflicts it cites were not open, or not decided by it. The verdict
  // carries them as they are.
  std::vector<uint32_t> lost_fields;
  // The whole change met a deletion: Verdict.Lost without fields. lost_fields is then empty.
  bool lost_whole = false;
  // The record's state differs from before.
  bool changed = false;
};

// The authority's merge of one change into `record` (which may not exist yet), by the policies of
// `type`; null: unknown type, every field a LAST_WRITER register. Values are taken as valid:
// validation is the caller's. `change_index` goes into refusals. kInvalidArgument: malformed bytes
// in the change.
absl::StatusOr<ApplyResult> ApplyChange(const RecordType* type, const v1::Change& change,
                                        const WriteContext& context, uint32_t change_index,
                                        Record* record);

// Lays a change over `record` as its own writer sees it: nothing is concurrent, nothing refused (an
// edit of a deleted or absent record does nothing). Used for the view (write.sequence 0) and to
// fold what a verdict confirmed into base; `lost` names the fields left out.
absl::Status OverlayChange(const RecordType* type, const v1::Change& change, const WriteRef& write,
                           const v1::Verdict::Lost* lost, Record* record);

// Takes what a later change found out about a conflict (ConflictEvent.entry) into its stored entry:
// winner and state become those of `update`, losers not known yet (by replica, sequence and value)
// are added, latest first. None is dropped: how many one stored entry holds is the store's
// business. What else the entry says is kept.
void ExtendConflict(const v1::Conflict& update, v1::Conflict* entry);

// The part of `record` changed after commit sequence `after`: fields whole, with all their live
// versions; deletion, scope and conflicts.
Record RecordDelta(const Record& record, uint64_t after);

// Takes a delta into `base`: each field in it replaces that of `base`. `whole`: it replaces
// everything.
void MergeDelta(const Record& delta, bool whole, Record* base);

// Effective stamp of a change set: `signed_stamp` lowered to `ceiling` (the server's clock, above
// everything it stamped before), raised above `own_last` (the replica's last effective stamp) and
// above `replaced`: the greater of HighestReplaced of its changes and the first point after the
// server time of its position. The position is what makes the stamp independent of the commit
// order: a version it saw may have been displaced by a concurrent one.
Hlc EffectiveStamp(Hlc signed_stamp, Hlc ceiling, Hlc own_last, Hlc replaced);

// The greatest stamp among the live versions that `change` would replace knowingly. 0 for none.
absl::StatusOr<Hlc> HighestReplaced(const RecordType* type, const v1::Change& change,
                                    const WriteContext& context, const Record& record);

}  // namespace brigada

#endif  // REPLICA_MERGE_APPLY_H_
