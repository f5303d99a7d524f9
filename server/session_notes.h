// When each device synced last, on its way to the directory: kept in memory and written for many
// devices at once, so that no session's end waits for the disk.
#ifndef SERVER_SESSION_NOTES_H_
#define SERVER_SESSION_NOTES_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "replica/base/ids.h"
#include "replica/base/mutex.h"
#include "replica/store/authority_store.h"

namespace brigada {

struct SessionNote {
  int64_t ended_ms = 0;
  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;
  int64_t device_time_ms = 0;
  std::string software;
  // The checkpoints its cursors stood at when the session began. Unset: its hello was refused
  // before they were known, and what is noted of an earlier session stays.
  std::optional<std::vector<v1::PartitionHead>> acknowledged = std::nullopt;
};

// Thread safe. A crash loses the notes not yet flushed: a device looks as if its last sync had been
// the one before.
class SessionNotes {
 public:
  // `store` outlives it.
  explicit SessionNotes(AuthorityStore* store) : store_(store) {}

  // Replaces an earlier note of the replica, save for what only that one knows.
  void Add(const ReplicaId& replica, SessionNote note);
  // Writes what there is, in one durable write. What fails is kept for the next time.
  absl::Status Flush();
  size_t size() const;

 private:
  AuthorityStore* const store_;
  Mutex flush_mu_;  // before mu_
  mutable Mutex mu_;
  std::map<ReplicaId, SessionNote> notes_ ABSL_GUARDED_BY(mu_);
};

}  // namespace brigada

#endif  // SERVER_SESSION_NOTES_H_
