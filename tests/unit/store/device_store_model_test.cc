// Goal: whatever commits, batches, refusals, moves of the cursor and reopenings follow each other,
// the store shows what a small model of plain values says. Method: a random walk over two
// partitions beside the model, which knows nothing of records, stamps or batches of writes.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "replica/store/rocks_kv.h"
#include "replica/store/store_check.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

struct Values {
  std::string scope;
  std::string notes;
  std::string gender;
  std::set<std::string> languages;
};

// What one change set does to one record.
struct Op {
  enum Kind { kCreate, kNotes, kGender, kAddLanguage, kRemoveLanguage, kMove, kDelete } kind;
  RecordId id;
  std::string value;
};

using State = std::map<RecordId, Values>;

void Do(const Op& op, State* state) {
  if (op.kind == Op::kCreate) {
    (*state)[op.id] = Values{op.value, "", "", {}};
    return;
  }
  const auto found = state->find(op.id);
  if (found == state->end()) return;
  Values& values = found->second;
  switch (op.kind) {
    case Op::kNotes:
      values.notes = op.value;
      break;
    case Op::kGender:
      values.gender = op.value;
      break;
    case Op::kAddLanguage:
      values.languages.insert(op.value);
      break;
    case Op::kRemoveLanguage:
      values.languages.erase(op.value);
      break;
    case Op::kMove:
      values.scope = op.value;
      break;
    default:
      state->erase(found);
  }
}

struct ModelPartition {
  State base;
  std::deque<std::pair<uint64_t, std::vector<Op>>> pending;
  uint64_t sequence = 0;
  uint64_t scanned = 0;
  uint64_t complete = 0;

  State View() const {
    State view = base;
    for (const auto& [number, ops] : pending) {
      for (const Op& op : ops) Do(op, &view);
    }
    return view;
  }
};

class Walk {
 public:
  Walk(uint64_t seed, std::string path) : random_(seed), path_(std::move(path)) { Open(); }

  void Step() {
    const uint64_t dice = random_.Uniform(100);
    if (dice < 55) {
      CommitSome();
    } else if (dice < 88) {
      ApplySome();
    } else if (dice < 93) {
      Open();
    } else if (dice < 97) {
      DiscardOne();
    } else {
      RefuseNonsense();
    }
  }

  void CheckAll() {
    ASSERT_OK_AND_ASSIGN(const auto reader, store_->Read());
    uint64_t live = 0;
    uint64_t pending = 0;
    for (const auto& [name, part] : parts_) {
      const State view = part.View();
      live += view.size();
      pending += part.pending.size();
      for (const RecordId& id : ids_[name]) CheckRecord(*reader, view, id, part);
      CheckOutbox(name, part);
    }
    ASSERT_OK_AND_ASSIGN(const uint64_t count, reader->Count(person_));
    EXPECT_EQ(count, live);
    ASSERT_OK_AND_ASSIGN(const StoreCounts counts, store_->Counts());
    EXPECT_EQ(counts.pending, pending);
    EXPECT_EQ(counts.rejected, rejected_.size());
    ASSERT_OK_AND_ASSIGN(const auto rejected, store_->Rejected());
    EXPECT_EQ(rejected.size(), rejected_.size());
    CheckIndex(*reader);
    if (path_.empty()) CheckWhole();
  }

 private:
  void CheckWhole() {
    ASSERT_OK_AND_ASSIGN(const StoreFindings findings,
                         CheckStore(*disk_.kv, StoreKind::kDevice, Registry::BuiltIn()));
    EXPECT_EQ(findings.damages, 0u) << findings.shown[0].kind << " " << findings.shown[0].where;
  }

  void Open() {
    store_.reset();
    std::unique_ptr<Kv> kv;
    if (path_.empty()) {
      kv = std::make_unique<SharedKv>(&disk_);
    } else {
      RocksKvOptions options;
      options.path = path_;
      options.create_if_missing = true;
      ASSERT_OK_AND_ASSIGN(kv, OpenRocksKv(options));
    }
    ASSERT_OK_AND_ASSIGN(store_,
                         OpenDeviceStore(std::move(kv), {&Registry::BuiltIn(), &clock_, &random_}));
  }

