// A TCP relay that cuts connections in mid-transfer, as a lost signal does.
#ifndef TOOLS_LINKCUT_RELAY_H_
#define TOOLS_LINKCUT_RELAY_H_

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace brigada {

struct RelayOptions {
  // Port on 127.0.0.1; 0 takes a free one.
  uint16_t listen_port = 0;
  std::string to_host;
  std::string to_port;
  // A connection that has carried this many bytes, both ways together, is cut: the rest is thrown
  // away and both ends get a reset.
  uint64_t cut_after_bytes = 0;
  // Connections to cut; the ones after that go through whole.
  int cuts = 1;
};

// One thread. Peers that do not read are not read from either, so memory is bounded by the number
// of connections.
class Relay {
 public:
  // kUnavailable: the port is taken, or there are no sockets.
  static absl::StatusOr<Relay> Listen(RelayOptions options);
  Relay(Relay&& other) noexcept;
  Relay& operator=(Relay&&) = delete;
  Relay(const Relay&) = delete;
  ~Relay();

  uint16_t port() const { return port_; }
  // Relays until a byte arrives on (or the other end closes) `stop_fd`.
  absl::Status Run(int stop_fd);

 private:
  struct Connection {
    int fds[2] = {-1, -1};
    // What was read from one end and not yet written to the other.
    std::string pending[2];
    bool closed[2] = {false, false};
    bool told[2] = {false, false};
    uint64_t carried = 0;
  };

  Relay(RelayOptions options, int fd, uint16_t port)
      : options_(std::move(options)), listen_fd_(fd), port_(port) {}
  // Stop, listener, then both ends of each connection.
  std::vector<pollfd> Interests(int stop_fd) const;
  // `ends`: what poll said of the two ends. False when the connection is over.
  bool Serve(Connection* connection, const pollfd* ends);
  void Accept();
  int Dial() const;
  // False when the connection is over.
  bool Pump(Connection* connection, int from);
  bool Push(Connection* connection, int from);
  void Cut(Connection* connection);
  static void Close(Connection* connection);

  const RelayOptions options_;
  int listen_fd_;
  const uint16_t port_;
  int cuts_made_ = 0;
  std::list<Connection> connections_;
};

}  // namespace brigada

#endif  // TOOLS_LINKCUT_RELAY_H_
