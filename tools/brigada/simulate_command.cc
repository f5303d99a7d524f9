// simulate: runs histories of the whole system under faults. Only in builds with tests.
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/clock.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tests/sim/simulate.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/progress_bar.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

struct SimulateFlags {
  uint64_t seed = 1;
  uint64_t count = 1;
  uint32_t steps = 200;
  std::string profile = "all";
  std::string store = "memory";
  std::string without;
  std::string only;
  bool shorten = true;
};

absl::Status RunHistories(const CommandLine& line, const SimulateFlags& flags) {
  SimRequest request;
  request.seed = flags.seed;
  request.steps = flags.steps;
  request.profile = flags.profile;
  request.store = flags.store == "rocksdb" ? SimStore::kRocks : SimStore::kMemory;
  ASSIGN_OR_RETURN(request.without, ParseFaults(flags.without));
  ASSIGN_OR_RETURN(request.only, ParseSteps(flags.only));
  // An abort in the engine is a finding like any other.
  TellHistoryOnAbort();
  ProgressBar bar(&std::cerr, line.progress_style(), std::string(Say("Historias", "Histories")));
  const absl::Time begin = absl::Now();
  ASSIGN_OR_RETURN(const SimSummary summary,
                   Simulate(request, flags.count, 1, [&](const SimSummary& so_far) {
                     bar.Update(so_far.histories, flags.count, WithThousands(so_far.histories));
                   }));
  const double minutes = absl::ToDoubleMinutes(absl::Now() - begin);
  bar.Finish("");
  const auto count = [](uint64_t n) { return static_cast<int64_t>(n); };
  line.Show(
      {{"histories", Say("Historias", "Histories"), count(summary.histories)},
       {"per_minute", Say("Por minuto", "Per minute"),
        static_cast<int64_t>(static_cast<double>(summary.histories) / minutes)},
       {"run_twice", Say("Repetidas para comparar", "Run twice to compare"), count(summary.twice)},
       {"commits", Say("Cambios", "Change sets"), count(summary.totals.commits)},
       {"verdicts", Say("Veredictos", "Verdicts"), count(summary.totals.verdicts)},
       {"refused", Say("Rechazados", "Refused"), count(summary.totals.refused)},
       {"conflicts", Say("Conflictos", "Conflicts"), count(summary.totals.conflicts)},
       {"sessions", Say("Sesiones", "Sessions"), count(summary.totals.sessions)},
       {"frames", Say("Mensajes", "Frames"), count(summary.totals.frames)},
       {"crashes", Say("Cortes de luz", "Power losses"), count(summary.totals.crashes)},
       {"recoveries", Say("Réplicas recuperadas", "Replicas recovered"),
        count(summary.totals.recoveries)},
       {"renewals", Say("Permisos renovados", "Leases renewed"), count(summary.totals.renewals)},
       {"forgotten", Say("Borrados olvidados", "Deletions forgotten"),
        count(summary.totals.forgotten)},
       {"failures", Say("Fallas", "Failures"), count(summary.failures.size())}});
  if (summary.failures.empty()) return absl::OkStatus();
  const SimFailure& failure = summary.failures.front();
  std::cerr << Describe(failure);
  if (flags.shorten && request.only.empty()) {
    std::cerr << Say("más corta:", "shortened:") << "\n" << Describe(Shorten(failure));
  }
  return absl::InternalError(
      Say("una historia no cumple las garantías", "a history breaks the guarantees"));
}

}  // namespace

void AddSimulateCommand(CommandLine* line) {
  const auto flags = std::make_shared<SimulateFlags>();
  CLI::App* const command =
      line->Add({"simulate",
                 Say("Corre historias de todo el sistema con fallas (para quien lo desarrolla)",
                     "Run histories of the whole system under faults (for its developers)"),
                 {"brigada simulate --seed 7 --steps 200 --profile all",
                  "brigada simulate --seed 1 --count 10000 --profile disk --store rocksdb"}},
                [line, flags] { return RunHistories(*line, *flags); });
  const auto text = [](absl::string_view spanish, absl::string_view english) {
    return std::string(Say(spanish, english));
  };
  command->add_option("--seed", flags->seed, text("Semilla de la primera", "Seed of the first"))
      ->check(NumberIn(0, INT64_MAX))
      ->capture_default_str();
  command->add_option("--count", flags->count, text("Cuántas historias", "How many histories"))
      ->check(NumberIn(1, 1'000'000'000))
      ->capture_default_str();
  command->add_option("--steps", flags->steps, text("Pasos de cada una", "Steps of each"))
      ->check(NumberIn(1, 1'000'000'000))
      ->capture_default_str();
  command
      ->add_option("--profile", flags->profile, text("Qué fallas puede haber", "What may go wrong"))
      ->capture_default_str();
  command->add_option("--store", flags->store, text("memory o rocksdb", "memory or rocksdb"))
      ->check(CLI::IsMember({"memory", "rocksdb"}))
      ->capture_default_str();
  command->add_option("--without", flags->without, text("Fallas que se quitan", "Faults left out"));
  command->add_option("--only", flags->only, text("Pasos que quedan", "Steps that stay"));
  command->add_flag("!--no-shorten", flags->shorten,
                    text("No busca una historia más corta", "Do not look for a shorter history"));
}

}  // namespace brigada
