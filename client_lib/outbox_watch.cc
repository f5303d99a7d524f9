#include "client_lib/outbox_watch.h"

#include "absl/strings/str_cat.h"

namespace brigada {

absl::Status OutboxWatch::Look(uint64_t pending, uint64_t moved, absl::Duration now) {
  if (pending == 0 || moved != moved_) {
    moved_ = moved;
    still_since_ = now;
    return absl::OkStatus();
  }
  if (now - still_since_ < patience_) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("STALLED: ", pending,
                                             " change sets wait though the server answers; nothing "
                                             "moved for ",
                                             absl::FormatDuration(patience_)));
}

}  // namespace brigada
