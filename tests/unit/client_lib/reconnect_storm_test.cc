// Ten thousand devices that come back at once: the server's admission and the devices' backoff, in
// simulated time.
#include <algorithm>
#include <deque>
#include <queue>
#include <vector>

#include "client_lib/backoff.h"
#include "gtest/gtest.h"
#include "server/admission.h"

namespace brigada {
namespace {

constexpr int kDevices = 10'000;

struct Figures {
  double attempts_per_device = 0;
  size_t most_admitted_in_a_second = 0;
  size_t most_open = 0;
  absl::Duration when_99_percent_were_in;
};

struct StormOptions {
  AdmissionLimits limits;
  BackoffOptions backoff;
  // How long a session takes its place.
  absl::Duration session = absl::InfiniteDuration();
};

struct Event {
  absl::Duration at;
  int device;
  bool is_end;
  bool operator>(const Event& other) const { return at > other.at; }
};

// Until every device was admitted once.
Figures Simulate(const StormOptions& options) {
  SeededRandom random(20'260'104);
  Admission admission(options.limits);
  std::vector<Backoff> backoffs;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events;
  for (int device = 0; device < kDevices; ++device) {
    backoffs.emplace_back(options.backoff, &random);
    events.push({backoffs.back().First(), device, false});
  }
  Figures figures;
  int attempts = 0;
  size_t open = 0;
  std::vector<absl::Duration> admitted;
  std::deque<absl::Duration> last_second;
  while (admitted.size() < kDevices) {
    const Event event = events.top();
    events.pop();
    if (event.is_end) {
      --open;
      continue;
    }
    ++attempts;
    const std::optional<absl::Duration> wait = admission.Ask(open, event.at);
    if (wait.has_value()) {
      SessionEnd refused;
      refused.retry_after = wait;
      const auto device = static_cast<size_t>(event.device);
      events.push({event.at + backoffs[device].Next(refused), event.device, false});
      continue;
    }
    admitted.push_back(event.at);
    last_second.push_back(event.at);
    while (event.at - last_second.front() >= absl::Seconds(1)) last_second.pop_front();
    figures.most_admitted_in_a_second =
        std::max(figures.most_admitted_in_a_second, last_second.size());
    figures.most_open = std::max(figures.most_open, ++open);
    if (options.session < absl::InfiniteDuration())
      events.push({event.at + options.session, event.device, true});
  }
  figures.attempts_per_device = static_cast<double>(attempts) / kDevices;
  figures.when_99_percent_were_in = admitted[kDevices * 99 / 100];
  return figures;
}

TEST(ReconnectStormTest, SpreadDevicesGetInAtTheirFirstTry) {
  const Figures figures = Simulate({});
  EXPECT_LE(figures.most_admitted_in_a_second, AdmissionLimits().max_new_per_second);
  EXPECT_LE(figures.attempts_per_device, 1.1);
  EXPECT_LE(figures.when_99_percent_were_in, absl::Seconds(45));
}

TEST(ReconnectStormTest, AHerdThatDoesNotSpreadIsLevelledByTheServer) {
  StormOptions options;
  options.backoff.initial_spread = absl::ZeroDuration();
  const Figures figures = Simulate(options);
  EXPECT_LE(figures.most_admitted_in_a_second, options.limits.max_new_per_second);
  EXPECT_LE(figures.attempts_per_device, 2.1);
  EXPECT_LE(figures.when_99_percent_were_in, absl::Seconds(45));
}

TEST(ReconnectStormTest, ASmallServerIsNeverFullerThanItsLimit) {
  StormOptions options;
  options.limits.max_sessions = 2000;
  options.session = absl::Seconds(20);
  const Figures figures = Simulate(options);
  EXPECT_LE(figures.most_open, 2000u);
  EXPECT_LE(figures.most_admitted_in_a_second, options.limits.max_new_per_second);
  EXPECT_LE(figures.attempts_per_device, 5);
  EXPECT_LE(figures.when_99_percent_were_in, absl::Minutes(5));
}

}  // namespace
}  // namespace brigada
