#include "tests/crash/device_life.h"

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/store/device_keys.h"
#include "replica/store/device_recovery.h"
#include "replica/store/store_check.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

constexpr char kOaxaca[] = "MX/20";
constexpr char kJalisco[] = "MX/14";

RecordId IdOf(int number) { return DerivedRecordId({"person", absl::StrCat(number)}); }

class DeviceLife final : public StoreLife {
 public:
  DeviceLife(FaultEnv* env, SyncMode mode) : env_(env), mode_(mode) {
    Add(true, [this] { return Open(); });
    Add(true, [this] { return store_->SetUser("ana"); });
    AddWork();
    AddPull();
    AddEnd();
  }

  StoreKind kind() const override { return StoreKind::kDevice; }
  size_t step_count() const override { return steps_.size(); }
  bool is_durable(size_t step) const override { return steps_[step].is_durable; }
  absl::Status Step(size_t step) override {
    if (step > 0 && store_ == nullptr) return absl::InternalError("closed");
    return steps_[step].take();
  }
  const Kv* kv() const override { return kv_; }
  void Close() override {
    store_.reset();
    kv_ = nullptr;
  }
  absl::Status CheckPromises(size_t steps) override;

 private:
  struct OneStep {
    bool is_durable;
    std::function<absl::Status()> take;
  };

  void Add(bool is_durable, std::function<absl::Status()> take) {
    steps_.push_back({is_durable, std::move(take)});
  }
  void AddCommit(const v1::Change& change, Durability durability = Durability::kSync) {
    Add(durability == Durability::kSync,
        [this, change, durability] { return store_->Commit({change}, durability).status(); });
  }
  void AddBatch(bool is_durable, const BatchMaker& batch) {
    Add(is_durable, [this, batch] { return batch.ApplyTo(store_.get()).status(); });
  }
  void AddWork();
  void AddPull();
  void AddEnd();

  absl::Status Open() {
    Close();
    ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv, OpenDisk(*env_, mode_, kind()));
    kv_ = kv.get();
    auto store = OpenDeviceStore(std::move(kv), {&Registry::BuiltIn(), &clock_, &random_});
    if (!store.ok()) kv_ = nullptr;
    RETURN_IF_ERROR(store.status());
    store_ = *std::move(store);
    if (replica_.is_zero()) replica_ = store_->replica();
    return absl::OkStatus();
  }

  FaultEnv* const env_;
  const SyncMode mode_;
  FakeClock clock_;
  SeededRandom random_{3};
  std::vector<OneStep> steps_;
  std::unique_ptr<DeviceStore> store_;
  const Kv* kv_ = nullptr;
  ReplicaId replica_;
  ServerRecord neighbour_;
};

v1::Change EditNotes(int number, const std::string& notes) {
  return Edit(IdOf(number), PersonNamed(""), PersonNamed("", notes));
}

void DeviceLife::AddWork() {
  for (int number = 1; number <= 3; ++number)
    AddCommit(Creation(IdOf(number), "MX/20/067", PersonNamed(absl::StrCat("Persona ", number))));
  AddCommit(Creation(IdOf(4), "MX/14/039", PersonNamed("De Jalisco")));
  AddCommit(EditNotes(1, "primera"));
  AddCommit(Deletion(IdOf(2)));
  Add(true, [this] { return store_->PutSetting("server", "brigada.example.mx:7443"); });
}

void DeviceLife::AddPull() {
  neighbour_.Write(Creation(IdOf(9), "MX/20/067", PersonNamed("De otra")), 2);
  v1::Verdict refused;
  BatchMaker first(kOaxaca, 0, 6);
  first.Entry(neighbour_.EntryAfter(0, true));
  first.Verdict(1, 3).Verdict(2, 4).Verdict(3, 5, v1::REJECTED).Verdict(4, 6);
  AddBatch(true, first);
  // Entries alone wait for the next sync.
  neighbour_.Write(EditNotes(9, "cambiada"), 8);
  AddBatch(false,
           BatchMaker(kOaxaca, 6, 8, /*checkpoint=*/false).Entry(neighbour_.EntryAfter(6, false)));
  AddCommit(EditNotes(9, "encima"));
  BatchMaker last(kOaxaca, 8, 11);
  last.batch.mutable_cursor()->set_complete(11);
  AddBatch(true,
           last.Verdict(5, 9).Verdict(6, 10, v1::QUARANTINED).Departure(IdOf(1), 11, "MX/09"));
  AddBatch(true, BatchMaker(kJalisco, 0, 1).Verdict(1, 1));
}

