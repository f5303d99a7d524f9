// A record as merging sees it: for each field the live versions with their writers. Pure data;
// docs/merge-semantics.md has the definitions and the laws.
#ifndef REPLICA_MERGE_RECORD_H_
#define REPLICA_MERGE_RECORD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/record_state.pb.h"
#include "replica/base/hlc.h"
#include "replica/base/ids.h"
#include "replica/schema/registry.h"
#include "replica/schema/scope.h"

namespace brigada {

// Who wrote, when, and where that stands in the commit order.
struct WriteRef {
  Hlc stamp;  // effective
  ReplicaId replica;
  std::string user;
  // Of the change set, in its replica and partition; of one from elsewhere: OriginElsewhere.
  uint64_t origin_sequence = 0;
  uint64_t sequence = 0;  // commit sequence; 0 while it has no verdict

  friend bool operator==(const WriteRef&, const WriteRef&) = default;
};

// A value that no later write has replaced knowingly. Several live versions of one slot were
// written concurrently.
struct Version {
  uint32_t write = 0;    // index into Record::writes
  std::string fragment;  // the field (element, entry) on the wire; empty: cleared
};

// A register has one slot with an empty key; a SET one per element, a MAP one per key. versions[0]
// stands (the policy chose it); the others, latest first, are kept because later merges need them.
// A slot without versions does not exist. A field this program does not know may have several slots
// (it may be a SET where it was written); a write of it here makes it one.
struct Slot {
  std::string key;
  std::vector<Version> versions;
};

struct FieldState {
  uint32_t number = 0;
  uint32_t changed = 0;     // index of the write that changed it last (in commit order)
  std::vector<Slot> slots;  // by key
};

// A value a STATE field had, or that its writer believed it had.
struct PastState {
  uint32_t field = 0;
  int32_t value = 0;
  uint64_t sequence = 0;
  ReplicaId replica;
  uint64_t origin_sequence = 0;
  // It never became the stored state: only its own replica saw it, until it learnt the outcome.
  bool lost = false;

  friend bool operator==(const PastState&, const PastState&) = default;
};

struct OpenConflict {
  uint32_t field = 0;
  std::string key;  // of the slot
  RecordId id;      // of the Conflict record

  friend bool operator==(const OpenConflict&, const OpenConflict&) = default;
};

// Value type; not thread safe. An instance with no writes does not exist (exists() is false).
struct Record {
  std::vector<WriteRef> writes;    // writes[0] created it
  std::vector<FieldState> fields;  // by number; the scope is one of them, also of a deleted record
  bool deleted = false;
  uint32_t deleted_by = 0;  // index into writes, when deleted
  // Index of the write that deleted the earlier life of this id; 0: this is its first life.
  uint32_t ended_by = 0;
  bool erased = false;
  uint64_t sequence = 0;  // commit sequence of its newest change
  // Commit sequence at which it entered each level of its scope inside the partition, from the
  // partition's level down. Empty without a scope.
  std::vector<uint64_t> entered;
  std::vector<OpenConflict> conflicts;
  std::vector<PastState> past_states;  // in commit order, the newest of each field
  v1::DataClass data_class = v1::DATA_CLASS_UNSPECIFIED;  // unspecified: its type's

  bool exists() const { return !writes.empty(); }
  // Exists and is not deleted.
  bool is_live() const { return exists() && !deleted; }
  const WriteRef& created() const { return writes[0]; }
  // The write with the greatest commit sequence (pending writes count as the greatest; then by
  // stamp).
  const WriteRef& updated() const;
  // Path of the standing scope; empty when it has none.
  std::string scope() const;
  FieldState* FindField(uint32_t number);
  const FieldState* FindField(uint32_t number) const;
  // The standing values as a serialized message of the type, scope left out. Deterministic: fields
  // by number, elements and keys by their bytes.
  std::string Message() const;
};

// kDataLoss when `state` contradicts itself (bad index, malformed fragments). `type` null: unknown
// type, every field a register.
absl::StatusOr<Record> DecodeRecord(const RecordType* type, const v1::RecordState& state);
// The compact form: writes without anything standing are dropped (but the first). Equal records
// give equal bytes.
v1::RecordState EncodeRecord(const Record& record);

}  // namespace brigada

#endif  // REPLICA_MERGE_RECORD_H_
