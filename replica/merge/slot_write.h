// A change cut into writes of single slots. Inside replica/merge only.
#ifndef REPLICA_MERGE_SLOT_WRITE_H_
#define REPLICA_MERGE_SLOT_WRITE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "brigada/v1/change.pb.h"
#include "replica/schema/registry.h"

namespace brigada {

enum class SlotOp : uint8_t {
  kRemove,     // a SET element or MAP key
  kRemoveAll,  // every element or key the writer saw
  kPut,        // a value (empty: cleared), an element, an entry, an amount
};

// What the written value is to the conflicts that the change cites.
enum class Decision : uint8_t {
  kNone,      // none of them has it
  kOfClosed,  // it is one of the values that met, and somebody has decided meanwhile
  kOfOpen,    // it is one of the values that met, and the conflict waits for a decision
};

struct SlotWrite {
  uint32_t number = 0;
  const FieldType* field = nullptr;  // null: unknown here, or the scope
  v1::MergePolicy policy = v1::LAST_WRITER;
  SlotOp op = SlotOp::kPut;
  std::string key;
  std::string fragment;
  Decision decides = Decision::kNone;
};

// The writes of `change` by field, removals before puts, each slot put at most once; a new or moved
// scope is one of them. Elements removed from a field that is unknown here are left out: nothing
// can tell which ones they are. kInvalidArgument: malformed bytes, a value that does not fit its
// field's policy, or the scope among the fields.
absl::StatusOr<std::vector<SlotWrite>> SlotWrites(const RecordType* type, const v1::Change& change);

}  // namespace brigada

#endif  // REPLICA_MERGE_SLOT_WRITE_H_
