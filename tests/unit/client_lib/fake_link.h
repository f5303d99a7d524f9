// A transport whose streams the test writes: what the device sends is kept, what it receives is
// what the test says.
#ifndef TESTS_UNIT_CLIENT_LIB_FAKE_LINK_H_
#define TESTS_UNIT_CLIENT_LIB_FAKE_LINK_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "brigada/transport.h"
#include "replica/base/mutex.h"
#include "replica/sync/session_limits.h"

namespace brigada {

// The server's side of a stream. Thread safe.
class FakeLink {
 public:
  // Called with each frame the device sends, on its thread.
  using OnFrame = std::function<void(FakeLink& link, const v1::ClientFrame& frame)>;
  explicit FakeLink(OnFrame on_frame = nullptr) : on_frame_(std::move(on_frame)) {}

  void Give(v1::ServerFrame frame) {
    const MutexLock lock(&mu_);
    incoming_.push_back(std::move(frame));
    changed_.SignalAll();
  }
  void GiveWelcome() {
    v1::ServerFrame frame;
    frame.mutable_welcome()->set_protocol_version(kProtocolVersion);
    *frame.mutable_welcome()->mutable_limits() = ToPeerLimits(OwnLimits(0));
    Give(std::move(frame));
  }
  void GiveDone() {
    v1::ServerFrame frame;
    frame.mutable_done();
    Give(std::move(frame));
  }
  void GiveRefused(v1::Refused::Reason reason, uint32_t retry_after_ms) {
    v1::ServerFrame frame;
    frame.mutable_refused()->set_reason(reason);
    frame.mutable_refused()->set_retry_after_ms(retry_after_ms);
    Give(std::move(frame));
  }
  // The link breaks; frames given before are still received.
  void Cut() { End(absl::UnavailableError("cut")); }
  // Send hangs until the stream is closed, as while no connection can be made.
  void HangSending() {
    const MutexLock lock(&mu_);
    hangs_ = true;
  }
  std::vector<v1::ClientFrame> sent() const {
    const MutexLock lock(&mu_);
    return sent_;
  }
  uint64_t bytes() const {
    const MutexLock lock(&mu_);
    return bytes_sent_ + bytes_received_;
  }
  bool is_closed() const {
    const MutexLock lock(&mu_);
    return closed_;
  }
  void WaitForClose() {
    const MutexLock lock(&mu_);
    while (!closed_) changed_.Wait(&mu_);
  }

 private:
  friend class FakeStream;
  void End(absl::Status status) {
    const MutexLock lock(&mu_);
    if (end_.ok()) end_ = std::move(status);
    changed_.SignalAll();
  }

  const OnFrame on_frame_;
  mutable Mutex mu_;
  CondVar changed_;
  std::deque<v1::ServerFrame> incoming_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::ClientFrame> sent_ ABSL_GUARDED_BY(mu_);
  absl::Status end_ ABSL_GUARDED_BY(mu_);
  bool hangs_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t bytes_sent_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t bytes_received_ ABSL_GUARDED_BY(mu_) = 0;
};

class FakeStream final : public FrameStream {
 public:
  explicit FakeStream(std::shared_ptr<FakeLink> link) : link_(std::move(link)) {}

  absl::Status Send(const v1::ClientFrame& frame) override {
    {
      const MutexLock lock(&link_->mu_);
      while (link_->hangs_ && link_->end_.ok()) link_->changed_.Wait(&link_->mu_);
      if (!link_->end_.ok()) return absl::UnavailableError("the link is gone");
      link_->sent_.push_back(frame);
      link_->bytes_sent_ += frame.ByteSizeLong();
      link_->changed_.SignalAll();
    }
    if (link_->on_frame_) link_->on_frame_(*link_, frame);
    return absl::OkStatus();
  }
  absl::Status Receive(v1::ServerFrame* frame) override {
    const MutexLock lock(&link_->mu_);
    while (link_->incoming_.empty() && link_->end_.ok()) link_->changed_.Wait(&link_->mu_);
    if (link_->incoming_.empty()) return link_->end_;
    *frame = std::move(link_->incoming_.front());
    link_->incoming_.pop_front();
    link_->bytes_received_ += frame->ByteSizeLong();
    return absl::OkStatus();
  }
  void CloseSending() override {}
  void Close() override {
    link_->End(absl::CancelledError("closed"));
    const MutexLock lock(&link_->mu_);
    link_->closed_ = true;
    link_->changed_.SignalAll();
  }
  uint64_t bytes_sent() const override {
    const MutexLock lock(&link_->mu_);
    return link_->bytes_sent_;
  }
  uint64_t bytes_received() const override {
    const MutexLock lock(&link_->mu_);
    return link_->bytes_received_;
  }

 private:
  const std::shared_ptr<FakeLink> link_;
};

// Makes a link of each connection; enrolments and renewals are kept and refused. Thread safe.
class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(FakeLink::OnFrame on_frame) : on_frame_(std::move(on_frame)) {}

  absl::StatusOr<std::unique_ptr<FrameStream>> Connect(const Credentials& credentials,
                                                       absl::Duration /*timeout*/) override {
    const MutexLock lock(&mu_);
    servers_.push_back(credentials.server);
    links_.push_back(std::make_shared<FakeLink>(on_frame_));
    if (hangs_) links_.back()->HangSending();
    if (!is_reachable_) links_.back()->Cut();
    changed_.SignalAll();
    return std::unique_ptr<FrameStream>(std::make_unique<FakeStream>(links_.back()));
  }
  absl::StatusOr<v1::EnrollResponse> Enroll(const Credentials& /*credentials*/,
                                            const v1::EnrollRequest& /*request*/) override {
    return absl::UnauthenticatedError("no");
  }
  absl::StatusOr<v1::EnrollResponse> Renew(const Credentials& credentials,
                                           const v1::RenewRequest& /*request*/) override {
    const MutexLock lock(&mu_);
    renewed_at_.push_back(credentials.server);
    return absl::UnauthenticatedError("no");
  }

  void HangConnecting() {
    const MutexLock lock(&mu_);
    hangs_ = true;
  }
  // False: connections break before anything is sent, as without a server.
  void set_reachable(bool is_reachable) {
    const MutexLock lock(&mu_);
    is_reachable_ = is_reachable;
  }
  // The link of the `n`th connection (from 0); waits for it.
  std::shared_ptr<FakeLink> Link(size_t n) {
    const MutexLock lock(&mu_);
    while (links_.size() <= n) changed_.Wait(&mu_);
    return links_[n];
  }
  size_t connections() const {
    const MutexLock lock(&mu_);
    return links_.size();
  }
  std::vector<std::string> servers() const {
    const MutexLock lock(&mu_);
    return servers_;
  }
  std::vector<std::string> renewed_at() const {
    const MutexLock lock(&mu_);
    return renewed_at_;
  }

 private:
  const FakeLink::OnFrame on_frame_;
  mutable Mutex mu_;
  CondVar changed_;
  bool hangs_ ABSL_GUARDED_BY(mu_) = false;
  bool is_reachable_ ABSL_GUARDED_BY(mu_) = true;
  std::vector<std::shared_ptr<FakeLink>> links_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> servers_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> renewed_at_ ABSL_GUARDED_BY(mu_);
};

}  // namespace brigada

#endif  // TESTS_UNIT_CLIENT_LIB_FAKE_LINK_H_
