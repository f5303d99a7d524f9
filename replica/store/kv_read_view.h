// ReadView over a snapshot of a Kv, for both stores.
#ifndef REPLICA_STORE_KV_READ_VIEW_H_
#define REPLICA_STORE_KV_READ_VIEW_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "replica/store/kv.h"
#include "replica/store/read_view.h"
#include "replica/store/record_table.h"

namespace brigada {

// `complete`: per partition, the commit sequence up to which the node has everything (a device's
// last checkpoint, the authority's head): RecordView.seen is the greater of it and of the record's
// own RecordStorage::seen. The table outlives the view.
std::unique_ptr<ReadView> MakeKvReadView(const RecordTable* table,
                                         std::unique_ptr<const KvReader> snapshot,
                                         std::map<std::string, uint64_t, std::less<>> complete);

}  // namespace brigada

#endif  // REPLICA_STORE_KV_READ_VIEW_H_
