// The store on disk as its user meets it: opening, refusals, copies.
#include <fcntl.h>
#include <rocksdb/db.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "replica/store/rocks_kv.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

class RocksKvTest : public ::testing::Test {
 public:
  RocksKvTest() {
    std::string pattern = ::testing::TempDir() + "brigada_kv_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    path_ = directory_ + "/store";
  }
  ~RocksKvTest() override { std::filesystem::remove_all(directory_); }

 protected:
  std::string directory_;
  std::string path_;
};

TEST_F(RocksKvTest, AMissingStoreIsNotFoundUnlessItMayBeCreated) {
  EXPECT_THAT(OpenRocksKv({.path = path_}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(path_)));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_OK(OpenRocksKv({.path = path_, .create_if_missing = true}));
  EXPECT_OK(OpenRocksKv({.path = path_}));
}

TEST_F(RocksKvTest, AMissingParentDirectoryIsAnErrorThatSaysSo) {
  EXPECT_THAT(OpenRocksKv({.path = directory_ + "/no/store", .create_if_missing = true}),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(RocksKvTest, ASecondOpeningIsRefusedWithTheDirectoryAndTheWayOut) {
  ASSERT_OK_AND_ASSIGN(const auto kv, OpenRocksKv({.path = path_, .create_if_missing = true}));
  const auto refused = StatusIs(absl::StatusCode::kUnavailable,
                                AllOf(HasSubstr(path_), HasSubstr("close that one")));
  EXPECT_THAT(OpenRocksKv({.path = path_}), refused);
}

TEST_F(RocksKvTest, AStoreOpenInAnotherProcessIsRefused) {
  ASSERT_OK(OpenRocksKv({.path = path_, .create_if_missing = true}));
  int ready[2];
  int finish[2];
  ASSERT_EQ(pipe(ready) + pipe(finish), 0);
  const pid_t child = fork();
  if (child == 0) {
    // Holds the lock as a process with the store open does; sanitizers allow a forked child no
    // threads, so it is not a store.
    struct flock whole = {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    char byte = fcntl(open((path_ + "/LOCK").c_str(), O_RDWR), F_SETLK, &whole) == 0 ? '1' : '0';
    const bool told = write(ready[1], &byte, 1) == 1 && read(finish[0], &byte, 1) == 1;
    _exit(told ? 0 : 1);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, '1');
  EXPECT_THAT(OpenRocksKv({.path = path_}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("another process")));
  EXPECT_EQ(write(finish[1], &byte, 1), 1);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_OK(OpenRocksKv({.path = path_}));
}

TEST_F(RocksKvTest, ADatabaseThatIsNoStoreOfOursIsRefusedUntouched) {
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(options, path_, &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  rocksdb::ColumnFamilyHandle* table = nullptr;
  ASSERT_TRUE(db->CreateColumnFamily(options, "something_else", &table).ok());
  db->DestroyColumnFamilyHandle(table);
  ASSERT_TRUE(db->Close().ok());
  EXPECT_THAT(OpenRocksKv({.path = path_}), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(RocksKvTest, ADamagedPointerToTheDatabaseIsDataLoss) {
  ASSERT_OK(OpenRocksKv({.path = path_, .create_if_missing = true}));
  std::ofstream(path_ + "/CURRENT") << "no manifest\n";
  EXPECT_THAT(OpenRocksKv({.path = path_}), StatusIs(absl::StatusCode::kDataLoss));
  std::ofstream(path_ + "/CURRENT") << "MANIFEST-123456\n";
  EXPECT_THAT(OpenRocksKv({.path = path_}), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(RocksKvTest, NobodyElseGetsIntoAStoreOrACopyWhateverTheUmask) {
  const mode_t before = umask(0);
  std::filesystem::create_directory(path_);
  {
    ASSERT_OK_AND_ASSIGN(const auto kv, OpenRocksKv({.path = path_, .create_if_missing = true}));
    ASSERT_OK(kv->CopyTo(directory_ + "/copy", nullptr));
  }
  umask(before);
  const auto rights = [](const std::string& path) {
    return std::filesystem::status(path).permissions();
  };
  EXPECT_EQ(rights(path_), std::filesystem::perms::owner_all);
  EXPECT_EQ(rights(directory_ + "/copy"), std::filesystem::perms::owner_all);
  // One that was left open is closed when it is opened.
  std::filesystem::permissions(path_, std::filesystem::perms::all);
  ASSERT_OK(OpenRocksKv({.path = path_}));
  EXPECT_EQ(rights(path_), std::filesystem::perms::owner_all);
}

TEST_F(RocksKvTest, ACopyIsAStoreOfItsOwn) {
  ASSERT_OK_AND_ASSIGN(const auto kv, OpenRocksKv({.path = path_, .create_if_missing = true}));
  KvBatch batch;
  batch.Put(Table::kRecords, "a", "1");
  ASSERT_OK(kv->Write(batch, Durability::kMemory));
  ASSERT_OK(kv->CopyTo(directory_ + "/copy", nullptr));
  KvBatch later;
  later.Put(Table::kRecords, "a", "2");
  ASSERT_OK(kv->Write(later, Durability::kSync));
  ASSERT_OK_AND_ASSIGN(const auto copy, OpenRocksKv({.path = directory_ + "/copy"}));
  EXPECT_THAT(copy->Get(Table::kRecords, "a"), IsOkAndHolds(Optional(Eq("1"))));
  EXPECT_OK(copy->Write(later, Durability::kSync));
}

TEST_F(RocksKvTest, NoLogOfTheEngineIsKept) {
  ASSERT_OK_AND_ASSIGN(const auto kv, OpenRocksKv({.path = path_, .create_if_missing = true}));
  EXPECT_FALSE(std::filesystem::exists(path_ + "/LOG"));
  EXPECT_GT(kv->ApproximateBytes(), 0u);
}

TEST_F(RocksKvTest, TheServerProfileReadsWhatTheDeviceProfileWrote) {
  {
    ASSERT_OK_AND_ASSIGN(const auto kv, OpenRocksKv({.path = path_, .create_if_missing = true}));
    KvBatch batch;
    batch.Put(Table::kRecords, "a", "1");
    ASSERT_OK(kv->Write(batch, Durability::kSync));
  }
  ASSERT_OK_AND_ASSIGN(const auto kv,
                       OpenRocksKv({.path = path_, .profile = RocksKvOptions::kServer}));
  EXPECT_THAT(kv->Get(Table::kRecords, "a"), IsOkAndHolds(Optional(Eq("1"))));
}

}  // namespace
}  // namespace brigada
