#include "tests/support/port_reservation.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "replica/base/check.h"

namespace brigada {
namespace {

// Below the range from which Linux takes the ports of outgoing connections. The tests of the
// command line reserve from the same range under the same names.
constexpr int kFirstPort = 20000;
constexpr int kPorts = 10000;

// A socket bound to a name of its own that nobody else can bind: it leaves no file behind. -1 when
// somebody has it.
int LockName(const std::string& name) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  CHECK(name.size() + 1 <= sizeof(address.sun_path));
  // An abstract name starts with a zero byte.
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0) return fd;
  close(fd);
  return -1;
}

// Whether no program that knows nothing of reservations has it.
bool IsFree(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  const bool free = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return free;
}

}  // namespace

PortReservation::PortReservation() {
  for (int i = 0; i < kPorts; ++i) {
    port_ = kFirstPort + (getpid() + i) % kPorts;
    lock_ = LockName(absl::StrCat("brigada-test-port-", port_));
    if (lock_ < 0) continue;
    if (IsFree(port_)) return;
    close(lock_);
  }
  CHECK(false);
}

PortReservation::~PortReservation() { close(lock_); }

}  // namespace brigada
