// The apply path: what one write batch holds of a record, its index, its counts and its feeds.
#include "replica/store/record_table.h"

#include <set>

#include "absl/strings/escaping.h"
#include "replica/merge/apply.h"
#include "replica/schema/index_value.h"
#include "replica/store/checked_cursor.h"
#include "replica/store/keys.h"
#include "replica/store/kv_read_view.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class RecordTableTest : public ::testing::Test {
 protected:
  RecordTableTest() { EXPECT_OK(table_.Load(*kv_)); }

  void Write(RecordBatch* records) {
    KvBatch batch;
    ASSERT_OK(records->Stage(&batch));
    ASSERT_OK(kv_->Write(batch, Durability::kSync));
    records->Committed();
  }

  WriteContext Context() {
    WriteContext context;
    context.write.sequence = ++sequence_;
    context.write.stamp = Hlc{sequence_};
    context.seen = sequence_;
    return context;
  }

  void Apply(const v1::Change& change, absl::string_view partition = kOaxaca) {
    RecordBatch records(&table_, kv_.get());
    ASSERT_OK_AND_ASSIGN(RecordSlot * slot, records.Open(partition, change.type_id(),
                                                         *RecordId::FromBytes(change.record_id())));
    ASSERT_OK_AND_ASSIGN(const ApplyResult result,
                         ApplyChange(slot->type, change, Context(), 0, &slot->state.base));
    ASSERT_THAT(result.refusals, SizeIs(0));
    slot->dirty = true;
    Write(&records);
  }

  RecordId CreatePerson(absl::string_view name, absl::string_view scope = kJuarez) {
    const RecordId id = NewRandomId<RecordId>(random_);
    Apply(Create(PersonType(), id, scope, PersonNamed(name)));
    return id;
  }

  std::vector<RecordId> Ids(std::unique_ptr<RecordCursor> cursor) {
    std::vector<RecordId> ids;
    while (true) {
      auto record = cursor->Next();
      EXPECT_OK(record);
      if (!record.ok() || !record->has_value()) return ids;
      ids.push_back((*record)->id);
    }
  }

  std::unique_ptr<ReadView> View() { return MakeKvReadView(&table_, kv_->Snapshot(), {}); }

  std::vector<RecordId> Find(absl::string_view token_prefix, absl::string_view within = "MX") {
    const std::string lower = EncodeIndexTokenPrefix(token_prefix);
    const auto view = View();
    return Ids(view->Lookup(PersonType(), {1, lower, PrefixEnd(lower)}, ScopeOf(within)));
  }

  size_t Keys(Table table) {
    auto it = kv_->Iterate(table, "", "");
    size_t count = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next()) ++count;
    return count;
  }

  std::unique_ptr<Kv> kv_ = NewMemoryKv();
  RecordTable table_{{.registry = &Registry::BuiltIn(), .keeps_feeds = false}};
  SeededRandom random_{1};
  uint64_t sequence_ = 0;
};

TEST_F(RecordTableTest, IndexFollowsTheVisibleValues) {
  const RecordId rosa = CreatePerson("Rosa María");
  const RecordId rosalia = CreatePerson("Rosalía", kTlacolula);
  EXPECT_THAT(Find("ros"), UnorderedElementsAre(rosa, rosalia));
  EXPECT_THAT(Find("rosa"), UnorderedElementsAre(rosa, rosalia));
  EXPECT_THAT(Find("maria"), ElementsAre(rosa));
  EXPECT_THAT(Find("ros", kTlacolula), ElementsAre(rosalia));
  Apply(Edit(PersonType(), rosa, PersonNamed("Eva")));
  EXPECT_THAT(Find("ros"), ElementsAre(rosalia));
  EXPECT_THAT(Find("eva"), ElementsAre(rosa));
}

TEST_F(RecordTableTest, RecordWithSeveralMatchingWordsIsFoundOnce) {
  const RecordId id = CreatePerson("Rosa Rosario");
  EXPECT_THAT(Find("ros"), ElementsAre(id));
}

