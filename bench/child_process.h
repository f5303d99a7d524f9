// Programs run beside the driver: the server, and each step of a device, so that memory peaks are
// their own.
#ifndef BENCH_CHILD_PROCESS_H_
#define BENCH_CHILD_PROCESS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace brigada::bench {

// A child with a pipe to its standard input and from its standard output; its standard error is
// the driver's, or a file. One thread.
class ChildProcess {
 public:
  // `log_path` empty: the driver's standard error.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::vector<std::string>& command, const std::string& log_path = {});
  // Ends the child with SIGTERM, unless it ended, and waits for it.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  int pid() const { return pid_; }
  // The next line without its end. kUnavailable: the child closed its output.
  absl::StatusOr<std::string> ReadLine();
  // The child reads the end of its input from now on: the sign to begin.
  void CloseInput();
  // Reads the rest of its output and waits for its end. kInternal: it failed.
  absl::StatusOr<std::string> Finish();

 private:
  ChildProcess(int pid, int input, int output, std::string name)
      : pid_(pid), input_(input), output_(output), name_(std::move(name)) {}
  // False at the end of the output.
  bool ReadMore();

  int pid_;
  int input_;
  int output_;
  std::string name_;
  std::string unread_;
};

// Runs a command to its end and returns what it printed. kInternal: it failed.
absl::StatusOr<std::string> RunCommand(const std::vector<std::string>& command);

// A port of this machine that nobody listens on now.
absl::StatusOr<int> FreePort();
// Waits until somebody listens there. kDeadlineExceeded: nobody does after half a minute.
absl::Status WaitForPort(int port);

// The path of this program.
std::string OwnPath();

// Greatest resident memory of a process, in MiB, since its start or the last reset; 0 when it is
// gone.
double PeakMemoryMib(int pid);
void ResetPeakMemory(int pid);
// Processor time of a process and its threads so far, in seconds; 0 when it is gone.
double ProcessorSeconds(int pid);

}  // namespace brigada::bench

#endif  // BENCH_CHILD_PROCESS_H_
