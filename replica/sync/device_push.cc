#include "replica/sync/device_push.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/limits.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/sync/codec.h"

namespace brigada {
namespace {

// The last change set that the server has.
uint64_t LastOf(const v1::Expected& expected) {
  return expected.sequence() == 0 ? 0 : expected.sequence() - 1;
}

}  // namespace

DevicePush::Lane& DevicePush::FindLane(const std::string& partition) {
  const auto found = lanes_.find(partition);
  if (found != lanes_.end()) return found->second;
  const uint64_t confirmed = store_->Head(partition).confirmed();
  return lanes_[partition] = Lane{
             .begin = confirmed, .next = confirmed + 1, .sent = confirmed, .judged = confirmed};
}

absl::StatusOr<std::optional<v1::ClientFrame>> DevicePush::NextFrame() {
  if (is_idle_) return std::nullopt;
  for (const std::string& partition : store_->Partitions()) {
    if (has_parted(partition)) continue;
    Lane& lane = FindLane(partition);
    if (store_->Head(partition).sequence() < lane.next) continue;
    // Only what is more to send waits for a word: the server counts on the end.
    if (ahead_.size() >= max_frames_ahead_) return std::nullopt;
    ASSIGN_OR_RETURN(std::optional<v1::ClientFrame> frame, ReadLane(partition, &lane));
    if (frame.has_value()) return frame;
  }
  is_idle_ = true;
  v1::ClientFrame end;
  end.mutable_push_end()->set_corrections(corrections_);
  return end;
}

absl::StatusOr<std::optional<v1::ClientFrame>> DevicePush::ReadLane(const std::string& partition,
                                                                    Lane* lane) {
  ASSIGN_OR_RETURN(const OutboxPage page, store_->ReadOutbox(partition, lane->next, target_bytes_));
  if (page.last_sequence == 0) return std::nullopt;
  v1::PushBody content;
  content.mutable_change_sets()->Assign(page.change_sets.begin(), page.change_sets.end());
  content.mutable_redelivered()->Assign(page.redelivered.begin(), page.redelivered.end());
  PackedBody body = PackBody(content);
  v1::ClientFrame frame;
  v1::Push* const push = frame.mutable_push();
  push->set_partition(partition);
  push->set_body(std::move(body.bytes));
  push->set_inflated_bytes(body.inflated_bytes);
  push->set_chain(page.chain_after);
  push->set_chain_before(page.chain_before);
  if (sign_) {
    ASSIGN_OR_RETURN(*push->mutable_signature(), sign_(page.chain_after));
  }
  lane->next = page.last_sequence + 1;
  lane->sent = std::max(lane->sent, page.last_sequence);
  ahead_.push_back({partition, page.last_sequence});
  return frame;
}

absl::Status DevicePush::OnWelcome(const v1::Welcome& welcome) {
  for (const v1::Expected& expected : welcome.expected()) {
    RETURN_IF_ERROR(CheckChain(expected.partition(), LastOf(expected), expected.chain()));
    RETURN_IF_ERROR(StartLane(expected));
  }
  return absl::OkStatus();
}

absl::Status DevicePush::OnWelcomeOfCopy(const v1::Welcome& welcome) {
  for (const v1::Expected& expected : welcome.expected()) {
    const absl::Status same = CheckChain(expected.partition(), LastOf(expected), expected.chain());
    if (absl::IsFailedPrecondition(same)) {
      parted_.insert(expected.partition());
      continue;
    }
    RETURN_IF_ERROR(same);
    RETURN_IF_ERROR(StartLane(expected));
  }
  return absl::OkStatus();
}

absl::Status DevicePush::StartLane(const v1::Expected& expected) {
  // The server counts it as a correction too: it waits for what it lost.
  if (expected.sequence() <= store_->Head(expected.partition()).confirmed())
    return OnExpected(expected);
  return Adjust(expected, /*rewind=*/false);
}

// Verdicts name change sets by sequence. Before any is believed, the server's last one must be
// ours: a copy that took the other's verdicts would drop its own work.
absl::Status DevicePush::CheckChain(const std::string& partition, uint64_t last,
                                    absl::string_view chain) const {
  const v1::OutboxHead head = store_->Head(partition);
  if (last > head.sequence()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "FORKED: the server knows change set ", last, " of this replica in ", partition,
        ", which has made ", head.sequence(), ": this store is an old copy"));
  }
  if (last == 0 || chain.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const OutboxPage page, store_->ReadOutbox(partition, last, 1));
  const bool is_kept = page.last_sequence == last;
  // What had its verdict may no longer be kept. Of the last one that is not, the chain value is.
  const bool is_last_dropped = last + 1 == head.retained_from() && !head.retained_chain().empty();
  if (!is_kept && !is_last_dropped && last <= head.confirmed()) return absl::OkStatus();
  if ((is_kept ? page.chain_after : head.retained_chain()) == chain) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("FORKED: change set ", last, " in ", partition,
                                                    " is another at the server: this store is a "
                                                    "copy"));
}

