// What no device may do to the others through the authority: wedge their feeds, fill its store,
// hold up their commits, or try out which records there are.
#include <algorithm>

#include "replica/store/keys.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::SizeIs;

class AuthorityBoundsTest : public AuthorityFixture {
 protected:
  // A person with about this much content.
  v1::Change LargePerson(const RecordId& id, size_t bytes) {
    v1::Change change = Create(PersonType(), id, kJuarez, PersonNamed("Rosa"));
    change.mutable_values()->append(UnknownField(100, bytes));
    return change;
  }
  v1::Change SmallEdit(const RecordId& id, absl::string_view name) {
    return Edit(PersonType(), id, PersonNamed(name));
  }

  static v1::RefusalReason ReasonOf(const v1::Verdict& verdict) {
    return verdict.refusals().empty() ? v1::REFUSAL_REASON_UNSPECIFIED
                                      : verdict.refusals(0).reason();
  }
};

TEST_F(AuthorityBoundsTest, RecordsTouchedTogetherFitOneBatch) {
  std::vector<v1::Change> edits;
  for (int i = 0; i < 6; ++i) {
    const RecordId id = ana_.NewId();
    ASSERT_EQ(Commit(&ana_, {LargePerson(id, 500'000)}).outcome(), v1::APPLIED);
    edits.push_back(SmallEdit(id, "Eva"));
  }
  const uint64_t head = store_->Head(kOaxaca);

  EXPECT_EQ(ReasonOf(Commit(&ana_, edits)), v1::TOO_LARGE);

  EXPECT_EQ(ReasonOf(Commit(&ana_, {edits[0], edits[1]})), v1::REFUSAL_REASON_UNSPECIFIED);
  EXPECT_EQ(store_->Head(kOaxaca), head + 2);
}

TEST_F(AuthorityBoundsTest, TheConflictsOfAChangeSetCountWithItsRecords) {
  std::vector<RecordId> ids;
  for (int i = 0; i < 4; ++i) {
    ids.push_back(ana_.NewId());
    ASSERT_EQ(Commit(&ana_, {LargePerson(ids.back(), 300'000)}).outcome(), v1::APPLIED);
  }
  const uint64_t seen = store_->Head(kOaxaca);
  const auto set_field = [&](const RecordId& id, char fill) {
    v1::Change change = Edit(PersonType(), id, v1::Person());
    std::string field = UnknownField(101, 100'000);
    std::fill(field.end() - 100'000, field.end(), fill);
    change.set_values(field);
    return change;
  };
  std::vector<v1::Change> first;
  std::vector<v1::Change> second;
  for (const RecordId& id : ids) {
    first.push_back(set_field(id, 'a'));
    second.push_back(set_field(id, 'b'));
  }
  // Four records of 400 kB with two versions each, and four conflicts with both.
  ASSERT_EQ(CommitAt(seen, &ana_, {first[0], first[1]}).outcome(), v1::APPLIED);
  ASSERT_EQ(CommitAt(seen, &ana_, {first[2], first[3]}).outcome(), v1::APPLIED);
  EXPECT_EQ(ReasonOf(CommitAt(seen, &beto_, second)), v1::TOO_LARGE);
  EXPECT_EQ(CommitAt(seen, &beto_, {second[0]}).outcome(), v1::MERGED);
}

TEST_F(AuthorityBoundsTest, NoPageIsTooLargeForAnyReader) {
  for (int i = 0; i < 5; ++i) {
    CreatePerson("Small");
    ASSERT_EQ(Commit(&ana_, {LargePerson(ana_.NewId(), 900'000)}).outcome(), v1::APPLIED);
    std::vector<v1::Change> edits;
    edits.reserve(2);
    for (int k = 0; k < 2; ++k) edits.push_back(LargePerson(ana_.NewId(), 500'000));
    ASSERT_EQ(Commit(&ana_, edits).outcome(), v1::APPLIED);
  }
  FeedRequest request;
  request.partition = kOaxaca;
  request.feeds = {FeedOf(kOaxaca, v1::BELOW)};
  request.target_bytes = size_t{3} << 20;
  int entries = 0;
  while (request.scanned < store_->Head(kOaxaca)) {
    ASSERT_OK_AND_ASSIGN(const FeedPage page, store_->ReadFeed(request));
    EXPECT_LE(page.body.ByteSizeLong(), size_t{2} << 20);
    ASSERT_GT(page.to, request.scanned);
    entries += page.body.entries_size();
    request.scanned = page.to;
  }
  EXPECT_EQ(entries, 20);
}

TEST_F(AuthorityBoundsTest, UnknownFieldsOfARecordAreCounted) {
  const RecordId id = ana_.NewId();
  v1::Change change = Create(PersonType(), id, kJuarez, PersonNamed("Rosa"));
  for (uint32_t number = 1000; number < 1900; ++number)
    change.mutable_values()->append(UnknownField(number, 1));
  ASSERT_EQ(Commit(&ana_, {change}).outcome(), v1::APPLIED);
  v1::Change more = Edit(PersonType(), id, v1::Person());
  for (uint32_t number = 2000; number < 2200; ++number)
    more.mutable_values()->append(UnknownField(number, 1));
  EXPECT_EQ(ReasonOf(Commit(&ana_, {more})), v1::TOO_LARGE);
}

TEST_F(AuthorityBoundsTest, OnlyTheNationAndStatesArePartitions) {
  for (const char* partition : {"MX/OAX", "MX/2", "MX/200", "MX/20A", "MX/A1"}) {
    TestReplica replica(&random_, partition);
    const PushResult result = CommitPush(replica.PushOf({Create(
        PersonType(), replica.NewId(), std::string(partition) + "/001", PersonNamed("E"))}));
    EXPECT_THAT(result.status, StatusIs(absl::StatusCode::kInvalidArgument)) << partition;
  }
  EXPECT_THAT(store_->Partitions(), SizeIs(0));
}

TEST_F(AuthorityBoundsTest, DamagedRowsOfOneReplicaHoldUpNobodyElse) {
  CreatePerson("Rosa");
  Commit(&beto_, {Create(PersonType(), beto_.NewId(), kJuarez, PersonNamed("Luis"))});
  store_.reset();
  KvBatch damage;
  damage.Put(Table::kVerdicts, ProgressKey(kOaxaca, ana_.id()), "\xff\xff");
  ASSERT_OK(home_.Open()->Write(damage, Durability::kSync));
  Reopen();
  const PushRequest damaged =
      ana_.PushOf({Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Eva"))});
  const PushRequest healthy =
      beto_.PushOf({Create(PersonType(), beto_.NewId(), kJuarez, PersonNamed("Ana"))});

  ASSERT_OK_AND_ASSIGN(const auto results, store_->CommitPushes({damaged, healthy}, judge_, now_));

  EXPECT_THAT(results[0].status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_OK(results[1].status);
  EXPECT_EQ(results[1].verdicts.at(0).outcome(), v1::APPLIED);
}

TEST_F(AuthorityBoundsTest, MissingVerdictOfOneReplicaHoldsUpNobodyElse) {
  const PushRequest first =
      ana_.PushOf({Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Eva"))});
  CommitPush(first);
  store_.reset();
  KvBatch damage;
  damage.Delete(Table::kVerdicts, VerdictKey(kOaxaca, ana_.id(), 1));
  ASSERT_OK(home_.Open()->Write(damage, Durability::kSync));
  Reopen();
  const PushRequest healthy =
      beto_.PushOf({Create(PersonType(), beto_.NewId(), kJuarez, PersonNamed("Ana"))});

  ASSERT_OK_AND_ASSIGN(const auto results, store_->CommitPushes({first, healthy}, judge_, now_));

  EXPECT_THAT(results[0].status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(results[1].verdicts.at(0).outcome(), v1::APPLIED);
}

TEST_F(AuthorityBoundsTest, WhatIsWrongWithAChangeSaysNothingOfAnUnknownRecord) {
  // The judge answers for a record that the writer may not read as the store does for none.
  v1::Person invalid;
  invalid.add_phones("no phone");
  v1::Change edit = Edit(PersonType(), ana_.NewId(), invalid);
  edit.set_scope("MX/21/114");
  const v1::Verdict verdict = Commit(&ana_, {edit});
  ASSERT_EQ(verdict.refusals_size(), 1);
  EXPECT_EQ(verdict.refusals(0).reason(), v1::UNKNOWN_RECORD);
}

TEST_F(AuthorityBoundsTest, StampOfWhatIsRefusedSaysNothingOfTheRecord) {
  const RecordId secret = CreatePerson("Secreta");
  judge_.refuses = [](const ChangeInQuestion& q) { return q.push.user == "beto"; };
  beto_.stamp_ms = 0;
  const auto stamp_of = [&](const RecordId& id) {
    return CommitAt(1, &beto_, {Edit(PersonType(), id, PersonNamed("x"))}).stamp();
  };
  const uint64_t of_none = stamp_of(beto_.NewId());
  EXPECT_LT(Hlc{stamp_of(secret)}.ToTime() - Hlc{of_none}.ToTime(), absl::Seconds(1));
}

}  // namespace
}  // namespace brigada
