// The receiving half of a server session: push frames become requests for the commit queue, at most
// a few at a time, and results become corrections.
#ifndef REPLICA_SYNC_SERVER_PUSH_H_
#define REPLICA_SYNC_SERVER_PUSH_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "brigada/v1/sync_service.pb.h"
#include "replica/store/authority_store.h"
#include "replica/sync/server_session.h"

namespace brigada {

// One thread. Functions that return a Refused end the session with it.
class ServerPush {
 public:
  ServerPush(ServerSessionHost* host, size_t max_in_flight)
      : host_(host), max_in_flight_(max_in_flight) {}

  // Unpacks, checks and queues a push. `end` is the sequence of its last change set.
  std::optional<v1::Refused> OnPush(const v1::Push& push, const PeerIdentity& identity,
                                    size_t max_inflated_bytes, uint64_t* end);
  // The welcome told the device of this many partitions where it has to go back.
  void OnWelcome(uint32_t corrections) { corrections_ = corrections; }
  void OnPushEnd(const v1::PushEnd& push_end) { corrections_seen_ = push_end.corrections(); }
  // Hands what waits to the commit queue, as far as both have room.
  std::optional<v1::Refused> Submit();
  // The result of the oldest push in flight; its partition in `partition`.
  std::optional<v1::Refused> OnResult(const PushResult& result, std::string* partition);

  std::optional<v1::Expected> TakeExpected();
  // Room for one more push.
  bool wants_frames() const { return waiting_.empty() && in_flight_.size() < max_in_flight_; }
  bool waits_for_commit() const { return !in_flight_.empty() || !waiting_.empty(); }
  // The device has sent its outbox, as corrected, and all of it has results.
  bool complete() const {
    return !waits_for_commit() && expected_.empty() && corrections_seen_ == corrections_;
  }
  uint64_t change_sets() const { return change_sets_; }

 private:
  struct InFlight {
    std::string partition;
    uint64_t end = 0;
  };

  ServerSessionHost* const host_;
  const size_t max_in_flight_;
  std::deque<PushRequest> waiting_;
  std::deque<uint64_t> waiting_ends_;
  std::deque<InFlight> in_flight_;
  std::deque<v1::Expected> expected_;
  uint32_t corrections_ = 0;
  std::optional<uint32_t> corrections_seen_;  // of the last PushEnd, if no push followed it
  uint64_t change_sets_ = 0;
  size_t sealed_ = 0;  // change sets that came sealed
};

}  // namespace brigada

#endif  // REPLICA_SYNC_SERVER_PUSH_H_
