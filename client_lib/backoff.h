// How long a device waits before its next try.
#ifndef CLIENT_LIB_BACKOFF_H_
#define CLIENT_LIB_BACKOFF_H_

#include <optional>

#include "absl/time/time.h"
#include "replica/base/random.h"

namespace brigada {

struct BackoffOptions {
  absl::Duration initial_spread = absl::Seconds(30);
  absl::Duration min = absl::Seconds(1);
  absl::Duration max = absl::Minutes(10);
};

// How a session ended.
struct SessionEnd {
  // It was up to date, or lasted a while: there was a link, and a server that had time.
  bool was_good = false;
  // When the server asked to be asked again.
  std::optional<absl::Duration> retry_after;
};

// What happens to many devices at once (a network comes back, a server starts again) must not bring
// them back at once: the first try, and the first one after a good session, fall anywhere in the
// initial spread; between tries that fail the wait is drawn from `min` to three times the last one
// (decorrelated jitter), at most `max`. A server that says when to come back is obeyed: it knows
// how many it sent away. One thread.
class Backoff {
 public:
  // `random` outlives it.
  Backoff(const BackoffOptions& options, Random* random)
      : options_(options), random_(random), last_(options.min) {}

  absl::Duration First();
  absl::Duration Next(const SessionEnd& end);

 private:
  absl::Duration Draw(absl::Duration from, absl::Duration to);

  const BackoffOptions options_;
  Random* const random_;
  absl::Duration last_;
};

}  // namespace brigada

#endif  // CLIENT_LIB_BACKOFF_H_
