#include "replica/sync/server_push.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/limits.h"
#include "replica/sync/codec.h"
#include "replica/sync/refusal.h"
#include "replica/sync/session_limits.h"

namespace brigada {
namespace {

constexpr absl::Duration kRetryAfterFailure = absl::Seconds(5);
constexpr absl::Duration kNextSessionAfter = absl::Seconds(1);

// Sequence of the last change set; 0 when its header is malformed.
uint64_t EndOf(const v1::PushBody& body) {
  if (body.change_sets().empty()) return 0;
  v1::ChangeSetHeader header;
  if (!header.ParseFromString(body.change_sets().rbegin()->header())) return 0;
  return header.sequence();
}

size_t CountSealed(const v1::PushBody& body) {
  return static_cast<size_t>(
      std::count_if(body.change_sets().begin(), body.change_sets().end(),
                    [](const v1::ChangeSet& set) { return set.has_sealed_body(); }));
}

}  // namespace

std::optional<v1::Refused> ServerPush::OnPush(const v1::Push& push, const PeerIdentity& identity,
                                              size_t max_inflated_bytes, uint64_t* end) {
  // A well-behaved transport stopped reading long before.
  if (waiting_.size() >= kMaxQueuedFrames)
    return MakeRefused(v1::Refused::BUSY, "push: queue full", kRetryAfterFailure);
  v1::PushBody body;
  const absl::Status unpacked =
      UnpackBody(push.body(), push.inflated_bytes(), max_inflated_bytes, &body);
  if (!unpacked.ok()) return MakeRefused(v1::Refused::MALFORMED_FRAME, unpacked.message());
  *end = EndOf(body);
  if (*end == 0) return MakeRefused(v1::Refused::MALFORMED_FRAME, "push: no change set");
  const absl::Status signature =
      host_->VerifySignature(identity.replica, push.chain(), push.signature());
  if (!signature.ok()) return MakeRefused(v1::Refused::BAD_SIGNATURE, signature.message());
  sealed_ += CountSealed(body);
  if (sealed_ > kMaxSealedPerSession) {
    return MakeRefused(v1::Refused::BUSY, "push: enough sealed work for one session",
                       kNextSessionAfter);
  }
  PushRequest request{.replica = identity.replica,
                      .user = identity.user,
                      .partition = push.partition(),
                      .change_sets = {},
                      .chain_after = push.chain(),
                      .redelivered = {},
                      .chain_before = push.chain_before()};
  request.change_sets.assign(std::make_move_iterator(body.mutable_change_sets()->begin()),
                             std::make_move_iterator(body.mutable_change_sets()->end()));
  request.redelivered.assign(std::make_move_iterator(body.mutable_redelivered()->begin()),
                             std::make_move_iterator(body.mutable_redelivered()->end()));
  corrections_seen_.reset();
  waiting_.push_back(std::move(request));
  waiting_ends_.push_back(*end);
  return Submit();
}

std::optional<v1::Refused> ServerPush::Submit() {
  while (!waiting_.empty() && in_flight_.size() < max_in_flight_) {
    InFlight next{waiting_.front().partition, waiting_ends_.front()};
    const absl::Status submitted = host_->SubmitPush(&waiting_.front());
    if (absl::IsResourceExhausted(submitted)) return std::nullopt;
    if (!submitted.ok())
      return MakeRefused(v1::Refused::INTERNAL, "push: no commit possible", kRetryAfterFailure);
    in_flight_.push_back(std::move(next));
    waiting_.pop_front();
    waiting_ends_.pop_front();
  }
  return std::nullopt;
}

std::optional<v1::Refused> ServerPush::OnResult(const PushResult& result, std::string* partition) {
  if (in_flight_.empty()) return std::nullopt;
  const InFlight done = std::move(in_flight_.front());
  in_flight_.pop_front();
  *partition = done.partition;
  if (absl::IsInvalidArgument(result.status))
    return MakeRefused(v1::Refused::MALFORMED_FRAME, result.status.message());
  if (!result.status.ok())
    return MakeRefused(v1::Refused::INTERNAL, "push: commit failed", kRetryAfterFailure);
  if (result.forked)
    return MakeRefused(v1::Refused::FORKED, absl::StrCat("expected ", result.expected));
  change_sets_ += result.verdicts.size();
  if (result.expected <= done.end) {
    v1::Expected expected;
    expected.set_partition(done.partition);
    expected.set_sequence(result.expected);
    expected_.push_back(std::move(expected));
    ++corrections_;
  }
  return Submit();
}

std::optional<v1::Expected> ServerPush::TakeExpected() {
  if (expected_.empty()) return std::nullopt;
  v1::Expected expected = std::move(expected_.front());
  expected_.pop_front();
  return expected;
}

}  // namespace brigada
