// What a ServerSession asks of its surroundings, answered from the directory and the store, without
// threads: who it is, what it may still do, and what it hands on.
#ifndef SERVER_SESSION_HOST_H_
#define SERVER_SESSION_HOST_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "replica/base/clock.h"
#include "replica/crypto/mac.h"
#include "replica/crypto/seal.h"
#include "replica/sync/server_session.h"

namespace brigada {

// What one session's host needs. The pointers outlive it.
struct SessionSurroundings {
  AuthorityStore* store = nullptr;
  const MacKey* cursor_key = nullptr;
  const SealKey* seal_key = nullptr;  // opens what is pushed, when it is judged
  const Clock* clock = nullptr;
  // Whether `signature` over `chain` is of the key whose public half the directory holds.
  std::function<absl::Status(absl::string_view public_key, absl::string_view chain,
                             absl::string_view signature)>
      verify;
  // ServerSessionHost::SubmitPush. Each push taken is answered with SessionHost::AfterPush.
  std::function<absl::Status(PushRequest*)> submit;
  // The store began a new epoch, found out by this session: the others have to start again.
  std::function<absl::Status()> on_new_epoch = {};
  // ServerSessionHost::DoubtSums. Returns at once.
  std::function<void(const std::string& partition)> on_doubted_sums = {};
  // The session reads these from now on.
  std::function<void(const std::vector<v1::Feed>&)> on_feeds = {};
};

// One thread at a time.
class SessionHost final : public ServerSessionHost {
 public:
  // `certificate_replica`: whom the handshake proved; zero: nobody.
  SessionHost(SessionSurroundings surroundings, const ReplicaId& certificate_replica);

  absl::StatusOr<PeerIdentity> Identify(const v1::Hello& hello, v1::Refused* refused) override;
  absl::Status VerifySignature(const ReplicaId& replica, absl::string_view chain,
                               absl::string_view signature) override;
  absl::Status SubmitPush(PushRequest* push) override;
  std::optional<v1::Refused> RightsGone() override;
  absl::Status NoteReceipt(const v1::Receipt& receipt) override;
  void NoteReached(const std::vector<v1::PartitionHead>& reached) override { reached_ = reached; }
  void DoubtSums(const std::string& partition) override;
  absl::Status BeginEpoch(const Epoch& lost_epoch, const Run& lost_run, absl::Time now) override;
  std::string SignCursor(const ReplicaId& replica, const v1::Cursor& cursor) override;

  // A push that was taken has its result. Set: the session ends with it, and is not told the
  // result; nullopt: it is told.
  std::optional<v1::Refused> AfterPush(const PushResult& result);
  // Something that was pushed has no result yet.
  bool waits_for_commit() const { return in_flight_ > 0 || is_turned_away_; }

  bool identified() const { return identified_; }
  // Unset: its hello was refused before that was known.
  const std::optional<std::vector<v1::PartitionHead>>& reached() const { return reached_; }
  const ReplicaId& replica() const { return replica_; }
  const std::string& user() const { return user_; }
  // When the answer to who this is and what it may do has to be given again.
  absl::Time judged_until() const { return judged_until_; }
  int64_t device_time_ms() const { return device_time_ms_; }
  const std::string& software() const { return software_; }

 private:
  const SessionSurroundings around_;
  const ReplicaId replica_;
  int in_flight_ = 0;
  bool is_turned_away_ = false;
  std::optional<std::vector<v1::PartitionHead>> reached_;
  std::string user_;
  absl::Time judged_until_ = absl::InfiniteFuture();
  std::string public_key_;
  std::string grants_digest_;
  std::string software_;
  int64_t device_time_ms_ = 0;
  bool identified_ = false;
};

}  // namespace brigada

#endif  // SERVER_SESSION_HOST_H_
