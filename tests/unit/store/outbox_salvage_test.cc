// Goal: of two copies of an outbox each row is taken from the one in which its life has gone
// further, whichever of them is read first. Method: the tables of a device are copied at several
// moments and put together in both orders.
#include "replica/store/outbox_salvage.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "replica/store/memory_kv.h"
#include "replica/store/outbox_mirror.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class OutboxSalvageTest : public DeviceStoreFixture {
 protected:
  std::unique_ptr<Kv> Copy(const KvReader& from) {
    std::unique_ptr<Kv> copy = NewMemoryKv();
    EXPECT_OK(CopyMirroredTables(from, copy.get()));
    return copy;
  }
  static std::string Rows(const KvReader& reader) {
    std::string all;
    for (const Table table : {Table::kOutbox, Table::kRejected}) {
      const auto it = reader.Iterate(table, "", "");
      for (it->SeekToFirst(); it->Valid(); it->Next()) absl::StrAppend(&all, it->value(), "|");
    }
    return all;
  }
  // What is there once `other` was added to `first`, neither of which has every write.
  std::string Together(const KvReader& first, const KvReader& other) {
    const std::unique_ptr<Kv> both = Copy(first);
    EXPECT_OK(SalvageOutbox(other, /*is_later=*/false, both.get()));
    return Rows(*both);
  }
  void ExpectSecondIsTaken(const KvReader& first, const KvReader& second) {
    ASSERT_NE(Rows(first), Rows(second));
    EXPECT_EQ(Together(first, second), Rows(second));
    EXPECT_EQ(Together(second, first), Rows(second));
  }
  void RegisterBoth(const RecordId& one, const RecordId& other, absl::string_view name) {
    ASSERT_OK(store->Commit({Creation(one, "MX/20/067", PersonNamed("Luz")),
                             Creation(other, "MX/20/067", PersonNamed(name))},
                            Durability::kSync));
  }
};

// An unsent, a delivered and a refused change set, each about two people.
TEST_F(OutboxSalvageTest, WhatASecondErasureTookComesBackOutOfNeitherCopy) {
  std::vector<RecordId> first;
  std::vector<RecordId> second;
  for (const char* name : {"Xochiquetzal", "Citlalmina", "Quetzalli"}) {
    first.push_back(NewId());
    second.push_back(NewId());
    RegisterBoth(first.back(), second.back(), name);
  }
  ASSERT_OK(
      BatchMaker("MX/20", 0, 2).Verdict(1, 1).Verdict(2, 2, v1::REJECTED).ApplyTo(store.get()));
  const auto erase = [&](const std::vector<RecordId>& ids, uint64_t from) {
    BatchMaker batch("MX/20", from, from + 3);
    for (const RecordId& id : ids) batch.Entry(ErasedEntry(id, ++from));
    ASSERT_OK(batch.ApplyTo(store.get()));
  };
  erase(first, 2);
  const std::unique_ptr<Kv> before = Copy(*disk.kv);
  ASSERT_THAT(Rows(*before), HasSubstr("Xochiquetzal"));
  ASSERT_THAT(Rows(*before), HasSubstr("Citlalmina"));
  ASSERT_THAT(Rows(*before), HasSubstr("Quetzalli"));

  erase(second, 5);

  for (const char* name : {"Xochiquetzal", "Citlalmina", "Quetzalli"})
    ASSERT_THAT(Rows(*disk.kv), Not(HasSubstr(name)));
  ExpectSecondIsTaken(*before, *disk.kv);
}

TEST_F(OutboxSalvageTest, WhatGotItsVerdictIsTaken) {
  Register("Luz");
  const std::unique_ptr<Kv> before = Copy(*disk.kv);
  ASSERT_OK(BatchMaker("MX/20", 0, 1).Verdict(1, 1).ApplyTo(store.get()));
  ExpectSecondIsTaken(*before, *disk.kv);
}

TEST_F(OutboxSalvageTest, WhereNeitherSaysMoreTheLaterCopyIsTaken) {
  Register("Luz");
  ASSERT_OK(BatchMaker("MX/20", 0, 1).Verdict(1, 1).ApplyTo(store.get()));
  const std::unique_ptr<Kv> before = Copy(*disk.kv);
  ASSERT_OK(BatchMaker("MX/20", 1, 2).Verdict(1, 2).ApplyTo(store.get()));
  ASSERT_NE(Rows(*before), Rows(*disk.kv));
  const std::unique_ptr<Kv> both = Copy(*before);
  ASSERT_OK(SalvageOutbox(*disk.kv, /*is_later=*/true, both.get()));
  EXPECT_EQ(Rows(*both), Rows(*disk.kv));
}

}  // namespace
}  // namespace brigada
