// The number by which people call a record: PLACE-DEVICE-NUMBER, for example OAX-D7K3-000123.
//
// A device gives each record it makes the next number, in the write batch of the commit, so that no
// pool of numbers can run out offline and none is given twice: not after a crash, not when the
// store becomes another replica or a recovery may have lost the count (then under another device
// part). Two devices have the same device part once in a million; copies of one directory until the
// server finds them out. So a folio is what people read to each other, never a key.
#ifndef REPLICA_STORE_FOLIO_H_
#define REPLICA_STORE_FOLIO_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "replica/base/ids.h"

namespace brigada {

// The place part for records of a scope, at most 8 capital letters and digits. Any thread.
using FolioPlace = std::string (*)(absl::string_view scope_path);

// The device part: 20 bits of the id as four of 32 letters and digits, without I, L, O and U.
std::string FolioDevice(const ReplicaId& replica);

// At least six digits of `number`.
std::string FolioText(absl::string_view place, const ReplicaId& replica, uint64_t number);

}  // namespace brigada

#endif  // REPLICA_STORE_FOLIO_H_