  std::string RandomPartition() { return random_.Uniform(2) == 0 ? "MX/20" : "MX/21"; }
  std::string RandomScope(const std::string& partition) {
    return absl::StrCat(partition, "/00", 1 + random_.Uniform(3));
  }
  std::string RandomWord() { return std::string(3, static_cast<char>('a' + random_.Uniform(6))); }

  Op RandomEdit(const std::string& partition, const RecordId& id) {
    static constexpr Op::Kind kKinds[] = {Op::kNotes,          Op::kGender, Op::kAddLanguage,
                                          Op::kRemoveLanguage, Op::kMove,   Op::kDelete};
    const Op::Kind kind = kKinds[random_.Uniform(6)];
    return {kind, id, kind == Op::kMove ? RandomScope(partition) : RandomWord()};
  }

  v1::Change ChangeOf(const Op& op) {
    if (op.kind == Op::kCreate) return Creation(op.id, op.value, PersonNamed("Ana"));
    if (op.kind == Op::kDelete) return Deletion(op.id);
    v1::Person before;
    v1::Person after;
    if (op.kind == Op::kNotes) after.set_notes(op.value);
    if (op.kind == Op::kGender) after.set_gender(op.value);
    if (op.kind == Op::kAddLanguage) after.add_languages(op.value);
    if (op.kind == Op::kRemoveLanguage) before.add_languages(op.value);
    v1::Change change = Edit(op.id, before, after);
    if (op.kind == Op::kMove) change.set_scope(op.value);
    return change;
  }

  void CommitSome() {
    const std::string name = RandomPartition();
    ModelPartition& part = parts_[name];
    State view = part.View();
    std::vector<Op> ops;
    std::vector<v1::Change> changes;
    for (uint64_t n = 1 + random_.Uniform(3); n > 0; --n) {
      clock_.Advance(absl::Milliseconds(random_.Uniform(100)));
      Op op{Op::kCreate, NewRecordId(clock_.Now(), random_), RandomScope(name)};
      if (!view.empty() && random_.Uniform(3) != 0) {
        auto chosen = view.begin();
        std::advance(chosen, random_.Uniform(view.size()));
        op = RandomEdit(name, chosen->first);
      } else {
        ids_[name].insert(op.id);
      }
      Do(op, &view);
      changes.push_back(ChangeOf(op));
      ops.push_back(op);
    }
    const Durability durability = random_.Uniform(2) == 0 ? Durability::kSync : Durability::kMemory;
    ASSERT_OK_AND_ASSIGN(const CommitReceipt receipt,
                         store_->Commit(std::move(changes), durability));
    EXPECT_EQ(receipt.partition, name);
    EXPECT_EQ(receipt.sequence, ++part.sequence);
    part.pending.emplace_back(part.sequence, std::move(ops));
  }

  // A batch as some server might send it: verdicts of the first pending sets, then entries.
  void ApplySome() {
    const std::string name = RandomPartition();
    ModelPartition& part = parts_[name];
    const uint64_t from = part.scanned;
    uint64_t to = from;
    State base = part.base;
    const bool checkpoint = random_.Uniform(2) == 0;
    BatchMaker batch(name, from, from, checkpoint);
    const size_t verdicts = random_.Uniform(std::min<uint64_t>(part.pending.size(), 3) + 1);
    std::vector<uint64_t> refused;
    for (size_t i = 0; i < verdicts; ++i) {
      const auto& [number, ops] = part.pending[i];
      const bool is_refused = random_.Uniform(4) == 0;
      batch.Verdict(number, ++to, is_refused ? v1::REJECTED : v1::APPLIED);
      if (is_refused) {
        refused.push_back(number);
        continue;
      }
      for (const Op& op : ops) Do(op, &base);
    }
    for (uint64_t n = random_.Uniform(3); n > 0; --n) AddEntry(name, ++to, &base, &batch);
    batch.batch.set_to(to);
    batch.batch.mutable_cursor()->set_scanned(to);
    if (checkpoint) part.complete = to;
    batch.batch.mutable_cursor()->set_complete(part.complete);
    ASSERT_OK_AND_ASSIGN(const BatchEffect effect, batch.ApplyTo(store_.get()));
    EXPECT_EQ(effect.refused, refused.size());
    EXPECT_EQ(effect.applied + effect.refused, verdicts);
    part.scanned = to;
    part.base = std::move(base);
    part.pending.erase(part.pending.begin(), part.pending.begin() + static_cast<int64_t>(verdicts));
    for (const uint64_t number : refused) rejected_.insert({name, number});
  }

