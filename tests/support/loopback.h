// A connection between a device and a test server in one thread: frames travel as serialized bytes
// through two pipes, as far and as fast as a schedule says, and can be cut after any byte.
#ifndef TESTS_SUPPORT_LOOPBACK_H_
#define TESTS_SUPPORT_LOOPBACK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "replica/base/clock.h"
#include "replica/base/random.h"
#include "replica/sync/device_session.h"
#include "replica/sync/server_session.h"
#include "tests/support/fake_clock.h"
#include "tests/support/test_server.h"

namespace brigada {

struct LoopbackOptions {
  DeviceSessionOptions device;
  ServerSessionOptions server;
  // The connection breaks when so many bytes have moved, both ways together.
  uint64_t cut_after_bytes = UINT64_MAX;
  // Draws what moves next and how far; null: everything moves at once, in turns.
  Random* random = nullptr;
  // What the answer travels through is closed: the server reads, the device hears nothing.
  bool drops_answers = false;
  // Sees every frame that arrives whole.
  std::function<void(const v1::ClientFrame&)> on_client_frame;
  std::function<void(const v1::ServerFrame&)> on_server_frame;
};

class Loopback {
 public:
  enum class End {
    kFinished,  // the device has what it asked for
    kCut,       // the connection broke
    kFailed,    // see device_status()
    kIdle,      // nothing moves: live and up to date, or stuck
  };

  Loopback(TestServer* server, DeviceStore* store, LoopbackOptions options);
  ~Loopback();

  // Moves bytes and runs commits until one of the ends.
  End Run();
  // A second passes on the server's clock, in which so many bytes may move each way; then both ends
  // hear the time.
  void StepSecond(size_t bytes_each_way, FakeClock& clock);
  // One draw of the schedule. False when nothing could move in that draw.
  bool Step();
  bool is_over() const;

  DeviceSession& device() { return device_; }
  ServerSession& server_session() { return session_; }
  const absl::Status& device_status() const { return device_status_; }
  uint64_t bytes_moved() const { return moved_; }

 private:
  enum class Way { kUp, kDown };
  bool Move(Way way, size_t max_bytes);
  void MoveFor(Way way, size_t max_bytes);
  bool Fill(Way way);
  void Deliver(Way way, const std::string& frame);
  bool RunCommits(size_t limit);

  TestServer* const server_;
  const LoopbackOptions options_;
  TestServer::Peer peer_;
  DeviceSession device_;
  ServerSession session_;
  // Behind a 4-byte length each; one frame at most is on its way, as in a full transport.
  std::string up_, down_;
  size_t up_sent_ = 0, down_sent_ = 0;
  uint64_t moved_ = 0;
  bool is_cut_ = false;
  absl::Status device_status_;
};

}  // namespace brigada

#endif  // TESTS_SUPPORT_LOOPBACK_H_
