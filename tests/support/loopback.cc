#include "tests/support/loopback.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "replica/base/check.h"

namespace brigada {
namespace {

std::string Framed(const google::protobuf::MessageLite& message) {
  const std::string bytes = message.SerializeAsString();
  const auto size = static_cast<uint32_t>(bytes.size());
  std::string framed;
  for (int shift = 24; shift >= 0; shift -= 8)
    framed.push_back(static_cast<char>((size >> shift) & 0xff));
  return framed + bytes;
}

}  // namespace

Loopback::Loopback(TestServer* server, DeviceStore* store, LoopbackOptions options)
    : server_(server),
      options_(std::move(options)),
      peer_(server),
      device_(store, options_.device, server->clock().Now(), server->clock().Monotonic()),
      session_(server->store(), &peer_, options_.server) {
  peer_.Attach(&session_);
}

Loopback::~Loopback() = default;

bool Loopback::is_over() const {
  return is_cut_ || !device_status_.ok() || (device_.finished() && up_.empty());
}

Loopback::End Loopback::Run() {
  int fruitless = 0;
  while (!is_over() && fruitless < 64) fruitless = Step() ? 0 : fruitless + 1;
  if (is_cut_) return End::kCut;
  if (!device_status_.ok()) return End::kFailed;
  return device_.finished() ? End::kFinished : End::kIdle;
}

bool Loopback::Step() {
  if (is_over()) return false;
  if (options_.random == nullptr) {
    const bool up = Move(Way::kUp, SIZE_MAX);
    const bool commits = RunCommits(SIZE_MAX);
    return Move(Way::kDown, SIZE_MAX) || up || commits;
  }
  const uint64_t draw = options_.random->Uniform(16);
  const size_t chunk = draw < 8 ? SIZE_MAX : 1 + options_.random->Uniform(200);
  if (draw % 8 < 3) return Move(Way::kUp, chunk);
  if (draw % 8 < 6) return Move(Way::kDown, chunk);
  return RunCommits(1 + options_.random->Uniform(3));
}

void Loopback::MoveFor(Way way, size_t max_bytes) {
  uint64_t end = moved_ + max_bytes;
  while (!is_over() && moved_ < end && Move(way, static_cast<size_t>(end - moved_))) continue;
}

void Loopback::StepSecond(size_t bytes_each_way, FakeClock& clock) {
  MoveFor(Way::kUp, bytes_each_way);
  RunCommits(SIZE_MAX);
  MoveFor(Way::kDown, bytes_each_way);
  clock.Advance(absl::Seconds(1));
  if (device_status_.ok() && !device_.finished())
    device_status_ = device_.OnTick(server_->clock().Monotonic());
  session_.OnTick(server_->clock().Monotonic());
}

bool Loopback::RunCommits(size_t limit) {
  const absl::StatusOr<bool> ran = server_->RunCommits(limit);
  if (!ran.ok()) device_status_ = ran.status();
  return ran.ok() && *ran;
}

bool Loopback::Fill(Way way) {
  if (way == Way::kUp) {
    if (!up_.empty()) return true;
    if (!session_.wants_frames() && !session_.finished()) return false;
    const absl::StatusOr<std::optional<v1::ClientFrame>> frame = device_.NextFrame();
    if (!frame.ok()) device_status_ = frame.status();
    if (frame.ok() && frame->has_value()) up_ = Framed(**frame);
    return !up_.empty();
  }
  if (!down_.empty()) return true;
  const std::optional<v1::ServerFrame> frame = session_.NextFrame(server_->clock().Now());
  if (frame.has_value()) down_ = Framed(*frame);
  return !down_.empty();
}

bool Loopback::Move(Way way, size_t max_bytes) {
  if (!Fill(way)) return false;
  std::string& pipe = way == Way::kUp ? up_ : down_;
  size_t& sent = way == Way::kUp ? up_sent_ : down_sent_;
  const uint64_t left = options_.cut_after_bytes - moved_;
  const size_t bytes = std::min({max_bytes, pipe.size() - sent, static_cast<size_t>(left)});
  sent += bytes;
  moved_ += bytes;
  if (sent == pipe.size()) {
    const std::string frame = pipe.substr(4);
    pipe.clear();
    sent = 0;
    Deliver(way, frame);
  }
  if (moved_ == options_.cut_after_bytes) is_cut_ = true;
  return true;
}

void Loopback::Deliver(Way way, const std::string& frame) {
  if (way == Way::kUp) {
    v1::ClientFrame parsed;
    CHECK(parsed.ParseFromString(frame));
    if (options_.on_client_frame) options_.on_client_frame(parsed);
    session_.OnFrame(parsed, server_->clock().Now());
  } else if (!options_.drops_answers) {
    v1::ServerFrame parsed;
    CHECK(parsed.ParseFromString(frame));
    if (options_.on_server_frame) options_.on_server_frame(parsed);
    device_status_ = device_.OnFrame(parsed, server_->clock().Monotonic());
  }
}

}  // namespace brigada
