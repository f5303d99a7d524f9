// Who may begin a session now, and when the others are to come back: what keeps a herd of devices
// that reconnect at once from being one.
#ifndef SERVER_ADMISSION_H_
#define SERVER_ADMISSION_H_

#include <cstddef>
#include <deque>
#include <optional>

#include "absl/time/time.h"

namespace brigada {

struct AdmissionLimits {
  size_t max_sessions = 10'000;
  // In any second. A session's beginning costs a TLS handshake and the reads of the hello.
  size_t max_new_per_second = 500;
};

// Admits up to the limits. Who is turned away gets a place of its own in the seconds to come, so
// that those turned away together come back one after the other, at a rate that leaves room for
// newcomers; a full server gives places that begin later. A place is a time, not a right: who comes
// is asked again.
//
// One thread at a time. Times are monotonic.
class Admission {
 public:
  explicit Admission(const AdmissionLimits& limits) : limits_(limits) {}

  // Nullopt: admitted, and counted. Else how long to wait.
  std::optional<absl::Duration> Ask(size_t open_sessions, absl::Duration now);
  // A place for somebody whose session the server ends.
  absl::Duration NextPlace(absl::Duration now) { return NextPlaceAfter(kShortestWait, now); }

 private:
  static constexpr absl::Duration kShortestWait = absl::Seconds(1);

  absl::Duration NextPlaceAfter(absl::Duration shortest, absl::Duration now);

  const AdmissionLimits limits_;
  std::deque<absl::Duration> admitted_;  // within the last second
  absl::Duration next_place_ = -absl::InfiniteDuration();
};

}  // namespace brigada

#endif  // SERVER_ADMISSION_H_
