#include "server/sync_service.h"

#include <memory>
#include <optional>
#include <utility>

#include "server/peer.h"

namespace brigada {
namespace {

// Refuses one session: a frame that says why, then the end.
class RefusingReactor final : public grpc::ServerBidiReactor<v1::ClientFrame, v1::ServerFrame> {
 public:
  explicit RefusingReactor(v1::Refused refused) {
    *frame_.mutable_refused() = std::move(refused);
    StartWriteAndFinish(&frame_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  v1::ServerFrame frame_;
};

v1::Refused Nobody() {
  v1::Refused refused;
  refused.set_reason(v1::Refused::UNKNOWN_DEVICE);
  refused.set_detail("no client certificate: enrol this device first");
  return refused;
}

// One stream. The runner decides everything; reactions only pass on.
class SyncReactor final : public grpc::ServerBidiReactor<v1::ClientFrame, v1::ServerFrame>,
                          public FrameSink {
 public:
  SyncReactor(SessionContext* context, LiveSessions* sessions, grpc::CallbackServerContext* call)
      : call_(call),
        sessions_(sessions),
        runner_(std::make_shared<SessionRunner>(context, this, ReplicaOfPeer(*call))) {}

  const std::shared_ptr<SessionRunner>& runner() const { return runner_; }

  void OnReadDone(bool ok) override {
    if (ok) {
      runner_->OnFrame(std::exchange(incoming_, v1::ClientFrame()));
    } else {
      runner_->OnReadEnd();
    }
  }
  void OnWriteDone(bool ok) override { runner_->OnWritten(ok); }
  void OnCancel() override { runner_->OnCancelled(); }
  void OnDone() override {
    sessions_->Remove(runner_.get());
    delete this;
  }

  void StartReading() override { StartRead(&incoming_); }
  void StartWriting(v1::ServerFrame frame) override {
    outgoing_ = std::move(frame);
    StartWrite(&outgoing_);
  }
  void Cancel() override { call_->TryCancel(); }
  // The base class's Finish has another parameter: this one converts and passes on.
  void Finish(const absl::Status& status) override {
    grpc::ServerBidiReactor<v1::ClientFrame, v1::ServerFrame>::Finish(ToGrpcStatus(status));
  }

 private:
  grpc::CallbackServerContext* const call_;
  LiveSessions* const sessions_;
  const std::shared_ptr<SessionRunner> runner_;
  v1::ClientFrame incoming_;
  v1::ServerFrame outgoing_;
};

}  // namespace

grpc::ServerBidiReactor<v1::ClientFrame, v1::ServerFrame>* SyncService::Session(
    grpc::CallbackServerContext* call) {
  // Whoever shows no certificate takes no session's place.
  if (ReplicaOfPeer(*call).is_zero()) return new RefusingReactor(Nobody());
  auto reactor = std::make_unique<SyncReactor>(context_, sessions_, call);
  std::optional<v1::Refused> refused = sessions_->Admit(reactor->runner());
  if (refused.has_value()) return new RefusingReactor(*std::move(refused));
  reactor->runner()->Start();
  return reactor.release();
}

}  // namespace brigada
