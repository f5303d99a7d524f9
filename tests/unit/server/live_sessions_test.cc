#include "server/live_sessions.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/session_world.h"

namespace brigada {
namespace {

ReplicaId Id(char c) { return *ReplicaId::FromBytes(std::string(16, c)); }

class LiveSessionsTest : public ::testing::Test {
 protected:
  std::shared_ptr<SessionRunner> Runner(char replica) {
    sinks_.push_back(std::make_unique<FakeSink>());
    return world_.NewRunner(sinks_.back().get(), Id(replica));
  }
  FakeSink& sink(size_t i) { return *sinks_.at(i); }
  static AdmissionLimits Limits(size_t max_sessions) {
    AdmissionLimits limits;
    limits.max_sessions = max_sessions;
    return limits;
  }

  std::vector<std::unique_ptr<FakeSink>> sinks_;
  SessionWorld world_;
};

TEST_F(LiveSessionsTest, AFullServerSaysWhenToComeBack) {
  LiveSessions sessions(Limits(1), &world_.clock());
  const auto first = Runner('a');
  EXPECT_FALSE(sessions.Admit(first).has_value());
  const auto refused = sessions.Admit(Runner('b'));
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->reason(), v1::Refused::BUSY);
  EXPECT_GE(refused->retry_after_ms(), 1000u);
  sessions.Remove(first.get());
  EXPECT_FALSE(sessions.Admit(Runner('b')).has_value());
}

TEST_F(LiveSessionsTest, AReplicasSecondSessionTakesThePlaceOfItsFirst) {
  LiveSessions sessions(Limits(1), &world_.clock());
  const auto first = Runner('a');
  const auto second = Runner('a');
  ASSERT_FALSE(sessions.Admit(first).has_value());
  EXPECT_FALSE(sessions.Admit(second).has_value());
  EXPECT_EQ(sink(0).Next()->refused().reason(), v1::Refused::SHUTTING_DOWN);
  // The first one's end is not the second one's.
  sessions.Remove(first.get());
  const auto third = Runner('a');
  EXPECT_FALSE(sessions.Admit(third).has_value());
  EXPECT_EQ(sink(1).Next()->refused().reason(), v1::Refused::SHUTTING_DOWN);
}

TEST_F(LiveSessionsTest, TwoCopiesOfOneReplicaDriveEachOtherOutEverMoreSlowly) {
  LiveSessions sessions(Limits(10), &world_.clock());
  std::vector<std::shared_ptr<SessionRunner>> runners;
  uint32_t last = 0;
  for (int i = 0; i < 12; ++i) {
    runners.push_back(Runner('a'));
    ASSERT_FALSE(sessions.Admit(runners.back()).has_value());
    if (i == 0) continue;
    const uint32_t wait = sink(static_cast<size_t>(i) - 1).Next()->refused().retry_after_ms();
    EXPECT_GE(wait, std::min(2 * last, 600'000u));
    last = wait;
    sessions.Remove(runners[runners.size() - 2].get());
  }
  EXPECT_EQ(last, 600'000u);
  sessions.Remove(runners.back().get());
  // Whoever left by itself begins anew.
  const auto alone = Runner('a');
  const auto next = Runner('a');
  sessions.Admit(alone);
  sessions.Admit(next);
  EXPECT_EQ(sink(12).Next()->refused().retry_after_ms(), 2000u);
}

TEST_F(LiveSessionsTest, SessionsThatANewEpochEndsComeBackOneAfterTheOther) {
  LiveSessions sessions(Limits(100), &world_.clock());
  std::vector<std::shared_ptr<SessionRunner>> runners;
  for (char c = 'a'; c <= 'j'; ++c) {
    runners.push_back(Runner(c));
    ASSERT_FALSE(sessions.Admit(runners.back()).has_value());
  }
  sessions.OnNewEpoch(runners[0].get());
  std::set<uint32_t> places;
  for (size_t i = 1; i < 10; ++i) places.insert(sink(i).Next()->refused().retry_after_ms());
  EXPECT_EQ(places.size(), 9u);
}

TEST_F(LiveSessionsTest, ARevokedReplicaIsTheOnlyOneThatEnds) {
  LiveSessions sessions(Limits(10), &world_.clock());
  const auto a = Runner('a');
  const auto b = Runner('b');
  sessions.Admit(a);
  sessions.Admit(b);
  sessions.OnReplicaChanged(Id('b'));
  EXPECT_TRUE(sink(1).Next()->has_refused());
  v1::Refused other;
  other.set_reason(v1::Refused::BUSY);
  a->OnEnd(other);
  EXPECT_EQ(sink(0).Next()->refused().reason(), v1::Refused::BUSY);
}

TEST_F(LiveSessionsTest, SessionsOfAStoppingServerComeBackOneAfterTheOther) {
  LiveSessions sessions(Limits(100), &world_.clock());
  std::vector<std::shared_ptr<SessionRunner>> runners;
  for (char c = 'a'; c <= 'j'; ++c) {
    runners.push_back(Runner(c));
    ASSERT_FALSE(sessions.Admit(runners.back()).has_value());
  }
  sessions.Shutdown(absl::ZeroDuration());
  std::set<uint32_t> places;
  for (const auto& sink : sinks_) places.insert(sink->Next()->refused().retry_after_ms());
  EXPECT_EQ(places.size(), 10u);
  EXPECT_GE(*places.begin(), 2000u);
  EXPECT_EQ(sessions.Admit(Runner('z'))->reason(), v1::Refused::SHUTTING_DOWN);
}

TEST_F(LiveSessionsTest, SuspendedSessionsEndAndNoneBegins) {
  LiveSessions sessions(Limits(100), &world_.clock());
  const auto a = Runner('a');
  ASSERT_FALSE(sessions.Admit(a).has_value());
  sessions.Suspend();
  const auto ended = sink(0).Next();
  EXPECT_EQ(ended->refused().reason(), v1::Refused::SHUTTING_DOWN);
  EXPECT_GE(ended->refused().retry_after_ms(), 10'000u);
  const auto refused = sessions.Admit(Runner('b'));
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->reason(), v1::Refused::SHUTTING_DOWN);
  EXPECT_GE(refused->retry_after_ms(), 10'000u);
}

}  // namespace
}  // namespace brigada
