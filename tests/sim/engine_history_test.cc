// Goal: the guarantees of docs/architecture.md hold over random histories of the real stores and
// sessions. Method: one seed draws commits, sessions that are cut after any byte, lost answers,
// restarts and clock jumps; then every link heals, and what is held is compared with what was
// committed and judged.
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/sim/sim_world.h"

namespace brigada {
namespace {

void RunHistory(uint64_t seed, const std::string& directory) {
  SimWorld world(seed, directory);
  world.Run(/*steps=*/150);
  for (const std::string& failure : world.failures()) ADD_FAILURE() << failure << ", seed " << seed;
}

TEST(EngineHistoryTest, GuaranteesHoldInMemory) {
  for (uint64_t seed = 1; seed <= 400 && !HasFailure(); ++seed) RunHistory(seed, "");
}

TEST(EngineHistoryTest, GuaranteesHoldOnDisk) {
  for (uint64_t seed = 1001; seed <= 1003 && !HasFailure(); ++seed) {
    const std::string directory = absl::StrCat(testing::TempDir(), "brigada_history_", seed);
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
    RunHistory(seed, directory);
    std::filesystem::remove_all(directory);
  }
}

}  // namespace
}  // namespace brigada
