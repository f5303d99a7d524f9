// brigada-linkcut: stands between a device and its server and cuts the link in the middle.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iostream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "tools/linkcut/relay.h"

namespace brigada {
namespace {

constexpr char kUsage[] =
    "Usage: brigada-linkcut --listen PORT --to HOST:PORT --cut-after BYTES [--times N]\n"
    "                       [--port-file FILE]\n"
    "\n"
    "Relays TCP connections from 127.0.0.1:PORT (0: a free one) and cuts the first N (1) of them "
    "with\n"
    "a reset once BYTES have passed, both ways together. Later ones go through whole. The port is\n"
    "printed and, when asked, written to FILE. Ends on SIGINT or SIGTERM.\n"
    "\n"
    "Example: brigada-linkcut --listen 7500 --to 127.0.0.1:7443 --cut-after 20000 --times 2\n";

int stop_pipe[2] = {-1, -1};

void OnSignal(int) {
  const char byte = 1;
  // Nothing can be done about a full pipe: it is readable then, which is what matters.
  if (write(stop_pipe[1], &byte, 1) < 0) return;
}

struct Arguments {
  RelayOptions relay;
  std::string port_file;
};

bool ReadOne(absl::string_view name, const std::string& value, Arguments* arguments) {
  int number = 0;
  if (name == "--listen" && absl::SimpleAtoi(value, &number) && number >= 0 && number < 65536) {
    arguments->relay.listen_port = static_cast<uint16_t>(number);
  } else if (name == "--to" && value.rfind(':') != std::string::npos) {
    arguments->relay.to_host = value.substr(0, value.rfind(':'));
    arguments->relay.to_port = value.substr(value.rfind(':') + 1);
  } else if (name == "--cut-after") {
    return absl::SimpleAtoi(value, &arguments->relay.cut_after_bytes);
  } else if (name == "--times" && absl::SimpleAtoi(value, &number) && number >= 0) {
    arguments->relay.cuts = number;
  } else if (name == "--port-file") {
    arguments->port_file = value;
  } else {
    return false;
  }
  return true;
}

bool Read(int argc, char** argv, Arguments* arguments) {
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc || !ReadOne(argv[i], argv[i + 1], arguments)) return false;
  }
  return !arguments->relay.to_host.empty() && arguments->relay.cut_after_bytes > 0;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  if (!Read(argc, argv, &arguments)) {
    const bool asked = argc == 2 && absl::string_view(argv[1]) == "--help";
    (asked ? std::cout : std::cerr) << kUsage;
    return asked ? 0 : 2;
  }
  absl::StatusOr<Relay> relay = Relay::Listen(arguments.relay);
  if (!relay.ok()) {
    std::cerr << "brigada-linkcut: " << relay.status().message() << "\n";
    return 1;
  }
  if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0) return 1;
  std::signal(SIGINT, OnSignal);
  std::signal(SIGTERM, OnSignal);
  std::cout << relay->port() << std::endl;
  if (!arguments.port_file.empty() &&
      !(std::ofstream(arguments.port_file) << relay->port() << "\n")) {
    std::cerr << "brigada-linkcut: cannot write " << arguments.port_file << "\n";
    return 1;
  }
  const absl::Status status = relay->Run(stop_pipe[0]);
  if (!status.ok()) std::cerr << "brigada-linkcut: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace brigada

int main(int argc, char** argv) { return brigada::Main(argc, argv); }
