// A whole organization of real processes in a scratch directory.
#ifndef BENCH_ORGANIZATION_H_
#define BENCH_ORGANIZATION_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bench/child_process.h"
#include "brigada/administration.h"

namespace brigada::bench {

// A brigada-server that runs as a child on a port of this machine, and its administrator. The
// directory stays when it is destroyed: its owner removes it. One thread.
class BenchOrganization {
 public:
  // Runs `server_binary` (a brigada-server) to make the organization in the new directory
  // `directory` and to serve it.
  static absl::StatusOr<std::unique_ptr<BenchOrganization>> Create(const std::string& server_binary,
                                                                   const std::string& directory);

  // Enrols a new device of an organizer of `scope`; returns its replica's path.
  absl::StatusOr<std::string> NewDevice(absl::string_view name, absl::string_view scope);

  // Where the certificates are.
  std::string ServerDirectory() const { return directory_ + "/server"; }
  std::string PathOf(absl::string_view name) const;
  // Of the server, since the last reset.
  void ResetPeakMemory() const { bench::ResetPeakMemory(server_->pid()); }
  double PeakMemoryMib() const { return bench::PeakMemoryMib(server_->pid()); }
  double ProcessorSeconds() const { return bench::ProcessorSeconds(server_->pid()); }

 private:
  explicit BenchOrganization(std::string directory) : directory_(std::move(directory)) {}
  absl::Status Start(const std::string& server_binary);

  const std::string directory_;
  std::unique_ptr<ChildProcess> server_;
  std::unique_ptr<Administration> administration_;
};

}  // namespace brigada::bench

#endif  // BENCH_ORGANIZATION_H_
