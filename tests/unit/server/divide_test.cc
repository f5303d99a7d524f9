#include "server/divide.h"

#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/session_world.h"

namespace brigada {
namespace {

constexpr char kState[] = "MX/20";

// A copy pushes under the id that is about to be divided.
class DivideTest : public ::testing::Test {
 protected:
  DivideTest() {
    device_.Write("MX/20/067", world_.random());
    runner_ = world_.NewRunner(&sink_, device_.replica());
    CHECK(!sessions_.Admit(runner_).has_value());
    runner_->Start();
    for (v1::ClientFrame& frame : device_.FirstFlight(/*live=*/true))
      runner_->OnFrame(std::move(frame));
  }
  absl::StatusOr<std::optional<v1::StoredVerdict>> Verdict() {
    return world_.store().FindVerdict(device_.replica(), kState, 1);
  }

  FakeSink sink_;  // outlives the threads
  SessionWorld world_;
  LiveSessions sessions_{AdmissionLimits(), &world_.clock()};
  FakeDevice device_ = world_.NewDevice("ana", kState);
  std::shared_ptr<SessionRunner> runner_;
};

TEST_F(DivideTest, SessionsOfTheOldIdEndAndTheirWorkIsJudgedFirst) {
  ASSERT_OK(SettleWork(device_.replica(), &sessions_, &world_.queue(), kNever));

  ASSERT_OK_AND_ASSIGN(const auto verdict, Verdict());
  EXPECT_TRUE(verdict.has_value());
  std::optional<v1::ServerFrame> frame = sink_.Next();
  while (frame.has_value() && !frame->has_refused()) frame = sink_.Next();
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->refused().reason(), v1::Refused::SHUTTING_DOWN);
}

TEST_F(DivideTest, WorkThatCannotBeJudgedNowPutsTheDivisionOff) {
  world_.store().FailWrites(absl::ResourceExhaustedError("disk full"));
  PushRequest other;
  other.partition = kState;
  ASSERT_OK(world_.queue().Submit(&other, [](const PushResult&) {}));

  EXPECT_THAT(SettleWork(device_.replica(), &sessions_, &world_.queue(), absl::Milliseconds(1)),
              StatusIs(absl::StatusCode::kUnavailable));

  world_.store().FailWrites(absl::OkStatus());
  EXPECT_OK(SettleWork(device_.replica(), &sessions_, &world_.queue(), kNever));
}

v1::DeviceRecord CopyOf(char replica, char copied_from) {
  v1::DeviceRecord device;
  device.set_replica(std::string(16, replica));
  if (copied_from != 0) device.set_copied_from(std::string(16, copied_from));
  return device;
}

TEST(CopiesTest, CopiesOfOneDeviceAreBoundedWhicheverWasCopied) {
  SeededRandom random(7);
  const auto store = NewMemoryAuthorityStore(random);
  const auto put = [&](const v1::DeviceRecord& device) {
    const DirectoryWrite write{DirectoryKind::kDevice, device.replica(), device.SerializeAsString(),
                               std::nullopt};
    ASSERT_OK(store->WriteEntries({&write, 1}));
  };
  put(CopyOf('A', 0));
  // Each is a copy of the one before.
  for (size_t i = 0; i < kMaxCopiesPerDevice; ++i) {
    const auto last = static_cast<char>('A' + i);
    EXPECT_OK(CheckCopies(*store, *ReplicaId::FromBytes(std::string(16, last))));
    put(CopyOf(static_cast<char>(last + 1), last));
  }
  put(CopyOf('z', 0));
  for (const char replica : {'A', 'C', 'a'}) {
    EXPECT_THAT(CheckCopies(*store, *ReplicaId::FromBytes(std::string(16, replica))),
                StatusIs(absl::StatusCode::kFailedPrecondition));
  }
  EXPECT_OK(CheckCopies(*store, *ReplicaId::FromBytes(std::string(16, 'z'))));

  v1::DeviceRecord revoked = CopyOf('C', 'B');
  revoked.set_revoked_ms(1);
  put(revoked);
  EXPECT_OK(CheckCopies(*store, *ReplicaId::FromBytes(std::string(16, 'A'))));
}

}  // namespace
}  // namespace brigada
