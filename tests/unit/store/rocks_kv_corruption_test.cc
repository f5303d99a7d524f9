// Damage and loss of files: found and named, never a store that opens with less.
#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "replica/store/rocks_manifest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/store/kv_workload.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;

constexpr absl::string_view kMark = "/store/HIGH_WATER_MARK";

class RocksKvCorruptionTest : public ::testing::Test {
 protected:
  RocksKvCorruptionTest() {
    EXPECT_OK(RunWorkload(env_, 1).status);
    whole_ = env_.disk().Save();
  }

  // The last write-ahead log, which holds the batches since the reopening.
  std::string LogPath() const {
    std::string log;
    for (const auto& [path, content] : whole_) {
      if (absl::StartsWith(path, "/store/") && absl::EndsWith(path, ".log") && !content->empty()) {
        log = path;
      }
    }
    return log;
  }

  // The one that CURRENT names.
  std::string ManifestPath() {
    return "/store/" + std::string(absl::StripSuffix(*whole_["/store/CURRENT"], "\n"));
  }

  // Replaces one file and opens.
  absl::Status OpenWith(absl::string_view path, std::optional<std::string> content) {
    FaultDisk::Image image = whole_;
    image.erase(std::string(path));
    if (content.has_value()) image[std::string(path)] = std::move(content);
    env_.disk().Restore(image);
    return OpenOn(env_).status();
  }

  // "intact", "detected" or what is wrong.
  std::string OutcomeOfFlip(const std::string& path, uint64_t byte, int bit) {
    env_.disk().Restore(whole_);
    env_.disk().FlipBit(path, byte, bit);
    absl::StatusOr<std::unique_ptr<Kv>> kv = OpenOn(env_);
    if (!kv.ok()) {
      return kv.status().code() == absl::StatusCode::kUnavailable ? kv.status().ToString()
                                                                  : "detected";
    }
    absl::StatusOr<KvContent> content = ReadAll(**kv);
    if (!content.ok()) {
      return content.status().code() == absl::StatusCode::kDataLoss ? "detected"
                                                                    : content.status().ToString();
    }
    return *content == WorkloadContent(kWorkloadBatches) ? "intact" : "silent loss";
  }

  FaultEnv env_;
  FaultDisk::Image whole_;
};

TEST_F(RocksKvCorruptionTest, NoFlippedBitOfTheLogLosesAnythingSilently) {
  const std::string log = LogPath();
  ASSERT_FALSE(log.empty());
  int detected = 0;
  for (uint64_t byte = 0; byte < whole_[log]->size(); byte += SweepStride(7)) {
    const std::string outcome = OutcomeOfFlip(log, byte, static_cast<int>(byte % 8));
    ASSERT_TRUE(outcome == "intact" || outcome == "detected") << byte << ": " << outcome;
    detected += outcome == "detected" ? 1 : 0;
  }
  EXPECT_GT(detected, 0);
}

TEST_F(RocksKvCorruptionTest, NoFlippedBitOfAnyFileLosesAnythingSilently) {
  for (const auto& [path, content] : whole_) {
    if (!content.has_value() || !absl::StartsWith(path, "/store/")) continue;
    const uint64_t stride = SweepStride(content->size() / 25 + 1);
    for (uint64_t byte = 0; byte < content->size(); byte += stride) {
      const std::string outcome = OutcomeOfFlip(path, byte, static_cast<int>(byte % 8));
      ASSERT_TRUE(outcome == "intact" || outcome == "detected")
          << path << " byte " << byte << ": " << outcome;
    }
  }
}

// RocksDB takes a length beyond the end of the file for a torn write, and forgets what follows.
TEST_F(RocksKvCorruptionTest, ADamagedLengthInTheManifestIsFound) {
  const std::string path = ManifestPath();
  const std::string manifest = *whole_[path];
  int records = 0;
  for (size_t at = 0; at + 7 <= manifest.size(); ++records) {
    for (const size_t byte : {at + 4, at + 5, at + 6}) {
      for (int bit = 0; bit < 8; bit += 3)
        EXPECT_EQ(OutcomeOfFlip(path, byte, bit), "detected") << byte << "." << bit;
    }
    at += 7 + static_cast<uint8_t>(manifest[at + 4]) + 256 * static_cast<uint8_t>(manifest[at + 5]);
  }
  EXPECT_GT(records, 5);
}

