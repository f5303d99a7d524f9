#include "tests/sim/sim_world.h"

#include <algorithm>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/conflict.pb.h"
#include "replica/base/check.h"
#include "replica/base/limits.h"
#include "replica/merge/record.h"
#include "replica/schema/diff.h"
#include "replica/schema/fragment.h"
#include "replica/store/memory_kv.h"
#include "replica/store/rocks_kv.h"
#include "replica/sync/codec.h"
#include "tests/support/testing.pb.h"

namespace brigada {
namespace {

constexpr char kPartition[] = "MX/20";
constexpr char kJuarez[] = "MX/20/067";
constexpr char kHuajuapan[] = "MX/20/039";
constexpr uint32_t kNotesField = 7;

// A Kv that outlives the store on it.
class LentKv final : public Kv {
 public:
  explicit LentKv(std::shared_ptr<Kv> kv) : kv_(std::move(kv)) {}
  absl::StatusOr<std::optional<std::string>> Get(Table table,
                                                 absl::string_view key) const override {
    return kv_->Get(table, key);
  }
  std::unique_ptr<KvIterator> Iterate(Table table, absl::string_view begin,
                                      absl::string_view end) const override {
    return kv_->Iterate(table, begin, end);
  }
  absl::Status Write(const KvBatch& batch, Durability durability) override {
    return kv_->Write(batch, durability);
  }
  std::unique_ptr<const KvReader> Snapshot() const override { return kv_->Snapshot(); }
  absl::Status CopyTo(const std::string& path,
                      const std::function<void(uint64_t)>& progress) override {
    return kv_->CopyTo(path, progress);
  }
  uint64_t ApproximateBytes() const override { return kv_->ApproximateBytes(); }

