// The major version of the messages that change sets hold: proto/brigada/v1 is 1. New fields and
// record types leave it as it is, for whoever does not know them carries them along. It grows when
// an older server would make something else of a change set than its writer meant.
#ifndef REPLICA_STORE_SCHEMA_VERSION_H_
#define REPLICA_STORE_SCHEMA_VERSION_H_

#include <cstdint>
#include <string>

#include "brigada/v1/sync_service.pb.h"

namespace brigada {

// What this program writes, and judges.
inline constexpr uint32_t kSchemaVersion = 1;

// The feature by which a welcome tells up to which version its server judges, and what it says; 1
// when it says nothing.
std::string SchemaFeature(uint32_t version);
uint32_t SchemaVersionIn(const v1::Welcome& welcome);

}  // namespace brigada

#endif  // REPLICA_STORE_SCHEMA_VERSION_H_
