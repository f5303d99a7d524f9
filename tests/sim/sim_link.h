// A connection of a device: its session, the server's stream, and the frames on their way. gRPC
// keeps the order of a stream, so the link does; it may lose the end, stop one way, or break after
// any byte.
#ifndef TESTS_SIM_SIM_LINK_H_
#define TESTS_SIM_SIM_LINK_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "replica/sync/device_session.h"
#include "tests/sim/sim_server.h"

namespace brigada {

struct SimLinkOptions {
  DeviceSessionOptions device;
  size_t batch_target_bytes = 0;
  size_t window = 2;  // frames on their way, each direction
  uint64_t byte_budget = UINT64_MAX;
  bool loses_up = false;  // a direction in which nothing arrives
  bool loses_down = false;
  // Somebody between the two takes the frames of each and passes them on.
  bool is_relayed = false;
};

// Sees every frame as its sender gives it, and what the device has taken.
struct LinkWatcher {
  std::function<void(const std::string& bytes, const v1::ClientFrame&)> on_up;
  std::function<void(const std::string& bytes, const v1::ServerFrame&)> on_down;
  std::function<void(const v1::ServerFrame&)> on_taken;
};

class SimLink {
 public:
  // `store` and `clock` outlive the link.
  SimLink(std::shared_ptr<SimServer::Stream> stream, DeviceStore* store, const Clock* clock,
          const SimLinkOptions& options, LinkWatcher watcher);

  // One frame enters the wire or arrives, as `draw` says. False: nothing could.
  bool Move(uint64_t draw);
  // Everything that can move does, `rounds` times at most. False when nothing moved.
  bool MoveAll();
  void Tick();
  bool is_over() const;
  // Why the session ended at the device; OK when it finished or the connection just broke.
  const absl::Status& status() const { return status_; }
  void Break() { is_broken_ = true; }
  bool is_broken() const { return is_broken_; }
  bool is_finished() const { return device_.finished(); }
  bool is_relayed() const { return options_.is_relayed; }
  // The relay has lost the server and does not know it yet: it takes what the device sends, and
  // passes on what it holds for the device.
  void LoseServer() { has_lost_server_ = true; }
  void LoseOneWay(bool up) { (up ? options_.loses_up : options_.loses_down) = true; }

  DeviceSession& device() { return device_; }
  const std::shared_ptr<SimServer::Stream>& stream() const { return stream_; }
  // Frames of the device that are still on their way.
  std::deque<std::string> TakeUpFrames() { return std::move(up_); }

 private:
  bool SendUp();
  bool SendDown();
  bool ArriveUp();
  bool ArriveDown();
  // False: the connection breaks inside this frame.
  bool Spend(size_t bytes);

  const std::shared_ptr<SimServer::Stream> stream_;
  const Clock* const clock_;
  SimLinkOptions options_;
  const LinkWatcher watcher_;
  DeviceSession device_;
  std::deque<std::string> up_, down_;
  uint64_t moved_ = 0;
  bool is_broken_ = false;
  bool has_lost_server_ = false;
  absl::Status status_;
};

}  // namespace brigada

#endif  // TESTS_SIM_SIM_LINK_H_
