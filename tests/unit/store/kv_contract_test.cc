// Both stores against one contract: by example, and with random operations beside a std::map, the
// one on disk reopened now and then.
#include <stdlib.h>

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "replica/base/random.h"
#include "replica/store/kv.h"
#include "replica/store/memory_kv.h"
#include "replica/store/rocks_kv.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::Eq;
using ::testing::Optional;

enum class Kind { kMemory, kDisk };

class KvContractTest : public ::testing::TestWithParam<Kind> {
 public:
  KvContractTest() {
    std::string pattern = ::testing::TempDir() + "brigada_kv_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    Open();
  }
  ~KvContractTest() override {
    kv_.reset();
    std::filesystem::remove_all(directory_);
  }

 protected:
  // The store in memory stays as it is: it has nothing to reopen.
  void Open() {
    if (GetParam() == Kind::kMemory) {
      if (kv_ == nullptr) kv_ = NewMemoryKv();
      return;
    }
    kv_.reset();
    absl::StatusOr<std::unique_ptr<Kv>> opened =
        OpenRocksKv({.path = directory_ + "/store", .create_if_missing = true});
    ASSERT_OK(opened);
    kv_ = *std::move(opened);
  }

  void Put(Table table, std::string key, std::string value) {
    KvBatch batch;
    batch.Put(table, std::move(key), std::move(value));
    ASSERT_OK(kv_->Write(batch, Durability::kSync));
  }

  std::string directory_;
  std::unique_ptr<Kv> kv_;
};

INSTANTIATE_TEST_SUITE_P(Stores, KvContractTest, ::testing::Values(Kind::kMemory, Kind::kDisk),
                         [](const auto& param) {
                           return param.param == Kind::kMemory ? "Memory" : "Disk";
                         });

// The keys of the range, forward.
std::vector<std::string> KeysIn(const KvReader& reader, Table table, absl::string_view begin,
                                absl::string_view end) {
  std::vector<std::string> keys;
  const auto it = reader.Iterate(table, begin, end);
  for (it->SeekToFirst(); it->Valid(); it->Next()) keys.emplace_back(it->key());
  EXPECT_OK(it->status());
  return keys;
}

