// The conflicts that one change opens, extends and decides. Inside replica/merge only.
#ifndef REPLICA_MERGE_CONFLICT_H_
#define REPLICA_MERGE_CONFLICT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "brigada/v1/change.pb.h"
#include "brigada/v1/conflict.pb.h"
#include "replica/merge/apply.h"
#include "replica/merge/record.h"

namespace brigada {

v1::Contender ContenderOf(const WriteRef& write, absl::string_view value);

// Names the slot that a conflict is about.
struct SlotName {
  uint32_t field = 0;  // 0: the whole record
  std::string key;
  v1::MergePolicy policy = v1::MERGE_POLICY_UNSPECIFIED;
  // Nobody has to decide: the policy's answer is the answer.
  bool settles = false;
};

// Values that met in one slot.
struct Encounter {
  v1::Contender winner;
  std::vector<v1::Contender> live;       // concurrent and not standing
  std::vector<v1::Contender> displaced;  // replaced by somebody who had seen them
};

// Collects the conflicts of one change; keeps record->conflicts in step. Of an overlay
// (`events` null) nothing is reported.
class ConflictLog {
 public:
  ConflictLog(const v1::Change& change, const WriteRef& write, Record* record,
              std::vector<ConflictEvent>* events);

  // The conflicts this change cites, taken out of the record's open ones.
  const std::vector<OpenConflict>& cited() const { return cited_; }
  // True when a write of the slot concerns an open or cited conflict.
  bool Watches(uint32_t field, absl::string_view key) const;
  bool is_overlay() const { return events_ == nullptr; }

  // A write of `slot` came out as `encounter`. With live values that differ from the winner's it
  // opens a conflict, unless the slot settles it; an open one is extended in any case.
  void Report(const SlotName& slot, Encounter encounter);
  // Reports the cited conflict as resolved, with what Report said of its slot in this change or,
  // when that was nothing, with `encounter`.
  void Resolve(size_t cited, v1::MergePolicy policy, const Encounter& encounter);

 private:
  void TakeCited(const v1::Change& change);
  int FindCited(uint32_t field, absl::string_view key) const;
  const OpenConflict* FindOpen(uint32_t field, absl::string_view key) const;
  RecordId NewId(const SlotName& slot, uint64_t sequence) const;
  void FillCited(size_t index, const Encounter& encounter);
  void Emit(const RecordId& id, const SlotName& slot, v1::Conflict entry);

  const v1::Change& change_;
  const WriteRef& write_;
  Record* const record_;
  std::vector<ConflictEvent>* const events_;
  std::vector<OpenConflict> cited_;
  std::vector<v1::Conflict> cited_reports_;
};

}  // namespace brigada

#endif  // REPLICA_MERGE_CONFLICT_H_
