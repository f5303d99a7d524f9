// Record <-> RecordState: round trips, canonical bytes, unknown fields, hostile bytes.
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/stubs/logging.h"
#include "gtest/gtest.h"
#include "replica/base/random.h"
#include "tests/support/status_matchers.h"
#include "tests/support/testing_v2.pb.h"
#include "tests/unit/merge/history.h"

namespace brigada {
namespace {

// A record with everything in it: losing versions, clears, removals, conflicts, past states.
History Rich() {
  History history;
  history.Commit(Create([](testing::Sample& s) {
                   s.set_title("t");
                   s.set_tally(4);
                   s.set_state(testing::DRAFT);
                   s.add_tags("a");
                   s.add_tags("b");
                   (*s.mutable_notes())["k"] = "0";
                 }),
                 {'A', 10});
  history.Commit(Edit(Title("b")), {'B', 30, 1});
  history.Commit(Edit(Title("c")), {'C', 20, 1});
  history.Commit(Clear(1), {'D', 5, 1});
  history.Commit(Remove(Tag("a")), {'B', 31, 1});
  history.Commit(Edit(Note("k", "b")), {'B', 32, 1});
  history.Commit(Edit(Note("k", "d")), {'D', 6, 1});
  history.Commit(Edit(State(testing::DONE)), {'B', 33, 1});
  history.Commit(Move("MX/20/068"), {'B', 34, 1});
  history.Commit(Clear(15), {'D', 7, 1});
  return history;
}

Record RoundTrip(const RecordType* type, const Record& record) {
  v1::RecordState state;
  EXPECT_TRUE(state.ParseFromString(EncodedBytes(record)));
  auto decoded = DecodeRecord(type, state);
  EXPECT_OK(decoded);
  return decoded.ok() ? *std::move(decoded) : Record();
}

TEST(RecordCodecTest, RoundTripKeepsEverything) {
  const History history = Rich();
  const Record& record = history.record();
  const Record decoded = RoundTrip(&SampleType(), record);
  EXPECT_EQ(EncodedBytes(decoded), EncodedBytes(record));
  EXPECT_EQ(decoded.Message(), record.Message());
  EXPECT_EQ(decoded.scope(), record.scope());
  EXPECT_EQ(decoded.entered, record.entered);
  EXPECT_EQ(decoded.conflicts, record.conflicts);
  EXPECT_EQ(decoded.past_states, record.past_states);
  EXPECT_EQ(decoded.sequence, record.sequence);
  EXPECT_EQ(decoded.created(), record.created());
  EXPECT_EQ(decoded.updated(), record.updated());
  ASSERT_EQ(decoded.fields.size(), record.fields.size());
  for (size_t i = 0; i < record.fields.size(); ++i) {
    const FieldState& a = record.fields[i];
    const FieldState& b = decoded.fields[i];
    EXPECT_EQ(record.writes[a.changed], decoded.writes[b.changed]) << a.number;
    ASSERT_EQ(a.slots.size(), b.slots.size()) << a.number;
    for (size_t s = 0; s < a.slots.size(); ++s)
      EXPECT_EQ(a.slots[s].versions.size(), b.slots[s].versions.size()) << a.number;
  }
}

TEST(RecordCodecTest, PendingWritesKeepSequenceZero) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  ASSERT_OK(OverlayChange(&SampleType(), Edit(Title("mine")), WriteBy({'B', 2, 0, 3}, 0), nullptr,
                          &history.record()));
  const Record decoded = RoundTrip(&SampleType(), history.record());
  EXPECT_EQ(decoded.updated().sequence, 0);
  EXPECT_EQ(decoded.updated().origin_sequence, 3);
  EXPECT_EQ(decoded.sequence, 1);
}

TEST(RecordCodecTest, TombstoneKeepsCreationDeletionAndScope) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  history.Commit(Delete(), {'B', 2, 1});
  const Record decoded = RoundTrip(&SampleType(), history.record());
  EXPECT_TRUE(decoded.deleted);
  EXPECT_EQ(decoded.writes[decoded.deleted_by].sequence, 2);
  EXPECT_EQ(decoded.created().sequence, 1);
  EXPECT_EQ(decoded.scope(), "MX/20/067");
  EXPECT_EQ(decoded.Message(), "");
}

TEST(RecordCodecTest, AbsentRecordIsAnEmptyState) {
  EXPECT_EQ(EncodeRecord(Record()).ByteSizeLong(), 0);
  EXPECT_FALSE(RoundTrip(&SampleType(), Record()).exists());
}

TEST(RecordCodecTest, FieldsOfANewerProgramSurviveAnOldOne) {
  testing::v2::Sample newer;
  newer.set_title("t");
  newer.set_nickname("nick");
  newer.add_mottos("one");
  newer.add_mottos("two");
  newer.add_numbers(7);
  newer.set_seal(77);
  History history;
  v1::Change create = Create(Title("t"));
  create.set_values(newer.SerializeAsString());
  history.Commit(create, {'A', 1});
  history.Commit(Edit(Title("edited")), {'B', 2, 1});
  const Record decoded = RoundTrip(&SampleType(), history.record());
  testing::v2::Sample again;
  ASSERT_TRUE(again.ParseFromString(decoded.Message()));
  newer.set_title("edited");
  EXPECT_EQ(again.SerializeAsString(), newer.SerializeAsString());
}

