#include "tools/linkcut/relay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace brigada {
namespace {

constexpr size_t kChunkBytes = size_t{16} << 10;
constexpr int kBacklog = 64;

absl::Status SystemError(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

bool MakeNonBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

absl::StatusOr<Relay> Relay::Listen(RelayOptions options) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return SystemError("socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.listen_port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, kBacklog) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 || !MakeNonBlocking(fd)) {
    absl::Status status = SystemError(absl::StrCat("port ", options.listen_port));
    close(fd);
    return status;
  }
  return Relay(std::move(options), fd, ntohs(address.sin_port));
}

Relay::Relay(Relay&& other) noexcept
    : options_(other.options_),
      listen_fd_(std::exchange(other.listen_fd_, -1)),
      port_(other.port_),
      cuts_made_(other.cuts_made_),
      connections_(std::move(other.connections_)) {
  other.connections_.clear();
}

Relay::~Relay() {
  for (Connection& connection : connections_) Close(&connection);
  if (listen_fd_ >= 0) close(listen_fd_);
}

int Relay::Dial() const {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(options_.to_host.c_str(), options_.to_port.c_str(), &hints, &found) != 0)
    return -1;
  int fd = -1;
  for (const addrinfo* at = found; at != nullptr && fd < 0; at = at->ai_next) {
    fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
    if (fd < 0) continue;
    if (connect(fd, at->ai_addr, at->ai_addrlen) == 0 && MakeNonBlocking(fd)) continue;
    close(fd);
    fd = -1;
  }
  freeaddrinfo(found);
  return fd;
}

void Relay::Accept() {
  const int near = accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (near < 0) return;
  const int far = Dial();
  if (far < 0) {
    close(near);
    return;
  }
  Connection connection;
  connection.fds[0] = near;
  connection.fds[1] = far;
  connections_.push_back(std::move(connection));
}

void Relay::Close(Connection* connection) {
  for (int& fd : connection->fds) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
}

void Relay::Cut(Connection* connection) {
  // Without lingering, closing sends a reset: neither end may believe in an orderly goodbye.
  const linger at_once{1, 0};
  for (const int fd : connection->fds)
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  Close(connection);
  ++cuts_made_;
  std::cerr << "brigada-linkcut: cut " << cuts_made_ << " of " << options_.cuts << " after "
            << connection->carried << " bytes" << std::endl;
}

bool Relay::Push(Connection* connection, int from) {
  std::string& pending = connection->pending[from];
  while (!pending.empty()) {
    const ssize_t sent =
        send(connection->fds[1 - from], pending.data(), pending.size(), MSG_NOSIGNAL);
    if (sent < 0) return WouldBlock();
    pending.erase(0, static_cast<size_t>(sent));
  }
  if (connection->closed[from] && !connection->told[from]) {
    shutdown(connection->fds[1 - from], SHUT_WR);
    connection->told[from] = true;
  }
  return !(connection->told[0] && connection->told[1]);
}

bool Relay::Pump(Connection* connection, int from) {
  char bytes[kChunkBytes];
  size_t room = sizeof(bytes);
  const bool cutting = cuts_made_ < options_.cuts;
  // Not a byte more than the cut allows.
  if (cutting) {
    room = static_cast<size_t>(
        std::min<uint64_t>(room, options_.cut_after_bytes - connection->carried));
  }
  const ssize_t got = recv(connection->fds[from], bytes, room, 0);
  if (got < 0) return WouldBlock();
  if (got == 0) connection->closed[from] = true;
  connection->pending[from].append(bytes, static_cast<size_t>(got));
  connection->carried += static_cast<uint64_t>(got);
  if (!Push(connection, from)) return false;
  if (!cutting || connection->carried < options_.cut_after_bytes) return true;
  Cut(connection);
  return false;
}

std::vector<pollfd> Relay::Interests(int stop_fd) const {
  std::vector<pollfd> polled = {{stop_fd, POLLIN, 0}, {listen_fd_, POLLIN, 0}};
  for (const Connection& connection : connections_) {
    for (int end = 0; end < 2; ++end) {
      int events = 0;
      if (!connection.closed[end] && connection.pending[end].empty()) events |= POLLIN;
      if (!connection.pending[1 - end].empty()) events |= POLLOUT;
      // A closed end that has nothing to take would wake the loop for ever.
      const int fd = events == 0 ? -1 : connection.fds[end];
      polled.push_back({fd, static_cast<int16_t>(events), 0});
    }
  }
  return polled;
}

bool Relay::Serve(Connection* connection, const pollfd* ends) {
  for (int end = 0; end < 2; ++end) {
    const int events = ends[end].revents;
    if ((events & POLLOUT) != 0 && !Push(connection, 1 - end)) return false;
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && !Pump(connection, end)) return false;
  }
  return true;
}

absl::Status Relay::Run(int stop_fd) {
  while (true) {
    std::vector<pollfd> polled = Interests(stop_fd);
    if (poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return SystemError("poll");
    }
    if (polled[0].revents != 0) return absl::OkStatus();
    const pollfd* ends = polled.data() + 2;
    for (auto connection = connections_.begin(); connection != connections_.end(); ends += 2) {
      if (Serve(&*connection, ends)) {
        ++connection;
      } else {
        Close(&*connection);
        connection = connections_.erase(connection);
      }
    }
    if ((polled[1].revents & POLLIN) != 0) Accept();
  }
}

}  // namespace brigada
