#include "server/scrub_job.h"

#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/base/log.h"
#include "replica/store/rocks_kv.h"
#include "tests/support/lent_kv.h"
#include "tests/support/store_bytes.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Indexes and StoreBytes have lower case.
constexpr char kCanary[] = "xochiquetzal";

// A store whose files can be scrubbed when the test says so.
class ScrubbedKv final : public LentKv {
 public:
  ScrubbedKv(std::shared_ptr<Kv> kv, const absl::Status* failure, int* tries)
      : LentKv(std::move(kv)), failure_(failure), tries_(tries) {}
  absl::Status Scrub(absl::Span<const KvRange> ranges, std::atomic<bool>* cancel) override {
    ++*tries_;
    return failure_->ok() ? LentKv::Scrub(ranges, cancel) : *failure_;
  }
  absl::Status CopyTo(const std::string& path, const ContinueCopy& go_on) override {
    return path.empty() ? absl::OkStatus() : LentKv::CopyTo(path, go_on);
  }

 private:
  const absl::Status* const failure_;
  int* const tries_;
};

class ScrubJobTest : public ::testing::Test {
 public:
  ~ScrubJobTest() override {
    store_.reset();
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

 protected:
  ScrubJobTest() { Open(NewMemoryKv()); }

  void Open(std::shared_ptr<Kv> kv) {
    AuthorityStoreOptions options;
    options.registry = &Registry::BuiltIn();
    options.random = &random_;
    options.now = now_;
    auto store = OpenAuthorityStore(std::make_unique<ScrubbedKv>(std::move(kv), &failure_, &tries_),
                                    options);
    ASSERT_OK(store);
    store_ = *std::move(store);
  }
  void OpenOnDisk() {
    std::string pattern = ::testing::TempDir() + "brigada_scrub_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    auto kv = OpenRocksKv({.path = directory_ + "/store", .create_if_missing = true});
    ASSERT_OK(kv);
    Open(*std::move(kv));
  }
  RecordId AddOne() {
    TestReplica ana(&random_, kOaxaca);
    const RecordId id = ana.NewId();
    EXPECT_OK(store_->CommitPushes(
        {ana.PushOf({Create(PersonType(), id, kJuarez, PersonNamed(kCanary))})}, judge_, now_));
    return id;
  }
  void Erase(const RecordId& id) {
    ASSERT_OK(store_->Erase(
        {.type_id = PersonType().type_id(), .id = id, .scope = kJuarez, .user = "a"}, now_));
  }
  void EraseOne() { Erase(AddOne()); }
  // How often the files are scrubbed, asked each second up to `end`.
  int TriesUntil(ScrubJob* job, absl::Duration end) {
    const int before = tries_;
    for (; clock_ <= end; clock_ += absl::Seconds(1)) job->RunWhenDue(clock_, nullptr);
    return tries_ - before;
  }

  SeededRandom random_{3};
  TestJudge judge_;
  absl::Time now_ = absl::FromUnixSeconds(1'767'225'600);
  absl::Duration clock_;
  absl::Status failure_;
  int tries_ = 0;
  std::string directory_;
  std::unique_ptr<AuthorityStore> store_;
};

TEST_F(ScrubJobTest, WhatWasErasedIsDueAtTheStartAndThenEveryFiveMinutes) {
  EraseOne();
  ScrubJob job(store_.get());
  EXPECT_EQ(TriesUntil(&job, absl::Seconds(1)), 1);
  EraseOne();
  EXPECT_EQ(TriesUntil(&job, kBetweenScrubs - absl::Seconds(1)), 0);
  EXPECT_EQ(TriesUntil(&job, kBetweenScrubs), 1);
}

// Who reads an older state is mostly done soon.
TEST_F(ScrubJobTest, WhatCannotBeDoneNowIsTriedSoonAndThenLessOften) {
  EraseOne();
  failure_ = absl::DeadlineExceededError("read");
  ScrubJob job(store_.get());
  EXPECT_EQ(TriesUntil(&job, absl::Seconds(29)), 2) << "at 0 and 10";
  EXPECT_EQ(TriesUntil(&job, absl::Seconds(69)), 1) << "at 30";
  EXPECT_EQ(TriesUntil(&job, absl::Minutes(65)), 14) << "at 70, 150, 310, then every five minutes";
  failure_ = absl::OkStatus();
  EXPECT_EQ(TriesUntil(&job, absl::Minutes(71)), 1) << "it is done";
}

TEST_F(ScrubJobTest, ABackupHoldsNothingThatWasErasedBefore) {
  OpenOnDisk();
  EraseOne();
  ASSERT_OK(BackupScrubbed(*store_, directory_ + "/copy", nullptr, nullptr));
  EXPECT_THAT(StoreBytes(directory_ + "/copy"), Not(HasSubstr(kCanary)));
}

TEST_F(ScrubJobTest, ABackupDuringWhichSomethingIsErasedIsMadeAnew) {
  OpenOnDisk();
  const RecordId id = AddOne();
  bool is_erased = false;
  const auto erase_once = [&](uint64_t) {
    if (!std::exchange(is_erased, true)) Erase(id);
    return true;
  };
  ASSERT_OK(BackupScrubbed(*store_, directory_ + "/copy", erase_once, nullptr));
  EXPECT_TRUE(is_erased);
  EXPECT_THAT(StoreBytes(directory_ + "/copy"), Not(HasSubstr(kCanary)));
}

TEST_F(ScrubJobTest, ABackupDuringWhichSomethingIsAlwaysErasedIsKeptAndSaysSo) {
  OpenOnDisk();
  std::string logged;
  SetLogSink([&](absl::string_view line) { absl::StrAppend(&logged, line); });
  const auto erase_more = [&](uint64_t) {
    EraseOne();
    return true;
  };
  const absl::Status made = BackupScrubbed(*store_, directory_ + "/copy", erase_more, nullptr);
  SetLogSink(nullptr);
  ASSERT_OK(made);
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/copy"));
  EXPECT_THAT(logged, HasSubstr("backup_holds_erased"));
}

TEST_F(ScrubJobTest, ABackupIsMadeAlsoWhenTheFilesCannotBeScrubbed) {
  EraseOne();
  failure_ = absl::ResourceExhaustedError("full");
  EXPECT_OK(BackupScrubbed(*store_, "", nullptr, nullptr));
  EXPECT_EQ(tries_, 1);
  failure_ = absl::DeadlineExceededError("read");
  EXPECT_OK(BackupScrubbed(*store_, "", nullptr, nullptr));
  EXPECT_GT(tries_, 10) << "who reads may be done in the meantime";
}

}  // namespace
}  // namespace brigada
