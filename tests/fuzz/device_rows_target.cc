// A device's store of which rows are damaged, past the checksums of its files: it opens or says
// what is damaged, and so does whatever is asked of it; nothing ends the program.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "replica/base/check.h"
#include "replica/merge/record.h"
#include "replica/schema/diff.h"
#include "replica/store/authority_erase.h"
#include "replica/store/device_store.h"
#include "replica/store/memory_kv.h"
#include "replica/store/outbox_salvage.h"
#include "replica/store/record_ranges.h"
#include "replica/store/store_check.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/fuzz_world.h"
#include "tests/fuzz/row_world.h"
#include "tests/support/fake_clock.h"
#include "tests/support/lent_kv.h"
#include "tests/support/testing.pb.h"

namespace brigada {
namespace {

constexpr int kMaxPages = 64;

// What a server says of the record with this range key once it is erased.
v1::Entry ErasedEntry(absl::string_view key, uint64_t sequence) {
  WriteRef write;
  write.stamp = Hlc{(uint64_t{1'767'400'000'000} << 16) + sequence};
  write.sequence = sequence;
  Record record;
  MakeErased(write, "MX/20/067", &record);
  v1::Entry entry;
  entry.set_type_id(TypeOfRangeKey(key));
  entry.set_record_id(IdOfRangeKey(key).AsBytes());
  entry.set_scope("MX/20/067");
  entry.set_sequence(sequence);
  entry.set_whole(true);
  *entry.mutable_state() = EncodeRecord(record);
  return entry;
}

class DamagedDevice {
 public:
  explicit DamagedDevice(const fuzz::DeviceRowsScript& script)
      : is_damaged_(!script.damages().empty()), disk_(NewMemoryKv()) {
    CopyDisk(script.is_purging() ? TheRowWorld().purging : TheRowWorld().device, disk_);
    if (script.while_open()) Open();
    DamageRows(script.damages(), disk_.get());
  }

  void Live() {
    CHECK(CheckStore(*disk_, StoreKind::kDevice, FuzzRegistry()).ok() || !IsSameFormat());
    CHECK(SalvageOutbox(*disk_, /*is_later=*/true, NewMemoryKv().get()).ok());
    if (store_ == nullptr && !Open()) return;
    ReadAll();
    // Before refused work is tried again or discarded.
    for (const v1::Cursor& cursor : store_->Cursors()) SettlePartition(cursor);
    Work();
    Settle();
    Divide();
    store_.reset();
    if (Open()) ReadAll();
  }

 private:
  bool Open() {
    auto opened =
        OpenDeviceStore(std::make_unique<LentKv>(disk_), {&FuzzRegistry(), &clock_, &random_});
    if (!Answers(opened.status())) return false;
    store_ = *std::move(opened);
    return true;
  }
  bool IsSameFormat() const { return CheckFormat(*disk_, StoreKind::kDevice).value_or(false); }

  void ReadAll();
  void ReadOutbox(const std::string& partition);
  void Work();
  void Apply(const v1::Cursor& cursor, uint64_t from, const v1::BatchBody& body);
  void SettlePartition(const v1::Cursor& cursor);
  void Settle();
  void Divide();

