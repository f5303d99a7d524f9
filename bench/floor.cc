#include "bench/floor.h"

#include <grpcpp/grpcpp.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/step.h"
#include "brigada/v1/sync_service.grpc.pb.h"
#include "replica/base/limits.h"
#include "replica/base/status_macros.h"

namespace brigada::bench {
namespace {

using Stream = grpc::ServerReaderWriter<v1::ServerFrame, v1::ClientFrame>;

// What gRPC puts before each message, counted as the product counts it.
constexpr uint64_t kFramingBytes = 5;

absl::Status FromRocks(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return status.IsNotFound() ? absl::NotFoundError("no such record")
                             : absl::InternalError(status.ToString());
}

rocksdb::Slice SliceOf(absl::string_view text) { return {text.data(), text.size()}; }

std::string ReadFile(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

class RocksFloorStore final : public FloorStore {
 public:
  explicit RocksFloorStore(std::unique_ptr<rocksdb::DB> db) : db_(std::move(db)) {}

  absl::Status PutBatch(absl::string_view inflated) override {
    rocksdb::WriteBatch batch;
    RETURN_IF_ERROR(ForEachRecord(inflated, [&](absl::string_view key, absl::string_view json) {
      batch.Put(SliceOf(key), SliceOf(json));
    }));
    return FromRocks(db_->Write({}, &batch));
  }
  absl::Status Put(const FloorRecord& record, bool durable) override {
    rocksdb::WriteOptions options;
    options.sync = durable;
    return FromRocks(db_->Put(options, record.key, record.json));
  }
  absl::StatusOr<std::string> Get(absl::string_view key) const override {
    std::string json;
    RETURN_IF_ERROR(FromRocks(db_->Get({}, SliceOf(key), &json)));
    return json;
  }
  absl::Status Fsync() override { return FromRocks(db_->SyncWAL()); }
  absl::Status ForEachBatch(
      const std::function<absl::Status(const std::string&)>& send) const override {
    const std::unique_ptr<rocksdb::Iterator> records(db_->NewIterator({}));
    std::string batch;
    for (records->SeekToFirst(); records->Valid(); records->Next()) {
      const rocksdb::Slice key = records->key();
      const rocksdb::Slice json = records->value();
      AppendRecord({key.data(), key.size()}, {json.data(), json.size()}, &batch);
      if (batch.size() < kBatchTargetBytes) continue;
      RETURN_IF_ERROR(send(batch));
      batch.clear();
    }
    RETURN_IF_ERROR(FromRocks(records->status()));
    return batch.empty() ? absl::OkStatus() : send(batch);
  }

 private:
  const std::unique_ptr<rocksdb::DB> db_;
};

class FloorService final : public v1::Sync::Service {
 public:
  FloorService(FloorStore* store, Codec codec) : store_(store), codec_(codec) {}

  grpc::Status Session(grpc::ServerContext* /*context*/, Stream* stream) override {
    v1::ClientFrame frame;
    while (stream->Read(&frame)) {
      const absl::Status status = Answer(frame, *stream);
      if (!status.ok()) return {grpc::StatusCode::INTERNAL, std::string(status.message())};
    }
    return grpc::Status::OK;
  }

 private:
  absl::Status Answer(const v1::ClientFrame& frame, Stream& stream) {
    v1::ServerFrame answer;
    switch (frame.frame_case()) {
      case v1::ClientFrame::kPush: {
        ASSIGN_OR_RETURN(const std::string batch,
                         Inflate(codec_, frame.push().body(), frame.push().inflated_bytes()));
        return store_->PutBatch(batch);
      }
      case v1::ClientFrame::kPushEnd:
        RETURN_IF_ERROR(store_->Fsync());
        answer.mutable_done();
        break;
      case v1::ClientFrame::kHello:
        RETURN_IF_ERROR(SendAll(stream));
        answer.mutable_done();
        break;
      default:
        RETURN_IF_ERROR(store_->Put({std::string(16, 'p'), std::string(400, 'p')}, true));
        answer.mutable_pong();
    }
    stream.Write(answer);
    return absl::OkStatus();
  }

  absl::Status SendAll(Stream& stream) {
    return store_->ForEachBatch([&](const std::string& batch) {
      v1::ServerFrame frame;
      frame.mutable_batch()->set_body(Compress(codec_, batch));
      frame.mutable_batch()->set_inflated_bytes(static_cast<uint32_t>(batch.size()));
      return stream.Write(frame) ? absl::OkStatus() : absl::UnavailableError("the link is gone");
    });
  }

  FloorStore* const store_;
  const Codec codec_;
};

class GrpcFloorClient final : public FloorClient {
 public:
  GrpcFloorClient(std::shared_ptr<grpc::Channel> channel, Codec codec)
      : codec_(codec),
        stub_(v1::Sync::NewStub(std::move(channel))),
        stream_(stub_->Session(&context_)) {}
  ~GrpcFloorClient() override {
    stream_->WritesDone();
    stream_->Finish();
  }

  absl::StatusOr<FloorTraffic> Push(absl::Span<const FloorRecord> records) override {
    std::string batch;
    for (const FloorRecord& record : records) {
      AppendRecord(record.key, record.json, &batch);
      if (batch.size() < kBatchTargetBytes) continue;
      RETURN_IF_ERROR(SendBatch(batch));
      batch.clear();
    }
    if (!batch.empty()) RETURN_IF_ERROR(SendBatch(batch));
    v1::ClientFrame end;
    end.mutable_push_end();
    RETURN_IF_ERROR(Send(end));
    ASSIGN_OR_RETURN(const v1::ServerFrame done, Receive());
    if (!done.has_done()) return absl::InternalError("the floor server answered something else");
    traffic_.records = records.size();
    return traffic_;
  }

  absl::StatusOr<FloorTraffic> Pull(FloorStore& store) override {
    v1::ClientFrame hello;
    hello.mutable_hello();
    RETURN_IF_ERROR(Send(hello));
    while (true) {
      ASSIGN_OR_RETURN(const v1::ServerFrame frame, Receive());
      if (frame.has_done()) break;
      ASSIGN_OR_RETURN(const std::string batch,
                       Inflate(codec_, frame.batch().body(), frame.batch().inflated_bytes()));
      RETURN_IF_ERROR(store.PutBatch(batch));
      RETURN_IF_ERROR(
          ForEachRecord(batch, [&](absl::string_view, absl::string_view) { ++traffic_.records; }));
    }
    RETURN_IF_ERROR(store.Fsync());
    return traffic_;
  }

  absl::Status Ping() override {
    v1::ClientFrame ping;
    ping.mutable_ping();
    RETURN_IF_ERROR(Send(ping));
    return Receive().status();
  }

 private:
  absl::Status SendBatch(const std::string& batch) {
    v1::ClientFrame frame;
    frame.mutable_push()->set_body(Compress(codec_, batch));
    frame.mutable_push()->set_inflated_bytes(static_cast<uint32_t>(batch.size()));
    return Send(frame);
  }
  absl::Status Send(const v1::ClientFrame& frame) {
    if (!stream_->Write(frame)) return absl::UnavailableError("the floor's link is gone");
    traffic_.sent_bytes += frame.ByteSizeLong() + kFramingBytes;
    return absl::OkStatus();
  }
  absl::StatusOr<v1::ServerFrame> Receive() {
    v1::ServerFrame frame;
    if (!stream_->Read(&frame)) return absl::UnavailableError("the floor's link is gone");
    traffic_.received_bytes += frame.ByteSizeLong() + kFramingBytes;
    return frame;
  }

  const Codec codec_;
  const std::unique_ptr<v1::Sync::Stub> stub_;
  grpc::ClientContext context_;
  const std::unique_ptr<grpc::ClientReaderWriter<v1::ClientFrame, v1::ServerFrame>> stream_;
  FloorTraffic traffic_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<FloorStore>> FloorStore::Open(const std::string& path) {
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  RETURN_IF_ERROR(FromRocks(rocksdb::DB::Open(options, path, &db)));
  return std::make_unique<RocksFloorStore>(std::unique_ptr<rocksdb::DB>(db));
}

absl::Status ServeFloor(FloorStore& store, Codec codec, const std::string& organization, int port) {
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back(
      {ReadFile(organization + "/server.key"), ReadFile(organization + "/server.pem")});
  FloorService service(&store, codec);
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(static_cast<int>(kMaxFrameBytes));
  builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::SslServerCredentials(tls));
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError("the floor's port is taken");
  AwaitSign();
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  return absl::OkStatus();
}

std::unique_ptr<FloorClient> FloorClient::Connect(int port, const std::string& organization,
                                                  Codec codec) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = ReadFile(organization + "/ca.pem");
  return std::make_unique<GrpcFloorClient>(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::SslCredentials(tls)), codec);
}

}  // namespace brigada::bench
