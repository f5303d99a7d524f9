// brigada-bench: the figures of docs/benchmarks.md.
#include <sys/utsname.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "bench/client_steps.h"
#include "bench/figures.h"
#include "bench/floor_codec.h"
#include "bench/floor_steps.h"
#include "bench/local_steps.h"
#include "bench/step.h"
#include "bench/sync_bench.h"

namespace brigada::bench {
namespace {

constexpr int kSampledPeople = 1000;

struct NamedStep {
  const char* name;
  absl::Status (*run)(const StepOptions&);
};

constexpr std::array<NamedStep, 11> kSteps = {{
    {"create", CreateStep},
    {"edit", EditStep},
    {"sync", SyncStep},
    {"latency", LatencyStep},
    {"local-create", LocalCreateStep},
    {"local-read", LocalReadStep},
    {"floor-serve", FloorServeStep},
    {"floor-transfer", FloorTransferStep},
    {"floor-latency", FloorLatencyStep},
    {"floor-put", FloorPutStep},
    {"floor-get", FloorGetStep},
}};

struct Flags {
  BenchOptions bench;
  StepOptions step;
  std::string json;
  int repeat = 3;
  bool quick = false;
  bool without_floor = false;
};

BenchSizes QuickSizes() {
  BenchSizes sizes;
  sizes.people = 2'000;
  sizes.push = 500;
  sizes.devices = 4;
  sizes.each = 25;
  sizes.latency = 20;
  sizes.local_durable = 50;
  sizes.local = 200;
  return sizes;
}

int Fail(const absl::Status& status) {
  std::cerr << "brigada-bench: " << status.message() << "\n";
  return 1;
}

int RunNamedStep(const StepOptions& options) {
  for (const NamedStep& step : kSteps) {
    if (options.name != step.name) continue;
    const absl::Status status = step.run(options);
    return status.ok() ? 0 : Fail(status);
  }
  return Fail(absl::InvalidArgumentError(absl::StrCat("no step ", options.name)));
}

std::string Processor() {
  std::ifstream info("/proc/cpuinfo");
  std::string line;
  while (std::getline(info, line)) {
    if (absl::StartsWith(line, "model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

void AddConditions(const Flags& flags, Figures& figures) {
  utsname system{};
  uname(&system);
  const BenchSizes& sizes = flags.bench.sizes;
  double json_bytes = 0;
  for (const FloorRecord& record : SampleRecords(kSampledPeople, 1))
    json_bytes += static_cast<double>(record.json.size());
  figures.AddCondition("processor", absl::StrCat(Processor(), ", ",
                                                 std::thread::hardware_concurrency(), " threads"));
  figures.AddCondition("system", absl::StrCat(system.sysname, " ", system.release));
  figures.AddCondition("build", BRIGADA_BUILD_TYPE);
  figures.AddCondition("runs", absl::StrCat(flags.repeat));
  figures.AddCondition(
      "sizes", absl::StrFormat("%d people, %d pushed, %d devices with %d each, %d live edits",
                               sizes.people, sizes.push, sizes.devices, sizes.each, sizes.latency));
  figures.AddCondition("JSON of a person, mean",
                       absl::StrFormat("%.0f bytes", json_bytes / kSampledPeople));
}

int RunAll(Flags& flags) {
  if (flags.quick) {
    flags.bench.sizes = QuickSizes();
    flags.repeat = 1;
  }
  flags.bench.with_floor = !flags.without_floor;
  Figures figures;
  AddConditions(flags, figures);
  absl::Status status;
  for (int i = 0; i < flags.repeat && status.ok(); ++i) {
    std::cerr << "brigada-bench: run " << i + 1 << " of " << flags.repeat << "\n";
    status = RunBench(flags.bench, figures);
  }
  if (!status.ok()) return Fail(status);
  figures.Print();
  if (!flags.json.empty()) status = figures.WriteJson(flags.json);
  return status.ok() ? 0 : Fail(status);
}

void AddRunOptions(CLI::App& app, Flags& flags) {
  BenchSizes& sizes = flags.bench.sizes;
  const std::filesystem::path beside = std::filesystem::path(OwnPath()).parent_path();
  flags.bench.server_binary = beside.parent_path() / "tools" / "server" / "brigada-server";
  flags.bench.directory = std::filesystem::temp_directory_path();
  app.add_flag("--quick", flags.quick, "Small sizes, one run: to see that it works, not how fast");
  app.add_option("--repeat", flags.repeat, "Runs; the table shows medians")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--json", flags.json, "Write every run's figures to this file");
  app.add_option("--server", flags.bench.server_binary, "The brigada-server to measure")
      ->check(CLI::ExistingFile)
      ->capture_default_str();
  app.add_option("--dir", flags.bench.directory, "Directory on the disk to measure")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  app.add_flag("--keep", flags.bench.keeps_directory, "Leave the run's directory for a look");
  app.add_flag("--without-floor", flags.without_floor, "Leave the floor out");
  const CLI::Range count(1, 10'000'000);
  app.add_option("--people", sizes.people, "People to bootstrap")->check(count);
  app.add_option("--push", sizes.push, "People pushed one to a change set")->check(count);
  // As many as Oaxaca has municipalities after those the run uses.
  app.add_option("--devices", sizes.devices, "Devices that push at once")
      ->check(CLI::Range(1, 400));
  app.add_option("--each", sizes.each, "People each of them pushes")->check(count);
  app.add_option("--latency", sizes.latency, "Live edits")->check(count);
}

// The steps are for this program itself.
void AddStep(CLI::App& app, StepOptions& step) {
  CLI::App* const command = app.add_subcommand("step", "One step of a run")->group("");
  command->add_option("name", step.name)->required();
  command->add_option("--path", step.path);
  command->add_option("--other-path", step.other_path);
  command->add_option("--organization", step.organization);
  command->add_option("--scope", step.scope);
  command->add_option("--codec", step.codec);
  command->add_option("--direction", step.direction);
  command->add_option("--port", step.port);
  command->add_option("--count", step.count);
  command->add_option("--per-commit", step.per_commit);
  command->add_option("--seed", step.seed);
  command->add_option("--durable", step.durable);
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Measures Brigada and, beside it, the least that any such system could cost",
               "brigada-bench");
  AddRunOptions(app, flags);
  AddStep(app, flags.step);
  app.footer(
      "Examples:\n  brigada-bench --json figures.json\n  brigada-bench --quick\n"
      "  brigada-bench --people 10000 --repeat 1 --without-floor");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  return app.got_subcommand("step") ? RunNamedStep(flags.step) : RunAll(flags);
}

}  // namespace
}  // namespace brigada::bench

// CLI11 throws beyond what Main catches only when an option is declared wrongly there.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) { return brigada::bench::Main(argc, argv); }