  const bool is_damaged_;
  const std::shared_ptr<Kv> disk_;
  FakeClock clock_;
  SeededRandom random_{9};
  std::unique_ptr<DeviceStore> store_;
};

void DamagedDevice::ReadOutbox(const std::string& partition) {
  uint64_t from = 1;
  for (int pages = 0; pages < kMaxPages; ++pages) {
    const auto page = store_->ReadOutbox(partition, from, 4096);
    if (!Answers(page.status()) || page->end || page->change_sets.empty()) return;
    CHECK(page->last_sequence >= from);
    from = page->last_sequence + 1;
  }
}

void DamagedDevice::ReadAll() {
  ReadRecords(store_->Read(), [](const RecordType&, const RecordId&) {});
  for (const std::string& partition : store_->Partitions()) {
    store_->Head(partition);
    store_->IsAtCheckpoint(partition);
    ReadOutbox(partition);
    Answers(store_->CutRange(partition, "", "", 2, 16).status());
    Answers(store_->ListRange(partition, "", "", 64).status());
  }
  store_->Cursors();
  store_->LeftCursors();
  store_->LastWelcome();
  store_->PendingReceipt();
  store_->Repairs();
  Answers(store_->Rejected().status());
  Answers(store_->Counts().status());
  Answers(store_->UnsentChains().status());
  Answers(store_->GetSetting("server").status());
}

void DamagedDevice::Work() {
  testing::Sample sample;
  sample.set_title("new");
  const RecordType& type = *FuzzRegistry().FindByName("Sample");
  for (const RecordId& id :
       {NewRecordId(clock_.Now(), random_), NewRecordId(clock_.Now(), random_)}) {
    Answers(store_
                ->Commit({*CreateChange(type, id, *Scope::Parse("MX/20/067"), sample)},
                         Durability::kSync)
                .status());
  }
  Answers(store_->SetUser("ana"));
  Answers(store_->PutSetting("key", "value"));
  const auto rejected = store_->Rejected();
  for (const v1::RejectedChangeSet& refused :
       rejected.value_or(std::vector<v1::RejectedChangeSet>())) {
    v1::ChangeSetHeader header;
    if (!header.ParseFromString(refused.change_set().header())) continue;
    Answers(store_->Resubmit(header.partition(), header.sequence(), {}).status());
    Answers(store_->DiscardRejected(header.partition(), header.sequence()));
  }
  Answers(store_->ResubmitCovered().status());
}

void DamagedDevice::Apply(const v1::Cursor& cursor, uint64_t from, const v1::BatchBody& body) {
  v1::Batch batch;
  batch.set_partition(cursor.partition());
  batch.set_from(from);
  batch.set_to(from + 1);
  batch.set_checkpoint(true);
  *batch.mutable_cursor() = cursor;
  batch.mutable_cursor()->set_scanned(from + 1);
  batch.mutable_cursor()->set_complete(from + 1);
  CHECK(Answers(store_->ApplyBatch(batch, body).status()) || is_damaged_);
}

// The next change set gets its verdict, a record is erased and another one found to be too many.
void DamagedDevice::SettlePartition(const v1::Cursor& cursor) {
  const v1::OutboxHead head = store_->Head(cursor.partition());
  v1::BatchBody judged;
  if (head.sequence() > head.confirmed()) {
    v1::Verdict& verdict = *judged.add_verdicts();
    verdict.set_sequence(head.confirmed() + 1);
    verdict.set_commit_sequence(cursor.scanned() + 1);
    verdict.set_outcome(v1::APPLIED);
  }
  Apply(cursor, cursor.scanned(), judged);
  const auto listed = store_->ListRange(cursor.partition(), "", "", 2);
  v1::RepairBody repair;
  if (Answers(listed.status()) && !listed->items.empty()) {
    v1::BatchBody erases;
    *erases.add_entries() = ErasedEntry(listed->items[0].key(), cursor.scanned() + 2);
    Apply(cursor, cursor.scanned() + 1, erases);
    repair.add_gone(listed->items.back().key());
  }
  CHECK(Answers(store_->ApplyRepair(cursor.partition(), "", "", repair).status()) || is_damaged_);
  Answers(store_->EndRepair(cursor.partition(), {}));
  Answers(store_->RecomputeSums(cursor.partition()).status());
}

// What sessions do.
void DamagedDevice::Settle() {
  clock_.Advance(absl::Hours(25));
  Answers(store_->NoteRevocation(3));
  Answers(store_->NoteServerTime(clock_.Now()));
  Answers(store_->RecountWhenDue(nullptr).status());
  v1::Welcome welcome;
  welcome.set_epoch(std::string(16, 'w'));
  for (const v1::Feed& feed : FuzzFeeds()) *welcome.add_feeds() = feed;
  welcome.add_covered()->set_partition(kFuzzPartition);
  welcome.mutable_covered(0)->set_sequence(1000);
  Answers(store_->NoteWelcome(welcome));
  welcome.mutable_feeds()->RemoveLast();
  for (int again = 0; again < 2; ++again) Answers(store_->NoteWelcome(welcome));
  Answers(store_->RunPurge());
  Answers(store_->ScrubFiles(nullptr));
}

// The server went back, and finds a copy.
void DamagedDevice::Divide() {
  for (const std::string& partition : store_->Partitions()) {
    Answers(store_->ResumeAfterLoss(partition, 1));
    ReadOutbox(partition);
    Answers(store_->GiveUpCursor(partition));
  }
  v1::SharedWork shared;
  shared.set_partition(kFuzzPartition);
  shared.set_last(2);
  Answers(store_->BecomeReplica(FuzzReplica('D'), {shared}));
  ReadAll();
}

}  // namespace

void FuzzDeviceRows(absl::string_view input) {
  fuzz::DeviceRowsScript script;
  if (ParseScript(input, &script)) DamagedDevice(script).Live();
}

}  // namespace brigada
