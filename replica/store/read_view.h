// Reading a node's records at one moment: what queries, the library's reads and the server's
// services share.
#ifndef REPLICA_STORE_READ_VIEW_H_
#define REPLICA_STORE_READ_VIEW_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/merge/record.h"
#include "replica/schema/registry.h"
#include "replica/schema/scope.h"

namespace brigada {

// A live record as a caller reads it: on a device with its own pending changes laid over.
struct RecordView {
  uint32_t type_id = 0;
  RecordId id;
  std::string scope;
  std::string message;  // serialized message of the type
  WriteRef created;
  WriteRef updated;
  bool pending = false;  // some change of this device has no verdict yet
  v1::DataClass data_class = v1::DATA_CLASS_UNSPECIFIED;  // unspecified: its type's
  std::vector<OpenConflict> conflicts;
  // What a form that shows this record has seen: pass it back as Change.seen ("read token").
  uint64_t seen = 0;
};

// Records one after another. One thread; must not outlive its view.
class RecordCursor {
 public:
  virtual ~RecordCursor() = default;
  // Nullopt at the end. kDataLoss: a stored record is damaged (its id is in the message); the
  // cursor may go on.
  virtual absl::StatusOr<std::optional<RecordView>> Next() = 0;
};

// One condition on a secondary index. Values are in the order-preserving form of index_value.h.
struct IndexRange {
  uint32_t field = 0;  // an indexed or searched field; kScopeFieldNumber: by scope path
  std::string lower;   // inclusive
  // Exclusive; empty: no bound. Entries compare with the record id behind the value: to end after a
  // value, PrefixEnd of it.
  std::string upper;
};

// A consistent snapshot. Safe to use from one thread at a time; keep it short-lived.
class ReadView {
 public:
  virtual ~ReadView() = default;
  // Nullopt: absent or deleted.
  virtual absl::StatusOr<std::optional<RecordView>> Get(const RecordType& type,
                                                        const RecordId& id) const = 0;
  // Every live record of `type` inside `within` (its subtree).
  virtual std::unique_ptr<RecordCursor> Scan(const RecordType& type, const Scope& within) const = 0;
  // The records of `type` with an index entry in `range`, inside `within`, each once, in index
  // order within a partition.
  virtual std::unique_ptr<RecordCursor> Lookup(const RecordType& type, const IndexRange& range,
                                               const Scope& within) const = 0;
  // How many live records of `type` there are; exact (kept in the same batch).
  virtual absl::StatusOr<uint64_t> Count(const RecordType& type) const = 0;
};

}  // namespace brigada

#endif  // REPLICA_STORE_READ_VIEW_H_