TEST_F(RecordTableTest, PendingViewIsWhatIndexesAndReadsShow) {
  const RecordId id = CreatePerson("Rosa");
  {
    RecordBatch records(&table_, kv_.get());
    ASSERT_OK_AND_ASSIGN(RecordSlot * slot, records.Open(kOaxaca, 10, id));
    slot->state.view = slot->state.base;
    WriteRef pending;
    pending.stamp = Hlc{99};
    ASSERT_OK(OverlayChange(slot->type, Edit(PersonType(), id, PersonNamed("Eva")), pending,
                            nullptr, &*slot->state.view));
    slot->state.pending = {7};
    slot->dirty = true;
    Write(&records);
  }
  EXPECT_THAT(Find("rosa"), SizeIs(0));
  EXPECT_THAT(Find("eva"), ElementsAre(id));
  const auto view = View();
  ASSERT_OK_AND_ASSIGN(const auto record, view->Get(PersonType(), id));
  ASSERT_TRUE(record.has_value());
  EXPECT_TRUE(record->pending);
}

TEST_F(RecordTableTest, DeletionTakesIndexAndCountButKeepsTheTombstone) {
  const RecordId id = CreatePerson("Rosa");
  Apply(Deletion(PersonType(), id));
  EXPECT_EQ(Keys(Table::kIndex), 0u);
  EXPECT_EQ(Keys(Table::kRecords), 1u);
  EXPECT_THAT(View()->Count(PersonType()), IsOkAndHolds(0u));
}

TEST_F(RecordTableTest, RecordThatIsGoneLeavesNothing) {
  const RecordId id = CreatePerson("Rosa");
  RecordBatch records(&table_, kv_.get());
  ASSERT_OK_AND_ASSIGN(RecordSlot * slot, records.Find(10, id));
  ASSERT_NE(slot, nullptr);
  slot->state = RecordStorage();
  slot->dirty = true;
  Write(&records);
  EXPECT_EQ(Keys(Table::kIndex) + Keys(Table::kRecords), 0u);
  EXPECT_THAT(View()->Count(PersonType()), IsOkAndHolds(0u));
}

TEST_F(RecordTableTest, FindsARecordInWhateverPartitionItIs) {
  CreatePerson("Rosa");
  const RecordId id = NewRandomId<RecordId>(random_);
  Apply(Create(PersonType(), id, "MX/21/114", PersonNamed("Eva")), "MX/21");
  ASSERT_OK_AND_ASSIGN(const auto found, table_.Find(*kv_, 10, id));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->partition, "MX/21");
  EXPECT_THAT(table_.Partitions(), ElementsAre("MX/20", "MX/21"));
  EXPECT_THAT(Ids(View()->Scan(PersonType(), ScopeOf("MX/21"))), ElementsAre(id));
  EXPECT_THAT(Ids(View()->Scan(PersonType(), ScopeOf("MX"))), SizeIs(2));
}

TEST_F(RecordTableTest, ScanOfAMunicipalityDoesNotMeetItsNeighbours) {
  const RecordId id = CreatePerson("Rosa", "MX/20/067");
  CreatePerson("Eva", "MX/20/0671");
  const RecordId below = CreatePerson("Ana", "MX/20/067/0001");
  EXPECT_THAT(Ids(View()->Scan(PersonType(), ScopeOf("MX/20/067"))),
              UnorderedElementsAre(id, below));
}

