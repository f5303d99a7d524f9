// The surroundings of server sessions in tests: a table of peers, a cursor key and a commit queue
// that runs when the test says so.
#ifndef TESTS_SUPPORT_TEST_SERVER_H_
#define TESTS_SUPPORT_TEST_SERVER_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "replica/base/clock.h"
#include "replica/store/authority_store.h"
#include "replica/sync/server_session.h"

namespace brigada {

// One thread. Store, judge and clock outlive it; it outlives the connections made with it.
class TestServer {
 public:
  // A connection's place in the commit queue and the fan-out.
  class Peer : public ServerSessionHost {
   public:
    explicit Peer(TestServer* server) : server_(server) { server_->peers_.insert(this); }
    ~Peer() override;
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    // The session that results and new heads go to.
    void Attach(ServerSession* session) { session_ = session; }

    absl::StatusOr<PeerIdentity> Identify(const v1::Hello& hello, v1::Refused* refused) override;
    absl::Status VerifySignature(const ReplicaId& replica, absl::string_view chain,
                                 absl::string_view signature) override;
    absl::Status SubmitPush(PushRequest* push) override;
    absl::Status BeginEpoch(const Epoch& lost_epoch, const Run& lost_run, absl::Time now) override;
    std::string SignCursor(const ReplicaId& replica, const v1::Cursor& cursor) override;
    void DoubtSums(const std::string& partition) override {
      server_->doubted_sums_.insert(partition);
    }

   private:
    friend class TestServer;
    TestServer* const server_;
    ServerSession* session_ = nullptr;
  };

  TestServer(AuthorityStore* store, const Judge* judge, const Clock* clock)
      : store_(store), judge_(judge), clock_(clock) {}

  // Whom Identify knows, and what it reads. A later call replaces an earlier one.
  void SetPeer(const PeerIdentity& identity) { identities_[identity.replica] = identity; }
  void RemovePeer(const ReplicaId& replica) { identities_.erase(replica); }
  void set_queue_capacity(size_t pushes) { queue_capacity_ = pushes; }
  // Accepts any signature until set.
  void set_verify(
      std::function<bool(absl::string_view chain, absl::string_view signature)> verify) {
    verify_ = std::move(verify);
  }

  // Commits up to `limit` queued pushes as one group; results go to the sessions that are still
  // there (a lost connection's push is committed all the same), new heads to all. False when
  // nothing was queued.
  absl::StatusOr<bool> RunCommits(size_t limit = SIZE_MAX);
  size_t queued() const { return queue_.size(); }
  // Partitions whose sums a session has doubted.
  const std::set<std::string>& doubted_sums() const { return doubted_sums_; }
  // The server starts again on another store object; there are no connections then. What was queued
  // is gone, as with a process.
  void Restart(AuthorityStore* store) {
    store_ = store;
    queue_.clear();
  }
  AuthorityStore* store() const { return store_; }
  const Clock& clock() const { return *clock_; }

 private:
  struct Queued {
    Peer* peer;
    PushRequest push;
  };

  std::set<std::string> doubted_sums_;
  AuthorityStore* store_;
  const Judge* const judge_;
  const Clock* const clock_;
  std::map<ReplicaId, PeerIdentity> identities_;
  std::function<bool(absl::string_view, absl::string_view)> verify_;
  size_t queue_capacity_ = SIZE_MAX;
  std::deque<Queued> queue_;
  std::set<Peer*> peers_;
};

}  // namespace brigada

#endif  // TESTS_SUPPORT_TEST_SERVER_H_
