// STATE fields: which moves are legal, from where, and which of two stands. Inside replica/merge
// only.
#ifndef REPLICA_MERGE_STATE_H_
#define REPLICA_MERGE_STATE_H_

#include <cstdint>

#include "replica/merge/perspective.h"
#include "replica/merge/record.h"
#include "replica/merge/slot_write.h"

namespace brigada {

// Past states kept per field.
inline constexpr size_t kMaxPastStates = 16;

enum class StateVerdict : uint8_t {
  kSame,     // it has the state already
  kMoves,    // the new state stands
  kLoses,    // concurrent, and the stored state takes precedence
  kIllegal,  // refused
};

struct StateDecision {
  StateVerdict verdict = StateVerdict::kSame;
  // The stored state came after the writer's position: two people decided.
  bool is_concurrent = false;
};

// Judges what `write` makes of its field. `creates`: the change creates the record as far as its
// writer knows, so the state may be an initial one.
StateDecision DecideState(const SlotWrite& write, const Perspective& who, const Record& record,
                          bool creates);

// The stored state, 0 when the field has no value.
int32_t StoredState(const Record& record, uint32_t field);
// The write that gave the stored state; without a value, the one that created the record.
const WriteRef& StateWriter(const Record& record, uint32_t field);

// The state that the writer of a change had before its eyes; 0 when it had none.
int32_t StateSeen(const Record& record, uint32_t field, const Perspective& who);

// Keeps a state for later judgements: the stored one before it is replaced, or (`lost`) one that
// only its own replica saw.
void RememberState(uint32_t field, int32_t value, const WriteRef& writer, bool lost,
                   Record* record);

}  // namespace brigada

#endif  // REPLICA_MERGE_STATE_H_
