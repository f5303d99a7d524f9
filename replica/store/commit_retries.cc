// Of one refused work several retries may come: a directory was copied, and each copy tries by
// itself what both have on their lists. One of them is accepted.
#include <optional>
#include <string>

#include "replica/base/status_macros.h"
#include "replica/store/change_rules.h"
#include "replica/store/commit_trial.h"
#include "replica/store/keys.h"
#include "replica/store/refusals.h"

namespace brigada {
namespace {

// Where it is noted that the work of this retry was accepted; nullopt when it is work of its own.
// Under the user's name: nobody ends the work of another.
std::optional<std::string> DoneKeyOf(const PushRequest& push, const v1::ChangeSetHeader& header) {
  const auto replica = ReplicaId::FromBytes(header.same_work().replica());
  if (!header.has_same_work() || !replica.ok()) return std::nullopt;
  return DoneKey(push.partition, *replica, header.same_work().sequence(), push.user);
}

}  // namespace

absl::StatusOr<bool> CommitGroup::IsDone(const PushRequest& push,
                                         const v1::ChangeSetHeader& header) const {
  const std::optional<std::string> key = DoneKeyOf(push, header);
  if (!key.has_value()) return false;
  ASSIGN_OR_RETURN(const auto done, done_.Get(*key));
  if (done.has_value()) return true;
  // What waited for a record was applied by itself when that came.
  ASSIGN_OR_RETURN(const ReplicaId replica, ReplicaId::FromBytes(header.same_work().replica()));
  ASSIGN_OR_RETURN(const auto first,
                   verdicts_.Find(push.partition, replica, header.same_work().sequence()));
  if (!first.has_value()) return false;
  const bool was_released = first->released() != 0;
  // What an administrator has released its own replica is told otherwise.
  if (replica == push.replica) return IsAccepted(first->verdict()) && !was_released;
  return IsAccepted(first->verdict()) || was_released;
}

// Its replica names the first try of all; that one bears the mark of whichever was released.
absl::StatusOr<bool> CommitGroup::IsOfReleased(const PushRequest& push,
                                               const v1::ChangeSetHeader& header) const {
  if (!header.has_retry_of() || header.retry_of().replica() != push.replica.bytes()) return false;
  ASSIGN_OR_RETURN(const auto first,
                   verdicts_.Find(push.partition, push.replica, header.retry_of().sequence()));
  return first.has_value() && first->released() != 0;
}

// Nothing of what it says is applied a second time, whatever has been edited of it since.
absl::Status CommitGroup::RefuseReleased(const Case& it, Trial* trial, v1::Verdict* verdict) {
  if (!it.header.has_same_work()) {
    trial->refusals.push_back(MakeRefusal(v1::RELEASED, 0, 0, ""));
    return Refuse(it, trial, verdict);
  }
  // Whoever had this retry accepted, on a line that is lost, has lost nothing: it has been applied.
  if (it.before != nullptr && WasAccepted(*it.before)) {
    AnswerDone(trial->body->changes_size(), verdict);
  } else {
    trial->refusals.push_back(MakeRefusal(v1::RELEASED, 0, 0, ""));
  }
  return absl::OkStatus();
}

// Nothing of it is applied a second time, nor folded into base on the device: the entries tell what
// became of it.
void CommitGroup::AnswerDone(int changes, v1::Verdict* verdict) {
  verdict->set_outcome(v1::MERGED);
  for (int i = 0; i < changes; ++i) verdict->add_lost()->set_change(static_cast<uint32_t>(i));
}

absl::Status CommitGroup::NoteRetry(const PushRequest& push, const v1::ChangeSetHeader& header,
                                    const v1::Verdict& verdict) {
  if (!IsAccepted(verdict)) return absl::OkStatus();
  if (const std::optional<std::string> key = DoneKeyOf(push, header)) {
    ASSIGN_OR_RETURN(const auto done, done_.Get(*key));
    v1::Dot dot;
    dot.set_replica(push.replica.AsBytes());
    dot.set_sequence(header.sequence());
    if (!done.has_value()) done_.Set(*key, dot.SerializeAsString());
  }
  return LetGo(push, header);
}

// What was accepted under another number is not kept, nor released, a second time.
absl::Status CommitGroup::LetGo(const PushRequest& push, const v1::ChangeSetHeader& header) {
  const auto replica = ReplicaId::FromBytes(header.retry_of().replica());
  if (!header.has_retry_of() || !replica.ok()) return absl::OkStatus();
  const std::string key = QuarantineKey(push.partition, *replica, header.retry_of().sequence());
  // The first try may have been made under the id that the store had before.
  if (*replica != push.replica) {
    ASSIGN_OR_RETURN(const std::optional<std::string> value, quarantine_.Find(key));
    v1::RejectedChangeSet kept;
    if (!value.has_value() || !kept.ParseFromString(*value) || kept.user() != push.user)
      return absl::OkStatus();
  }
  return quarantine_.Remove(key, *replica);
}

}  // namespace brigada
