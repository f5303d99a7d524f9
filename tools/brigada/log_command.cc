// log: what became of this device's work.
#include <algorithm>
#include <iostream>
#include <tuple>

#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/change_text.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/verdict_text.h"

namespace brigada {
namespace {

// The last `limit` of each partition, the newest first.
absl::StatusOr<std::vector<JudgedChangeSet>> Newest(const Replica& replica, uint64_t limit) {
  ASSIGN_OR_RETURN(auto after, replica.JudgedUpTo());
  for (auto& [partition, sequence] : after) sequence -= std::min(sequence, limit);
  std::vector<JudgedChangeSet> newest;
  RETURN_IF_ERROR(replica.VisitJudged(after, [&](const JudgedChangeSet& judged) {
    newest.push_back(judged);
    return absl::OkStatus();
  }));
  std::sort(newest.begin(), newest.end(), [](const JudgedChangeSet& a, const JudgedChangeSet& b) {
    return std::tie(a.made_at, a.partition, a.sequence) >
           std::tie(b.made_at, b.partition, b.sequence);
  });
  if (newest.size() > limit) newest.resize(limit);
  return newest;
}

absl::Status Show(const CommandLine& line, uint64_t limit) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replica> replica, line.OpenReplica());
  ASSIGN_OR_RETURN(const std::vector<JudgedChangeSet> newest, Newest(*replica, limit));
  ASSIGN_OR_RETURN(const std::vector<Rejection> rejections, replica->Rejections());
  ASSIGN_OR_RETURN(const std::vector<ConflictInfo> conflicts, replica->Conflicts());
  const OpenWork open(rejections, conflicts);
  if (line.wants_text()) {
    for (const JudgedChangeSet& judged : newest) std::cout << VerdictSentence(judged, open) << "\n";
    if (newest.empty()) {
      line.Note(
          Say("Aquí no queda nada de lo que el servidor ya juzgó; lo que falta enviar: brigada "
              "status",
              "Nothing is kept here of what the server has judged; what is still to be sent: "
              "brigada status"));
    }
    return absl::OkStatus();
  }
  TableWriter table = line.Table();
  table.Columns({"number", "made_at", "outcome", "change", "sentence"});
  for (const JudgedChangeSet& judged : newest) {
    const Rejection* const listed = open.FindRejection(judged.partition, judged.sequence);
    table.Row({ChangeSetName(judged.partition, judged.sequence), TimeValue(judged.made_at),
               std::string(OutcomeName(judged.verdict.outcome())),
               ChangesText(listed == nullptr ? judged.content : listed->content),
               VerdictSentence(judged, open)});
  }
  table.Finish();
  return absl::OkStatus();
}

}  // namespace

void AddLogCommand(CommandLine* line) {
  const auto limit = std::make_shared<uint64_t>(20);
  CLI::App* const command = line->Add({"log",
                                       Say("Qué fue de lo último que este dispositivo envió",
                                           "What became of the last work that this device sent"),
                                       {"brigada log", "brigada log --limit 100 --format json"}},
                                      [line, limit] { return Show(*line, *limit); });
  command
      ->add_option("--limit", *limit,
                   std::string(Say("Cuántos, del más nuevo al más viejo",
                                   "How many, from the newest to the oldest")))
      ->check(NumberIn(1, 1'000'000'000))
      ->capture_default_str();
}

}  // namespace brigada