TEST_F(RocksKvCorruptionTest, ATornManifestIsNoDamage) {
  const std::string manifest = *whole_[ManifestPath()];
  for (size_t kept = 0; kept < manifest.size(); ++kept) {
    EXPECT_TRUE(IsManifestWhole(manifest.substr(0, kept))) << kept;
    EXPECT_TRUE(IsManifestWhole(manifest + std::string(kept, '\0'))) << kept;
  }
}

TEST_F(RocksKvCorruptionTest, ALogCutShortAtARecordIsFoundByTheMark) {
  // Without the mark every such cut opens, like a torn tail.
  const std::string log = LogPath();
  for (size_t kept = 0; kept < whole_[log]->size(); kept += 25) {
    EXPECT_THAT(OpenWith(log, whole_[log]->substr(0, kept)),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("lost acknowledged work")));
  }
}

TEST_F(RocksKvCorruptionTest, DamageInTheMiddleOfTheLogIsRefusedWithoutTheMarkToo) {
  const std::string log = LogPath();
  const std::string value = WorkloadBatch(kWorkloadReopenAfter + 2).ops()[0].value;
  const size_t at = whole_[log]->find(value);
  ASSERT_NE(at, std::string::npos);
  whole_.erase(std::string(kMark));
  EXPECT_EQ(OutcomeOfFlip(log, at + 5, 0), "detected");
}

TEST_F(RocksKvCorruptionTest, ATornSlotLeavesTheOneBeforeToGuard) {
  static_assert(kWorkloadBatches % 2 == 0, "the newest slot is the first one");
  whole_[std::string(kMark)]->replace(0, 8, "garbage!");
  EXPECT_THAT(OpenWith(LogPath(), ""),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr(absl::StrCat("had acknowledged ", kWorkloadBatches - 1))));
}

TEST_F(RocksKvCorruptionTest, AnOlderCopyUnderTheMarkIsRefused) {
  const std::string mark = *whole_[std::string(kMark)];
  FaultEnv other;
  {
    ASSERT_OK_AND_ASSIGN(const auto kv, OpenOn(other));
    ASSERT_OK(kv->Write(WorkloadBatch(1), Durability::kSync));
  }
  FaultDisk::Image older = other.disk().Save();
  older[std::string(kMark)] = mark;
  other.disk().Restore(older);
  EXPECT_THAT(OpenOn(other),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("lost acknowledged work")));
}

TEST_F(RocksKvCorruptionTest, TheMarkOfAnotherStoreIsRefused) {
  FaultEnv other;
  {
    ASSERT_OK_AND_ASSIGN(const auto kv, OpenOn(other));
    for (int n = 1; n <= kWorkloadBatches; ++n) {
      ASSERT_OK(kv->Write(WorkloadBatch(n + 1), Durability::kSync));
    }
  }
  EXPECT_THAT(OpenWith(kMark, other.disk().Save()[std::string(kMark)]),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("different stores")));
}

TEST_F(RocksKvCorruptionTest, ATornOrMissingMarkRefusesNothing) {
  const std::string mark = *whole_[std::string(kMark)];
  EXPECT_OK(OpenWith(kMark, std::nullopt));
  EXPECT_OK(OpenWith(kMark, ""));
  for (size_t kept = 0; kept < mark.size(); kept += 32) {
    EXPECT_OK(OpenWith(kMark, mark.substr(0, kept)));
    EXPECT_OK(OpenWith(kMark, std::string(mark).replace(kept, 8, "garbage!")));
  }
}

TEST_F(RocksKvCorruptionTest, AStoreWithoutItsDatabaseIsNoFreshStart) {
  EXPECT_THAT(OpenWith("/store/CURRENT", std::nullopt), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(RocksKvCorruptionTest, AMissingFileOfTheDatabaseIsDataLoss) {
  for (const auto& [path, content] : FaultDisk::Image(whole_)) {
    const bool needed = absl::EndsWith(path, ".sst") || absl::EndsWith(path, ".log") ||
                        absl::StrContains(path, "/MANIFEST-");
    if (!absl::StartsWith(path, "/store/") || !needed || content->empty()) continue;
    EXPECT_THAT(OpenWith(path, std::nullopt), StatusIs(absl::StatusCode::kDataLoss)) << path;
  }
}

}  // namespace
}  // namespace brigada
