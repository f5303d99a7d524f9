#include "bench/child_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "replica/base/status_macros.h"

namespace brigada::bench {
namespace {

constexpr absl::Duration kPortPatience = absl::Seconds(30);

absl::Status Failed(absl::string_view what, int error) {
  return absl::InternalError(absl::StrCat(what, ": ", std::strerror(error)));
}

struct Pipe {
  int read = -1;
  int write = -1;
};

absl::StatusOr<Pipe> OpenPipe() {
  std::array<int, 2> ends{};
  // Close on exec: a sibling that held the writing end would keep this child waiting.
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return Failed("pipe", errno);
  return Pipe{ends[0], ends[1]};
}

absl::StatusOr<int> Spawn(const std::vector<std::string>& command, int input, int output,
                          const std::string& log_path) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  if (!log_path.empty()) {
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log_path.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
  }
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return Failed(absl::StrCat("cannot start ", command[0]), error);
  return pid;
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

bool Listens(int port) {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0) return false;
  const sockaddr_in address = Loopback(port);
  const bool connected =
      connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(connection);
  return connected;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::vector<std::string>& command, const std::string& log_path) {
  ASSIGN_OR_RETURN(const Pipe input, OpenPipe());
  ASSIGN_OR_RETURN(const Pipe output, OpenPipe());
  const absl::StatusOr<int> pid = Spawn(command, input.read, output.write, log_path);
  close(input.read);
  close(output.write);
  if (!pid.ok()) {
    close(input.write);
    close(output.read);
    return pid.status();
  }
  return std::unique_ptr<ChildProcess>(
      new ChildProcess(*pid, input.write, output.read, command[0]));
}

ChildProcess::~ChildProcess() {
  CloseInput();
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  close(output_);
}

void ChildProcess::CloseInput() {
  if (input_ >= 0) close(std::exchange(input_, -1));
}

bool ChildProcess::ReadMore() {
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t size = read(output_, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    unread_.append(buffer.data(), static_cast<size_t>(size));
    return true;
  }
}

absl::StatusOr<std::string> ChildProcess::ReadLine() {
  size_t end = unread_.find('\n');
  while (end == std::string::npos) {
    if (!ReadMore()) return absl::UnavailableError(absl::StrCat(name_, " ended early"));
    end = unread_.find('\n');
  }
  std::string line = unread_.substr(0, end);
  unread_.erase(0, end + 1);
  return line;
}

absl::StatusOr<std::string> ChildProcess::Finish() {
  CloseInput();
  while (ReadMore()) continue;
  int status = 0;
  waitpid(std::exchange(pid_, 0), &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::InternalError(absl::StrCat(name_, " failed; what it said is above"));
  }
  return std::exchange(unread_, {});
}

absl::StatusOr<std::string> RunCommand(const std::vector<std::string>& command) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ChildProcess> child, ChildProcess::Start(command));
  return child->Finish();
}

absl::StatusOr<int> FreePort() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return Failed("socket", errno);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  const bool bound =
      bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(listener);
  if (!bound) return absl::UnavailableError("no free port");
  return ntohs(address.sin_port);
}

absl::Status WaitForPort(int port) {
  const absl::Time until = absl::Now() + kPortPatience;
  while (!Listens(port)) {
    if (absl::Now() > until)
      return absl::DeadlineExceededError(absl::StrCat("nobody listens on port ", port));
    absl::SleepFor(absl::Milliseconds(10));
  }
  return absl::OkStatus();
}

std::string OwnPath() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

double PeakMemoryMib(int pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  std::string line;
  while (std::getline(status, line)) {
    if (!absl::StartsWith(line, "VmHWM:")) continue;
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    double kib = 0;
    if (words.size() > 1 && absl::SimpleAtod(words[1], &kib)) return kib / 1024;
  }
  return 0;
}

double ProcessorSeconds(int pid) {
  // proc(5): utime and stime, fields 14 and 15; the name before them may hold anything but ')'.
  constexpr size_t kUserTime = 11;
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  const std::vector<std::string> fields =
      absl::StrSplit(line.substr(name_end + 1), ' ', absl::SkipEmpty());
  double user = 0;
  double system = 0;
  if (fields.size() <= kUserTime + 1 || !absl::SimpleAtod(fields[kUserTime], &user) ||
      !absl::SimpleAtod(fields[kUserTime + 1], &system))
    return 0;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

void ResetPeakMemory(int pid) {
  // proc(5): 5 sets the peak to what is resident now.
  std::ofstream(absl::StrCat("/proc/", pid, "/clear_refs")) << "5\n";
}

}  // namespace brigada::bench
