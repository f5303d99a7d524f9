// Goal: the guarantees hold over random histories of the real engine under every fault. Method: one
// seed draws faults, steps and all that is random in them; checkers and an oracle written apart
// from the engine look at every step; at the end everything heals and must converge.
#include "tests/sim/simulate.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "replica/base/check.h"
#include "tests/sim/current_history.h"

namespace brigada {
namespace {

class AbortTeller : public testing::Environment {
  void SetUp() override { TellHistoryOnAbort(); }
};
const testing::Environment* const kAbortTeller = testing::AddGlobalTestEnvironment(new AbortTeller);

uint64_t Times(uint64_t count) {
  return std::getenv("BRIGADA_LONG") == nullptr ? count : 50 * count;
}

void ExpectNoFailure(const std::string& profile, SimStore store, uint64_t first, uint64_t count) {
  SimRequest request;
  request.seed = first;
  request.profile = profile;
  request.store = store;
  const auto summary = Simulate(request, Times(count), 1, nullptr);
  ASSERT_TRUE(summary.ok()) << summary.status();
  for (const SimFailure& failure : summary->failures)
    ADD_FAILURE() << Describe(failure) << "shortened:\n" << Describe(Shorten(failure));
}

class ProfileTest : public testing::TestWithParam<const char*> {};

// Seed 100, the last one, is run twice (Simulate).
TEST_P(ProfileTest, GuaranteesHoldInMemory) {
  ExpectNoFailure(GetParam(), SimStore::kMemory, 21, 80);
}

std::string NameOf(const testing::TestParamInfo<const char*>& profile) { return profile.param; }

INSTANTIATE_TEST_SUITE_P(Profiles, ProfileTest,
                         testing::Values("calm", "network", "clocks", "disk", "grants", "attack",
                                         "restore", "release", "copies", "mixed", "damage", "all"),
                         NameOf);

TEST(SimulationTest, GuaranteesHoldOnRocksDb) {
  ExpectNoFailure("all", SimStore::kRocks, 1000, 3);
  ExpectNoFailure("disk", SimStore::kRocks, 2000, 4);
  ExpectNoFailure("damage", SimStore::kRocks, 3000, 4);
}

TEST(SimulationDeathTest, AnAbortOfTheEngineNamesTheHistoryAndHowToRunItAgain) {
  SimRequest request;
  request.seed = 4711;
  request.steps = 1;
  request.profile = "calm";
  EXPECT_DEATH(
      {
        RunHistory(request).status().IgnoreError();
        CHECK(request.seed == 0);
      },
      "check failed: request.seed == 0\naborted in: brigada simulate.*--seed 4711.*calm");
}

TEST(SimulationTest, TheSameSeedGivesTheSameHistory) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SimRequest request;
    request.seed = seed;
    const auto one = RunHistory(request);
    const auto two = RunHistory(request);
    ASSERT_TRUE(one.ok() && two.ok());
    EXPECT_EQ(one->trace, two->trace) << seed;
  }
}

TEST(SimulationTest, BothStoresGiveTheSameHistoryWhileNoDiskFails) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SimRequest request;
    request.seed = seed;
    request.profile = "network";
    const auto memory = RunHistory(request);
    request.store = SimStore::kRocks;
    const auto rocks = RunHistory(request);
    ASSERT_TRUE(memory.ok() && rocks.ok());
    EXPECT_EQ(memory->trace, rocks->trace) << seed;
  }
}

TEST(SimulationTest, WhatIsInQuarantineIsReleased) {
  uint64_t releases = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SimRequest request;
    request.seed = seed;
    request.profile = "release";
    const auto result = RunHistory(request);
    ASSERT_TRUE(result.ok());
    releases += result->releases;
  }
  EXPECT_GT(releases, 10U);
}

TEST(SimulationTest, SeedsThatFoundBugsPass) {
  std::ifstream file(SIM_REGRESSIONS);
  ASSERT_TRUE(file.good()) << SIM_REGRESSIONS;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    // seed steps profile store what it found
    std::istringstream words(line);
    SimRequest request;
    std::string store;
    words >> request.seed >> request.steps >> request.profile >> store;
    request.store = store == "rocksdb" ? SimStore::kRocks : SimStore::kMemory;
    const auto result = RunHistory(request);
    ASSERT_TRUE(result.ok()) << line;
    EXPECT_EQ(result->failure, "") << line;
  }
}

}  // namespace
}  // namespace brigada
