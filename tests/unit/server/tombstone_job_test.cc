#include "server/tombstone_job.h"

#include <vector>

#include "gtest/gtest.h"

namespace brigada {
namespace {

constexpr char kOaxaca[] = "MX/20";
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

v1::DeviceRecord Synced(absl::Duration ago, uint64_t reached) {
  v1::DeviceRecord device;
  device.set_last_sync_ms(absl::ToUnixMillis(kNow - ago));
  v1::PartitionHead& head = *device.add_acknowledged();
  head.set_partition(kOaxaca);
  head.set_sequence(reached);
  return device;
}

TEST(TombstoneFloorTest, IsTheLeastThatALiveDeviceHasReached) {
  const absl::Duration still = kDeviceLivesFor - absl::Seconds(1);
  EXPECT_EQ(TombstoneFloor({Synced(absl::Hours(1), 40), Synced(still, 7)}, kOaxaca, kNow), 7U);
}

TEST(TombstoneFloorTest, LeavesOutWhoHasNotSyncedForHalfAYearOrIsRevoked) {
  v1::DeviceRecord revoked = Synced(absl::Hours(1), 3);
  revoked.set_revoked_ms(1);
  const absl::Duration no_longer = kDeviceLivesFor + absl::Seconds(1);
  EXPECT_EQ(
      TombstoneFloor({Synced(absl::Hours(1), 40), Synced(no_longer, 7), revoked}, kOaxaca, kNow),
      40U);
}

TEST(TombstoneFloorTest, WithoutReadersNothingIsForgotten) {
  EXPECT_EQ(TombstoneFloor({}, kOaxaca, kNow), 0U);
  EXPECT_EQ(TombstoneFloor({Synced(absl::Hours(1), 40)}, "MX/21", kNow), 0U);
}

}  // namespace
}  // namespace brigada
