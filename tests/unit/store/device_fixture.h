// What the tests of a device's store share: a store on a Kv that outlives it, and batches written
// by hand as a server would send them.
#ifndef TESTS_UNIT_STORE_DEVICE_FIXTURE_H_
#define TESTS_UNIT_STORE_DEVICE_FIXTURE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "brigada/v1/person.pb.h"
#include "brigada/v1/sync_service.pb.h"
#include "gtest/gtest.h"
#include "replica/merge/apply.h"
#include "replica/schema/diff.h"
#include "replica/store/authority_erase.h"
#include "replica/store/device_store.h"
#include "replica/store/memory_kv.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace brigada {

// The disk of a device: stores come and go on it. Counts what they do.
struct SharedDisk {
  std::unique_ptr<Kv> kv = NewMemoryKv();
  mutable std::atomic<int> record_gets{0};
  std::atomic<int> writes{0};
  std::atomic<int> syncs{0};
  std::atomic<bool> fails{false};
  // Unless negative: further writes that succeed.
  std::atomic<int> writes_left{-1};
  // Writes let other threads run first, as a slow disk does.
  std::atomic<bool> pauses{false};
  // Sees each write before it is made.
  std::function<void(const KvBatch&)> on_write;
};

class SharedKv final : public Kv {
 public:
  explicit SharedKv(SharedDisk* disk) : disk_(disk) {}
  absl::StatusOr<std::optional<std::string>> Get(Table table,
                                                 absl::string_view key) const override {
    if (table == Table::kRecords) ++disk_->record_gets;
    return disk_->kv->Get(table, key);
  }
  std::unique_ptr<KvIterator> Iterate(Table table, absl::string_view begin,
                                      absl::string_view end) const override {
    return disk_->kv->Iterate(table, begin, end);
  }
  absl::Status Write(const KvBatch& batch, Durability durability) override {
    if (disk_->fails || disk_->writes_left == 0) return absl::ResourceExhaustedError("disk full");
    if (disk_->writes_left > 0) --disk_->writes_left;
    for (int i = 0; disk_->pauses && i < 20; ++i) std::this_thread::yield();
    ++disk_->writes;
    if (disk_->on_write) disk_->on_write(batch);
    if (durability == Durability::kSync) ++disk_->syncs;
    return disk_->kv->Write(batch, durability);
  }
  std::unique_ptr<const KvReader> Snapshot() const override { return disk_->kv->Snapshot(); }
  absl::Status CopyTo(const std::string& path, const ContinueCopy& go_on) override {
    return disk_->kv->CopyTo(path, go_on);
  }
  absl::Status Scrub(absl::Span<const KvRange> ranges, std::atomic<bool>* cancel) override {
    return disk_->kv->Scrub(ranges, cancel);
  }
  uint64_t ApproximateBytes() const override { return disk_->kv->ApproximateBytes(); }

 private:
  SharedDisk* const disk_;
};

inline const RecordType& TypeNamed(absl::string_view name) {
  const RecordType* type = Registry::BuiltIn().FindByName(name);
  EXPECT_NE(type, nullptr);
  return *type;
}

inline v1::Person PersonNamed(absl::string_view given_names, absl::string_view notes = "") {
  v1::Person person;
  if (!given_names.empty()) person.mutable_name()->set_given_names(std::string(given_names));
  person.set_notes(std::string(notes));
  return person;
}

inline v1::Change Creation(const RecordId& id, absl::string_view scope,
                           const google::protobuf::Message& message,
                           absl::string_view type = "Person") {
  return *CreateChange(TypeNamed(type), id, *Scope::Parse(scope), message);
}

inline v1::Change Edit(const RecordId& id, const google::protobuf::Message& before,
                       const google::protobuf::Message& after, absl::string_view type = "Person") {
  v1::Change change = *DiffMessages(TypeNamed(type), before, after);
  change.set_type_id(TypeNamed(type).type_id());
  change.set_record_id(id.AsBytes());
  return change;
}