TEST_P(KvContractTest, ReadsWhatWasWritten) {
  Put(Table::kRecords, "k", "v");
  EXPECT_THAT(kv_->Get(Table::kRecords, "k"), IsOkAndHolds(Optional(Eq("v"))));
  EXPECT_THAT(kv_->Get(Table::kRecords, "other"), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(kv_->Get(Table::kOutbox, "k"), IsOkAndHolds(Eq(std::nullopt)));
}

TEST_P(KvContractTest, AppliesTheOperationsOfABatchInOrder) {
  KvBatch batch;
  batch.Put(Table::kMeta, "a", "1");
  batch.Delete(Table::kMeta, "a");
  batch.Put(Table::kMeta, "b", "1");
  batch.Put(Table::kMeta, "b", "2");
  ASSERT_OK(kv_->Write(batch, Durability::kMemory));
  EXPECT_THAT(kv_->Get(Table::kMeta, "a"), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(kv_->Get(Table::kMeta, "b"), IsOkAndHolds(Optional(Eq("2"))));
}

TEST_P(KvContractTest, EmptyKeysAndValuesAndEveryByteAreAllowed) {
  const std::string bytes("\0\xff\x80\n", 4);
  Put(Table::kIndex, "", bytes);
  Put(Table::kIndex, bytes, "");
  EXPECT_THAT(kv_->Get(Table::kIndex, ""), IsOkAndHolds(Optional(Eq(bytes))));
  EXPECT_THAT(kv_->Get(Table::kIndex, bytes), IsOkAndHolds(Optional(Eq(""))));
  EXPECT_THAT(KeysIn(*kv_, Table::kIndex, "", ""), ::testing::ElementsAre("", bytes));
}

TEST_P(KvContractTest, IteratesWithinItsBoundsBothWays) {
  for (const char* key : {"a", "b", "c", "d", "e"}) Put(Table::kFeeds, key, "v");
  const auto it = kv_->Iterate(Table::kFeeds, "b", "e");
  it->SeekToLast();
  ASSERT_TRUE(it->Valid());
  EXPECT_EQ(it->key(), "d");
  it->Prev();
  it->Prev();
  ASSERT_TRUE(it->Valid());
  EXPECT_EQ(it->key(), "b");
  it->Prev();
  EXPECT_FALSE(it->Valid());
  it->Seek("");
  ASSERT_TRUE(it->Valid());
  EXPECT_EQ(it->key(), "b");
  it->Seek("e");
  EXPECT_FALSE(it->Valid());
  EXPECT_OK(it->status());
}

TEST_P(KvContractTest, AnEmptyOrReversedRangeHoldsNothing) {
  Put(Table::kFeeds, "m", "v");
  EXPECT_TRUE(KeysIn(*kv_, Table::kFeeds, "m", "m").empty());
  EXPECT_TRUE(KeysIn(*kv_, Table::kFeeds, "z", "a").empty());
  const auto it = kv_->Iterate(Table::kFeeds, "z", "a");
  it->SeekToLast();
  EXPECT_FALSE(it->Valid());
  it->Seek("m");
  EXPECT_FALSE(it->Valid());
}

TEST_P(KvContractTest, AnIteratorSeesTheMomentItWasMade) {
  Put(Table::kRecords, "a", "1");
  const auto it = kv_->Iterate(Table::kRecords, "", "");
  Put(Table::kRecords, "a", "2");
  Put(Table::kRecords, "b", "2");
  it->SeekToFirst();
  ASSERT_TRUE(it->Valid());
  EXPECT_EQ(it->value(), "1");
  it->Next();
  EXPECT_FALSE(it->Valid());
}

TEST_P(KvContractTest, ASnapshotIsOneMomentOfAllTables) {
  Put(Table::kRecords, "a", "1");
  const auto snapshot = kv_->Snapshot();
  KvBatch batch;
  batch.Delete(Table::kRecords, "a");
  batch.Put(Table::kFeeds, "a", "2");
  ASSERT_OK(kv_->Write(batch, Durability::kMemory));
  EXPECT_THAT(snapshot->Get(Table::kRecords, "a"), IsOkAndHolds(Optional(Eq("1"))));
  EXPECT_THAT(snapshot->Get(Table::kFeeds, "a"), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_TRUE(KeysIn(*snapshot, Table::kFeeds, "", "").empty());
  EXPECT_TRUE(KeysIn(*kv_, Table::kRecords, "", "").empty());
}

TEST_P(KvContractTest, ManyWritersAtOnceAllArrive) {
  constexpr size_t kThreads = 4;
  constexpr size_t kWrites = 25;
  std::vector<std::thread> writers;
  writers.reserve(kThreads);
  for (size_t t = 0; t < kThreads; ++t) {
    writers.emplace_back([this, t] {
      for (size_t i = 0; i < kWrites; ++i) {
        KvBatch batch;
        batch.Put(Table::kOutbox, absl::StrCat(t, "/", i), "v");
        EXPECT_OK(kv_->Write(batch, i % 3 == 0 ? Durability::kSync : Durability::kMemory));
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  Open();
  EXPECT_EQ(KeysIn(*kv_, Table::kOutbox, "", "").size(), kThreads * kWrites);
}

TEST_P(KvContractTest, KeepsNothingOfItsOwnInTheTables) {
  Put(Table::kRecords, "a", "1");
  for (int i = 0; i < kTableCount; ++i) {
    const size_t expected = static_cast<Table>(i) == Table::kRecords ? 1 : 0;
    EXPECT_EQ(KeysIn(*kv_, static_cast<Table>(i), "", "").size(), expected);
  }
}

using Oracle = std::array<std::map<std::string, std::string>, kTableCount>;

// Few keys of mixed lengths, so that overwrites, deletes and prefixes are common.
std::string RandomKey(Random& random) {
  std::string key(random.Uniform(4), 'a');
  for (char& c : key) c = static_cast<char>("ab\xff"[random.Uniform(3)]);
  return key;
}

void RandomBatch(Random& random, KvBatch& batch, Oracle& oracle) {
  for (uint64_t n = random.Uniform(6); n > 0; --n) {
    const Table table = static_cast<Table>(random.Uniform(kTableCount));
    const std::string key = RandomKey(random);
    auto& rows = oracle[static_cast<size_t>(table)];
    if (random.Uniform(3) == 0) {
      batch.Delete(table, key);
      rows.erase(key);
    } else {
      const std::string value(random.Uniform(300), static_cast<char>(random.Uniform(256)));
      batch.Put(table, key, value);
      rows[key] = value;
    }
  }
}

void ExpectSameRange(const KvReader& reader, const Oracle& oracle, Random& random) {
  const Table table = static_cast<Table>(random.Uniform(kTableCount));
  const std::string begin = RandomKey(random);
  const std::string end = random.Uniform(3) == 0 ? "" : RandomKey(random);
  std::map<std::string, std::string> expected;
  for (const auto& [key, value] : oracle[static_cast<size_t>(table)]) {
    if (key >= begin && (end.empty() || key < end)) expected[key] = value;
  }
  std::map<std::string, std::string> forward;
  std::map<std::string, std::string> backward;
  const auto it = reader.Iterate(table, begin, end);
  for (it->SeekToFirst(); it->Valid(); it->Next()) forward.emplace(it->key(), it->value());
  for (it->SeekToLast(); it->Valid(); it->Prev()) backward.emplace(it->key(), it->value());
  ASSERT_OK(it->status());
  ASSERT_EQ(forward, expected);
  ASSERT_EQ(backward, expected);
  const std::string target = RandomKey(random);
  const auto first = expected.lower_bound(target);
  it->Seek(target);
  ASSERT_EQ(it->Valid(), first != expected.end());
  if (it->Valid()) {
    ASSERT_EQ(it->key(), first->first);
  }
}

TEST_P(KvContractTest, RandomHistoriesMatchAnOrderedMap) {
  SeededRandom random(20260107);
  Oracle oracle;
  Oracle at_snapshot;
  std::unique_ptr<const KvReader> snapshot;
  for (int step = 0; step < 3000; ++step) {
    KvBatch batch;
    RandomBatch(random, batch, oracle);
    ASSERT_OK(kv_->Write(batch, random.Uniform(20) == 0 ? Durability::kSync : Durability::kMemory));
    ExpectSameRange(*kv_, oracle, random);
    if (snapshot != nullptr) ExpectSameRange(*snapshot, at_snapshot, random);
    if (random.Uniform(40) == 0) {
      snapshot = kv_->Snapshot();
      at_snapshot = oracle;
    }
    if (random.Uniform(150) == 0) {
      snapshot.reset();
      Open();
    }
    if (HasFatalFailure()) FAIL() << "at step " << step;
  }
}

TEST(PrefixEndTest, IsTheFirstKeyAfterThePrefix) {
  EXPECT_EQ(PrefixEnd("ab"), "ac");
  EXPECT_EQ(PrefixEnd("a\xff\xff"), "b");
  EXPECT_EQ(PrefixEnd("\xff"), "");
  EXPECT_EQ(PrefixEnd(""), "");
}

}  // namespace
}  // namespace brigada
