// Deletion: what a change meets, what is parked, what a tombstone keeps. Inside replica/merge only.
#ifndef REPLICA_MERGE_DELETION_H_
#define REPLICA_MERGE_DELETION_H_

#include "brigada/v1/change.pb.h"
#include "replica/merge/conflict.h"
#include "replica/merge/perspective.h"
#include "replica/merge/record.h"

namespace brigada {

// What becomes of a change, before any field is looked at.
enum class Fate : uint8_t {
  kUnknown,   // refused: nobody knows the record
  kDeleted,   // refused: its writer had seen the deletion, or the record is erased
  kStarts,    // creates the record, or its next life
  kMerges,    // its fields meet those of the record
  kDeletes,   // deletes it
  kParks,     // it met a deletion: kept in a conflict
  kNothing,   // a deletion of what is deleted already
  kResolves,  // holds nothing but the conflicts it decides
};

// `is_empty`: the change writes no slot.
Fate FateOf(const v1::Change& change, bool is_empty, const Perspective& who, const Record& record);

// Makes `record` a tombstone of `who`'s write. What others wrote concurrently goes into the
// record's deletion conflict, one contender per writer.
void DeleteRecord(const Perspective& who, Record* record, ConflictLog* conflicts);

// Makes the tombstone `record` a new life of its id, empty so far.
void StartNextLife(const WriteRef& write, Record* record);

// Keeps the content of a change that met a deletion in the record's deletion conflict.
void ParkChange(const v1::Change& change, const WriteRef& write, const Record& record,
                ConflictLog* conflicts);

// The deletion that the record's conflict of field 0 is about; of a record that has none, an empty
// value of its creator.
v1::Contender DeletionContender(const Record& record);

}  // namespace brigada

#endif  // REPLICA_MERGE_DELETION_H_
