#include "bench/sync_bench.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/floor_run.h"
#include "bench/organization.h"
#include "bench/step.h"
#include "replica/base/status_macros.h"

namespace brigada::bench {
namespace {

// One municipality for each part of the run, so that no device pulls another part's people.
constexpr char kLoadScope[] = "MX/20/067";
constexpr char kPushScope[] = "MX/20/039";
// The first of as many municipalities as there are devices.
constexpr int kFirstApart = 101;
constexpr char kManyScope[] = "MX/20/184";
constexpr char kLiveScope[] = "MX/20/079";
constexpr int kEditedShare = 100;

class ScratchDirectory {
 public:
  ScratchDirectory(const std::string& parent, bool stays)
      : path_(parent + "/brigada-bench-XXXXXX"), stays_(stays) {
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path_.empty() && !stays_) std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  const bool stays_;
};

absl::Status Expect(absl::string_view what, double found, double wanted) {
  if (found == wanted) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(what, ": ", found, " instead of ", wanted));
}

// One run over one organization.
class Run {
 public:
  Run(const BenchSizes& sizes, BenchOrganization& organization, Figures& figures)
      : sizes_(sizes), organization_(organization), figures_(figures) {}

  absl::Status Load();
  absl::Status Bootstrap();
  absl::Status Push();
  absl::Status CatchUp();
  absl::Status ManyApart();
  absl::Status ManyTogether();
  absl::Status Latency();
  absl::Status Local();

 private:
  static StepOptions StepOf(absl::string_view name, const std::string& path) {
    StepOptions step;
    step.name = std::string(name);
    step.path = path;
    return step;
  }
  // A round whose memory and processor time, on both sides, go under `figure`.
  absl::StatusOr<Numbers> SyncOf(const std::string& path, absl::string_view figure, int records);
  absl::Status CreateAt(const std::string& path, absl::string_view scope, int count, int per_commit,
                        uint64_t seed);
  absl::Status PushTogether(const std::string& figure, const std::vector<std::string>& scopes);
  void AddRate(absl::string_view figure, double records, double seconds);

