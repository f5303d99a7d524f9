#include "server/commit_queue.h"

#include <utility>

#include "absl/time/clock.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "server/grant_judge.h"

namespace brigada {
namespace {

size_t BytesOf(const PushRequest& push) {
  size_t bytes = 0;
  for (const v1::ChangeSet& set : push.change_sets) bytes += set.ByteSizeLong();
  return bytes;
}

}  // namespace

CommitQueue::CommitQueue(AuthorityStore* store, const Clock* clock, CommitQueueOptions options,
                         OnNewHeads on_new_heads)
    : store_(store),
      clock_(clock),
      options_(options),
      on_new_heads_(std::move(on_new_heads)),
      thread_([this] { Run(); }) {}

CommitQueue::~CommitQueue() { Stop(); }

absl::Status CommitQueue::Submit(PushRequest* push, OnResult on_result) {
  const size_t bytes = BytesOf(*push);
  const MutexLock lock(&mu_);
  if (stopping_) return absl::UnavailableError("the server is shutting down");
  // One that is larger than all the room gets in when it is alone.
  const bool has_room = waiting_.empty() || waiting_bytes_ + bytes <= options_.max_waiting_bytes;
  if (waiting_.size() >= options_.max_waiting_pushes || !has_room)
    return absl::ResourceExhaustedError("the commit queue is full");
  waiting_.push_back({std::move(*push), bytes, std::move(on_result)});
  waiting_bytes_ += bytes;
  ++submitted_;
  wake_.Signal();
  return absl::OkStatus();
}

absl::Status CommitQueue::WaitForAll(absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  const MutexLock lock(&mu_);
  const uint64_t last = submitted_;
  while (answered_ < last) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration())
      return absl::UnavailableError("the server still has work to take in; try again");
    answered_some_.WaitFor(&mu_, left);
  }
  return absl::OkStatus();
}

void CommitQueue::Stop() {
  {
    const MutexLock lock(&mu_);
    stopping_ = true;
    wake_.Signal();
    stopped_.Signal();
  }
  if (thread_.joinable()) thread_.join();
}

void CommitQueue::Run() {
  while (true) {
    std::vector<Waiting> group;
    {
      const MutexLock lock(&mu_);
      while (waiting_.empty() && !stopping_) wake_.Wait(&mu_);
      if (waiting_.empty()) return;
      group = TakeGroup();
    }
    const size_t pushes = group.size();
    CommitGroup(std::move(group));
    const MutexLock lock(&mu_);
    answered_ += pushes;
    answered_some_.SignalAll();
  }
}

std::vector<CommitQueue::Waiting> CommitQueue::TakeGroup() {
  std::vector<Waiting> group;
  size_t change_sets = 0;
  size_t bytes = 0;
  while (!waiting_.empty() && (group.empty() || (change_sets < options_.max_group_change_sets &&
                                                 bytes < options_.max_group_bytes))) {
    change_sets += static_cast<size_t>(waiting_.front().push.change_sets.size());
    bytes += waiting_.front().bytes;
    waiting_bytes_ -= waiting_.front().bytes;
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return group;
}

void CommitQueue::CommitGroup(std::vector<Waiting> group) {
  std::vector<PushRequest> pushes;
  pushes.reserve(group.size());
  for (Waiting& waiting : group) pushes.push_back(std::move(waiting.push));
  const absl::StatusOr<std::vector<PushResult>> results = Commit(pushes);
  if (!results.ok()) {
    Log(LogLevel::kError, "commit failed",
        {{"pushes", pushes.size()}, {"code", absl::StatusCodeToString(results.status().code())}});
  }
  for (size_t i = 0; i < group.size(); ++i) {
    PushResult failed;
    failed.status = results.status();
    const PushResult& result = results.ok() ? (*results)[i] : failed;
    group[i].on_result(result);
    if (!result.status.ok()) continue;
    if (new_heads_.empty()) oldest_new_head_ = clock_->Monotonic();
    new_heads_.insert(pushes[i].partition);
    new_heads_.insert(result.also_changed.begin(), result.also_changed.end());
  }
  if (!has_waiting() || clock_->Monotonic() - oldest_new_head_ >= options_.gather_heads)
    TellNewHeads();
}

absl::StatusOr<std::vector<PushResult>> CommitQueue::Commit(
    const std::vector<PushRequest>& pushes) {
  while (true) {
    const absl::Time now = clock_->Now();
    absl::StatusOr<std::vector<PushResult>> results = CommitJudged(pushes, now);
    const bool is_full = absl::IsResourceExhausted(results.status()) && store_->Health().ok();
    if (is_full != waits_for_room_.exchange(is_full)) {
      Log(is_full ? LogLevel::kError : LogLevel::kInfo, is_full ? "disk full" : "disk has room");
    }
    if (!is_full) return results;
    // What is durable is read meanwhile.
    TellNewHeads();
    if (PauseForRoom()) return results;
  }
}

absl::StatusOr<std::vector<PushResult>> CommitQueue::CommitJudged(
    const std::vector<PushRequest>& pushes, absl::Time now) {
  GrantJudge judge({}, now);
  const auto unreadable = judge.Load(pushes, *store_);
  if (unreadable.empty()) return store_->CommitPushes(pushes, judge, now);
  // One damaged user entry holds up nobody else.
  std::vector<PushResult> results(pushes.size());
  std::vector<PushRequest> readable;
  std::vector<size_t> places;
  for (size_t i = 0; i < pushes.size(); ++i) {
    const auto found = unreadable.find(pushes[i].user);
    if (found != unreadable.end()) {
      results[i].status = found->second;
      continue;
    }
    readable.push_back(pushes[i]);
    places.push_back(i);
  }
  Log(LogLevel::kError, "grants unreadable", {{"users", unreadable.size()}});
  if (readable.empty()) return results;
  ASSIGN_OR_RETURN(std::vector<PushResult> committed, store_->CommitPushes(readable, judge, now));
  for (size_t i = 0; i < places.size(); ++i) results[places[i]] = std::move(committed[i]);
  return results;
}

bool CommitQueue::PauseForRoom() {
  const MutexLock lock(&mu_);
  if (!stopping_) stopped_.WaitFor(&mu_, options_.retry_when_full);
  return stopping_;
}

void CommitQueue::TellNewHeads() {
  if (new_heads_.empty()) return;
  const std::vector<std::string> partitions(new_heads_.begin(), new_heads_.end());
  new_heads_.clear();
  if (on_new_heads_) on_new_heads_(partitions);
}

bool CommitQueue::has_waiting() const {
  const MutexLock lock(&mu_);
  return !waiting_.empty();
}

}  // namespace brigada