  // Somebody else wrote: a new record, a whole one instead of what was there, one field of it, or
  // its deletion.
  void AddEntry(const std::string& name, uint64_t sequence, State* base, BatchMaker* batch) {
    clock_.Advance(absl::Milliseconds(1));
    RecordId id = NewRecordId(clock_.Now(), random_);
    ServerRecord record;
    const auto write = [&](const Op& op, uint64_t at) {
      record.Write(ChangeOf(op), at);
      Do(op, base);
    };
    if (base->empty() || random_.Uniform(3) == 0) {
      ids_[name].insert(id);
      write({Op::kCreate, id, RandomScope(name)}, sequence);
      write({Op::kNotes, id, RandomWord()}, sequence);
      batch->Entry(record.EntryAfter(0, true));
      return;
    }
    auto chosen = base->begin();
    std::advance(chosen, random_.Uniform(base->size()));
    id = chosen->first;
    const std::optional<WriteRef> created = CreatorOf(id);
    const bool has_entry =
        std::any_of(batch->body.entries().begin(), batch->body.entries().end(),
                    [&](const v1::Entry& entry) { return entry.record_id() == id.bytes(); });
    if (!created || has_entry || random_.Uniform(2) == 0) {
      write({Op::kCreate, id, RandomScope(name)}, sequence);
      write(RandomEdit(name, id), sequence);
      batch->Entry(record.EntryAfter(0, true));
      return;
    }
    // Only what changed after the creation travels.
    record.Write(ChangeOf({Op::kCreate, id, chosen->second.scope}), *created);
    write({random_.Uniform(2) == 0 ? Op::kNotes : Op::kGender, id, RandomWord()}, sequence);
    batch->Entry(record.EntryAfter(created->sequence, false));
  }

  // Nullopt: not there to see, or its creation is pending.
  std::optional<WriteRef> CreatorOf(const RecordId& id) {
    const auto reader = store_->Read();
    if (!reader.ok()) return std::nullopt;
    const auto record = (*reader)->Get(person_, id);
    if (!record.ok() || !*record || (*record)->created.sequence == 0) return std::nullopt;
    return (*record)->created;
  }

  void DiscardOne() {
    if (rejected_.empty()) return;
    const auto first = *rejected_.begin();
    ASSERT_OK(store_->DiscardRejected(first.first, first.second));
    rejected_.erase(first);
  }

  void RefuseNonsense() {
    const std::string name = RandomPartition();
    EXPECT_FALSE(store_
                     ->Commit({ChangeOf({Op::kNotes, NewRecordId(clock_.Now(), random_), "x"})},
                              Durability::kSync)
                     .ok());
    EXPECT_FALSE(BatchMaker(name, parts_[name].scanned + 1, parts_[name].scanned + 2)
                     .ApplyTo(store_.get())
                     .ok());
    if (parts_[name].scanned == 0) return;
    EXPECT_OK(BatchMaker(name, 0, parts_[name].scanned).ApplyTo(store_.get())) << "a repeat";
  }