inline v1::Change Deletion(const RecordId& id) {
  v1::Change change;
  change.set_type_id(TypeNamed("Person").type_id());
  change.set_record_id(id.AsBytes());
  change.set_kind(v1::Change::DELETE);
  return change;
}

// A record as the server has it, written by another device.
class ServerRecord {
 public:
  void Write(const v1::Change& change, uint64_t sequence) {
    WriteRef write;
    write.stamp = Hlc{(uint64_t{1'767'000'000'000} << 16) + sequence};
    write.replica = *ReplicaId::Parse("000000000000000000000000000000ff");
    write.user = "otra";
    write.origin_sequence = sequence;
    write.sequence = sequence;
    Write(change, write);
  }
  void Write(const v1::Change& change, const WriteRef& write) {
    type_id_ = change.type_id();
    record_id_ = change.record_id();
    ASSERT_OK(OverlayChange(Registry::BuiltIn().Find(change.type_id()), change, write, nullptr,
                            &record_));
  }
  // What changed after `complete`; everything when `whole`.
  v1::Entry EntryAfter(uint64_t complete, bool whole) const {
    v1::Entry entry;
    entry.set_type_id(type_id_);
    entry.set_record_id(record_id_);
    entry.set_scope(record_.scope());
    entry.set_sequence(record_.sequence);
    entry.set_whole(whole);
    *entry.mutable_state() = EncodeRecord(whole ? record_ : RecordDelta(record_, complete));
    return entry;
  }

 private:
  Record record_;
  uint32_t type_id_ = 0;
  std::string record_id_;
};

// What the server says of a person of Oaxaca de Juárez that it has erased at `sequence`.
inline v1::Entry ErasedEntry(const RecordId& id, uint64_t sequence) {
  WriteRef write;
  write.stamp = Hlc{(uint64_t{1'767'400'000'000} << 16) + sequence};
  write.sequence = sequence;
  Record record;
  MakeErased(write, "MX/20/067", &record);
  v1::Entry entry;
  entry.set_type_id(TypeNamed("Person").type_id());
  entry.set_record_id(id.AsBytes());
  entry.set_scope("MX/20/067");
  entry.set_sequence(sequence);
  entry.set_whole(true);
  *entry.mutable_state() = EncodeRecord(record);
  return entry;
}

inline v1::Feed BelowFeed(absl::string_view scope) {
  v1::Feed feed;
  feed.set_scope(std::string(scope));
  feed.set_kind(v1::BELOW);
  feed.set_max_class(v1::INCIDENT);
  return feed;
}

// A batch over (from, to] of one partition.
struct BatchMaker {
  v1::Batch batch;
  v1::BatchBody body;

  BatchMaker(absl::string_view partition, uint64_t from, uint64_t to, bool checkpoint = true) {
    batch.set_partition(std::string(partition));
    batch.set_from(from);
    batch.set_to(to);
    batch.set_checkpoint(checkpoint);
    v1::Cursor& cursor = *batch.mutable_cursor();
    cursor.set_partition(std::string(partition));
    cursor.set_epoch(std::string(16, 'e'));
    cursor.set_run(std::string(16, 'r'));
    cursor.set_scanned(to);
    cursor.set_complete(checkpoint ? to : 0);
    *cursor.add_feeds() = BelowFeed(partition);
  }
  BatchMaker& Verdict(uint64_t sequence, uint64_t commit_sequence,
                      v1::Outcome outcome = v1::APPLIED) {
    v1::Verdict& verdict = *body.add_verdicts();
    verdict.set_sequence(sequence);
    verdict.set_commit_sequence(commit_sequence);
    verdict.set_outcome(outcome);
    verdict.set_stamp((uint64_t{1'767'300'000'000} << 16) + commit_sequence);
    return *this;
  }
  BatchMaker& Entry(v1::Entry entry) {
    *body.add_entries() = std::move(entry);
    return *this;
  }
  BatchMaker& Departure(const RecordId& id, uint64_t sequence, absl::string_view to) {
    v1::Entry& entry = *body.add_entries();
    entry.set_type_id(TypeNamed("Person").type_id());
    entry.set_record_id(id.AsBytes());
    entry.set_sequence(sequence);
    entry.set_moved_to(std::string(to));
    return *this;
  }
  absl::StatusOr<BatchEffect> ApplyTo(DeviceStore* store) const {
    return store->ApplyBatch(batch, body);
  }
};

