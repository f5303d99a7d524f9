#include "bench/floor_run.h"

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/step.h"
#include "replica/base/status_macros.h"

namespace brigada::bench {
namespace {

// A floor server in a process of its own.
struct FloorServer {
  std::unique_ptr<ChildProcess> process;
  int port = 0;
  double used_s = 0;  // processor time before what is measured
};

class FloorRun {
 public:
  FloorRun(const BenchSizes& sizes, const BenchOrganization& organization, Figures& figures)
      : sizes_(sizes), organization_(organization), figures_(figures) {}

  absl::Status ImportAndBootstrap();
  absl::Status Gzip();
  absl::Status Push();
  absl::Status Many();
  absl::Status Latency();
  absl::Status Local();

 private:
  // On a new store.
  absl::StatusOr<FloorServer> Serve(absl::string_view name, absl::string_view codec) const;
  StepOptions TransferOf(const FloorServer& server, absl::string_view codec, int count) const;
  void AddRate(absl::string_view figure, double records, double seconds) {
    figures_.AddFloor(figure, "records/s", records / seconds);
    figures_.AddFloor(figure, "s", seconds);
  }
  void AddUse(absl::string_view figure, const FloorServer& server, Numbers& device, int records) {
    const double server_s = ProcessorSeconds(server.process->pid()) - server.used_s;
    figures_.AddFloor(absl::StrCat(figure, ": processor, server"), "us/record",
                      server_s / records * 1e6);
    figures_.AddFloor(absl::StrCat(figure, ": processor, device"), "us/record",
                      device["cpu_s"] / records * 1e6);
    figures_.AddFloor(absl::StrCat(figure, ": peak memory, server"), "MiB",
                      PeakMemoryMib(server.process->pid()));
    figures_.AddFloor(absl::StrCat(figure, ": peak memory, device"), "MiB", device["peak_mib"]);
  }

