// Goal: a store that is whole passes; each kind of damage is found and named, on both ends.
#include "replica/store/store_check.h"

#include <filesystem>
#include <fstream>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"
#include "replica/store/rocks_kv.h"
#include "tests/support/scratch_directory.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;

auto Damage(StoreDamage::Kind kind, const std::string& where) {
  return AllOf(Field(&StoreDamage::kind, kind), Field(&StoreDamage::where, HasSubstr(where)));
}

class StoreCheckTest : public DeviceStoreFixture {
 protected:
  StoreCheckTest() {
    id_ = Register("Ana", "uno");
    Register("Eva");
    EXPECT_OK(SetNotes(id_, "dos"));
    BatchMaker batch("MX/20", 0, 9);
    EXPECT_OK(batch.Verdict(1, 8).Verdict(2, 9, v1::REJECTED).ApplyTo(store.get()));
    Register("Luz");
    EXPECT_OK(SetNotes(id_, "tres"));
    EXPECT_OK(CommitOne(Creation(NewId(), "MX/21/114", PersonNamed("Sol"))));
  }

  StoreFindings Check() {
    auto findings = CheckStore(*disk.kv, StoreKind::kDevice, Registry::BuiltIn());
    EXPECT_OK(findings);
    return findings.value_or(StoreFindings());
  }
  // The first entry of the table from `begin` on.
  std::pair<std::string, std::string> First(Table table, const std::string& begin = "") {
    const auto it = disk.kv->Iterate(table, begin, "");
    it->SeekToFirst();
    EXPECT_TRUE(it->Valid());
    return {std::string(it->key()), std::string(it->value())};
  }
  void Put(Table table, const std::string& key, const std::string& value) {
    KvBatch batch;
    batch.Put(table, key, value);
    ASSERT_OK(disk.kv->Write(batch, Durability::kSync));
  }
  void Remove(Table table, const std::string& key) {
    KvBatch batch;
    batch.Delete(table, key);
    ASSERT_OK(disk.kv->Write(batch, Durability::kSync));
  }

  RecordId id_;
};

TEST_F(StoreCheckTest, AWholeStorePasses) {
  const StoreFindings findings = Check();
  EXPECT_EQ(findings.damages, 0u) << (findings.shown.empty() ? "" : findings.shown[0].where);
  EXPECT_EQ(findings.records, 3u);
  EXPECT_EQ(findings.change_sets, 6u);
  EXPECT_GT(findings.index_entries, findings.records);
  EXPECT_GT(findings.bytes, 500u);
}

TEST_F(StoreCheckTest, AnIndexEntryThatIsMissingIsFound) {
  Remove(Table::kIndex, First(Table::kIndex).first);
  const StoreFindings findings = Check();
  EXPECT_EQ(findings.damages, 1u);
  EXPECT_THAT(findings.shown, Contains(Damage(StoreDamage::kIndex, "missing")));
}

TEST_F(StoreCheckTest, AnIndexEntryOfNobodyIsFound) {
  std::string key = First(Table::kIndex).first;
  key.back() = static_cast<char>(key.back() ^ 1);
  Put(Table::kIndex, key, "");
  EXPECT_THAT(Check().shown, Contains(Damage(StoreDamage::kIndex, "stray")));
}

TEST_F(StoreCheckTest, AStrayEntryDoesNotHideBehindAMissingOne) {
  std::string key = First(Table::kIndex).first;
  Remove(Table::kIndex, key);
  key.back() = static_cast<char>(key.back() ^ 1);
  Put(Table::kIndex, key, "");
  EXPECT_THAT(Check().shown, AllOf(Contains(Damage(StoreDamage::kIndex, "missing")),
                                   Contains(Damage(StoreDamage::kIndex, "stray"))));
}

TEST_F(StoreCheckTest, ARecordThatDoesNotParseIsNamedWithoutItsContent) {
  const auto [key, value] = First(Table::kRecords, RecordKey("MX/20", 10, id_));
  Put(Table::kRecords, key, value.substr(0, value.size() / 2));
  const StoreFindings findings = Check();
  EXPECT_THAT(findings.shown,
              Contains(Damage(StoreDamage::kMalformed, "MX/20 people " + id_.ToString())));
  for (const StoreDamage& damage : findings.shown) EXPECT_THAT(damage.where, Not(HasSubstr("Ana")));
}

TEST_F(StoreCheckTest, ARecordThatIsGoneShowsInIndexCountsAndSums) {
  Remove(Table::kRecords, RecordKey("MX/20", 10, id_));
  EXPECT_THAT(Check().shown, AllOf(Contains(Damage(StoreDamage::kIndex, "stray")),
                                   Contains(Damage(StoreDamage::kCount, "people")),
                                   Contains(Damage(StoreDamage::kSum, "MX/20/067 h"))));
}

TEST_F(StoreCheckTest, ACountIsCompared) {
  Put(Table::kMeta, CountKey(10), NumberValue(77));
  EXPECT_THAT(Check().shown, Contains(Damage(StoreDamage::kCount, "people")));
}

TEST_F(StoreCheckTest, ASumIsCompared) {
  const auto [key, value] = First(Table::kMeta, SumPrefix("MX/20"));
  std::string other = value;
  other.back() = static_cast<char>(other.back() ^ 1);
  Put(Table::kMeta, key, other);
  const StoreFindings findings = Check();
  EXPECT_EQ(findings.damages, 1u);
  EXPECT_THAT(findings.shown, Contains(Damage(StoreDamage::kSum, "MX/20")));
}

