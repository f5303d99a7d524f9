#include "client_lib/store_lender.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "brigada/v1/person.pb.h"
#include "gtest/gtest.h"
#include "replica/base/status_macros.h"
#include "replica/schema/diff.h"
#include "replica/store/rocks_kv.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fault_env.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

class StoreLenderTest : public ::testing::Test {
 protected:
  StoreLenderTest() {
    StoreLender::How how;
    how.open = [this] {
      ++opened_;
      return opening_.ok() ? OpenStore() : opening_;
    };
    how.has_room = [this] { return has_room_; };
    how.on_reopened = [this] { ++told_; };
    stores_ = std::make_unique<StoreLender>(*OpenStore(), std::move(how), &clock_);
  }

  absl::StatusOr<OpenedStore> OpenStore() {
    ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv,
                     OpenRocksKv({.path = "/store", .create_if_missing = true, .env = env_.env()}));
    OpenedStore opened;
    opened.health = [this, kv = kv.get()] { return damage_.ok() ? kv->health() : damage_; };
    ASSIGN_OR_RETURN(opened.store,
                     OpenDeviceStore(std::move(kv), {&Registry::BuiltIn(), &clock_, &random_}));
    return opened;
  }
  absl::Status Write() {
    ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
    v1::Person person;
    person.mutable_name()->set_given_names("Ana");
    std::vector<v1::Change> changes;
    changes.push_back(*CreateChange(*Registry::BuiltIn().FindByName("Person"),
                                    NewRecordId(clock_.Now(), random_), *Scope::Parse("MX/20/067"),
                                    person));
    return store->Commit(std::move(changes), Durability::kSync).status();
  }
  uint64_t Pending() {
    const auto store = stores_->Borrow();
    EXPECT_OK(store);
    return store.ok() ? (*store)->Counts()->pending : 0;
  }
  void FailAWrite() {
    env_.disk().FailSync(1, SyncFailure::kForgets, /*ending=*/".log");
    EXPECT_FALSE(Write().ok());
    EXPECT_FALSE(stores_->Health().ok());
  }

  FaultEnv env_;
  FakeClock clock_;
  SeededRandom random_{5};
  absl::Status opening_;
  absl::Status damage_;
  bool has_room_ = true;
  int opened_ = 0;
  int told_ = 0;
  std::unique_ptr<StoreLender> stores_;
};

TEST_F(StoreLenderTest, AStoreThatFailedIsOpenedAgainForTheNextToBorrow) {
  ASSERT_OK(Write());
  const ReplicaId replica = stores_->known().replica;
  FailAWrite();

  EXPECT_OK(Write());

  EXPECT_OK(stores_->Health());
  EXPECT_EQ(opened_, 1);
  EXPECT_EQ(told_, 1);
  EXPECT_EQ(stores_->known().replica, replica);
  // The one that failed may be there too.
  EXPECT_GE(Pending(), 2u);
}

TEST_F(StoreLenderTest, WhileSomebodyReadsItAFailedStoreStaysOpen) {
  ASSERT_OK(Write());
  {
    ASSERT_OK_AND_ASSIGN(const std::shared_ptr<DeviceStore> reader, stores_->Borrow());
    FailAWrite();
    EXPECT_THAT(Write(), StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_OK(reader->Read());
    EXPECT_EQ(opened_, 0);
  }
  EXPECT_OK(Write());
  EXPECT_EQ(opened_, 1);
}

TEST_F(StoreLenderTest, TriesThatFailAreApart) {
  ASSERT_OK(Write());
  FailAWrite();
  opening_ = absl::UnavailableError("the disk fails");
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(stores_->Borrow(), StatusIs(absl::StatusCode::kUnavailable));
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_LT(opened_, 10);
  EXPECT_FALSE(stores_->known().replica.is_zero());

  opening_ = absl::OkStatus();
  clock_.Advance(absl::Minutes(1));
  EXPECT_OK(Write());
}

TEST_F(StoreLenderTest, AfterAGoodRunTheFirstTryComesSoonAgain) {
  ASSERT_OK(Write());
  for (int i = 0; i < 8; ++i) {
    FailAWrite();
    clock_.Advance(absl::Minutes(1));
    ASSERT_OK(Write());
  }
  clock_.Advance(absl::Minutes(10));
  FailAWrite();
  ASSERT_OK(Write());
  FailAWrite();
  EXPECT_FALSE(Write().ok());
  clock_.Advance(absl::Seconds(1));
  EXPECT_OK(Write());
}

TEST_F(StoreLenderTest, WhatAFailedWriteLeavesBehindIsTriedAgain) {
  ASSERT_OK(Write());
  FailAWrite();
  opening_ = absl::FailedPreconditionError("the store takes no writes since one failed");
  EXPECT_THAT(stores_->Borrow(), StatusIs(absl::StatusCode::kFailedPrecondition));
  opening_ = absl::OkStatus();
  clock_.Advance(absl::Minutes(1));
  EXPECT_OK(Write());
}

TEST_F(StoreLenderTest, ADamagedStoreIsNotTriedAgain) {
  FailAWrite();
  opening_ = absl::DataLossError("a checksum failed");
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(stores_->Borrow(), StatusIs(absl::StatusCode::kDataLoss));
    clock_.Advance(absl::Hours(1));
  }
  EXPECT_EQ(opened_, 1);
}

TEST_F(StoreLenderTest, AStoreThatFoundDamageWhileItWasOpenIsReadAsItIs) {
  ASSERT_OK(Write());
  damage_ = absl::DataLossError("a merge of files met a bad checksum");
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(Pending(), 1u);
  EXPECT_EQ(opened_, 0);
}

TEST_F(StoreLenderTest, OnAFullDiskTheStoreIsReadAsItIsUntilThereIsRoom) {
  ASSERT_OK(Write());
  env_.disk().SetFull(true);
  has_room_ = false;
  EXPECT_THAT(Write(), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(Pending(), 1u);
  EXPECT_EQ(opened_, 0);

  env_.disk().SetFull(false);
  has_room_ = true;
  EXPECT_OK(Write());
  EXPECT_EQ(opened_, 1);
}

}  // namespace
}  // namespace brigada
