// Erasure at the authority: the content of one record goes for ever, from wherever it is kept; the
// bare tombstone stays and wins over everything. docs/protocol.md says how it reaches devices.
#ifndef REPLICA_STORE_AUTHORITY_ERASE_H_
#define REPLICA_STORE_AUTHORITY_ERASE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/store/authority_commit.h"
#include "replica/store/authority_store.h"

namespace brigada {

// Makes `record` the bare tombstone of an erasure by `write`: who created it, where it is and that
// it is erased. `scope`: where the tombstone stands when there is no record.
void MakeErased(const WriteRef& write, absl::string_view scope, Record* record);

// One commit of an erasure. One thread. Stage, write, Committed.
class Erasure {
 public:
  Erasure(CommitBase base, const ErasureRequest& request);

  // Puts into `batch` the tombstone (unless it stands), those of the conflicts about the record, at
  // most some hundred of them, what is left of quarantined change sets, and which partitions
  // ScrubFiles has to see to. Leaves `batch` empty when nothing is left to erase.
  absl::Status Stage(KvBatch* batch);
  void Committed() { records_.Committed(); }

  // What this commit erased.
  const ErasureReport& report() const { return report_; }
  const HybridClock& clock() const { return base_.clock; }
  const PartitionHeads& heads() const { return base_.heads; }

 private:
  absl::Status EraseIn(const std::string& partition, bool is_known, KvBatch* batch);
  absl::Status EraseStub(const WriteRef& write, RecordSlot* slot);
  absl::StatusOr<std::vector<RecordSlot*>> ConflictsIn(const std::string& partition);
  absl::Status ScrubQuarantine(const std::string& partition, KvBatch* batch);

  CommitBase base_;
  const ErasureRequest& request_;
  RecordBatch records_;
  ErasureReport report_;
};

// Takes out of `body` what it says of the record: its changes stay, in their places, without
// content. True when there were any.
bool EmptyChanges(uint32_t type_id, absl::string_view record_id, v1::ChangeSetBody* body);

}  // namespace brigada

#endif  // REPLICA_STORE_AUTHORITY_ERASE_H_
