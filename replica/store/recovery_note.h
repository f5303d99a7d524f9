// The note that a recovery (device_recovery.h) leaves in the store it has made: the store is whole
// and synced, and this is what there is to tell. A file of its own, RECOVERED.
#ifndef REPLICA_STORE_RECOVERY_NOTE_H_
#define REPLICA_STORE_RECOVERY_NOTE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "replica/store/device_recovery.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace brigada {

// On the disk when it returns, and with it the names of all files in `directory`.
absl::Status WriteRecoveryNote(rocksdb::Env& env, const std::string& directory,
                               const RecoveredStore& recovered);
// Nullopt: none there, or one that was cut short.
std::optional<RecoveredStore> ReadRecoveryNote(rocksdb::Env& env, const std::string& directory);
// OK also when there is none.
absl::Status RemoveRecoveryNote(rocksdb::Env& env, const std::string& directory);

}  // namespace brigada

#endif  // REPLICA_STORE_RECOVERY_NOTE_H_
