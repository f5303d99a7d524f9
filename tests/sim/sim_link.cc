#include "tests/sim/sim_link.h"

#include <utility>

#include "replica/base/check.h"

namespace brigada {

SimLink::SimLink(std::shared_ptr<SimServer::Stream> stream, DeviceStore* store, const Clock* clock,
                 const SimLinkOptions& options, LinkWatcher watcher)
    : stream_(std::move(stream)),
      clock_(clock),
      options_(options),
      watcher_(std::move(watcher)),
      device_(store, options.device, clock->Now(), clock->Monotonic()) {}

bool SimLink::is_over() const {
  return is_broken_ || !status_.ok() || (device_.finished() && up_.empty());
}

bool SimLink::Move(uint64_t draw) {
  if (is_over()) return false;
  switch (draw % 4) {
    case 0:
      return SendUp();
    case 1:
      return ArriveUp();
    case 2:
      return SendDown();
    default:
      return ArriveDown();
  }
}

bool SimLink::MoveAll() {
  bool moved = false;
  for (uint64_t way = 0; way < 4; ++way) moved = Move(way) || moved;
  return moved;
}

void SimLink::Tick() {
  if (is_over()) return;
  const absl::Status ticked = device_.OnTick(clock_->Monotonic());
  if (!ticked.ok()) status_ = ticked;
}

bool SimLink::Spend(size_t bytes) {
  moved_ += bytes;
  if (moved_ < options_.byte_budget) return true;
  is_broken_ = true;
  return false;
}

bool SimLink::SendUp() {
  if (up_.size() >= options_.window) return false;
  const absl::StatusOr<std::optional<v1::ClientFrame>> frame = device_.NextFrame();
  if (!frame.ok()) status_ = frame.status();
  if (!frame.ok() || !frame->has_value()) return false;
  up_.push_back((*frame)->SerializeAsString());
  if (watcher_.on_up) watcher_.on_up(up_.back(), **frame);
  return true;
}

bool SimLink::ArriveUp() {
  if (up_.empty() || options_.loses_up || has_lost_server_) return false;
  if (!stream_->wants_frames() && !stream_->is_over()) return false;
  if (!Spend(up_.front().size())) return true;
  v1::ClientFrame frame;
  CHECK(frame.ParseFromString(up_.front()));
  up_.pop_front();
  stream_->OnFrame(frame);
  return true;
}

bool SimLink::SendDown() {
  if (down_.size() >= options_.window || has_lost_server_) return false;
  const std::optional<v1::ServerFrame> frame = stream_->NextFrame();
  if (!frame.has_value()) {
    // A closed stream with nothing left in it is a closed connection.
    if (stream_->is_over() && down_.empty() && !device_.finished()) is_broken_ = true;
    return false;
  }
  down_.push_back(frame->SerializeAsString());
  if (watcher_.on_down) watcher_.on_down(down_.back(), *frame);
  return true;
}

bool SimLink::ArriveDown() {
  if (down_.empty() || options_.loses_down) return false;
  if (!Spend(down_.front().size())) return true;
  v1::ServerFrame frame;
  CHECK(frame.ParseFromString(down_.front()));
  down_.pop_front();
  status_ = device_.OnFrame(frame, clock_->Monotonic());
  if (status_.ok() && watcher_.on_taken) watcher_.on_taken(frame);
  return true;
}

}  // namespace brigada
