// Erasure on a device: the entry takes the content out of base, view, outbox, ledger and rejected
// list, and nothing else.
#include "absl/strings/str_cat.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kCanary[] = "Xochiquetzal";

class DeviceEraseTest : public DeviceStoreFixture {
 protected:
  std::string Everything() {
    std::string all;
    for (int table = 0; table < kTableCount; ++table) {
      const auto it = disk.kv->Iterate(static_cast<Table>(table), "", "");
      for (it->SeekToFirst(); it->Valid(); it->Next())
        absl::StrAppend(&all, it->key(), " ", it->value(), "\n");
    }
    return all;
  }
};

TEST_F(DeviceEraseTest, BaseAndIndexesLoseTheContent) {
  const RecordId id = Register(kCanary);
  ASSERT_OK(BatchMaker("MX/20", 0, 9).Verdict(1, 9).ApplyTo(store.get()));
  ASSERT_THAT(Everything(), HasSubstr(kCanary));
  ASSERT_OK(BatchMaker("MX/20", 9, 10).Entry(ErasedEntry(id, 10)).ApplyTo(store.get()));
  EXPECT_THAT(Everything(), Not(HasSubstr(kCanary)));
  EXPECT_FALSE(Get(id));
}

TEST_F(DeviceEraseTest, UnsentWorkBecomesAStubThatTheChainGoesOnFrom) {
  const RecordId id = Register(kCanary);
  ASSERT_OK(BatchMaker("MX/20", 0, 9).Verdict(1, 9).ApplyTo(store.get()));
  ASSERT_OK(SetNotes(id, kCanary));
  const RecordId other = Register("Luz");
  ASSERT_OK_AND_ASSIGN(const OutboxPage before, store->ReadOutbox("MX/20", 2, 1'000'000));

  ASSERT_OK(BatchMaker("MX/20", 9, 10).Entry(ErasedEntry(id, 10)).ApplyTo(store.get()));

  EXPECT_THAT(Everything(), Not(HasSubstr(kCanary)));
  ASSERT_OK_AND_ASSIGN(const OutboxPage after, store->ReadOutbox("MX/20", 2, 1'000'000));
  ASSERT_EQ(after.change_sets.size(), 2u);
  EXPECT_EQ(after.change_sets[0].stub().reason(), v1::ChangeSet::Stub::ERASED);
  EXPECT_TRUE(after.change_sets[0].salt().empty()) << "with it what the hash is of can be guessed";
  EXPECT_EQ(after.change_sets[0].header(), before.change_sets[0].header());
  EXPECT_TRUE(after.change_sets[1].has_body());
  EXPECT_EQ(after.chain_after, before.chain_after);
  EXPECT_TRUE(Get(other));
  Reopen();
  ASSERT_OK(
      BatchMaker("MX/20", 10, 12).Verdict(2, 11, v1::REJECTED).Verdict(3, 12).ApplyTo(store.get()));
  EXPECT_EQ(Counts().pending, 0u);
  EXPECT_TRUE(Get(other));
}

TEST_F(DeviceEraseTest, WhatATransactionSaysOfOthersStays) {
  const RecordId id = NewId();
  const RecordId other = NewId();
  ASSERT_OK(store->Commit({Creation(id, "MX/20/067", PersonNamed(kCanary)),
                           Creation(other, "MX/20/067", PersonNamed("Luz"))},
                          Durability::kSync));
  ASSERT_OK(BatchMaker("MX/20", 0, 10).Entry(ErasedEntry(id, 10)).ApplyTo(store.get()));

  EXPECT_THAT(Everything(), Not(HasSubstr(kCanary)));
  EXPECT_EQ(GetPerson(other)->name().given_names(), "Luz");
  BatchMaker refused("MX/20", 10, 11);
  refused.Verdict(1, 11, v1::REJECTED);
  refused.body.mutable_verdicts(0)->add_refusals()->set_reason(v1::ERASED_RECORD);
  ASSERT_OK(refused.ApplyTo(store.get()));
  ASSERT_OK_AND_ASSIGN(const auto rejected, store->Rejected());
  ASSERT_EQ(rejected.size(), 1u);
  EXPECT_THAT(rejected[0].change_set().body(), HasSubstr("Luz"));
}

TEST_F(DeviceEraseTest, ChangeSetJudgedBeforeTheErasureIsFoldedWithoutIt) {
  const RecordId id = NewId();
  const RecordId other = NewId();
  ASSERT_OK(store->Commit({Creation(id, "MX/20/067", PersonNamed(kCanary)),
                           Creation(other, "MX/20/067", PersonNamed("Luz"))},
                          Durability::kSync));
  ASSERT_OK(
      BatchMaker("MX/20", 0, 10).Verdict(1, 9).Entry(ErasedEntry(id, 10)).ApplyTo(store.get()));
  EXPECT_THAT(Everything(), Not(HasSubstr(kCanary)));
  EXPECT_EQ(GetPerson(other)->name().given_names(), "Luz");
  EXPECT_FALSE(Get(other)->pending);
}

TEST_F(DeviceEraseTest, RejectedListLosesTheContentAndKeepsTheReason) {
  const RecordId id = Register(kCanary);
  ASSERT_OK(BatchMaker("MX/20", 0, 9).Verdict(1, 9, v1::REJECTED).ApplyTo(store.get()));
  ASSERT_THAT(Everything(), HasSubstr(kCanary));
  ASSERT_OK(BatchMaker("MX/20", 9, 10).Entry(ErasedEntry(id, 10)).ApplyTo(store.get()));
  EXPECT_THAT(Everything(), Not(HasSubstr(kCanary)));
  EXPECT_EQ(Counts().rejected, 1u);
}

TEST_F(DeviceEraseTest, RefusalThatNamesTheErasureKeepsNoContent) {
  Register(kCanary);
  BatchMaker refused("MX/20", 0, 9);
  refused.Verdict(1, 9, v1::REJECTED);
  refused.body.mutable_verdicts(0)->add_refusals()->set_reason(v1::ERASED_RECORD);
  ASSERT_OK(refused.ApplyTo(store.get()));
  EXPECT_THAT(Everything(), Not(HasSubstr(kCanary)));
  ASSERT_OK_AND_ASSIGN(const auto rejected, store->Rejected());
  ASSERT_EQ(rejected.size(), 1u);
  EXPECT_EQ(rejected[0].verdict().refusals(0).reason(), v1::ERASED_RECORD);
}

TEST_F(DeviceEraseTest, TheIdNeverLivesAgain) {
  const RecordId id = Register("Eva");
  ASSERT_OK(
      BatchMaker("MX/20", 0, 10).Verdict(1, 9).Entry(ErasedEntry(id, 10)).ApplyTo(store.get()));
  EXPECT_THAT(CommitOne(Creation(id, "MX/20/067", PersonNamed("Eva"))),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace brigada