  const BenchSizes sizes_;
  BenchOrganization& organization_;
  Figures& figures_;
  std::string loader_;
  std::string reader_;
  int devices_made_ = 0;
};

absl::StatusOr<Numbers> Run::SyncOf(const std::string& path, absl::string_view figure,
                                    int records) {
  organization_.ResetPeakMemory();
  const double cpu_before_s = organization_.ProcessorSeconds();
  ASSIGN_OR_RETURN(Numbers numbers, RunStep(StepOf("sync", path)));
  const double server_s = organization_.ProcessorSeconds() - cpu_before_s;
  AddRate(figure, records, numbers["seconds"]);
  figures_.Add(absl::StrCat(figure, ": processor, server"), "us/record", server_s / records * 1e6);
  figures_.Add(absl::StrCat(figure, ": processor, device"), "us/record",
               numbers["cpu_s"] / records * 1e6);
  figures_.Add(absl::StrCat(figure, ": peak memory, server"), "MiB", organization_.PeakMemoryMib());
  figures_.Add(absl::StrCat(figure, ": peak memory, device"), "MiB", numbers["peak_mib"]);
  figures_.Add(absl::StrCat(figure, ": bytes up"), "per record", numbers["sent_bytes"] / records);
  figures_.Add(absl::StrCat(figure, ": bytes down"), "per record",
               numbers["received_bytes"] / records);
  RETURN_IF_ERROR(Expect("connections of a round", numbers["connections"], 1));
  return numbers;
}

absl::Status Run::CreateAt(const std::string& path, absl::string_view scope, int count,
                           int per_commit, uint64_t seed) {
  StepOptions step = StepOf("create", path);
  step.scope = std::string(scope);
  step.count = count;
  step.per_commit = per_commit;
  step.seed = seed;
  ASSIGN_OR_RETURN(Numbers numbers, RunStep(step));
  if (per_commit > 1)
    AddRate(absl::StrCat("import offline, sets of ", per_commit), count, numbers["seconds"]);
  return absl::OkStatus();
}

void Run::AddRate(absl::string_view figure, double records, double seconds) {
  figures_.Add(figure, "records/s", records / seconds);
  figures_.Add(figure, "s", seconds);
}

absl::Status Run::Load() {
  ASSIGN_OR_RETURN(loader_, organization_.NewDevice("loader", kLoadScope));
  RETURN_IF_ERROR(CreateAt(loader_, kLoadScope, sizes_.people, sizes_.people_per_commit, 1));
  ASSIGN_OR_RETURN(Numbers numbers, SyncOf(loader_, "push of the import", sizes_.people));
  return Expect("people at the loader", numbers["people"], sizes_.people);
}

absl::Status Run::Bootstrap() {
  ASSIGN_OR_RETURN(reader_, organization_.NewDevice("reader", kLoadScope));
  ASSIGN_OR_RETURN(Numbers numbers, SyncOf(reader_, "bootstrap", sizes_.people));
  return Expect("people after the bootstrap", numbers["people"], sizes_.people);
}

absl::Status Run::Push() {
  ASSIGN_OR_RETURN(const std::string path, organization_.NewDevice("pusher", kPushScope));
  RETURN_IF_ERROR(CreateAt(path, kPushScope, sizes_.push, 1, 2));
  ASSIGN_OR_RETURN(Numbers numbers, SyncOf(path, "push", sizes_.push));
  RETURN_IF_ERROR(Expect("confirmed change sets", numbers["confirmed"], sizes_.push));
  return Expect("people at the pusher", numbers["people"], sizes_.push);
}

absl::Status Run::CatchUp() {
  StepOptions edit = StepOf("edit", loader_);
  edit.count = sizes_.people / kEditedShare;
  ASSIGN_OR_RETURN(Numbers edited, RunStep(edit));
  RETURN_IF_ERROR(Expect("people edited", edited["edited"], edit.count));
  RETURN_IF_ERROR(SyncOf(loader_, "push of 1 % edits", edit.count).status());
  ASSIGN_OR_RETURN(Numbers numbers, SyncOf(reader_, "catch-up after 1 %", edit.count));
  return Expect("records of the catch-up", numbers["records"], edit.count);
}

absl::Status Run::ManyApart() {
  std::vector<std::string> scopes;
  scopes.reserve(static_cast<size_t>(sizes_.devices));
  for (int i = 0; i < sizes_.devices; ++i)
    scopes.push_back(absl::StrFormat("MX/20/%03d", kFirstApart + i));
  return PushTogether(absl::StrCat(sizes_.devices, " devices at once"), scopes);
}

absl::Status Run::ManyTogether() {
  return PushTogether(absl::StrCat(sizes_.devices, " devices of one municipality"),
                      std::vector<std::string>(static_cast<size_t>(sizes_.devices), kManyScope));
}

absl::Status Run::PushTogether(const std::string& figure, const std::vector<std::string>& scopes) {
  std::vector<StepOptions> steps;
  for (const std::string& scope : scopes) {
    const std::string name = absl::StrCat("device", ++devices_made_);
    ASSIGN_OR_RETURN(const std::string path, organization_.NewDevice(name, scope));
    RETURN_IF_ERROR(
        CreateAt(path, scope, sizes_.each, 1, 1000 + static_cast<uint64_t>(devices_made_)));
    steps.push_back(StepOf("sync", path));
  }
  organization_.ResetPeakMemory();
  double together_s = 0;
  ASSIGN_OR_RETURN(std::vector<Numbers> all, RunTogether(steps, &together_s));
  AddRate(figure, sizes_.devices * sizes_.each, together_s);
  std::vector<double> seconds;
  double delivered = 0;
  double sent_bytes = 0;
  double received_bytes = 0;
  double device_peak_mib = 0;
  for (Numbers& numbers : all) {
    RETURN_IF_ERROR(Expect("confirmed of one device", numbers["confirmed"], sizes_.each));
    seconds.push_back(numbers["seconds"]);
    delivered += numbers["records"];
    sent_bytes += numbers["sent_bytes"];
    received_bytes += numbers["received_bytes"];
    device_peak_mib = std::max(device_peak_mib, numbers["peak_mib"]);
  }
  const double pushed = static_cast<double>(sizes_.devices) * sizes_.each;
  figures_.Add(absl::StrCat(figure, ": median device"), "s", Median(seconds));
  figures_.Add(absl::StrCat(figure, ": delivered to all"), "records", delivered);
  figures_.Add(absl::StrCat(figure, ": peak memory, server"), "MiB", organization_.PeakMemoryMib());
  figures_.Add(absl::StrCat(figure, ": greatest peak memory of a device"), "MiB", device_peak_mib);
  figures_.Add(absl::StrCat(figure, ": bytes up"), "per pushed record", sent_bytes / pushed);
  figures_.Add(absl::StrCat(figure, ": bytes down"), "per delivered record",
               received_bytes / std::max(delivered, pushed));
  return absl::OkStatus();
}

absl::Status Run::Latency() {
  ASSIGN_OR_RETURN(const std::string writer, organization_.NewDevice("writer", kLiveScope));
  ASSIGN_OR_RETURN(const std::string watcher, organization_.NewDevice("watcher", kLiveScope));
  StepOptions step = StepOf("latency", writer);
  step.other_path = watcher;
  step.scope = kLiveScope;
  step.count = sizes_.latency;
  step.durable = true;
  ASSIGN_OR_RETURN(Numbers numbers, RunStep(step));
  figures_.Add("propagation, live: median", "ms", numbers["median_ms"]);
  figures_.Add("propagation, live: p99", "ms", numbers["p99_ms"]);
  return absl::OkStatus();
}

absl::Status Run::Local() {
  StepOptions create = StepOf("local-create", reader_);
  create.scope = kLoadScope;
  create.seed = 5;
  create.count = sizes_.local_durable;
  create.durable = true;
  ASSIGN_OR_RETURN(Numbers durable, RunStep(create));
  figures_.Add("local create, fsync: median", "us", durable["median_us"]);
  figures_.Add("local create, fsync: p99", "us", durable["p99_us"]);
  create.count = sizes_.local;
  create.durable = false;
  ASSIGN_OR_RETURN(Numbers process, RunStep(create));
  figures_.Add("local create, no fsync: median", "us", process["median_us"]);
  figures_.Add("local create, no fsync: p99", "us", process["p99_us"]);
  StepOptions read = StepOf("local-read", reader_);
  read.count = sizes_.local;
  ASSIGN_OR_RETURN(Numbers reads, RunStep(read));
  figures_.Add("local get, mean", "us", reads["get_us"]);
  figures_.Add("local indexed query, mean", "us", reads["query_us"]);
  return absl::OkStatus();
}

absl::Status RunParts(Run& run) {
  struct Part {
    const char* name;
    absl::Status (Run::*measure)();
  };
  for (const Part& part :
       {Part{"load", &Run::Load}, Part{"bootstrap", &Run::Bootstrap}, Part{"push", &Run::Push},
        Part{"catch-up", &Run::CatchUp}, Part{"many devices", &Run::ManyApart},
        Part{"many devices of one municipality", &Run::ManyTogether},
        Part{"latency", &Run::Latency}, Part{"local", &Run::Local}}) {
    std::fprintf(stderr, "brigada-bench: %s\n", part.name);
    const absl::Status status = (run.*part.measure)();
    if (!status.ok())
      return absl::Status(status.code(), absl::StrCat(part.name, ": ", status.message()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunBench(const BenchOptions& options, Figures& figures) {
  const ScratchDirectory scratch(options.directory, options.keeps_directory);
  if (scratch.path().empty())
    return absl::UnavailableError(absl::StrCat("cannot make a directory in ", options.directory));
  if (options.keeps_directory)
    std::fprintf(stderr, "brigada-bench: in %s\n", scratch.path().c_str());
  ASSIGN_OR_RETURN(const std::unique_ptr<BenchOrganization> organization,
                   BenchOrganization::Create(options.server_binary, scratch.path()));
  Run run(options.sizes, *organization, figures);
  RETURN_IF_ERROR(RunParts(run));
  return options.with_floor ? RunFloor(options.sizes, *organization, figures) : absl::OkStatus();
}

}  // namespace brigada::bench