 private:
  const std::shared_ptr<Kv> kv_;
};

class SimJudge final : public Judge {
 public:
  void Examine(const ChangeInQuestion& question,
               std::vector<v1::Refusal>* refusals) const override {
    testing::Sample sample;
    if (!sample.ParseFromString(question.change.values()) || sample.title() != kUnwelcomeTitle)
      return;
    refusals->emplace_back().set_reason(v1::NOT_GRANTED);
    refusals->back().set_change(question.index);
  }
};

std::shared_ptr<Kv> NewDisk(const std::string& directory, const std::string& name) {
  if (directory.empty()) return NewMemoryKv();
  auto kv = OpenRocksKv({.path = absl::StrCat(directory, "/", name), .create_if_missing = true});
  CHECK(kv.ok());
  return *std::move(kv);
}

v1::Feed MakeFeed(const std::string& scope, v1::FeedKind kind, v1::DataClass max_class) {
  v1::Feed feed;
  feed.set_scope(scope);
  feed.set_kind(kind);
  feed.set_max_class(max_class);
  return feed;
}

bool Covers(const v1::Feed& feed, const std::string& scope) {
  if (scope == feed.scope()) return true;
  return feed.kind() == v1::BELOW && scope.rfind(feed.scope() + "/", 0) == 0;
}

// Every record of one type, as a reader sees it.
std::map<std::string, RecordView> RecordsOf(const absl::StatusOr<std::unique_ptr<ReadView>>& view,
                                            const RecordType& type) {
  CHECK(view.ok());
  std::map<std::string, RecordView> records;
  const auto cursor = (*view)->Scan(type, *Scope::Parse("MX"));
  while (true) {
    auto next = cursor->Next();
    CHECK(next.ok());
    if (!next->has_value()) return records;
    const std::string id = (*next)->id.AsBytes();
    records[id] = **std::move(next);
  }
}

std::string Describe(const RecordView& record) {
  return absl::StrCat(record.scope, " ", absl::CHexEscape(record.message), " by ",
                      record.updated.replica.ToString(), " at ", record.updated.sequence, " stamp ",
                      record.updated.stamp.value, " conflicts ", record.conflicts.size());
}

int64_t AmountIn(const v1::Change& change) {
  testing::Sample sample;
  return sample.ParseFromString(change.values()) ? sample.tally() : 0;
}

}  // namespace

const Registry& SimRegistry() {
  static const Registry* const registry = [] {
    const google::protobuf::Descriptor* const types[] = {testing::Sample::descriptor(),
                                                         v1::Conflict::descriptor()};
    auto built = Registry::Build(types);
    CHECK(built.ok());
    return (*std::move(built)).release();
  }();
  return *registry;
}

SimWorld::SimWorld(uint64_t seed, const std::string& directory)
    : random_(seed), judge_(std::make_unique<SimJudge>()) {
  server_disk_ = NewDisk(directory, "server");
  OpenServer();
  const v1::Feed ancestors = MakeFeed(kPartition, v1::HERE, v1::OPERATIONAL);
  // Two that read the same, so that what they hold can be compared byte by byte.
  for (uint8_t number : {uint8_t{1}, uint8_t{2}})
    devices_.push_back(MakeDevice(number, {MakeFeed(kJuarez, v1::BELOW, v1::PERSONAL), ancestors},
                                  {kJuarez}, directory));
  devices_.push_back(MakeDevice(3, {MakeFeed(kHuajuapan, v1::BELOW, v1::INCIDENT), ancestors},
                                {kHuajuapan}, directory));
  devices_.push_back(MakeDevice(4, {MakeFeed(kPartition, v1::BELOW, v1::INCIDENT)},
                                {kPartition, kJuarez, kHuajuapan}, directory));
}

SimWorld::~SimWorld() {
  for (SimDevice& device : devices_) device.link.reset();
}

SimDevice SimWorld::MakeDevice(uint8_t number, std::vector<v1::Feed> feeds,
                               std::vector<std::string> scopes, const std::string& directory) {
  SimDevice device;
  device.disk = NewDisk(directory, absl::StrCat("device", number));
  device.scopes = std::move(scopes);
  OpenDevice(&device);
  device.identity = {.replica = device.store->replica(),
                     .user = absl::StrCat("user", number),
                     .feeds = std::move(feeds),
                     .grants = {}};
  CHECK(device.store->SetUser(device.identity.user).ok());
  server_->SetPeer(device.identity);
  return device;
}

void SimWorld::OpenDevice(SimDevice* device) {
  device->store.reset();
  auto store = OpenDeviceStore(std::make_unique<LentKv>(device->disk),
                               {.registry = &SimRegistry(), .clock = &clock_, .random = &random_});
  CHECK(store.ok());
  device->store = *std::move(store);
}

void SimWorld::OpenServer() {
  authority_.reset();
  auto store = OpenAuthorityStore(
      std::make_unique<LentKv>(server_disk_),
      {.registry = &SimRegistry(), .random = &random_, .now = clock_.Now(), .restored = false});
  CHECK(store.ok());
  authority_ = *std::move(store);
  if (server_ == nullptr) {
    server_ = std::make_unique<TestServer>(authority_.get(), judge_.get(), &clock_);
  } else {
    server_->Restart(authority_.get());
  }
}

void SimWorld::Expect(bool holds, const std::string& what) {
  if (!holds && failures_.size() < 5) failures_.push_back(what);
}

void SimWorld::Run(int steps) {
  for (int i = 0; i < steps && failures_.empty(); ++i) Step();
  for (SimDevice& device : devices_) device.link.reset();
  // The second round brings what the others sent in the first.
  for (int round = 0; round < 2; ++round) {
    for (SimDevice& device : devices_) {
      clock_.Advance(absl::Seconds(1));
      Connect(&device, /*may_cut=*/false);
      const Loopback::End end = device.link->Run();
      Expect(end == Loopback::End::kFinished,
             absl::StrCat("a session with a working link did not finish: ",
                          device.link->device_status().ToString()));
      device.link.reset();
    }
  }
  if (failures_.empty()) CheckEnd();
}

void SimWorld::Step() {
  clock_.Advance(absl::Milliseconds(1 + random_.Uniform(5000)));
  SimDevice& device = devices_[random_.Uniform(devices_.size())];
  const uint64_t draw = random_.Uniform(100);
  if (draw < 30) {
    Commit(&device);
  } else if (draw < 31) {
    device.link.reset();
    OpenDevice(&device);
  } else if (draw < 32) {
    for (SimDevice& other : devices_) other.link.reset();
    OpenServer();
  } else if (draw < 33) {
    clock_.SetWall(clock_.Now() + absl::Hours(static_cast<int64_t>(random_.Uniform(200)) - 100));
  } else if (device.link == nullptr) {
    Connect(&device, /*may_cut=*/true);
  } else {
    for (uint64_t moves = 1 + random_.Uniform(12); moves > 0 && !device.link->is_over(); --moves)
      device.link->Step();
    if (!device.link->is_over()) return;
    Expect(device.link->device_status().ok(), device.link->device_status().ToString());
    device.link.reset();
  }
}

void SimWorld::Connect(SimDevice* device, bool may_cut) {
  LoopbackOptions options;
  options.device.live = may_cut && random_.Uniform(4) == 0;
  options.server.batch_target_bytes = 1 + random_.Uniform(600);
  if (may_cut) {
    options.random = &random_;
    if (random_.Uniform(2) == 0) options.cut_after_bytes = 1 + random_.Uniform(4000);
    options.drops_answers = random_.Uniform(10) == 0;
  }
  options.on_server_frame = [this, device](const v1::ServerFrame& frame) {
    CheckFrame(device, frame);
  };
  device->link = std::make_unique<Loopback>(server_.get(), device->store.get(), options);
}

void SimWorld::Commit(SimDevice* device) {
  absl::StatusOr<std::vector<v1::Change>> changes = DrawChanges(device);
  if (!changes.ok() || changes->empty()) return;
  const auto receipt = device->store->Commit(*changes, Durability::kSync);
  // Two changes of one set may contradict each other; then nothing was committed.
  if (!receipt.ok()) return;
  Expect(receipt->partition == kPartition, "a change set in another partition");
  device->committed[receipt->sequence] = *std::move(changes);
  if (device->link != nullptr) device->link->device().OnCommit();
}

absl::StatusOr<std::vector<v1::Change>> SimWorld::DrawChanges(SimDevice* device) {
  std::vector<v1::Change> changes;
  const auto records = RecordsOf(device->store->Read(), *SimRegistry().FindByName("Sample"));
  for (uint64_t n = 1 + random_.Uniform(2); n > 0; --n) {
    if (records.empty() || random_.Uniform(6) == 0) {
      testing::Sample sample;
      sample.set_title("new");
      sample.set_tally(static_cast<int64_t>(random_.Uniform(5)));
      const RecordId id = NewRecordId(clock_.Now(), random_);
      auto change = CreateChange(
          *SimRegistry().FindByName("Sample"), id,
          *Scope::Parse(device->scopes[random_.Uniform(device->scopes.size())]), sample);
      if (!change.ok()) return change.status();
      samples_.push_back(id);
      changes.push_back(*std::move(change));
      continue;
    }
    auto at = records.begin();
    std::advance(at, static_cast<int64_t>(random_.Uniform(records.size())));
    auto change = DrawEdit(device, at->second.id);
    if (!change.ok()) return change.status();
    if (!IsEmpty(*change)) changes.push_back(*std::move(change));
  }
  return changes;
}

absl::StatusOr<v1::Change> SimWorld::DrawEdit(SimDevice* device, const RecordId& id) {
  const RecordType& type = *SimRegistry().FindByName("Sample");
  const auto view = device->store->Read();
  const auto record = (*view)->Get(type, id);
  testing::Sample before;
  CHECK(before.ParseFromString((*record)->message));
  testing::Sample after = before;
  const std::string text = absl::StrCat("t", random_.Uniform(1000));
  switch (random_.Uniform(12)) {
    case 0:
      after.set_title(random_.Uniform(4) == 0 ? kUnwelcomeTitle : text);
      break;
    case 1:
      after.set_code(absl::StrCat("AA", random_.Uniform(100)));
      break;
    case 2:
      after.set_peak(static_cast<int64_t>(random_.Uniform(100)));
      break;
    case 3:
      after.set_low(-static_cast<int64_t>(random_.Uniform(100)));
      break;
    case 4:
    case 5:
      after.set_tally(before.tally() + 1 + static_cast<int64_t>(random_.Uniform(5)));
      break;
    case 6:
    case 7:
      if (before.tags_size() > 0 && random_.Uniform(2) == 0) {
        after.mutable_tags()->RemoveLast();
      } else {
        after.add_tags(absl::StrCat("tag", random_.Uniform(6)));
      }
      break;
    case 8:
      // What one writes and may not read stays on the own device, so readers would differ.
      if (device->identity.feeds[0].max_class() < v1::SENSITIVE) break;
      (*after.mutable_notes())[absl::StrCat("k", random_.Uniform(3))] = text;
      break;
    case 9:
      after.set_state(static_cast<testing::SampleState>(random_.Uniform(4)));
      break;
    case 10:
      after.mutable_body()->set_head(text);
      break;
    default:
      break;
  }
  auto change = DiffMessages(type, before, after);
  if (!change.ok()) return change;
  change->set_type_id(type.type_id());
  change->set_record_id(id.AsBytes());
  if (IsEmpty(*change) && random_.Uniform(3) == 0) {
    change->set_kind(v1::Change::DELETE);
  } else if (IsEmpty(*change) && device->scopes.size() > 1) {
    change->set_scope(device->scopes[random_.Uniform(device->scopes.size())]);
  }
  return change;
}

void SimWorld::CheckFrame(SimDevice* device, const v1::ServerFrame& frame) {
  if (!frame.has_batch()) return;
  v1::BatchBody body;
  const v1::Batch& batch = frame.batch();
  CHECK(UnpackBody(batch.body(), batch.inflated_bytes(), kMaxInflatedBytes, &body).ok());
  for (const v1::Verdict& verdict : body.verdicts()) {
    const auto [known, is_new] = device->verdicts.emplace(verdict.sequence(), verdict);
    Expect(is_new || known->second.SerializeAsString() == verdict.SerializeAsString(),
           "a change set has two verdicts");
  }
  for (const v1::Entry& entry : body.entries()) CheckEntry(*device, entry);
}

void SimWorld::CheckEntry(const SimDevice& device, const v1::Entry& entry) {
  if (!entry.moved_to().empty()) {
    Expect(!entry.has_state(), "content of a record that left the scope was sent");
    return;
  }
  const auto& feeds = device.identity.feeds;
  const auto covering = std::find_if(feeds.begin(), feeds.end(), [&](const v1::Feed& feed) {
    return Covers(feed, entry.scope());
  });
  Expect(covering != feeds.end(), absl::StrCat("out of scope: ", entry.scope()));
  if (covering == feeds.end() || covering->max_class() >= v1::SENSITIVE) return;
  const RecordType* const type = SimRegistry().Find(entry.type_id());
  const auto record = DecodeRecord(type, entry.state());
  Expect(record.ok(), "an entry does not decode");
  if (record.ok() && type->name() == "Sample")
    Expect(record->FindField(kNotesField) == nullptr, "a field above the reader's class was sent");
}

void SimWorld::CheckEnd() {
  for (const SimDevice& device : devices_) CheckLedgerOfWork(device);
  CheckCounters();
  CheckBases();
}

// Everything committed has a verdict; what was rejected is still there with its content.
void SimWorld::CheckLedgerOfWork(const SimDevice& device) {
  const auto counts = device.store->Counts();
  Expect(counts.ok() && counts->pending == 0, "an outbox is not empty");
  std::set<uint64_t> rejected;
  const auto list = device.store->Rejected();
  CHECK(list.ok());
  for (const v1::RejectedChangeSet& item : *list) rejected.insert(item.verdict().sequence());
  for (const auto& [sequence, changes] : device.committed) {
    const auto verdict = device.verdicts.find(sequence);
    if (verdict == device.verdicts.end()) {
      Expect(false, "a change set has no verdict");
      continue;
    }
    const bool is_rejected =
        verdict->second.outcome() == v1::REJECTED || verdict->second.outcome() == v1::QUARANTINED;
    Expect(is_rejected == rejected.contains(sequence),
           "the rejected list is not what was rejected");
  }
}

void SimWorld::CheckCounters() {
  std::map<std::string, int64_t> truth;
  for (const SimDevice& device : devices_)
    for (const auto& [sequence, changes] : device.committed) {
      const auto verdict = device.verdicts.find(sequence);
      if (verdict == device.verdicts.end() || verdict->second.outcome() == v1::REJECTED) continue;
      for (const v1::Change& change : changes) truth[change.record_id()] += AmountIn(change);
    }
  for (const auto& [id, record] :
       RecordsOf(authority_->Read(), *SimRegistry().FindByName("Sample"))) {
    testing::Sample sample;
    CHECK(sample.ParseFromString(record.message));
    Expect(sample.tally() == truth[id],
           absl::StrCat("a counter is ", sample.tally(), ", not ", truth[id]));
  }
}

void SimWorld::CheckBases() {
  for (const char* type_name : {"Sample", "Conflict"}) {
    const RecordType& type = *SimRegistry().FindByName(type_name);
    const auto truth = RecordsOf(authority_->Read(), type);
    std::vector<std::map<std::string, RecordView>> held;
    for (const SimDevice& device : devices_) held.push_back(RecordsOf(device.store->Read(), type));
    Expect(truth.size() == held[3].size(), absl::StrCat("not all of ", type.plural(), " arrived"));
    for (const auto& [id, record] : truth)
      Expect(held[3].contains(id) && Describe(held[3].at(id)) == Describe(record),
             absl::StrCat("the state's device differs from the server in one of ", type.plural(),
                          ": ", held[3].contains(id) ? Describe(held[3].at(id)) : "absent", " | ",
                          Describe(record)));
    // A ledger entry whose class rose (a later contender is more sensitive) stays, as it was, with
    // the readers that had it.
    const auto readable = [&](const std::string& id) {
      return truth.contains(id) && truth.at(id).data_class <= v1::PERSONAL;
    };
    for (const auto& [id, record] : held[1])
      Expect(held[0].contains(id) || !readable(id), "equal readers hold different records");
    for (const auto& [id, record] : held[0])
      Expect(
          !readable(id) || (held[1].contains(id) && Describe(held[1].at(id)) == Describe(record)),
          absl::StrCat("equal readers differ in one of ", type.plural(), ": ", Describe(record),
                       " | ", held[1].contains(id) ? Describe(held[1].at(id)) : "absent"));
    for (const auto& [id, record] : held[0])
      Expect(truth.contains(id) && truth.at(id).scope == record.scope,
             absl::StrCat("one of ", type.plural(), " is held that is gone"));
  }
}

}  // namespace brigada
