// Which refused change sets depend on others: those that change a record another one creates, or
// name it.
#ifndef REPLICA_STORE_CREATED_RECORDS_H_
#define REPLICA_STORE_CREATED_RECORDS_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "brigada/v1/change.pb.h"

namespace brigada {

// The records that some change sets of one partition create. One thread.
class CreatedRecords {
 public:
  // Takes in what the change set with this sequence creates; the first one to create a record
  // counts.
  void Add(const v1::ChangeSetBody& body, uint64_t sequence);
  // The lowest sequence whose record `body` changes or names; 0 for none.
  uint64_t FirstConcerned(const v1::ChangeSetBody& body) const;
  void Clear() { created_by_.clear(); }

 private:
  absl::flat_hash_map<std::string, uint64_t> created_by_;
};

}  // namespace brigada

#endif  // REPLICA_STORE_CREATED_RECORDS_H_
