#include "tools/brigada/verdict_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "replica/schema/registry.h"
#include "tools/brigada/change_text.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/rejection_text.h"

namespace brigada {
namespace {

// ": brigada show people 01a2..." of the first record; empty when it cannot be shown.
std::string ShowCommand(const v1::ChangeSetBody& content) {
  if (content.changes().empty()) return "";
  const v1::Change& first = content.changes(0);
  const RecordType* const type = Registry::BuiltIn().Find(first.type_id());
  const absl::StatusOr<RecordId> id = RecordId::FromBytes(first.record_id());
  if (type == nullptr || !id.ok()) return "";
  return absl::StrCat(Say("; vea cómo quedó: brigada show ", "; see how it stands: brigada show "),
                      type->plural(), " ", id->ToString());
}

std::string MergedText(const JudgedChangeSet& judged, const OpenWork& open) {
  if (const RecordId* const conflict = open.FindOpen(judged.verdict.conflicts())) {
    return absl::Substitute(
        Say("otra persona escribió lo mismo a la vez y alguien debe decidir: brigada conflicts "
            "show $0",
            "somebody wrote the same at once and somebody has to decide: brigada conflicts show "
            "$0"),
        conflict->ToString());
  }
  return absl::StrCat(
      Say("se juntó con lo que otra persona escribió a la vez y no hay nada que decidir",
          "it was merged with what somebody wrote at once and there is nothing to decide"),
      ShowCommand(judged.content));
}

}  // namespace

absl::string_view OutcomeName(v1::Outcome outcome) {
  switch (outcome) {
    case v1::APPLIED:
      return "applied";
    case v1::MERGED:
      return "merged";
    case v1::REJECTED:
      return "rejected";
    case v1::QUARANTINED:
      return "quarantined";
    default:
      return "unknown";
  }
}

void OutcomeCounts::Add(v1::Outcome outcome) {
  if (outcome == v1::APPLIED) ++applied;
  if (outcome == v1::MERGED) ++merged;
  if (outcome == v1::REJECTED) ++rejected;
  if (outcome == v1::QUARANTINED) ++quarantined;
}

std::string CountsSentence(const OutcomeCounts& counts) {
  if (counts.total() == 0) return "";
  std::vector<std::string> parts;
  const auto add = [&](uint64_t count, absl::string_view one, absl::string_view many) {
    if (count > 0) parts.push_back(CountText(count, one, many));
  };
  add(counts.applied, Say("aplicado", "applied"), Say("aplicados", "applied"));
  add(counts.merged,
      Say("junto con lo que otra persona escribió a la vez",
          "merged with what others wrote at once"),
      Say("junto con lo que otras personas escribieron a la vez",
          "merged with what others wrote at once"));
  add(counts.rejected, Say("no aceptado", "not accepted"), Say("no aceptados", "not accepted"));
  add(counts.quarantined, Say("que el servidor guarda aparte", "kept aside by the server"),
      Say("que el servidor guarda aparte", "kept aside by the server"));
  return absl::StrCat(Say("Qué fue de sus cambios: ", "What became of your changes: "),
                      absl::StrJoin(parts, ", "));
}

OpenWork::OpenWork(absl::Span<const Rejection> rejections,
                   absl::Span<const ConflictInfo> conflicts) {
  for (const Rejection& rejection : rejections)
    rejections_[{rejection.partition, rejection.sequence}] = rejection;
  for (const ConflictInfo& conflict : conflicts)
    if (!conflict.decided_here) conflicts_.insert(conflict.id);
}

const Rejection* OpenWork::FindRejection(absl::string_view partition, uint64_t sequence) const {
  const auto found = rejections_.find({std::string(partition), sequence});
  return found == rejections_.end() ? nullptr : &found->second;
}

const RecordId* OpenWork::FindOpen(
    const google::protobuf::RepeatedPtrField<std::string>& ids) const {
  for (const std::string& bytes : ids) {
    const absl::StatusOr<RecordId> id = RecordId::FromBytes(bytes);
    if (!id.ok()) continue;
    const auto found = conflicts_.find(*id);
    if (found != conflicts_.end()) return &*found;
  }
  return nullptr;
}

std::string VerdictSentence(const JudgedChangeSet& judged, const OpenWork& open) {
  const std::string name = ChangeSetName(judged.partition, judged.sequence);
  switch (judged.verdict.outcome()) {
    case v1::APPLIED:
      return absl::Substitute(Say("$0: aplicado: $1.", "$0: applied: $1."), name,
                              ChangesText(judged.content));
    case v1::MERGED:
      return absl::Substitute(Say("$0: aplicado: $1; $2.", "$0: applied: $1; $2."), name,
                              ChangesText(judged.content), MergedText(judged, open));
    default:
      break;
  }
  if (const Rejection* const listed = open.FindRejection(judged.partition, judged.sequence))
    return RejectionSentence(*listed);
  return absl::Substitute(
      Say("$0: no se aceptó; ya se envió otra vez o se quitó de la lista.",
          "$0: it was not accepted; it was sent again already or taken off the list."),
      name);
}

VerdictNews::VerdictNews(const Replica* replica) : replica_(replica) {
  absl::StatusOr<std::map<std::string, uint64_t>> judged = replica_->JudgedUpTo();
  if (judged.ok()) told_ = *std::move(judged);
}

absl::StatusOr<NewVerdicts> VerdictNews::Take() {
  const std::map<std::string, uint64_t> after = told_;
  ASSIGN_OR_RETURN(told_, replica_->JudgedUpTo());
  NewVerdicts news;
  std::vector<JudgedChangeSet> special;
  RETURN_IF_ERROR(replica_->VisitJudged(after, [&](const JudgedChangeSet& judged) {
    news.counts.Add(judged.verdict.outcome());
    if (judged.verdict.outcome() == v1::APPLIED) return absl::OkStatus();
    if (special.size() < kMostVerdictsTold) {
      special.push_back(judged);
    } else {
      ++news.left_out;
    }
    return absl::OkStatus();
  }));
  if (special.empty()) return news;
  ASSIGN_OR_RETURN(const std::vector<Rejection> rejections, replica_->Rejections());
  ASSIGN_OR_RETURN(const std::vector<ConflictInfo> conflicts, replica_->Conflicts());
  const OpenWork open(rejections, conflicts);
  for (const JudgedChangeSet& judged : special)
    news.sentences.push_back(VerdictSentence(judged, open));
  return news;
}

}  // namespace brigada
