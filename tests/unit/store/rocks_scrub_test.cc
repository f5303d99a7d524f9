// What was deleted or overwritten leaves the files of a store on disk.
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/store/rocks_kv.h"
#include "tests/support/fault_env.h"
#include "tests/support/status_matchers.h"
#include "tests/support/store_bytes.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kCanary[] = "xochiquetzal";

class RocksScrubTest : public ::testing::Test {
 public:
  RocksScrubTest() {
    std::string pattern = ::testing::TempDir() + "brigada_scrub_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    Open();
  }
  ~RocksScrubTest() override {
    kv_.reset();
    std::filesystem::remove_all(directory_);
  }

 protected:
  std::string path() const { return directory_ + "/store"; }
  void Open() {
    auto kv = OpenRocksKv({.path = path(), .create_if_missing = true});
    ASSERT_OK(kv);
    kv_ = *std::move(kv);
  }
  void Put(Table table, std::string key, std::string value) {
    KvBatch batch;
    batch.Put(table, std::move(key), std::move(value));
    ASSERT_OK(kv_->Write(batch, Durability::kSync));
  }
  void Delete(Table table, std::string key) {
    KvBatch batch;
    batch.Delete(table, std::move(key));
    ASSERT_OK(kv_->Write(batch, Durability::kSync));
  }
  std::string Closed() {
    kv_.reset();
    return StoreBytes(path());
  }

  const std::vector<KvRange> everything_ = {{Table::kRecords, "", ""}, {Table::kIndex, "", ""}};
  std::string directory_;
  std::unique_ptr<Kv> kv_;
};

TEST_F(RocksScrubTest, WhatWasOverwrittenOrDeletedIsInNoFile) {
  Put(Table::kRecords, "a", kCanary);
  Put(Table::kIndex, std::string(kCanary) + "/a", "");
  Put(Table::kOutbox, "b", "stays");
  Put(Table::kRecords, "a", "erased");
  Delete(Table::kIndex, std::string(kCanary) + "/a");
  ASSERT_THAT(FilesThatShow(path(), kCanary), Not(IsEmpty()));

  ASSERT_OK(kv_->Scrub(everything_, nullptr));

  EXPECT_THAT(Closed(), Not(HasSubstr(kCanary)));
  Open();
  EXPECT_THAT(*kv_->Get(Table::kRecords, "a"), ::testing::Optional(std::string("erased")));
  EXPECT_THAT(*kv_->Get(Table::kOutbox, "b"), ::testing::Optional(std::string("stays")));
}

// The list of files names each by its first and last key.
TEST_F(RocksScrubTest, WhatLayInTablesOfBeforeIsInNoFile) {
  Put(Table::kIndex, std::string(kCanary) + "/a", "");
  Put(Table::kRecords, "a", kCanary);
  for (const bool reopens : {false, true}) {
    if (reopens) {
      kv_.reset();
      Open();
    } else {
      ASSERT_OK(kv_->Scrub(everything_, nullptr));
    }
  }
  Delete(Table::kIndex, std::string(kCanary) + "/a");
  Delete(Table::kRecords, "a");

  ASSERT_OK(kv_->Scrub(everything_, nullptr));

  EXPECT_THAT(FilesThatShow(path(), kCanary), IsEmpty());
  EXPECT_THAT(Closed(), Not(HasSubstr(kCanary)));
}

TEST_F(RocksScrubTest, ASnapshotFromBeforeIsWaitedFor) {
  Put(Table::kRecords, "a", kCanary);
  std::unique_ptr<const KvReader> reader = kv_->Snapshot();
  Put(Table::kRecords, "a", "erased");
  EXPECT_THAT(kv_->Scrub(everything_, nullptr), StatusIs(absl::StatusCode::kDeadlineExceeded));
  reader = kv_->Snapshot();
  EXPECT_OK(kv_->Scrub(everything_, nullptr));
  reader.reset();
  EXPECT_THAT(Closed(), Not(HasSubstr(kCanary)));
}

// RocksDB would stop the store on the way.
TEST(RocksScrubSpaceTest, WhatFindsNoRoomForAnotherCopyIsNotBegun) {
  FaultEnv disk;
  ASSERT_OK_AND_ASSIGN(const auto kv, OpenRocksKv({.path = "/store",
                                                   .create_if_missing = true,
                                                   .min_free_bytes = uint64_t{16} << 20,
                                                   .env = disk.env()}));
  KvBatch batch;
  batch.Put(Table::kRecords, "a", kCanary);
  ASSERT_OK(kv->Write(batch, Durability::kSync));
  const std::vector<KvRange> records = {{Table::kRecords, "", ""}};
  disk.disk().SetFreeBytes(uint64_t{20} << 20);
  EXPECT_THAT(kv->Scrub(records, nullptr), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(kv->Write(batch, Durability::kSync)) << "it is room enough to write";
  disk.disk().SetFreeBytes(uint64_t{60} << 20);
  EXPECT_OK(kv->Scrub(records, nullptr));
}

// A server that stops does not wait for the rest of a partition: wherever it is, what is due is
// done by the next one.
TEST(RocksScrubCancelTest, OneThatIsCancelledWhileItWritesFilesIsDoneByTheNext) {
  int cancelled = 0;
  for (int nth = 1;; ++nth) {
    FaultEnv disk;
    ASSERT_OK_AND_ASSIGN(
        const auto kv,
        OpenRocksKv({.path = "/store", .create_if_missing = true, .env = disk.env()}));
    for (const absl::string_view value : {kCanary, "stays"}) {
      KvBatch batch;
      for (char key = 'a'; key <= 'z'; ++key)
        batch.Put(Table::kRecords, std::string(1, key), std::string(value));
      ASSERT_OK(kv->Write(batch, Durability::kSync));
    }
    std::atomic<bool> cancel{false};
    std::atomic<int> made{0};
    disk.disk().OnCreate([&](const std::string& path) {
      if (absl::EndsWith(path, ".sst") && ++made == nth) cancel = true;
    });
    const std::vector<KvRange> records = {{Table::kRecords, "", ""}};
    const absl::Status scrubbed = kv->Scrub(records, &cancel);
    disk.disk().OnCreate(nullptr);
    if (scrubbed.ok() && !cancel) break;
    ASSERT_TRUE(scrubbed.ok() || absl::IsCancelled(scrubbed)) << scrubbed;
    cancelled += scrubbed.ok() ? 0 : 1;
    cancel = false;
    ASSERT_OK(kv->Scrub(records, &cancel)) << nth;
    EXPECT_THAT(*kv->Get(Table::kRecords, "q"), ::testing::Optional(std::string("stays")));
    for (const auto& [path, content] : disk.disk().Save()) {
      EXPECT_THAT(content.value_or(""), Not(HasSubstr(kCanary))) << path;
    }
  }
  EXPECT_GT(cancelled, 1) << "before the partition is rewritten, and while it is";
}

TEST_F(RocksScrubTest, ACancelledOneLeavesTheStoreInUse) {
  Put(Table::kRecords, "a", "b");
  std::atomic<bool> cancel{true};
  EXPECT_THAT(kv_->Scrub(everything_, &cancel), StatusIs(absl::StatusCode::kCancelled));
  Put(Table::kRecords, "a", "c");
  cancel = false;
  EXPECT_OK(kv_->Scrub(everything_, &cancel));
}

}  // namespace
}  // namespace brigada