// One Next that finds nothing may go over everything.
TEST_F(RecordTableTest, CheckStopsACursorThatPassesOverEntries) {
  for (int i = 0; i < 300; ++i) CreatePerson("Rosa", "MX/20/184");
  const auto view = View();
  const std::string lower = EncodeIndexTokenPrefix("rosa");
  const auto cursor =
      view->Lookup(PersonType(), {1, lower, PrefixEnd(lower)}, ScopeOf("MX/20/067"));
  auto* const checked = dynamic_cast<CheckedCursor*>(cursor.get());
  ASSERT_NE(checked, nullptr);
  int checks = 0;
  checked->set_check([&] {
    ++checks;
    return absl::DeadlineExceededError("late");
  });
  EXPECT_THAT(cursor->Next(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(checks, 1);
}

TEST_F(RecordTableTest, BatchWithoutCommittedLeavesTheTableAsItWas) {
  const RecordId id = NewRandomId<RecordId>(random_);
  {
    RecordBatch records(&table_, kv_.get());
    ASSERT_OK_AND_ASSIGN(RecordSlot * slot, records.Open(kOaxaca, 10, id));
    ASSERT_OK(ApplyChange(slot->type, Create(PersonType(), id, kJuarez, PersonNamed("Rosa")),
                          Context(), 0, &slot->state.base));
    slot->dirty = true;
    KvBatch batch;
    ASSERT_OK(records.Stage(&batch));
  }
  EXPECT_THAT(table_.Partitions(), SizeIs(0));
  CreatePerson("Eva");
  EXPECT_THAT(View()->Count(PersonType()), IsOkAndHolds(1u));
}

TEST_F(RecordTableTest, CountsAndPartitionsSurviveALoad) {
  CreatePerson("Rosa");
  RecordTable again({.registry = &Registry::BuiltIn()});
  ASSERT_OK(again.Load(*kv_));
  EXPECT_THAT(again.Partitions(), ElementsAre(kOaxaca));
}

TEST_F(RecordTableTest, DamagedRecordIsNamedAndTheScanGoesOn) {
  const RecordId bad = CreatePerson("Rosa");
  const RecordId good = CreatePerson("Eva");
  KvBatch damage;
  damage.Put(Table::kRecords, RecordKey(kOaxaca, 10, bad), "\xff\xff");
  ASSERT_OK(kv_->Write(damage, Durability::kSync));
  const auto view = View();
  const auto cursor = view->Scan(PersonType(), ScopeOf("MX"));
  std::set<RecordId> seen;
  int damaged = 0;
  for (int i = 0; i < 2; ++i) {
    const auto record = cursor->Next();
    if (record.ok()) {
      seen.insert((*record)->id);
      continue;
    }
    ++damaged;
    EXPECT_THAT(record,
                StatusIs(absl::StatusCode::kDataLoss, ::testing::HasSubstr(bad.ToString())));
  }
  EXPECT_EQ(damaged, 1);
  EXPECT_THAT(seen, ElementsAre(good));
}

TEST_F(RecordTableTest, RecordKeysParseBack) {
  const RecordId id = NewRandomId<RecordId>(random_);
  const std::string key = RecordKey(kOaxaca, 10, id);
  RecordKeyParts parts;
  ASSERT_TRUE(ParseRecordKey(key, &parts));
  EXPECT_EQ(parts.partition, kOaxaca);
  EXPECT_EQ(parts.type_id, 10u);
  EXPECT_EQ(parts.id, id);
  EXPECT_FALSE(ParseRecordKey(key.substr(1, 3), &parts));
  EXPECT_FALSE(ParseRecordKey(absl::string_view(key).substr(0, key.size() - 1), &parts));
}

// The worked example of docs/on-disk-format.md.
TEST(KeysTest, AreTheBytesTheFormatSays) {
  const RecordId id = *RecordId::Parse("0190a5b2-7c00-7abc-8def-001122334455");
  const std::string person = absl::HexStringToBytes("0190a5b27c007abc8def001122334455");
  EXPECT_EQ(RecordKey(kOaxaca, 10, id), absl::HexStringToBytes("4d582f323000000000000a") + person);
  EXPECT_EQ(IndexKey(kOaxaca, 10, 1, EncodeIndexToken("rosa"), id),
            absl::HexStringToBytes("4d582f323000000000000a0000000174726f73610001") + person);
  EXPECT_EQ(FeedKey(kOaxaca, kJuarez, v1::BELOW, 258, 10, id),
            absl::HexStringToBytes("4d582f3230004d582f32302f303637000200000000000001020000000a") +
                person);
  const ReplicaId replica = *ReplicaId::Parse("c0ffee00000000000000000000000001");
  EXPECT_EQ(
      VerdictKey(kOaxaca, replica, 7),
      absl::HexStringToBytes("4d582f32300073c0ffee000000000000000000000000010000000000000007"));
}

TEST_F(RecordTableTest, LiveRecordIsFoundBehindATombstoneInAnotherPartition) {
  const RecordId id = NewRandomId<RecordId>(random_);
  Apply(Create(PersonType(), id, kJuarez, PersonNamed("Rosa")), kOaxaca);
  Apply(Deletion(PersonType(), id), kOaxaca);
  Apply(Create(PersonType(), id, "MX/21/114", PersonNamed("Rosa")), "MX/21");

  ASSERT_OK_AND_ASSIGN(const auto found, table_.Find(*kv_, PersonType().type_id(), id));
  RecordBatch records(&table_, kv_.get());
  ASSERT_OK_AND_ASSIGN(RecordSlot * slot, records.Find(PersonType().type_id(), id));

  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->partition, "MX/21");
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(slot->partition, "MX/21");
  Apply(Deletion(PersonType(), id), "MX/21");
  ASSERT_OK_AND_ASSIGN(const auto tombstone, table_.Find(*kv_, PersonType().type_id(), id));
  EXPECT_TRUE(tombstone.has_value());
}

}  // namespace
}  // namespace brigada
