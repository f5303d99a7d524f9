// The versions of one slot: what a write displaces and which one stands. Inside replica/merge only.
#ifndef REPLICA_MERGE_SLOT_H_
#define REPLICA_MERGE_SLOT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "replica/merge/perspective.h"
#include "replica/merge/record.h"
#include "replica/schema/registry.h"

namespace brigada {

// How the versions of a slot are compared. `field` is null for unknown fields and the scope, which
// are LAST_WRITER.
struct SlotRule {
  v1::MergePolicy policy = v1::LAST_WRITER;
  const FieldType* field = nullptr;
};

// True when both say the same: nobody needs to choose between them.
bool IsSameValue(const SlotRule& rule, absl::string_view a, absl::string_view b);

// Puts the version that `rule` chooses first and the others behind it, latest first. The choice
// depends on the set of versions alone, not on their order.
void ArrangeVersions(const SlotRule& rule, const std::vector<WriteRef>& writes,
                     std::vector<Version>* versions);

struct Displacement {
  std::vector<Version> displaced;  // the writer had seen them
  std::vector<Version> evicted;    // beyond kMaxVersionsPerKey
};

// Takes out of `versions` what `who` had seen.
std::vector<Version> TakeSeen(const Perspective& who, const std::vector<WriteRef>& writes,
                              std::vector<Version>* versions);

// Lays `version`, which `who` wrote, into `slot`: it takes the place of all it had seen.
Displacement PutVersion(const SlotRule& rule, const Perspective& who,
                        const std::vector<WriteRef>& writes, Version version, Slot* slot);

// Takes out of `slot` what `who` had seen; the slot may be left without versions.
std::vector<Version> RemoveSeen(const SlotRule& rule, const Perspective& who,
                                const std::vector<WriteRef>& writes, Slot* slot);

// Null when the field has no such slot.
Slot* FindSlot(absl::string_view key, FieldState* field);
const Slot* FindSlot(absl::string_view key, const FieldState& field);
// The slot, made without versions when there is none.
Slot& EnsureSlot(absl::string_view key, FieldState* field);
void EraseSlot(absl::string_view key, FieldState* field);
// The field, made without slots when there is none.
FieldState& EnsureField(uint32_t number, Record* record);

// Index of `write` in the record, which takes it in when it is new.
uint32_t WriteIndex(const WriteRef& write, Record* record);
// Drops the writes that nothing refers to.
void DropUnusedWrites(Record* record);

}  // namespace brigada

#endif  // REPLICA_MERGE_SLOT_H_
