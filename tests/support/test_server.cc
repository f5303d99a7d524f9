#include "tests/support/test_server.h"

#include <algorithm>
#include <vector>

#include "replica/base/sha256.h"
#include "replica/base/status_macros.h"
#include "replica/sync/cursor_check.h"
#include "replica/sync/refusal.h"

namespace brigada {

TestServer::Peer::~Peer() {
  server_->peers_.erase(this);
  for (Queued& queued : server_->queue_)
    if (queued.peer == this) queued.peer = nullptr;
}

absl::StatusOr<PeerIdentity> TestServer::Peer::Identify(const v1::Hello& hello,
                                                        v1::Refused* refused) {
  const absl::StatusOr<ReplicaId> replica = ReplicaId::FromBytes(hello.replica());
  if (replica.ok()) {
    const auto found = server_->identities_.find(*replica);
    if (found != server_->identities_.end()) return found->second;
  }
  *refused = MakeRefused(v1::Refused::UNKNOWN_DEVICE, "not enrolled");
  return absl::UnauthenticatedError("not enrolled");
}

absl::Status TestServer::Peer::VerifySignature(const ReplicaId&, absl::string_view chain,
                                               absl::string_view signature) {
  if (server_->verify_ == nullptr || server_->verify_(chain, signature)) return absl::OkStatus();
  return absl::UnauthenticatedError("signature does not match");
}

absl::Status TestServer::Peer::SubmitPush(PushRequest* push) {
  if (server_->queue_.size() >= server_->queue_capacity_)
    return absl::ResourceExhaustedError("queue full");
  server_->queue_.push_back({this, std::move(*push)});
  return absl::OkStatus();
}

absl::Status TestServer::Peer::BeginEpoch(const Epoch& lost_epoch, const Run& lost_run,
                                          absl::Time now) {
  RETURN_IF_ERROR(server_->store_->BeginEpoch(lost_epoch, lost_run, now));
  for (Peer* peer : server_->peers_) {
    if (peer != this && peer->session_ != nullptr) {
      peer->session_->Refuse(
          MakeRefused(v1::Refused::SHUTTING_DOWN, "the store went back", absl::Seconds(2)));
    }
  }
  return absl::OkStatus();
}

std::string TestServer::Peer::SignCursor(const ReplicaId& replica, const v1::Cursor& cursor) {
  const Sha256Digest digest = Sha256Parts({"cursor key", CursorMacInput(replica, cursor)});
  return std::string(AsView(digest).substr(0, 16));
}

absl::StatusOr<bool> TestServer::RunCommits(size_t limit) {
  if (queue_.empty() || limit == 0) return false;
  std::vector<PushRequest> pushes;
  std::vector<Peer*> peers;
  for (; !queue_.empty() && pushes.size() < limit; queue_.pop_front()) {
    pushes.push_back(std::move(queue_.front().push));
    peers.push_back(queue_.front().peer);
  }
  ASSIGN_OR_RETURN(const std::vector<PushResult> results,
                   store_->CommitPushes(pushes, *judge_, clock_->Now()));
  for (size_t i = 0; i < results.size(); ++i)
    if (peers[i] != nullptr) peers[i]->session_->OnPushResult(results[i]);
  for (Peer* peer : peers_)
    for (const PushRequest& push : pushes) peer->session_->OnNewHead(push.partition);
  return true;
}

}  // namespace brigada