TEST(RecordCodecTest, AProgramWithoutTheTypeKeepsEveryByte) {
  const History history = Rich();
  const std::string bytes = EncodedBytes(history.record());
  const Record foreign = RoundTrip(nullptr, history.record());
  EXPECT_EQ(EncodedBytes(foreign), bytes);
  const Record back = RoundTrip(&SampleType(), foreign);
  EXPECT_EQ(back.Message(), history.record().Message());
}

TEST(RecordCodecTest, ARecordDeletedAndCreatedByOneChangeSetIsReadAgain) {
  History history;
  history.Commit(Create(Title("t")), {'A', 1});
  WriteContext context;
  context.write = WriteBy({'B', 2, 1, 1}, 2);
  context.seen = 1;
  history.Apply(Delete(), context);
  history.Apply(Create(Title("again")), context);
  v1::RecordState state = EncodeRecord(history.record());
  const auto decoded = DecodeRecord(&SampleType(), state);
  ASSERT_OK(decoded);
  EXPECT_EQ(EncodedBytes(*decoded), EncodedBytes(history.record()));
  EXPECT_TRUE(decoded->is_live());
  EXPECT_NE(decoded->ended_by, 0U);
  // The one that ended the earlier life says nothing else.
  state.mutable_writes(static_cast<int>(state.ended_by()))->set_values(Edit(Title("x")).values());
  EXPECT_THAT(DecodeRecord(&SampleType(), state), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(RecordCodecTest, ContradictionsAreDataLoss) {
  const v1::RecordState good = EncodeRecord(Rich().record());
  const auto expect_damaged = [&](auto spoil) {
    v1::RecordState bad = good;
    spoil(bad);
    EXPECT_THAT(DecodeRecord(&SampleType(), bad), StatusIs(absl::StatusCode::kDataLoss));
  };
  expect_damaged([](v1::RecordState& s) { s.mutable_writes(0)->set_actor(99); });
  expect_damaged([](v1::RecordState& s) { s.mutable_writes(0)->set_sequence_back(1 << 20); });
  expect_damaged([](v1::RecordState& s) { s.mutable_actors(0)->set_replica("short"); });
  // Merging would make two versions of one write of it, which nobody could read again.
  expect_damaged([](v1::RecordState& s) { *s.add_writes() = s.writes(0); });
  expect_damaged([](v1::RecordState& s) { s.mutable_writes(0)->set_values("\xff"); });
  expect_damaged([](v1::RecordState& s) {
    const std::string title = Edit(Title("x")).values();
    s.mutable_writes(0)->set_values(title);
    s.mutable_writes(1)->set_values(title);
  });
  expect_damaged([](v1::RecordState& s) { s.clear_writes(); });
  expect_damaged([](v1::RecordState& s) {
    s.set_deleted(true);
    s.set_deleted_by(1000);
  });
  expect_damaged([](v1::RecordState& s) { s.set_ended_by(1000); });
  expect_damaged([](v1::RecordState& s) { s.mutable_conflicts(0)->set_id("x"); });
  expect_damaged([](v1::RecordState& s) { s.mutable_writes(0)->add_touched(0); });
  expect_damaged([](v1::RecordState& s) { s.mutable_past_states(0)->set_actor(99); });
}

// What decodes at all behaves as a record: it encodes, and its encoding is a fixed point.
void ExpectHarmless(const RecordType* type, const std::string& bytes) {
  const google::protobuf::LogSilencer silencer;
  v1::RecordState state;
  if (!state.ParseFromString(bytes)) return;
  auto record = DecodeRecord(type, state);
  if (!record.ok()) {
    EXPECT_THAT(record, StatusIs(absl::StatusCode::kDataLoss));
    return;
  }
  if (!record->exists()) return;
  record->Message();
  record->updated();
  RecordDelta(*record, 3);
  WriteContext context;
  context.write = WriteBy({'Z', 50, 2, 1}, 1000);
  context.seen = 2;
  auto edited = *record;
  EXPECT_OK(ApplyChange(&SampleType(), Edit(Title("x")), context, 0, &edited));
  EXPECT_OK(ApplyChange(&SampleType(), Delete(), context, 0, &edited));
  const std::string once = EncodedBytes(*record);
  v1::RecordState again;
  ASSERT_TRUE(again.ParseFromString(once));
  auto decoded = DecodeRecord(type, again);
  ASSERT_OK(decoded);
  EXPECT_EQ(EncodedBytes(*decoded), once);
}

TEST(RecordCodecTest, TruncatedAndFlippedBytesNeverCrash) {
  const std::string bytes = EncodedBytes(Rich().record());
  for (const RecordType* type : {&SampleType(), static_cast<const RecordType*>(nullptr)}) {
    for (size_t size = 0; size < bytes.size(); ++size) ExpectHarmless(type, bytes.substr(0, size));
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      ExpectHarmless(type, flipped);
    }
  }
}

TEST(RecordCodecTest, RandomDamageNeverCrashes) {
  const std::string bytes = EncodedBytes(Rich().record());
  SeededRandom random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string damaged = bytes;
    for (uint64_t n = 1 + random.Uniform(4); n > 0; --n)
      damaged[random.Uniform(damaged.size())] = static_cast<char>(random.Uniform(256));
    ExpectHarmless(&SampleType(), damaged);
  }
}

}  // namespace
}  // namespace brigada
