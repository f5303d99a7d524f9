// Records as they are stored and sent. Each golden one came out of a short history that leaves
// something particular; it must decode, encode to the same bytes, and come out of that history
// again.
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "replica/merge/apply.h"
#include "replica/store/record_sum.h"
#include "replica/store/record_table.h"
#include "tests/compat/filled_message.h"
#include "tests/compat/golden_file.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/merge/history.h"

namespace brigada {
namespace {

constexpr absl::string_view kAbout =
    "Records of type Sample (tests/support/testing.proto), as RecordState and StoredRecord.";

std::string TextOf(const google::protobuf::Message& message) {
  std::string text;
  EXPECT_TRUE(google::protobuf::TextFormat::PrintToString(message, &text));
  return text;
}

Fill Everything() {
  return [](testing::Sample& sample) {
    sample.set_title("título");
    sample.set_code("AB1");
    sample.set_peak(5);
    sample.set_low(-5);
    sample.set_tally(2);
    sample.add_tags("a");
    (*sample.mutable_notes())["k"] = "v";
    sample.set_state(testing::DRAFT);
    sample.mutable_body()->set_head("cabeza");
    sample.set_parent(std::string(16, 'p'));
    sample.add_marks(7);
    sample.add_lines("línea");
    sample.set_rank(testing::MIDDLE);
    sample.set_flag(true);
    sample.set_ratio(0.25);
    sample.mutable_at()->set_seconds(1);
    (*sample.mutable_chapters())[3].set_tail("cola");
    sample.set_small_tally(-2);
    sample.set_maybe(0);
  };
}

History Created() {
  History history;
  history.Commit(Create(Everything()), {.replica = 'A', .stamp_ms = 100});
  return history;
}

History Contested() {
  History history = Created();
  history.Commit(Edit(Title("b")), {.replica = 'B', .stamp_ms = 300, .seen = 1});
  history.Commit(Edit(Title("c")), {.replica = 'C', .stamp_ms = 200, .seen = 1});
  history.Commit(Edit(Note("k", "w")), {.replica = 'B', .stamp_ms = 310, .seen = 1});
  history.Commit(Clear(10), {.replica = 'A', .stamp_ms = 400, .seen = 1});
  history.Commit(Remove(Tag("a")), {.replica = 'A', .stamp_ms = 410, .seen = 5});
  history.Commit(Edit(State(testing::DONE)), {.replica = 'A', .stamp_ms = 420, .seen = 5});
  history.Commit(Edit(State(testing::DROPPED)), {.replica = 'B', .stamp_ms = 430, .seen = 5});
  history.Commit(Move("MX/20/039"), {.replica = 'C', .stamp_ms = 440, .seen = 8});
  return history;
}

History Deleted() {
  History history = Contested();
  history.Commit(Delete(), {.replica = 'A', .stamp_ms = 500, .seen = 9});
  return history;
}

History SecondLife() {
  History history = Deleted();
  history.Commit(Create(Title("otra vez")), {.replica = 'B', .stamp_ms = 600, .seen = 10});
  return history;
}

RecordStorage Stored(const Record& base) {
  RecordStorage storage;
  storage.base = base;
  storage.seen = base.sequence;
  storage.view = base;
  EXPECT_OK(OverlayChange(&SampleType(), Edit(Title("pendiente")),
                          WriteBy({.replica = 'D', .stamp_ms = 900, .origin = 4}, 0), nullptr,
                          &*storage.view));
  storage.pending = {4, 9};
  storage.departures = {{"MX/20/067", v1::HERE, 9}, {"MX/20/067", v1::BELOW, 9}};
  return storage;
}

TEST(GoldenRecordsTest, HistoriesGiveTheGoldenBytes) {
  GoldenFile golden("records.txt", kAbout);
  const auto expect = [&](const std::string& name, const Record& record) {
    const v1::RecordState state = EncodeRecord(record);
    golden.Expect(name, TextOf(state), DeterministicBytes(state));
  };
  expect("state created", Created().record());
  expect("state contested", Contested().record());
  expect("state deleted", Deleted().record());
  expect("state second life", SecondLife().record());
  expect("state delta after 6", RecordDelta(Contested().record(), 6));
  Record erased = Deleted().record();
  erased.erased = true;
  expect("state erased", erased);
  v1::StoredRecord stored;
  const std::string bytes = EncodeStorage(Stored(Contested().record()));
  ASSERT_TRUE(stored.ParseFromString(bytes));
  golden.Expect("stored", TextOf(stored), bytes);
  golden.Finish();
}

// Both ends of a session compare them: another way of summing is a difference in every scope.
TEST(GoldenRecordsTest, SumsAreTheGoldenOnes) {
  GoldenFile golden("sums.txt",
                    "Sums of the records of records.txt (record_sum.h): as stored, and the "
                    "fingerprint on the wire.");
  const RecordId id = *RecordId::Parse("0190a5b2-7c00-7abc-8def-001122334455");
  const auto expect = [&](const char* name, const Record& record) {
    const ClassSums sums = SumsOf(&SampleType(), SampleType().type_id(), id, record, SumPolicy());
    golden.Expect(absl::StrCat(name, " stored"), "", EncodeClassSums(sums));
    golden.Expect(absl::StrCat(name, " fingerprint"), "",
                  sums.UpTo(v1::DataClass_MAX).Fingerprint());
  };
  expect("created", Created().record());
  expect("contested", Contested().record());
  expect("second life", SecondLife().record());
  golden.Finish();
}

TEST(GoldenRecordsTest, GoldenRecordsAreReadAndWrittenAsTheyWere) {
  if (IsRegenerating()) GTEST_SKIP();
  const GoldenFile golden("records.txt", kAbout);
  ASSERT_FALSE(golden.names().empty());
  for (const std::string& name : golden.names()) {
    const std::string& bytes = golden.Find(name)->bytes;
    if (name == "stored") {
      ASSERT_OK_AND_ASSIGN(const RecordStorage storage, DecodeStorage(&SampleType(), bytes));
      EXPECT_EQ(EncodeStorage(storage), bytes);
      continue;
    }
    v1::RecordState state;
    ASSERT_TRUE(state.ParseFromString(bytes)) << name;
    ASSERT_OK_AND_ASSIGN(const Record record, DecodeRecord(&SampleType(), state));
    EXPECT_EQ(EncodedBytes(record), bytes) << name;
    // A server that does not know the type keeps the bytes too.
    ASSERT_OK_AND_ASSIGN(const Record foreign, DecodeRecord(nullptr, state));
    EXPECT_EQ(EncodedBytes(foreign), bytes) << name << " of an unknown type";
  }
}

}  // namespace
}  // namespace brigada
