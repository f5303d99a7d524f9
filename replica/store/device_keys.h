// The keys that only a device's store has; the others are in keys.h, docs/on-disk-format.md draws
// all of them.
//
//   outbox    partition 00 sequence(8)      OutboxChangeSet
//   rejected  partition 00 sequence(8)      RejectedChangeSet
//   meta      "replica"                     the ReplicaId, 16 bytes
//             "user", "welcome"             text; Welcome
//             "purge", "receipt"            Purge, while one is due; the last Receipt
//             "repairs"                     RepairNotes
//             "clock"                       DeviceClock
//             "folios"                      how many were given, 8 bytes
//             "folio_device"                16 bytes that give their device part, if not the id
//             "outbox" 00 partition         OutboxHead
//             "cursor" 00 partition         Cursor
//             "left" 00 partition           Cursor
//             "scrub" 00 partition          number: its files hold what was erased or purged
//             "setting" 00 key              as it was put
#ifndef REPLICA_STORE_DEVICE_KEYS_H_
#define REPLICA_STORE_DEVICE_KEYS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace brigada {

inline constexpr absl::string_view kReplicaKey = "replica";
inline constexpr absl::string_view kUserKey = "user";
inline constexpr absl::string_view kWelcomeKey = "welcome";
inline constexpr absl::string_view kPurgeKey = "purge";
inline constexpr absl::string_view kReceiptKey = "receipt";
inline constexpr absl::string_view kRepairsKey = "repairs";
inline constexpr absl::string_view kFoliosKey = "folios";
inline constexpr absl::string_view kFolioDeviceKey = "folio_device";
inline constexpr absl::string_view kOutboxHeadName = "outbox";
inline constexpr absl::string_view kCursorName = "cursor";
inline constexpr absl::string_view kLeftCursorName = "left";
inline constexpr absl::string_view kSettingName = "setting";

// Of the outbox and of the rejected list.
std::string ChangeSetKey(absl::string_view partition, uint64_t sequence);
// `name` 00 `about`: a meta key, or with an empty `about` the prefix of all of that name.
std::string NamedMetaKey(absl::string_view name, absl::string_view about);

}  // namespace brigada

#endif  // REPLICA_STORE_DEVICE_KEYS_H_
