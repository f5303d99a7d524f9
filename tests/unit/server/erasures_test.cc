// Erasures outlive crashes and restored backups.
#include "server/erasures.h"

#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/memory_store.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class ErasuresTest : public ::testing::Test {
 protected:
  RecordId Register(AuthorityStore& store) {
    TestReplica ana(&random_, kOaxaca);
    const RecordId id = ana.NewId();
    const auto results = store.CommitPushes(
        {ana.PushOf({Create(PersonType(), id, kJuarez, PersonNamed("Eva"))})}, judge_, now_);
    EXPECT_OK(results);
    return id;
  }
  bool Knows(const AuthorityStore& store, const RecordId& id) {
    const auto record = (*store.Read())->Get(PersonType(), id);
    EXPECT_OK(record);
    return record.ok() && record->has_value();
  }
  ErasureRequest RequestOf(const RecordId& id) {
    return {.type_id = PersonType().type_id(), .id = id, .scope = kJuarez, .user = "a"};
  }

  SeededRandom random_{3};
  TestJudge judge_;
  absl::Time now_ = absl::FromUnixSeconds(1'767'225'600);
  std::unique_ptr<AuthorityStore> store_ = NewMemoryAuthorityStore(random_);
};

TEST_F(ErasuresTest, NotedErasureIsDoneWhenTheServerStarts) {
  const RecordId id = Register(*store_);
  const std::unique_ptr<AuthorityStore> other = NewMemoryAuthorityStore(random_);
  ASSERT_OK(EraseForGood(*other, RequestOf(id), now_));
  ASSERT_OK_AND_ASSIGN(const std::vector<DirectoryWrite> notes, NotedErasures(*other));
  ASSERT_THAT(notes, SizeIs(1));
  ASSERT_OK(store_->WriteEntries(notes));
  ASSERT_TRUE(Knows(*store_, id));

  ASSERT_OK(ResumeErasures(*store_, now_));

  EXPECT_FALSE(Knows(*store_, id));
  const uint64_t head = store_->Head(kOaxaca);
  ASSERT_OK(ResumeErasures(*store_, now_));
  EXPECT_EQ(store_->Head(kOaxaca), head) << "what is done is left alone";
}

TEST_F(ErasuresTest, StoreThatWentBackBeforeTheRecordRefusesIt) {
  const RecordId id = Register(*store_);
  ASSERT_OK(EraseForGood(*store_, RequestOf(id), now_));
  ASSERT_OK_AND_ASSIGN(const std::vector<DirectoryWrite> notes, NotedErasures(*store_));
  const std::unique_ptr<AuthorityStore> restored = NewMemoryAuthorityStore(random_);
  ASSERT_OK(restored->WriteEntries(notes));
  ASSERT_OK(ResumeErasures(*restored, now_));
  TestReplica beto(&random_, kOaxaca);
  beto.user = "beto";
  ASSERT_OK_AND_ASSIGN(
      const auto results,
      restored->CommitPushes({beto.PushOf({Create(PersonType(), id, kJuarez, PersonNamed("Eva"))})},
                             judge_, now_));
  EXPECT_EQ(results[0].verdicts.at(0).refusals(0).reason(), v1::ERASED_RECORD);
}

// A note that cannot be done would stop every start.
TEST_F(ErasuresTest, WhatNamesNoPlaceIsNotNoted) {
  ErasureRequest request = RequestOf(NewRandomId<RecordId>(random_));
  request.scope = "MX/OAX";
  EXPECT_THAT(EraseForGood(*store_, request, now_), StatusIs(absl::StatusCode::kInvalidArgument));
  request.scope.clear();
  EXPECT_THAT(EraseForGood(*store_, request, now_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(*NotedErasures(*store_), IsEmpty());
}

TEST_F(ErasuresTest, ANoteOfARecordThatIsNowhereStopsNoStart) {
  const RecordId id = Register(*store_);
  ErasureRequest request = RequestOf(id);
  request.scope.clear();
  ASSERT_OK(EraseForGood(*store_, request, now_));
  ASSERT_OK_AND_ASSIGN(const std::vector<DirectoryWrite> notes, NotedErasures(*store_));
  ASSERT_THAT(notes, SizeIs(1));
  const std::unique_ptr<AuthorityStore> other = NewMemoryAuthorityStore(random_);
  ASSERT_OK(other->WriteEntries(notes));
  EXPECT_OK(ResumeErasures(*other, now_));
}

TEST_F(ErasuresTest, NothingIsNotedWhenNothingWasErased) {
  Register(*store_);
  EXPECT_THAT(*NotedErasures(*store_), IsEmpty());
  EXPECT_OK(ResumeErasures(*store_, now_));
}

}  // namespace
}  // namespace brigada
