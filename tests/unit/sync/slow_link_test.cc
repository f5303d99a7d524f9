// Links that pass little: what takes longer than the patience for a silent peer still arrives.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/base/random.h"
#include "replica/sync/session_limits.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/sync/session_fixture.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;

// What no compression makes smaller.
std::string Noise(size_t bytes) {
  SeededRandom random(11);
  std::string noise(bytes, ' ');
  for (char& c : noise) c = static_cast<char>(random.Uniform(256));
  return noise;
}

class SlowLinkTest : public SessionTest {
 protected:
  static constexpr size_t k64KbitPerSecond = 8000;

  // A session over a link of so many bytes a second each way; as long as it takes.
  absl::Status SyncAt(size_t bytes_per_second, FakeDeviceStore* device, bool live = false) {
    LoopbackOptions options;
    options.device.live = live;
    Loopback loopback(&server_, device, options);
    for (int second = 0; second < 20'000 && !loopback.is_over(); ++second) {
      loopback.StepSecond(bytes_per_second, clock_);
      if (live && loopback.device().progress().is_caught_up) break;
    }
    server_outcome_ = loopback.server_session().outcome();
    return loopback.device_status();
  }

  absl::Status server_outcome_;
};

TEST_F(SlowLinkTest, AChangeSetThatTakesLongerThanThePatienceArrivesBothWays) {
  first_.Add(kOaxaca, Noise(size_t{1} << 20));

  EXPECT_OK(SyncAt(k64KbitPerSecond, &first_));
  EXPECT_OK(SyncAt(k64KbitPerSecond, &second_));
  EXPECT_OK(server_outcome_);

  EXPECT_EQ(Records(&second_), Records(&first_));
  EXPECT_EQ(Records(&second_).size(), 1u);
}

TEST_F(SlowLinkTest, AtTheLeastRateEverythingArrives) {
  for (int i = 0; i < 3; ++i) first_.Add(kOaxaca, Noise(size_t{200} << 10) + std::to_string(i));

  EXPECT_OK(SyncAt(kLeastBytesPerSecond, &first_));
  EXPECT_OK(SyncAt(kLeastBytesPerSecond, &second_, /*live=*/true));

  EXPECT_EQ(Records(&second_).size(), 3u);
}

TEST_F(SlowLinkTest, AServerThatAnswersPingsAloneIsGivenUpThoughTheLinkMayBeSlow) {
  first_.Add(kOaxaca, Noise(size_t{100} << 10));
  server_.set_queue_capacity(0);

  EXPECT_THAT(SyncAt(k64KbitPerSecond, &first_),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("STALLED")));
  // The push takes 13 s to get there; then a minute, and what the slowest link needs for it.
  EXPECT_LT(clock_.Monotonic(), absl::Seconds(200));
}

TEST_F(SlowLinkTest, ALinkThatPassesNothingIsStillGivenUp) {
  first_.Add(kOaxaca, Noise(size_t{100} << 10));

  EXPECT_THAT(SyncAt(1, &first_), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("STALLED")));
  EXPECT_LT(clock_.Monotonic(), 2 * (absl::Seconds(60) + TimeOnTheWay(kLargestFrameSent)));
}

}  // namespace
}  // namespace brigada
