// What a device wrote and the server accepted, but does not tell it.
#ifndef REPLICA_STORE_OWN_FIELDS_H_
#define REPLICA_STORE_OWN_FIELDS_H_

#include <cstdint>
#include <map>

#include "absl/strings/string_view.h"
#include "brigada/v1/storage.pb.h"
#include "replica/base/ids.h"
#include "replica/store/kv.h"
#include "replica/store/record_table.h"

namespace brigada {

// False while the server that lost the verdict of this change set has not given it again.
bool IsSettled(const v1::OutboxHead& head, uint64_t sequence);

// What became of a device's own change sets in one partition. All outlives it.
struct OwnWork {
  ReplicaId replica;
  absl::string_view partition;
  const v1::OutboxHead& head;
  // Verdicts on their way into the store, by sequence, and where the earlier ones are.
  const std::map<uint64_t, v1::OutboxChangeSet>& judged;
  const KvReader& store;
};

// The base of `state` has just been replaced by all that the server tells of a record, of which
// `before` was here. Fields that the device alone wrote and that the server lacks words for (it
// does not know them, or the device may only write them) are in no entry: they stay, and are noted
// as untold. Not those of work that a server which went back has yet to judge anew, or has not
// taken as it was: of that the entry says all.
void KeepOwnFields(const Record& before, const OwnWork& own, RecordStorage* state);

}  // namespace brigada

#endif  // REPLICA_STORE_OWN_FIELDS_H_
