// A server stream fed by a worker thread through a small bounded queue: the worker waits for a slow
// reader, gRPC's threads never do.
#ifndef SERVER_WRITE_CALL_H_
#define SERVER_WRITE_CALL_H_

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "replica/base/mutex.h"
#include "server/executor.h"
#include "server/peer.h"

namespace brigada {

// One streaming answer. The worker calls Write and returns the final status; OnDone releases the
// object when both sides are through.
template <typename Message>
class WriteCall final : public grpc::ServerWriteReactor<Message> {
 public:
  using Work = std::function<absl::Status(WriteCall* call)>;

  static WriteCall* Start(grpc::CallbackServerContext* context, Executor* workers, Work work) {
    auto* const call = new WriteCall(context);
    workers->Post([call, work = std::move(work)] { call->EndWith(work(call)); });
    return call;
  }

  // Called by the worker: waits while the reader is behind. kCancelled once the caller hung up,
  // kDeadlineExceeded when it reads no more.
  absl::Status Write(Message message) {
    const MutexLock lock(&mu_);
    const absl::Time deadline = absl::Now() + kPatience;
    while (queue_.size() >= kMaxQueued && !cancelled_ && absl::Now() < deadline)
      changed_.WaitFor(&mu_, deadline - absl::Now());
    if (cancelled_) return absl::CancelledError("the caller hung up");
    if (queue_.size() >= kMaxQueued) {
      cancelled_ = true;
      context_->TryCancel();
      return absl::DeadlineExceededError("the caller stopped reading");
    }
    queue_.push_back(std::move(message));
    if (!writing_) WriteNext();
    return absl::OkStatus();
  }

  void OnWriteDone(bool ok) override {
    absl::Status status;
    {
      const MutexLock lock(&mu_);
      writing_ = false;
      queue_.pop_front();
      if (!ok) cancelled_ = true;
      changed_.SignalAll();
      if (!queue_.empty() && !cancelled_) {
        WriteNext();
        return;
      }
      if (!TakeEnd()) return;
      status = status_;
    }
    this->Finish(ToGrpcStatus(status));
  }
  void OnCancel() override {
    const MutexLock lock(&mu_);
    cancelled_ = true;
    changed_.SignalAll();
  }
  void OnDone() override { delete this; }

 private:
  static constexpr size_t kMaxQueued = 4;
  // A caller that reads nothing for this long is cut: it would keep a worker.
  static constexpr absl::Duration kPatience = absl::Seconds(30);

  explicit WriteCall(grpc::CallbackServerContext* context) : context_(context) {}

  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    writing_ = true;
    this->StartWrite(&queue_.front());
  }
  void EndWith(const absl::Status& status) {
    bool is_over = false;
    {
      const MutexLock lock(&mu_);
      over_ = true;
      status_ = status;
      is_over = TakeEnd();
    }
    // Not under the lock: the object may be gone as soon as the status is on its way.
    if (is_over) this->Finish(ToGrpcStatus(status));
  }
  // True once, when the worker is through and nothing is being written.
  bool TakeEnd() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (!over_ || writing_ || finished_ || (!queue_.empty() && !cancelled_)) return false;
    finished_ = true;
    return true;
  }

  grpc::CallbackServerContext* const context_;
  Mutex mu_;
  CondVar changed_;
  // A deque, because the message being written must not move.
  std::deque<Message> queue_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  bool over_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

}  // namespace brigada

#endif  // SERVER_WRITE_CALL_H_