absl::Status DevicePush::OnExpected(const v1::Expected& expected) {
  ++corrections_;
  is_idle_ = false;  // an end that says so is owed, even when nothing is sent again
  return Adjust(expected, /*rewind=*/true);
}

absl::Status DevicePush::Adjust(const v1::Expected& expected, bool rewind) {
  const std::string& partition = expected.partition();
  const v1::OutboxHead head = store_->Head(partition);
  if (head.sequence() == 0) return absl::OkStatus();
  Lane& lane = FindLane(partition);
  if (expected.sequence() <= head.confirmed()) return GoBack(expected, &lane);
  if (rewind) {
    lane.next = std::max(expected.sequence(), head.confirmed() + 1);
    ForgetAhead(partition);
  } else {
    lane.next = std::max(lane.next, expected.sequence());
  }
  return absl::OkStatus();
}

// The server lost verdicts that this device has: it went back. What it lost goes again.
absl::Status DevicePush::GoBack(const v1::Expected& expected, Lane* lane) {
  const std::string& partition = expected.partition();
  Log(LogLevel::kWarning, "server_went_back",
      {{"partition", partition},
       {"expected", expected.sequence()},
       {"confirmed", store_->Head(partition).confirmed()}});
  RETURN_IF_ERROR(store_->ResumeAfterLoss(partition, expected.sequence()));
  lane->next = expected.sequence();
  const uint64_t kept = LastOf(expected);
  lane->begin = std::min(lane->begin, kept);
  lane->sent = std::min(lane->sent, kept);
  lane->judged = std::min(lane->judged, kept);
  ForgetAhead(partition);
  return absl::OkStatus();
}

void DevicePush::ForgetAhead(absl::string_view partition) {
  ahead_.erase(std::remove_if(ahead_.begin(), ahead_.end(),
                              [&](const Ahead& a) { return a.partition == partition; }),
               ahead_.end());
}

void DevicePush::OnJudged(absl::string_view partition, uint64_t sequence) {
  ahead_.erase(
      std::remove_if(ahead_.begin(), ahead_.end(),
                     [&](const Ahead& a) { return a.partition == partition && a.end <= sequence; }),
      ahead_.end());
  const auto lane = lanes_.find(partition);
  if (lane == lanes_.end()) return;
  lane->second.judged = std::max(lane->second.judged, std::min(sequence, lane->second.sent));
}

uint64_t DevicePush::change_sets_sent() const {
  uint64_t sent = 0;
  for (const auto& [partition, lane] : lanes_) sent += lane.sent - lane.begin;
  return sent;
}

uint64_t DevicePush::change_sets_judged() const {
  uint64_t judged = 0;
  for (const auto& [partition, lane] : lanes_) judged += lane.judged - lane.begin;
  return judged;
}

}  // namespace brigada
