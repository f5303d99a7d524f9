// Goal: an application learns what became of each change set, for as long as the device keeps it.
#include "client_lib/judged_list.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class JudgedListTest : public DeviceStoreFixture {
 protected:
  // Three change sets: applied, refused, not judged.
  void SetUp() override {
    for (const char* name : {"Ana", "Beto", "Carla"}) Register(name);
    BatchMaker batch("MX/20", 0, 10);
    batch.Verdict(1, 9).Verdict(2, 10, v1::REJECTED);
    batch.body.mutable_verdicts(1)->add_refusals()->set_reason(v1::NOT_GRANTED);
    ASSERT_OK(batch.ApplyTo(store.get()));
  }
  std::vector<JudgedChangeSet> JudgedAfter(const std::map<std::string, uint64_t>& after) {
    std::vector<JudgedChangeSet> all;
    EXPECT_OK(VisitJudged(*store, after, [&](const JudgedChangeSet& judged) {
      all.push_back(judged);
      return absl::OkStatus();
    }));
    return all;
  }
};

TEST_F(JudgedListTest, TellsVerdictAndContentInOrder) {
  const std::vector<JudgedChangeSet> all = JudgedAfter({});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].partition, "MX/20");
  EXPECT_EQ(all[0].sequence, 1U);
  EXPECT_EQ(all[0].verdict.outcome(), v1::APPLIED);
  EXPECT_EQ(all[0].content.changes(0).kind(), v1::Change::CREATE);
  EXPECT_EQ(all[0].made_at, Hlc{HeaderOf(1).stamp()}.ToTime());
  EXPECT_EQ(all[1].verdict.outcome(), v1::REJECTED);
  EXPECT_EQ(all[1].verdict.refusals(0).reason(), v1::NOT_GRANTED);
  // Its content is in the rejected list.
  EXPECT_THAT(all[1].content.changes(), IsEmpty());
}

TEST_F(JudgedListTest, BeginsBehindWhatTheCallerKnows) {
  EXPECT_THAT(JudgedUpTo(*store), ElementsAre(std::pair<const std::string, uint64_t>("MX/20", 2)));
  ASSERT_EQ(JudgedAfter({{"MX/20", 1}}).size(), 1U);
  EXPECT_EQ(JudgedAfter({{"MX/20", 1}})[0].sequence, 2U);
  EXPECT_THAT(JudgedAfter(JudgedUpTo(*store)), IsEmpty());
}

TEST_F(JudgedListTest, AVisitorEndsIt) {
  int visits = 0;
  EXPECT_THAT(VisitJudged(*store, {},
                          [&](const JudgedChangeSet&) {
                            ++visits;
                            return absl::CancelledError("enough");
                          }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(visits, 1);
}

TEST_F(JudgedListTest, WhatEveryBackupHoldsIsNotKept) {
  SyncStatus status;
  DescribeRetained(*store, DeviceStoreOptions(), &status);
  EXPECT_EQ(status.retained, 2U);
  EXPECT_GT(status.retained_bytes, 0U);
  EXPECT_EQ(status.retained_bytes_max, uint64_t{64} << 20);
  EXPECT_EQ(status.retained_for, absl::Hours(24 * 400));

  v1::Welcome welcome;
  v1::PartitionHead& covered = *welcome.add_covered();
  covered.set_partition("MX/20");
  covered.set_sequence(9);
  ASSERT_OK(store->NoteWelcome(welcome));
  status = SyncStatus();
  DescribeRetained(*store, DeviceStoreOptions(), &status);
  EXPECT_EQ(status.retained, 1U);
  EXPECT_EQ(JudgedAfter({}).size(), 1U);
}

}  // namespace
}  // namespace brigada
