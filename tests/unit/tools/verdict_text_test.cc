// What an organizer is told of verdicts, stalls and what is kept.
#include "tools/brigada/verdict_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/base/language.h"
#include "tools/brigada/sync_text.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPerson[] = "0123456789abcdef";    // an id of 16 bytes
constexpr char kConflict[] = "fedcba9876543210";  // another one
constexpr uint32_t kPersonTypeId = 10;

JudgedChangeSet Judged(v1::Outcome outcome) {
  JudgedChangeSet judged;
  judged.partition = "MX/20";
  judged.sequence = 7;
  judged.verdict.set_outcome(outcome);
  v1::Change& change = *judged.content.add_changes();
  change.set_type_id(kPersonTypeId);
  change.set_record_id(kPerson);
  change.set_kind(v1::Change::DELETE);
  return judged;
}

ConflictInfo OpenConflict() {
  ConflictInfo conflict;
  conflict.id = *RecordId::FromBytes(kConflict);
  return conflict;
}

TEST(VerdictTextTest, AppliedWorkIsNamed) {
  const std::string text = VerdictSentence(Judged(v1::APPLIED), OpenWork({}, {}));
  EXPECT_THAT(text, HasSubstr("MX/20:7: aplicado: borrar people "));
}

TEST(VerdictTextTest, AMergeThatSomebodyHasToDecideNamesItsConflict) {
  JudgedChangeSet judged = Judged(v1::MERGED);
  judged.verdict.add_conflicts(kConflict);
  const ConflictInfo conflict = OpenConflict();
  const std::string text = VerdictSentence(judged, OpenWork({}, {&conflict, 1}));
  EXPECT_THAT(text,
              HasSubstr("alguien debe decidir: brigada conflicts show " + conflict.id.ToString()));
}

TEST(VerdictTextTest, AMergeThatNobodyHasToDecideSaysSo) {
  JudgedChangeSet judged = Judged(v1::MERGED);
  judged.verdict.add_conflicts(kConflict);
  ConflictInfo decided = OpenConflict();
  decided.decided_here = true;
  const std::string text = VerdictSentence(judged, OpenWork({}, {&decided, 1}));
  EXPECT_THAT(text, HasSubstr("no hay nada que decidir; vea cómo quedó: brigada show people " +
                              RecordId::FromBytes(kPerson)->ToString()));
  EXPECT_THAT(text, Not(HasSubstr("conflicts show")));
}

TEST(VerdictTextTest, RefusedWorkHasItsReasonAndTheWayOut) {
  Rejection rejection;
  rejection.partition = "MX/20";
  rejection.sequence = 7;
  rejection.content = Judged(v1::REJECTED).content;
  rejection.reasons.emplace_back().set_reason(v1::UNKNOWN_RECORD);
  JudgedChangeSet judged = Judged(v1::REJECTED);
  judged.content.Clear();
  const std::string text = VerdictSentence(judged, OpenWork({&rejection, 1}, {}));
  EXPECT_THAT(text, HasSubstr("no se aceptó borrar people"));
  EXPECT_THAT(text, HasSubstr("el servidor no tiene ese registro, o usted no puede verlo"));
  EXPECT_THAT(text, HasSubstr("brigada rejected retry MX/20:7"));
  EXPECT_THAT(VerdictSentence(judged, OpenWork({}, {})), HasSubstr("ya se envió otra vez"));
}

TEST(VerdictTextTest, CountsNameEachOutcomeThatThereWas) {
  OutcomeCounts counts;
  EXPECT_EQ(CountsSentence(counts), "");
  for (const v1::Outcome outcome : {v1::APPLIED, v1::APPLIED, v1::MERGED, v1::QUARANTINED})
    counts.Add(outcome);
  EXPECT_EQ(CountsSentence(counts),
            "Qué fue de sus cambios: 2 aplicados, 1 junto con lo que otra persona escribió a la "
            "vez, 1 que el servidor guarda aparte");
}

TEST(SyncTextTest, AStallIsToldThoughAnotherFailureCameBehindIt) {
  SyncStatus status;
  status.stalled = "no verdicts from the server";
  status.last_error = "dial: refused";
  status.last_error_code = absl::StatusCode::kUnavailable;
  const std::vector<std::string> sentences = StatusSentences(status, true);
  EXPECT_THAT(sentences, ::testing::Contains(HasSubstr("se atoró")));
  EXPECT_THAT(sentences, ::testing::Contains(HasSubstr("el servidor no confirma lo enviado")));
  // Once, where the stall is the failure.
  status.last_error = "STALLED: no verdicts from the server";
  int stalls = 0;
  for (const std::string& sentence : StatusSentences(status, true))
    stalls += sentence.find("se atoró") != std::string::npos ? 1 : 0;
  EXPECT_EQ(stalls, 1);
}

TEST(SyncTextTest, WhatIsKeptIsToldWithItsBounds) {
  SyncStatus status;
  EXPECT_EQ(RetainedText(status), "nada");
  status.retained = 1200;
  status.retained_bytes = 2'000'000;
  status.retained_bytes_max = 64'000'000;
  status.retained_for = absl::Hours(24 * 400);
  EXPECT_EQ(RetainedText(status), "1,200 cambios, 2.0 MB (hasta 64.0 MB por estado y 400 días)");
}

}  // namespace
}  // namespace brigada
