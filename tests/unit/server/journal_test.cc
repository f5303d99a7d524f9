#include "server/journal.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "brigada/v1/administration_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/base/random.h"
#include "server/backups.h"
#include "tests/support/fake_clock.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/memory_store.h"

namespace brigada {
namespace {

class JournalTest : public ::testing::Test {
 protected:
  std::unique_ptr<Journal> Open() {
    auto journal = Journal::Open(path_, &clock_);
    EXPECT_OK(journal);
    return journal.ok() ? *std::move(journal) : nullptr;
  }

  void Note(const std::string& key, const std::string& value) {
    const DirectoryWrite write{DirectoryKind::kUser, key, value, std::nullopt};
    EXPECT_OK(Open()->NoteDirectory({&write, 1}, ++writes_));
  }

  ScratchDirectory scratch_;
  const std::string path_ = scratch_ / "journal";
  FakeClock clock_;
  uint64_t writes_ = 0;
};

TEST_F(JournalTest, WhatWasNotedIsThereWhenItIsOpenedAgain) {
  Note("ana", "one");
  Note("ana", "two");
  const auto journal = Open();
  ASSERT_EQ(journal->records().size(), 2u);
  EXPECT_EQ(journal->records()[1].value(), "two");
}

TEST_F(JournalTest, ATornLastRecordIsCutOffAndTheNextOneFollows) {
  Note("ana", "one");
  const auto whole = std::filesystem::file_size(path_);
  for (uintmax_t cut = 1; cut < whole; cut += 7) {
    Note("beto", "torn");
    std::filesystem::resize_file(path_, whole + cut);
    EXPECT_EQ(Open()->records().size(), 1u);
    EXPECT_EQ(std::filesystem::file_size(path_), whole);
  }
}

TEST_F(JournalTest, ADamagedRecordInTheMiddleIsRefused) {
  Note("ana", "one");
  const auto first = std::filesystem::file_size(path_);
  Note("beto", "two");
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(first) - 1);
  file.put('x');
  file.close();
  EXPECT_THAT(Journal::Open(path_, &clock_), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(JournalTest, NoFlippedBitLosesARecordWithoutAWord) {
  for (const char* name : {"ana", "beto", "carla"}) Note(name, "revoked");
  std::ifstream in(path_, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << flipped;
    EXPECT_THAT(Journal::Open(path_, &clock_), StatusIs(absl::StatusCode::kDataLoss)) << bit;
  }
}

TEST_F(JournalTest, AnAppendOfWhichOnlyZerosArrivedIsCutOff) {
  Note("ana", "one");
  const auto whole = std::filesystem::file_size(path_);
  for (const uintmax_t zeros : {1, 15, 16, 17, 500}) {
    std::filesystem::resize_file(path_, whole + zeros);
    EXPECT_EQ(Open()->records().size(), 1u);
    EXPECT_EQ(std::filesystem::file_size(path_), whole);
  }
}

// No file of this process may grow beyond `bytes` while it lives.
class SmallDisk {
 public:
  explicit SmallDisk(uint64_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_DFL);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  rlimit before_{};
};

TEST_F(JournalTest, WhatFoundNoRoomIsNotedOnceThereIsSome) {
  Note("ana", "one");
  const auto whole = std::filesystem::file_size(path_);
  const auto journal = Open();
  const DirectoryWrite revoked{DirectoryKind::kUser, "ana", "revoked", std::nullopt};
  {
    const SmallDisk disk(whole + 5);
    EXPECT_THAT(journal->NoteDirectory({&revoked, 1}, ++writes_),
                StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_EQ(std::filesystem::file_size(path_), whole);
    EXPECT_OK(journal->Mend());
    EXPECT_EQ(Open()->records().size(), 1u);
  }
  EXPECT_OK(journal->Mend());
  EXPECT_EQ(Open()->records().size(), 2u);
  EXPECT_EQ(Open()->records().back().value(), "revoked");
}

TEST_F(JournalTest, WhatFoundNoRoomGoesWithTheNextNote) {
  const auto journal = Open();
  const DirectoryWrite first{DirectoryKind::kUser, "ana", "one", std::nullopt};
  const DirectoryWrite second{DirectoryKind::kUser, "beto", "two", std::nullopt};
  {
    const SmallDisk disk(5);
    EXPECT_FALSE(journal->NoteDirectory({&first, 1}, 1).ok());
  }
  EXPECT_OK(journal->NoteDirectory({&second, 1}, 2));
  EXPECT_EQ(Open()->records().size(), 2u);
}

TEST_F(JournalTest, MoreThanIsKeptInMemoryWaitsForAnOpening) {
  const auto journal = Open();
  const DirectoryWrite large{DirectoryKind::kUser, "ana", std::string(5 << 20, 'x'), std::nullopt};
  {
    const SmallDisk disk(5);
    EXPECT_FALSE(journal->NoteDirectory({&large, 1}, 1).ok());
  }
  EXPECT_THAT(journal->Mend(), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(JournalTest, ReplayBringsADirectoryToTheLastValues) {
  SeededRandom random(1);
  const auto store = NewMemoryAuthorityStore(random);
  const DirectoryWrite old{DirectoryKind::kUser, "ana", "old", std::nullopt};
  const DirectoryWrite invited{DirectoryKind::kInvitation, "code", "open", std::nullopt};
  ASSERT_OK(store->WriteEntries({&old, 1}));
  ASSERT_OK(store->WriteEntries({&invited, 1}));
  const DirectoryWrite used{DirectoryKind::kInvitation, "code", std::nullopt, std::nullopt};
  ASSERT_OK(Open()->NoteDirectory({&used, 1}, 3));
  Note("ana", "revoked");
  ASSERT_OK(ReplayDirectory(Open()->records(), *store));
  EXPECT_THAT(store->GetEntry(DirectoryKind::kUser, "ana"),
              IsOkAndHolds(std::optional<std::string>("revoked")));
  EXPECT_THAT(store->GetEntry(DirectoryKind::kInvitation, "code"),
              IsOkAndHolds(std::optional<std::string>()));
}

TEST_F(JournalTest, WritesOfOneTimeAreReplayedInTheirOrderInTheStore) {
  SeededRandom random(1);
  const auto store = NewMemoryAuthorityStore(random);
  const DirectoryWrite earlier{DirectoryKind::kUser, "ana", "granted", std::nullopt};
  const DirectoryWrite later{DirectoryKind::kUser, "ana", "revoked", std::nullopt};
  ASSERT_OK(Open()->NoteDirectory({&later, 1}, 2));
  ASSERT_OK(Open()->NoteDirectory({&earlier, 1}, 1));
  ASSERT_OK(ReplayDirectory(Open()->records(), *store));
  EXPECT_THAT(store->GetEntry(DirectoryKind::kUser, "ana"),
              IsOkAndHolds(std::optional<std::string>("revoked")));
  EXPECT_EQ(LastDirectoryWrite(Open()->records()), 2u);
}

TEST_F(JournalTest, WhatACrashKeptFromItIsFound) {
  SeededRandom random(1);
  const auto store = NewMemoryAuthorityStore(random);
  const DirectoryWrite noted{DirectoryKind::kUser, "ana", "one", std::nullopt};
  const DirectoryWrite changed{DirectoryKind::kUser, "ana", "two", std::nullopt};
  const DirectoryWrite added{DirectoryKind::kUser, "beto", "one", std::nullopt};
  const DirectoryWrite gone{DirectoryKind::kInvitation, "code", "open", std::nullopt};
  ASSERT_OK(Open()->NoteDirectory({&noted, 1}, 1));
  ASSERT_OK(Open()->NoteDirectory({&gone, 1}, 2));
  ASSERT_OK(store->WriteEntries({&changed, 1}));
  ASSERT_OK(store->WriteEntries({&added, 1}));
  ASSERT_OK_AND_ASSIGN(const auto missing, NotNoted(Open()->records(), *store));
  ASSERT_EQ(missing.size(), 3u);
  EXPECT_EQ(missing[0].value, "two");
  EXPECT_EQ(missing[1].key, "beto");
  EXPECT_EQ(missing[2].key, "code");
  EXPECT_EQ(missing[2].value, std::nullopt);
  ASSERT_OK(Open()->NoteDirectory(missing, 2));
  ASSERT_OK_AND_ASSIGN(const auto none, NotNoted(Open()->records(), *store));
  EXPECT_TRUE(none.empty());
}

TEST_F(JournalTest, ABackupIsNotedForTheStoreThatIsRestoredFromIt) {
  SeededRandom random(1);
  const auto store = NewMemoryAuthorityStore(random);
  const DirectoryWrite backup{DirectoryKind::kBackup, "1", "heads", std::nullopt};
  ASSERT_OK(Open()->NoteDirectory({&backup, 1}, 1));
  ASSERT_OK(ReplayDirectory(Open()->records(), *store));
  EXPECT_THAT(store->GetEntry(DirectoryKind::kBackup, "1"),
              IsOkAndHolds(std::optional<std::string>("heads")));
}

TEST_F(JournalTest, TheOldestBackupStillKeptSaysWhatIsCovered) {
  SeededRandom random(1);
  const auto store = NewMemoryAuthorityStore(random);
  const auto make = [&](uint64_t head, absl::Time at, bool complete = true) {
    v1::BackupRecord backup = BackupBegun(*store, "b", at);
    (*backup.mutable_heads())["MX/20"] = head;
    backup.set_complete(complete);
    EXPECT_OK(NoteBackup(*store, backup, at));
  };
  const auto covered = [&](absl::Time at) {
    const auto heads = CoveredByBackups(*store, at);
    EXPECT_OK(heads);
    return heads->empty() ? 0 : heads->at(0).sequence();
  };
  const absl::Time start = clock_.Now();
  EXPECT_EQ(covered(start), 0u);
  make(10, start);
  make(20, start + absl::Hours(24 * 30));
  EXPECT_EQ(covered(start + absl::Hours(24 * 30)), 10u);
  const absl::Time later = start + absl::Hours(24 * 30);
  for (uint64_t i = 1; i <= 6; ++i) make(20 + i, later + absl::Hours(i));
  EXPECT_EQ(covered(start + absl::Hours(24 * 34)), 10u);
  EXPECT_EQ(covered(start + absl::Hours(24 * 36)), 20u);
  // One that began and may never be whole lets nothing go.
  make(30, start + absl::Hours(24 * 400), /*complete=*/false);
  EXPECT_EQ(covered(start + absl::Hours(24 * 400)), 20u);
  make(40, start + absl::Hours(24 * 401));
  EXPECT_EQ(covered(start + absl::Hours(24 * 401)), 21u);
}

// Of seven others fewer are made in a wrong hour than in the time that a backup is kept.
TEST_F(JournalTest, AClockThatIsAheadLetsNoBackupGo) {
  SeededRandom random(1);
  const auto store = NewMemoryAuthorityStore(random);
  const absl::Time start = clock_.Now();
  const absl::Time ahead = start + absl::Hours(24 * 365 * 30);
  const auto make = [&](uint64_t head, absl::Time at) {
    v1::BackupRecord backup = BackupBegun(*store, "b", at);
    (*backup.mutable_heads())["MX/20"] = head;
    backup.set_complete(true);
    ASSERT_OK(NoteBackup(*store, backup, at));
  };
  for (uint64_t i = 0; i < 6; ++i) make(10 + i, start + absl::Hours(24 * i));
  make(20, ahead);

  for (const absl::Time asked : {start + absl::Hours(24 * 6), ahead}) {
    ASSERT_OK_AND_ASSIGN(const auto covered, CoveredByBackups(*store, asked));
    ASSERT_EQ(covered.size(), 1u);
    EXPECT_EQ(covered[0].sequence(), 10u);
  }
}

TEST_F(JournalTest, ABackupThatIsNotWholeCoversNothing) {
  SeededRandom random(1);
  const auto store = NewMemoryAuthorityStore(random);
  v1::BackupRecord backup = BackupBegun(*store, "b", clock_.Now());
  (*backup.mutable_heads())["MX/20"] = 10;
  ASSERT_OK(NoteBackup(*store, backup, clock_.Now()));
  EXPECT_THAT(CoveredByBackups(*store, clock_.Now()), IsOkAndHolds(testing::IsEmpty()));
}

TEST_F(JournalTest, WhenADeviceSyncedLastIsTheStoresOwnAfterAReplay) {
  SeededRandom random(1);
  const auto store = NewMemoryAuthorityStore(random);
  v1::DeviceRecord enrolled;
  enrolled.set_user("ana");
  v1::DeviceRecord revoked = enrolled;
  revoked.set_revoked_ms(5);
  const DirectoryWrite news{DirectoryKind::kDevice, "d", revoked.SerializeAsString(), std::nullopt};
  ASSERT_OK(Open()->NoteDirectory({&news, 1}, 1));
  enrolled.set_last_sync_ms(77);
  const DirectoryWrite own{DirectoryKind::kDevice, "d", enrolled.SerializeAsString(), std::nullopt};
  ASSERT_OK(store->WriteEntries({&own, 1}));
  ASSERT_OK(ReplayDirectory(Open()->records(), *store));
  ASSERT_OK_AND_ASSIGN(const auto stored, store->GetEntry(DirectoryKind::kDevice, "d"));
  v1::DeviceRecord device;
  ASSERT_TRUE(stored.has_value() && device.ParseFromString(*stored));
  EXPECT_EQ(device.revoked_ms(), 5);
  EXPECT_EQ(device.last_sync_ms(), 77);
}

TEST_F(JournalTest, ABackupOfAClockThatWasSetBackCoversNoMoreThanTheOthersHold) {
  SeededRandom random(1);
  const auto store = NewMemoryAuthorityStore(random);
  const absl::Time start = clock_.Now();
  v1::BackupRecord first = BackupBegun(*store, "b", start);
  (*first.mutable_heads())["MX/20"] = 10;
  first.set_complete(true);
  ASSERT_OK(NoteBackup(*store, first, start));
  const absl::Time earlier = start - absl::Hours(1);
  v1::BackupRecord second = BackupBegun(*store, "c", earlier);
  (*second.mutable_heads())["MX/20"] = 20;
  second.set_complete(true);
  (*second.mutable_heads())["MX/09"] = 5;
  ASSERT_OK(NoteBackup(*store, second, earlier));

  ASSERT_OK_AND_ASSIGN(const auto covered, CoveredByBackups(*store, start));

  ASSERT_EQ(covered.size(), 1u) << "the first backup has nothing of MX/09";
  EXPECT_EQ(covered[0].sequence(), 10u);
}

}  // namespace
}  // namespace brigada