void DeviceLife::AddEnd() {
  Add(true, [this] { return Open(); });
  Add(true, [this] { return store_->DiscardRejected(kOaxaca, 3); });
  AddCommit(Creation(IdOf(5), "MX/20/067", PersonNamed("Sin sincronizar")), Durability::kMemory);
  AddCommit(EditNotes(5, "tampoco"), Durability::kMemory);
  // Whatever is read for a push must never be lost: its sequence would be used twice.
  Add(true, [this] { return store_->ReadOutbox(kOaxaca, 0, 1 << 20).status(); });
  // A reset that is lost is asked for again by the server.
  Add(false, [this] {
    v1::Welcome welcome;
    for (const char* partition : {kOaxaca, kJalisco}) *welcome.add_feeds() = BelowFeed(partition);
    welcome.add_resets()->set_partition(kJalisco);
    return store_->NoteWelcome(welcome);
  });
  AddCommit(Creation(IdOf(6), "MX/20/067", PersonNamed("Última")));
}

absl::Status DeviceLife::CheckPromises(size_t steps) {
  // Once told, the replica's name stays; before the first step is durable nobody was told.
  if (steps > 0 && store_->replica() != replica_) return absl::InternalError("another replica");
  for (const std::string& partition : store_->Partitions()) {
    const v1::OutboxHead head = store_->Head(partition);
    ASSIGN_OR_RETURN(const OutboxPage page,
                     store_->ReadOutbox(partition, head.confirmed() + 1, 1 << 20));
    if (page.change_sets.size() != head.sequence() - head.confirmed())
      return absl::InternalError("the outbox does not match its head");
  }
  ASSIGN_OR_RETURN(const auto view, store_->Read());
  for (int number = 1; number <= 9; ++number)
    RETURN_IF_ERROR(view->Get(TypeNamed("Person"), IdOf(number)).status());
  RETURN_IF_ERROR(store_->Rejected().status());
  return store_->Counts().status();
}

}  // namespace

std::unique_ptr<StoreLife> NewDeviceLife(FaultEnv* env, SyncMode mode) {
  return std::make_unique<DeviceLife>(env, mode);
}

std::string RecoverDeviceLife(FaultEnv& env, const StoreContent& whole) {
  FakeClock clock;
  SeededRandom random(4);
  const auto recovered =
      RecoverDeviceStore("/store", {&Registry::BuiltIn(), &clock, &random}, env.env());
  if (!recovered.ok()) return absl::StrCat("not recovered: ", recovered.status().ToString());
  if (!recovered->is_whole || recovered->outbox.lost > 0) return "recovered in part";
  const auto kv = OpenDisk(env, SyncMode::kHonest, StoreKind::kDevice);
  if (!kv.ok()) return absl::StrCat("recovered, does not open: ", kv.status().ToString());
  const auto content = ReadContent(**kv);
  if (!content.ok()) return absl::StrCat("recovered, unreadable: ", content.status().ToString());
  for (const Table table : {Table::kOutbox, Table::kRejected}) {
    const auto i = static_cast<size_t>(table);
    if ((*content)[i] != whole[i]) return absl::StrCat("recovered another ", TableName(table));
  }
  const auto meta = static_cast<size_t>(Table::kMeta);
  for (const auto& [key, value] : whole[meta]) {
    const bool is_head = absl::StartsWith(key, NamedMetaKey(kOutboxHeadName, ""));
    if (!is_head && key != kReplicaKey && key != kUserKey && key != kFoliosKey) continue;
    const auto found = (*content)[meta].find(key);
    if (found == (*content)[meta].end() || found->second != value)
      return absl::StrCat("recovered another ", absl::CHexEscape(key));
  }
  const auto findings = CheckStore(**kv, StoreKind::kDevice, Registry::BuiltIn());
  if (!findings.ok()) return findings.status().ToString();
  return findings->damages == 0
             ? ""
             : absl::StrCat("recovered, does not agree: ", findings->shown[0].where);
}

}  // namespace brigada