TEST_F(StoreCheckTest, AChangeSetThatIsGoneBreaksTheOutbox) {
  Remove(Table::kOutbox, ChangeSetKey("MX/20", 4));
  EXPECT_THAT(Check().shown,
              Contains(Damage(StoreDamage::kOutbox, "MX/20, change set 4: missing")));
}

TEST_F(StoreCheckTest, AChangeSetThatWasAlteredBreaksTheChain) {
  const auto [key, value] = First(Table::kOutbox, ChangeSetKey("MX/20", 4));
  v1::OutboxChangeSet set;
  ASSERT_TRUE(set.ParseFromString(value));
  set.mutable_change_set()->mutable_body()->back() ^= 1;
  Put(Table::kOutbox, key, set.SerializeAsString());
  const StoreFindings findings = Check();
  EXPECT_EQ(findings.damages, 1u);
  EXPECT_THAT(findings.shown, Contains(Damage(StoreDamage::kOutbox, "MX/20, change set 4: chain")));
}

TEST_F(StoreCheckTest, DamagesBeyondTheFirstAreCounted) {
  for (int i = 0; i < 80; ++i) Put(Table::kRecords, absl::StrCat("x", i), "y");
  const StoreFindings findings = Check();
  EXPECT_EQ(findings.damages, 80u);
  EXPECT_EQ(findings.shown.size(), kMaxShownDamages);
}

TEST_F(StoreCheckTest, TheStoreOfTheOtherEndIsRefused) {
  EXPECT_THAT(CheckStore(*disk.kv, StoreKind::kAuthority, Registry::BuiltIn()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(CheckStore(*NewMemoryKv(), StoreKind::kDevice, Registry::BuiltIn()),
              StatusIs(absl::StatusCode::kNotFound));
}

// A store on disk whose records lie in table files.
class StoreFilesTest : public ::testing::Test {
 protected:
  StoreFilesTest() {
    // What the first opening wrote to the log goes to files with the second.
    for (int i = 0; i < 2; ++i) {
      auto kv = OpenRocksKv({.path = path_, .create_if_missing = true});
      EXPECT_OK(kv);
      auto store = OpenDeviceStore(*std::move(kv), {&Registry::BuiltIn(), &clock_, &random_});
      EXPECT_OK(store);
      for (int n = 0; i == 0 && n < 200; ++n) {
        EXPECT_OK((*store)->Commit({Creation(NewRecordId(clock_.Now(), random_), "MX/20/067",
                                             PersonNamed(absl::StrCat("Persona ", n)))},
                                   Durability::kMemory));
      }
    }
  }

  absl::StatusOr<StoreFindings> Check() {
    return CheckStoreAt(path_, StoreKind::kDevice, Registry::BuiltIn());
  }
  static std::string Content(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::map<std::string, std::string> Files() {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      files[entry.path().filename()] = Content(entry.path());
    return files;
  }

  ScratchDirectory scratch_;
  const std::string path_ = scratch_ / "store";
  FakeClock clock_;
  SeededRandom random_{3};
};

TEST_F(StoreFilesTest, CheckingChangesNoFile) {
  const std::map<std::string, std::string> before = Files();
  ASSERT_OK_AND_ASSIGN(const StoreFindings findings, Check());
  EXPECT_EQ(findings.damages, 0u);
  EXPECT_EQ(findings.records, 200u);
  EXPECT_EQ(Files(), before);
}

TEST_F(StoreFilesTest, AFlippedByteIsFoundWhereverItIs) {
  int flipped = 0;
  for (const auto& [name, content] : Files()) {
    if (!absl::EndsWith(name, ".sst")) continue;
    // The last bytes are a footer with unused places.
    for (size_t at = 1; at + 200 < content.size(); at += content.size() / 7) {
      std::string damaged = content;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
      std::ofstream(path_ + "/" + name, std::ios::binary) << damaged;
      const absl::StatusOr<StoreFindings> findings = Check();
      EXPECT_TRUE(absl::IsDataLoss(findings.status()) || (findings.ok() && findings->damages > 0))
          << name << " at " << at << ": " << findings.status();
      ++flipped;
    }
    std::ofstream(path_ + "/" + name, std::ios::binary) << content;
  }
  EXPECT_GT(flipped, 20);
  ASSERT_OK_AND_ASSIGN(const StoreFindings healed, Check());
  EXPECT_EQ(healed.damages, 0u);
}

TEST_F(StoreFilesTest, AStoreInUseIsNotChecked) {
  const auto used = OpenRocksKv({.path = path_});
  ASSERT_OK(used);
  EXPECT_THAT(Check(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("another process")));
}

TEST_F(StoreFilesTest, AStoreOpenForReadingTakesNoWritesAndNoOtherProcess) {
  ASSERT_OK_AND_ASSIGN(const auto kv, OpenRocksKv({.path = path_, .read_only = true}));
  KvBatch batch;
  batch.Put(Table::kMeta, "x", "y");
  EXPECT_THAT(kv->Write(batch, Durability::kSync), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(OpenRocksKv({.path = path_}), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace brigada