  const BenchSizes sizes_;
  const BenchOrganization& organization_;
  Figures& figures_;
};

absl::StatusOr<FloorServer> FloorRun::Serve(absl::string_view name, absl::string_view codec) const {
  FloorServer server;
  ASSIGN_OR_RETURN(server.port, FreePort());
  StepOptions step;
  step.name = "floor-serve";
  step.path = organization_.PathOf(name);
  step.organization = organization_.ServerDirectory();
  step.codec = std::string(codec);
  step.port = server.port;
  ASSIGN_OR_RETURN(server.process, StartStep(step));
  server.used_s = ProcessorSeconds(server.process->pid());
  return server;
}

StepOptions FloorRun::TransferOf(const FloorServer& server, absl::string_view codec,
                                 int count) const {
  StepOptions step;
  step.name = "floor-transfer";
  step.organization = organization_.ServerDirectory();
  step.codec = std::string(codec);
  step.port = server.port;
  step.count = count;
  return step;
}

absl::Status FloorRun::ImportAndBootstrap() {
  ASSIGN_OR_RETURN(FloorServer server, Serve("floor-import", "zstd"));
  StepOptions transfer = TransferOf(server, "zstd", sizes_.people);
  ASSIGN_OR_RETURN(Numbers push, RunStep(transfer));
  AddRate("push of the import", sizes_.people, push["seconds"]);
  figures_.AddFloor("push of the import: bytes up", "per record",
                    push["sent_bytes"] / sizes_.people);
  AddUse("push of the import", server, push, sizes_.people);
  server.used_s = ProcessorSeconds(server.process->pid());
  ResetPeakMemory(server.process->pid());
  transfer.direction = "pull";
  transfer.path = organization_.PathOf("floor-bootstrap");
  ASSIGN_OR_RETURN(Numbers pull, RunStep(transfer));
  if (pull["records"] != sizes_.people)
    return absl::InternalError("the floor's bootstrap is not whole");
  AddRate("bootstrap", sizes_.people, pull["seconds"]);
  figures_.AddFloor("bootstrap: bytes down", "per record", pull["received_bytes"] / sizes_.people);
  AddUse("bootstrap", server, pull, sizes_.people);
  return absl::OkStatus();
}

absl::Status FloorRun::Gzip() {
  ASSIGN_OR_RETURN(const FloorServer server, Serve("floor-gzip", "gzip"));
  ASSIGN_OR_RETURN(Numbers push, RunStep(TransferOf(server, "gzip", sizes_.people)));
  AddRate("push of the import, floor with gzip", sizes_.people, push["seconds"]);
  figures_.AddFloor("push of the import, floor with gzip: bytes up", "per record",
                    push["sent_bytes"] / sizes_.people);
  return absl::OkStatus();
}

absl::Status FloorRun::Push() {
  ASSIGN_OR_RETURN(const FloorServer server, Serve("floor-push", "zstd"));
  ASSIGN_OR_RETURN(Numbers push, RunStep(TransferOf(server, "zstd", sizes_.push)));
  AddRate("push", sizes_.push, push["seconds"]);
  figures_.AddFloor("push: bytes up", "per record", push["sent_bytes"] / sizes_.push);
  AddUse("push", server, push, sizes_.push);
  return absl::OkStatus();
}

absl::Status FloorRun::Many() {
  ASSIGN_OR_RETURN(const FloorServer server, Serve("floor-many", "zstd"));
  std::vector<StepOptions> steps;
  for (int i = 0; i < sizes_.devices; ++i) {
    steps.push_back(TransferOf(server, "zstd", sizes_.each));
    steps.back().seed = 1000 + static_cast<uint64_t>(i);
  }
  double together_s = 0;
  RETURN_IF_ERROR(RunTogether(steps, &together_s).status());
  const std::string figure = absl::StrCat(sizes_.devices, " devices at once");
  AddRate(figure, sizes_.devices * sizes_.each, together_s);
  figures_.AddFloor(absl::StrCat(figure, ": peak memory, server"), "MiB",
                    PeakMemoryMib(server.process->pid()));
  return absl::OkStatus();
}

absl::Status FloorRun::Latency() {
  ASSIGN_OR_RETURN(const FloorServer server, Serve("floor-latency", "zstd"));
  StepOptions step = TransferOf(server, "zstd", sizes_.latency);
  step.name = "floor-latency";
  step.path = organization_.PathOf("floor-latency-device");
  ASSIGN_OR_RETURN(Numbers numbers, RunStep(step));
  figures_.AddFloor("propagation, live: median", "ms", numbers["median_ms"]);
  figures_.AddFloor("propagation, live: p99", "ms", numbers["p99_ms"]);
  return absl::OkStatus();
}

absl::Status FloorRun::Local() {
  StepOptions put;
  put.name = "floor-put";
  put.path = organization_.PathOf("floor-local");
  put.count = sizes_.local_durable;
  put.durable = true;
  ASSIGN_OR_RETURN(Numbers durable, RunStep(put));
  figures_.AddFloor("local create, fsync: median", "us", durable["median_us"]);
  figures_.AddFloor("local create, fsync: p99", "us", durable["p99_us"]);
  put.count = sizes_.local;
  put.durable = false;
  ASSIGN_OR_RETURN(Numbers process, RunStep(put));
  figures_.AddFloor("local create, no fsync: median", "us", process["median_us"]);
  figures_.AddFloor("local create, no fsync: p99", "us", process["p99_us"]);
  StepOptions get = put;
  get.name = "floor-get";
  get.path = organization_.PathOf("floor-get");
  get.count = sizes_.people;
  ASSIGN_OR_RETURN(Numbers reads, RunStep(get));
  figures_.AddFloor("local get, mean", "us", reads["get_us"]);
  return absl::OkStatus();
}

}  // namespace

absl::Status RunFloor(const BenchSizes& sizes, const BenchOrganization& organization,
                      Figures& figures) {
  std::fprintf(stderr, "brigada-bench: floor\n");
  FloorRun run(sizes, organization, figures);
  RETURN_IF_ERROR(run.ImportAndBootstrap());
  RETURN_IF_ERROR(run.Gzip());
  RETURN_IF_ERROR(run.Push());
  RETURN_IF_ERROR(run.Many());
  RETURN_IF_ERROR(run.Latency());
  return run.Local();
}

}  // namespace brigada::bench