class DeviceStoreFixture : public ::testing::Test {
 protected:
  DeviceStoreFixture() { Reopen(); }

  void Reopen() {
    store.reset();
    auto opened =
        OpenDeviceStore(std::make_unique<SharedKv>(&disk), {&Registry::BuiltIn(), &clock, &random});
    ASSERT_OK(opened);
    store = *std::move(opened);
  }
  RecordId NewId() { return NewRecordId(clock.Now(), random); }
  absl::StatusOr<CommitReceipt> CommitOne(v1::Change change,
                                          Durability durability = Durability::kSync) {
    return store->Commit({std::move(change)}, durability);
  }
  // Registers a person in Oaxaca de Juárez.
  RecordId Register(absl::string_view given_names, absl::string_view notes = "") {
    const RecordId id = NewId();
    EXPECT_OK(CommitOne(Creation(id, "MX/20/067", PersonNamed(given_names, notes))));
    return id;
  }
  std::optional<RecordView> Get(const RecordId& id, absl::string_view type = "Person") {
    auto view = store->Read();
    EXPECT_OK(view);
    auto record = (*view)->Get(TypeNamed(type), id);
    EXPECT_OK(record);
    return record.ok() ? *record : std::nullopt;
  }
  std::optional<v1::Person> GetPerson(const RecordId& id) {
    const std::optional<RecordView> record = Get(id);
    if (!record) return std::nullopt;
    v1::Person person;
    EXPECT_TRUE(person.ParseFromString(record->message));
    return person;
  }
  std::string NotesOf(const RecordId& id) {
    const std::optional<v1::Person> person = GetPerson(id);
    return person ? person->notes() : "(absent)";
  }
  absl::Status SetNotes(const RecordId& id, absl::string_view notes) {
    const std::optional<v1::Person> before = GetPerson(id);
    v1::Person after = before.value_or(v1::Person());
    after.set_notes(std::string(notes));
    return CommitOne(Edit(id, before.value_or(v1::Person()), after)).status();
  }
  v1::ChangeSetHeader HeaderOf(uint64_t sequence, absl::string_view partition = "MX/20") {
    v1::ChangeSetHeader header;
    const auto page = store->ReadOutbox(partition, sequence, 1);
    EXPECT_OK(page);
    EXPECT_TRUE(page.ok() && !page->change_sets.empty() &&
                header.ParseFromString(page->change_sets[0].header()));
    EXPECT_EQ(header.sequence(), sequence);
    return header;
  }
  v1::ChangeSetBody BodyOf(uint64_t sequence, absl::string_view partition = "MX/20") {
    v1::ChangeSetBody body;
    const auto page = store->ReadOutbox(partition, sequence, 1);
    EXPECT_OK(page);
    EXPECT_TRUE(page.ok() && !page->change_sets.empty() &&
                body.ParseFromString(page->change_sets[0].body()));
    return body;
  }
  // The server did not accept the cursor of Oaxaca.
  void ResetCursor() {
    v1::Welcome welcome;
    *welcome.add_feeds() = BelowFeed("MX/20");
    welcome.add_resets()->set_partition("MX/20");
    ASSERT_OK(store->NoteWelcome(welcome));
  }
  StoreCounts Counts() { return *store->Counts(); }

 public:
  SharedDisk disk;
  FakeClock clock;
  SeededRandom random{7};
  std::unique_ptr<DeviceStore> store;
};

}  // namespace brigada

#endif  // TESTS_UNIT_STORE_DEVICE_FIXTURE_H_
