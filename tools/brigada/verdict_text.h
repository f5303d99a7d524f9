// What became of this device's change sets, in sentences for an organizer.
#ifndef TOOLS_BRIGADA_VERDICT_TEXT_H_
#define TOOLS_BRIGADA_VERDICT_TEXT_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "brigada/replica.h"

namespace brigada {

// "applied", "merged", "rejected", "quarantined": for programs.
absl::string_view OutcomeName(v1::Outcome outcome);

struct OutcomeCounts {
  uint64_t applied = 0;
  uint64_t merged = 0;
  uint64_t rejected = 0;
  uint64_t quarantined = 0;

  void Add(v1::Outcome outcome);
  uint64_t total() const { return applied + merged + rejected + quarantined; }
};

// "Qué fue de sus cambios: 5 aplicados, 1 junto con lo que otra persona escribió a la vez". Empty
// for nothing.
std::string CountsSentence(const OutcomeCounts& counts);

// What still waits for somebody, which a sentence about a verdict refers to.
class OpenWork {
 public:
  OpenWork(absl::Span<const Rejection> rejections, absl::Span<const ConflictInfo> conflicts);

  // Null: it was tried again or dropped.
  const Rejection* FindRejection(absl::string_view partition, uint64_t sequence) const;
  // The first of the conflicts `ids` that nobody has decided; null when there is none.
  const RecordId* FindOpen(const google::protobuf::RepeatedPtrField<std::string>& ids) const;

 private:
  std::map<std::pair<std::string, uint64_t>, Rejection> rejections_;
  std::set<RecordId> conflicts_;
};

// One sentence: which change set, what became of it, the command that goes on.
std::string VerdictSentence(const JudgedChangeSet& judged, const OpenWork& open);

struct NewVerdicts {
  OutcomeCounts counts;
  // Of those that were not plainly applied, at most kMostVerdictsTold.
  std::vector<std::string> sentences;
  uint64_t left_out = 0;
};

inline constexpr size_t kMostVerdictsTold = 10;

// Tells what became of work since it was made or last asked. The replica outlives it.
class VerdictNews {
 public:
  explicit VerdictNews(const Replica* replica);
  // An error of the store; what it could not tell is told by no later call.
  absl::StatusOr<NewVerdicts> Take();

 private:
  const Replica* const replica_;
  std::map<std::string, uint64_t> told_;
};

}  // namespace brigada

#endif  // TOOLS_BRIGADA_VERDICT_TEXT_H_
