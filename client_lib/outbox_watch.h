// Notices work that stays in the outbox although there is a link and a server that answers.
#ifndef CLIENT_LIB_OUTBOX_WATCH_H_
#define CLIENT_LIB_OUTBOX_WATCH_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace brigada {

// The last line behind the session's own watchdog, which counts frames: whatever is wrong, a
// session that is up to date and does not empty the outbox is given up, and begun anew over another
// connection. One thread.
class OutboxWatch {
 public:
  explicit OutboxWatch(absl::Duration patience) : patience_(patience) {}

  // `pending`: change sets without a verdict; `moved`: grows whenever one is sent or judged. OK, or
  // kUnavailable "STALLED: cause" once nothing moved for as long as the patience while something
  // waits.
  absl::Status Look(uint64_t pending, uint64_t moved, absl::Duration now);

 private:
  const absl::Duration patience_;
  uint64_t moved_ = UINT64_MAX;
  absl::Duration still_since_;
};

}  // namespace brigada

#endif  // CLIENT_LIB_OUTBOX_WATCH_H_
