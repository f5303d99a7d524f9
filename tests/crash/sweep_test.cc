// Goal: nothing acknowledged is lost by a power cut anywhere in the work of a device or a server,
// and no damaged byte of their files is taken for less work. Method: sweep.h. Tests of the sweep
// itself show that it finds a store without its syncs.
#include "tests/crash/sweep.h"

#include "gtest/gtest.h"
#include "replica/base/log.h"
#include "tests/crash/authority_keeping_life.h"
#include "tests/crash/authority_life.h"
#include "tests/crash/device_keeping_life.h"
#include "tests/crash/device_life.h"
#include "tests/crash/restore_life.h"

namespace brigada {
namespace {

// Without BRIGADA_LONG a few seconds each.
constexpr uint64_t kCutStride = 29;
constexpr uint64_t kFlipStride = 67;
// Of lives with many steps, which look into the files at the end.
constexpr uint64_t kKeepingStride = 83;
constexpr uint64_t kShortKeepingStride = 2;

// The sweeps stop thousands of stores; their log lines would bury a failure.
class QuietLog final : public ::testing::Environment {
 public:
  void SetUp() override {
    SetLogSink([](absl::string_view) {});
  }
  void TearDown() override { SetLogSink(nullptr); }
};
const ::testing::Environment* const kQuietLog =
    ::testing::AddGlobalTestEnvironment(std::make_unique<QuietLog>().release());

TEST(DeviceSweepTest, APowerCutAnywhereLosesNothingAcknowledged) {
  const SweepResult result = SweepPowerCuts(NewDeviceLife, SyncMode::kHonest, kCutStride);
  EXPECT_EQ(result.wrong, "");
  Report("power cuts of a device", result);
}

TEST(DeviceSweepTest, APowerCutAnywhereInItsKeepingLeavesNoHalfState) {
  const SweepResult result =
      SweepPowerCuts(NewDeviceKeepingLife, SyncMode::kHonest, kKeepingStride, kShortKeepingStride);
  EXPECT_EQ(result.wrong, "");
  Report("power cuts of a device's keeping", result);
}

TEST(DeviceSweepTest, ADeviceWithoutSyncsIsFoundOut) {
  EXPECT_NE(SweepPowerCuts(NewDeviceLife, SyncMode::kNever, kCutStride).wrong, "");
}

TEST(DeviceSweepTest, NoFlippedBitIsTakenForLessWorkOrCostsAnyThatWasNotSent) {
  const SweepResult result = SweepFlips(NewDeviceLife, kFlipStride, RecoverDeviceLife);
  EXPECT_EQ(result.wrong, "");
  EXPECT_GT(result.detected, 0U);
  Report("flipped bits of a device", result);
}

TEST(DeviceSweepTest, APowerCutThatTakesTheDatabaseLosesNothingAcknowledged) {
  const SweepResult result = SweepCutsWithoutDatabase(NewDeviceLife, kCutStride, RecoverDeviceLife);
  EXPECT_EQ(result.wrong, "");
  Report("power cuts of a device that lose its database", result);
}

TEST(AuthoritySweepTest, APowerCutAnywhereLosesNothingAcknowledged) {
  const SweepResult result = SweepPowerCuts(NewAuthorityLife, SyncMode::kHonest, kCutStride);
  EXPECT_EQ(result.wrong, "");
  Report("power cuts of a server", result);
}

TEST(AuthoritySweepTest, APowerCutAnywhereInItsKeepingLeavesNoHalfState) {
  const SweepResult result = SweepPowerCuts(NewAuthorityKeepingLife, SyncMode::kHonest,
                                            kKeepingStride, kShortKeepingStride);
  EXPECT_EQ(result.wrong, "");
  Report("power cuts of a server's keeping", result);
}

TEST(AuthoritySweepTest, APowerCutAnywhereInARestoreLosesNothingAndBringsNothingBack) {
  const SweepResult result =
      SweepPowerCuts(NewRestoreLife, SyncMode::kHonest, kKeepingStride, kShortKeepingStride);
  EXPECT_EQ(result.wrong, "");
  Report("power cuts of a restore", result);
}

TEST(AuthoritySweepTest, AServerWithoutSyncsIsFoundOut) {
  EXPECT_NE(SweepPowerCuts(NewAuthorityLife, SyncMode::kNever, kCutStride).wrong, "");
}

TEST(AuthoritySweepTest, NoFlippedBitIsTakenForLessWork) {
  const SweepResult result = SweepFlips(NewAuthorityLife, kFlipStride);
  EXPECT_EQ(result.wrong, "");
  EXPECT_GT(result.detected, 0U);
  Report("flipped bits of a server", result);
}

}  // namespace
}  // namespace brigada
