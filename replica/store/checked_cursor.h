// A cursor that can be stopped while it passes over entries it gives nothing of.
#ifndef REPLICA_STORE_CHECKED_CURSOR_H_
#define REPLICA_STORE_CHECKED_CURSOR_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "replica/store/read_view.h"

namespace brigada {

// The cursors of a store's ReadView are of this kind. One Next may go over a whole state's entries
// of an index to find the few of one municipality: whoever has a deadline sets a check.
class CheckedCursor : public RecordCursor {
 public:
  // Asked after every 256 entries, deleted records and other places included. What it fails with,
  // Next fails with; the cursor is of no use then.
  void set_check(std::function<absl::Status()> check) { check_ = std::move(check); }

 protected:
  // For each entry looked at.
  absl::Status Look() {
    return ++looks_ % kLooksPerCheck == 0 && check_ ? check_() : absl::OkStatus();
  }

 private:
  static constexpr uint64_t kLooksPerCheck = 256;
  std::function<absl::Status()> check_;
  uint64_t looks_ = 0;
};

}  // namespace brigada

#endif  // REPLICA_STORE_CHECKED_CURSOR_H_
