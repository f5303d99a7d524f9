#include "client_lib/grpc_transport.h"

#include <atomic>
#include <chrono>
#include <utility>

#include "absl/time/clock.h"
#include "brigada/v1/enrollment_service.grpc.pb.h"
#include "brigada/v1/sync_service.grpc.pb.h"
#include "client_lib/channel.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

constexpr absl::Duration kUnaryTimeout = absl::Seconds(30);
constexpr absl::Duration kConnectTimeout = absl::Seconds(10);
// What gRPC puts before each message.
constexpr uint64_t kFramingBytes = 5;

std::chrono::system_clock::time_point Deadline(absl::Duration timeout) {
  return std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout);
}

class GrpcFrameStream final : public FrameStream {
 public:
  GrpcFrameStream(const Credentials& credentials, absl::Duration connect_timeout)
      : credentials_(credentials),
        channel_(OpenChannel(credentials, connect_timeout)),
        stub_(v1::Sync::NewStub(channel_)) {}
  ~GrpcFrameStream() override {
    // The call must be over before its context goes.
    context_.TryCancel();
    if (stream_ != nullptr && !finished_) stream_->Finish();
  }

  // Does not wait for a connection: the metadata goes with the first frame, which does. Whether
  // there is a link the first Receive tells.
  void Start() {
    context_.set_initial_metadata_corked(true);
    stream_ = stub_->Session(&context_);
  }

  absl::Status Send(const v1::ClientFrame& frame) override {
    if (!stream_->Write(frame)) return absl::UnavailableError("the link is gone");
    sent_ += frame.ByteSizeLong() + kFramingBytes;
    return absl::OkStatus();
  }

  absl::Status Receive(v1::ServerFrame* frame) override {
    if (stream_->Read(frame)) {
      received_ += frame->ByteSizeLong() + kFramingBytes;
      return absl::OkStatus();
    }
    const grpc::Status status = stream_->Finish();
    finished_ = true;
    if (status.ok()) return absl::OutOfRangeError("the server closed the stream");
    return FromGrpcStatus(status, credentials_);
  }

  void CloseSending() override { stream_->WritesDone(); }
  void Close() override { context_.TryCancel(); }
  uint64_t bytes_sent() const override { return sent_; }
  uint64_t bytes_received() const override { return received_; }

 private:
  const Credentials credentials_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Sync::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ClientFrame, v1::ServerFrame>> stream_;
  std::atomic<bool> finished_{false};
  std::atomic<uint64_t> sent_{0};
  std::atomic<uint64_t> received_{0};
};

class GrpcTransport final : public Transport {
 public:
  absl::StatusOr<std::unique_ptr<FrameStream>> Connect(const Credentials& credentials,
                                                       absl::Duration timeout) override {
    auto stream = std::make_unique<GrpcFrameStream>(credentials, timeout);
    stream->Start();
    return std::unique_ptr<FrameStream>(std::move(stream));
  }

  absl::StatusOr<v1::EnrollResponse> Enroll(const Credentials& credentials,
                                            const v1::EnrollRequest& request) override {
    return Call(credentials, &v1::Enrollment::Stub::Enroll, request);
  }

  absl::StatusOr<v1::EnrollResponse> Renew(const Credentials& credentials,
                                           const v1::RenewRequest& request) override {
    return Call(credentials, &v1::Enrollment::Stub::Renew, request);
  }

  absl::StatusOr<v1::DivideResponse> Divide(const Credentials& credentials,
                                            const v1::DivideRequest& request) override {
    return Call(credentials, &v1::Enrollment::Stub::Divide, request);
  }

 private:
  template <typename Request, typename Response>
  static absl::StatusOr<Response> Call(
      const Credentials& credentials,
      grpc::Status (v1::Enrollment::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
      const Request& request) {
    const auto stub = v1::Enrollment::NewStub(OpenChannel(credentials, kConnectTimeout));
    grpc::ClientContext context;
    context.set_deadline(Deadline(kUnaryTimeout));
    Response response;
    RETURN_IF_ERROR(FromGrpcStatus((*stub.*method)(&context, request, &response), credentials));
    return response;
  }
};

}  // namespace

absl::StatusOr<v1::DivideResponse> Transport::Divide(const Credentials& /*credentials*/,
                                                     const v1::DivideRequest& /*request*/) {
  return absl::UnimplementedError("this transport cannot ask for a new replica id");
}

std::shared_ptr<Transport> MakeGrpcTransport() { return std::make_shared<GrpcTransport>(); }

}  // namespace brigada