  void CheckRecord(const ReadView& reader, const State& view, const RecordId& id,
                   const ModelPartition& part) {
    ASSERT_OK_AND_ASSIGN(const std::optional<RecordView> record, reader.Get(person_, id));
    const auto expected = view.find(id);
    ASSERT_EQ(record.has_value(), expected != view.end()) << id.ToString();
    if (!record) return;
    v1::Person person;
    ASSERT_TRUE(person.ParseFromString(record->message));
    EXPECT_EQ(record->scope, expected->second.scope);
    EXPECT_EQ(person.notes(), expected->second.notes);
    EXPECT_EQ(person.gender(), expected->second.gender);
    EXPECT_EQ(std::set<std::string>(person.languages().begin(), person.languages().end()),
              expected->second.languages);
    const bool is_pending =
        std::any_of(part.pending.begin(), part.pending.end(), [&](const auto& set) {
          return std::any_of(set.second.begin(), set.second.end(),
                             [&](const Op& op) { return op.id == id; });
        });
    EXPECT_EQ(record->pending, is_pending);
    EXPECT_GE(record->seen, part.complete);
  }

  void CheckOutbox(const std::string& name, const ModelPartition& part) {
    std::vector<uint64_t> numbers;
    for (uint64_t from = store_->Head(name).confirmed() + 1;;) {
      ASSERT_OK_AND_ASSIGN(const OutboxPage page, store_->ReadOutbox(name, from, 300));
      for (const v1::ChangeSet& set : page.change_sets) {
        v1::ChangeSetHeader header;
        ASSERT_TRUE(header.ParseFromString(set.header()));
        numbers.push_back(header.sequence());
      }
      if (page.end) break;
      from = page.last_sequence + 1;
    }
    std::vector<uint64_t> expected;
    for (const auto& [number, ops] : part.pending) expected.push_back(number);
    EXPECT_EQ(numbers, expected);
    EXPECT_EQ(store_->Head(name).sequence(), part.sequence);
  }

  // The scope index follows the view.
  void CheckIndex(const ReadView& reader) {
    ASSERT_OK_AND_ASSIGN(const Scope nation, Scope::Parse("MX"));
    std::set<RecordId> scanned;
    const auto cursor = reader.Scan(person_, nation);
    while (true) {
      ASSERT_OK_AND_ASSIGN(const std::optional<RecordView> record, cursor->Next());
      if (!record) break;
      EXPECT_TRUE(scanned.insert(record->id).second);
    }
    std::set<RecordId> expected;
    for (const auto& [name, part] : parts_) {
      for (const auto& [id, values] : part.View()) expected.insert(id);
    }
    EXPECT_EQ(scanned, expected);
  }

  SharedDisk disk_;
  FakeClock clock_;
  SeededRandom random_;
  const std::string path_;  // empty: in memory
  const RecordType& person_ = TypeNamed("Person");
  std::unique_ptr<DeviceStore> store_;
  std::map<std::string, ModelPartition> parts_;
  std::map<std::string, std::set<RecordId>> ids_;
  std::set<std::pair<std::string, uint64_t>> rejected_;
};

TEST(DeviceStoreModelTest, RandomWalksInMemory) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Walk walk(seed, "");
    for (int step = 0; step < 120; ++step) {
      walk.Step();
      if (step % 4 == 0) walk.CheckAll();
      if (testing::Test::HasFailure()) FAIL() << "step " << step;
    }
    walk.CheckAll();
  }
}

TEST(DeviceStoreModelTest, RandomWalksOnDisk) {
  for (uint64_t seed = 1001; seed <= 1003; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    const std::string path = absl::StrCat(testing::TempDir(), "/device_walk_", getpid(), "_", seed);
    std::filesystem::remove_all(path);
    {
      Walk walk(seed, path);
      for (int step = 0; step < 100; ++step) {
        walk.Step();
        if (step % 10 == 0) walk.CheckAll();
        if (testing::Test::HasFailure()) FAIL() << "step " << step;
      }
      walk.CheckAll();
    }
    std::filesystem::remove_all(path);
  }
}

}  // namespace
}  // namespace brigada
