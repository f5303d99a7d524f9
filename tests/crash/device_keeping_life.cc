#include "tests/crash/device_keeping_life.h"

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "replica/base/status_macros.h"
#include "replica/store/keys.h"
#include "replica/store/record_ranges.h"
#include "replica/store/store_check.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

constexpr char kOaxaca[] = "MX/20";
constexpr char kJuarez[] = "MX/20/067";
constexpr char kHuajuapan[] = "MX/20/039";
constexpr char kErasedName[] = "xochiquetzal";
// Whose names are not told apart by the scope alone.
constexpr char kLostName[] = "tonantzin";

RecordId IdOf(int number) { return DerivedRecordId({"person", absl::StrCat(number)}); }

v1::Change EditNotes(int number, const std::string& notes) {
  return Edit(IdOf(number), PersonNamed(""), PersonNamed("", notes));
}

v1::Welcome WelcomeTo(absl::string_view scope) {
  v1::Welcome welcome;
  welcome.set_epoch(std::string(16, 'e'));
  *welcome.add_feeds() = BelowFeed(scope);
  return welcome;
}

class DeviceKeepingLife final : public StoreLife {
 public:
  DeviceKeepingLife(FaultEnv* env, SyncMode mode) : env_(env), mode_(mode) {
    Add([this] { return Open(); });
    Add([this] { return store_->SetUser("ana"); });
    AddWork();
    // So that a table has what is erased later, and not the log alone.
    Add([this] { return Open(); });
    AddErasure();
    AddRepair();
    AddDivision();
    AddPurge();
    AddCommit(Creation(IdOf(6), kJuarez, PersonNamed("Última")));
  }

  StoreKind kind() const override { return StoreKind::kDevice; }
  size_t step_count() const override { return steps_.size(); }
  bool is_durable(size_t step) const override { return !not_durable_.contains(step); }
  void SetOnWrite(const OnWrite& on_write) override { on_write_ = on_write; }
  absl::Status Step(size_t step) override {
    if (step > 0 && store_ == nullptr) return absl::InternalError("closed");
    return steps_[step]();
  }
  const Kv* kv() const override { return kv_; }
  void Close() override {
    store_.reset();
    kv_ = nullptr;
  }
  absl::Status CheckPromises(size_t steps) override;
  absl::Status CheckEnd() override;

 private:
  void Add(std::function<absl::Status()> take) { steps_.push_back(std::move(take)); }
  // One that is lost comes again from the server.
  void AddWelcome(const v1::Welcome& welcome) {
    not_durable_.insert(steps_.size());
    Add([this, welcome] { return store_->NoteWelcome(welcome); });
  }
  void AddCommit(const v1::Change& change) {
    Add([this, change] { return store_->Commit({change}, Durability::kSync).status(); });
  }
  void AddBatch(const BatchMaker& batch) {
    Add([this, batch] { return batch.ApplyTo(store_.get()).status(); });
  }
  void AddWork();
  void AddErasure();
  void AddRepair();
  void AddDivision();
  void AddPurge();
  absl::Status Open();
  absl::Status LoseSums();

  // The names and notes of everybody here, and of what waits in the outbox.
  absl::StatusOr<std::string> People() const;
  absl::StatusOr<std::string> Unsent() const;
  absl::Status ExpectNowhere(const char* text) const;

  FaultEnv* const env_;
  const SyncMode mode_;
  FakeClock clock_;
  SeededRandom random_{3};
  OnWrite on_write_;
  std::vector<std::function<absl::Status()>> steps_;
  // What a power cut may take back.
  std::set<size_t> not_durable_;
  std::unique_ptr<DeviceStore> store_;
  Kv* kv_ = nullptr;
  ReplicaId first_id_;
  const ReplicaId second_id_ = *ReplicaId::Parse("000000000000000000000000000000aa");
  ServerRecord stays_;
  ServerRecord goes_;
  size_t erased_after_ = 0;
  size_t unsound_from_ = 0;
  size_t sound_from_ = 0;
  size_t divided_after_ = 0;
};

absl::Status DeviceKeepingLife::Open() {
  Close();
  ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv, OpenDisk(*env_, mode_, kind(), on_write_));
  kv_ = kv.get();
  auto store = OpenDeviceStore(std::move(kv), {&Registry::BuiltIn(), &clock_, &random_});
  if (!store.ok()) kv_ = nullptr;
  RETURN_IF_ERROR(store.status());
  store_ = *std::move(store);
  if (first_id_.is_zero()) first_id_ = store_->replica();
  return absl::OkStatus();
}

// Change sets 1 to 4 have verdicts, 5 and 6 wait; 3 was refused.
void DeviceKeepingLife::AddWork() {
  AddWelcome(WelcomeTo(kOaxaca));
  AddCommit(Creation(IdOf(1), kJuarez, PersonNamed("Rosa")));
  AddCommit(Creation(IdOf(2), kJuarez, PersonNamed(kErasedName)));
  AddCommit(Creation(IdOf(3), kJuarez, PersonNamed("Luz")));
  AddCommit(Creation(IdOf(4), kHuajuapan, PersonNamed(kLostName)));
  stays_.Write(Creation(IdOf(8), kJuarez, PersonNamed("De otra")), 1);
  goes_.Write(Creation(IdOf(9), kJuarez, PersonNamed("Ya no")), 2);
  BatchMaker first(kOaxaca, 0, 6);
  first.Entry(stays_.EntryAfter(0, true)).Entry(goes_.EntryAfter(0, true));
  first.Verdict(1, 3).Verdict(2, 4).Verdict(3, 5, v1::REJECTED).Verdict(4, 6);
  first.body.mutable_verdicts(2)->add_refusals()->set_reason(v1::INVALID_VALUE);
  AddBatch(first);
  AddCommit(EditNotes(2, absl::StrCat(kErasedName, " sin enviar")));
  AddCommit(EditNotes(1, "propia"));
  Add([this] {
    return store_->Resubmit(kOaxaca, 3, {Creation(IdOf(3), kJuarez, PersonNamed("Lucía"))})
        .status();
  });
}

// With a checkpoint that says other sums than are here.
void DeviceKeepingLife::AddErasure() {
  BatchMaker erases(kOaxaca, 6, 7);
  erases.Entry(ErasedEntry(IdOf(2), 7));
  v1::ScopeSum& sum = *erases.batch.add_sums();
  sum.set_scope(kOaxaca);
  sum.set_kind(v1::BELOW);
  sum.set_count(1000);
  // What brings entries alone, and what was noted of a mismatch.
  not_durable_.insert(steps_.size());
  AddBatch(erases);
  erased_after_ = steps_.size();
}

void DeviceKeepingLife::AddRepair() {
  stays_.Write(EditNotes(8, "reparada"), 7);
  v1::RepairBody body;
  *body.add_entries() = stays_.EntryAfter(0, true);
  body.add_gone(RangeKey(TypeNamed("Person").type_id(), IdOf(9)));
  Add([this, body] { return store_->ApplyRepair(kOaxaca, "", "", body).status(); });
  // A repair that is still due is made again, and so are sums that do not fit.
  not_durable_.insert(steps_.size());
  Add([this] { return store_->EndRepair(kOaxaca, {.brought = 1, .removed = 1}); });
  Add([this] { return LoseSums(); });
  unsound_from_ = steps_.size();
  Add([this] { return Open(); });
  not_durable_.insert(steps_.size());
  Add([this] { return store_->RecomputeSums(kOaxaca).status(); });
  sound_from_ = steps_.size();
}

// The server has lost the verdict of change set 4. It knows those up to there, of whichever copy,
// and not the ones that come after.
void DeviceKeepingLife::AddDivision() {
  Add([this] { return store_->ResumeAfterLoss(kOaxaca, 4); });
  v1::SharedWork shared;
  shared.set_partition(kOaxaca);
  shared.set_last(4);
  Add([this, shared] { return store_->BecomeReplica(second_id_, {shared}); });
  divided_after_ = steps_.size();
  // The erased one is refused, the others are taken.
  BatchMaker judged(kOaxaca, 0, 12);
  judged.Entry(stays_.EntryAfter(0, true));
  judged.Verdict(5, 10, v1::REJECTED).Verdict(6, 11).Verdict(7, 12);
  judged.body.mutable_verdicts(0)->add_refusals()->set_reason(v1::ERASED_RECORD);
  AddBatch(judged);
  Add([this] { return store_->DiscardRejected(kOaxaca, 5); });
}

void DeviceKeepingLife::AddPurge() {
  AddWelcome(WelcomeTo(kOaxaca));
  AddWelcome(WelcomeTo(kJuarez));
  // What is left of it is done by the next call, as after each welcome.
  not_durable_.insert(steps_.size());
  Add([this] {
    RETURN_IF_ERROR(store_->RunPurge());
    return store_->ScrubFiles(nullptr);
  });
}

absl::Status DeviceKeepingLife::LoseSums() {
  KvBatch loss;
  loss.Delete(Table::kMeta, SumKey(kOaxaca, kJuarez, v1::BELOW));
  return kv_->Write(loss, Durability::kSync);
}

absl::StatusOr<std::string> DeviceKeepingLife::People() const {
  std::set<std::string> people;
  ASSIGN_OR_RETURN(const auto view, store_->Read());
  const auto cursor = view->Scan(TypeNamed("Person"), *Scope::Parse(kOaxaca));
  while (true) {
    ASSIGN_OR_RETURN(const auto record, cursor->Next());
    if (!record.has_value()) return absl::StrJoin(people, ", ");
    v1::Person person;
    if (!person.ParseFromString(record->message)) return absl::InternalError("no person");
    people.insert(absl::StrCat(person.name().given_names(), person.notes().empty() ? "" : " ",
                               person.notes()));
  }
}

absl::StatusOr<std::string> DeviceKeepingLife::Unsent() const {
  std::vector<std::string> unsent;
  const v1::OutboxHead head = store_->Head(kOaxaca);
  ASSIGN_OR_RETURN(const OutboxPage page,
                   store_->ReadOutbox(kOaxaca, head.confirmed() + 1, 1 << 20));
  for (const v1::ChangeSet& set : page.change_sets) {
    v1::ChangeSetBody body;
    v1::Person person;
    if (!body.ParseFromString(set.body()) || body.changes_size() != 1 ||
        !person.ParseFromString(body.changes(0).values()))
      return absl::InternalError("an unsent change set is not what was committed");
    unsent.push_back(person.name().given_names());
  }
  return absl::StrJoin(unsent, ", ");
}

absl::Status DeviceKeepingLife::ExpectNowhere(const char* text) const {
  ASSIGN_OR_RETURN(const bool is_there, IsInTables(*kv_, text));
  return is_there ? absl::InternalError(absl::StrCat("a table says ", text)) : absl::OkStatus();
}

absl::Status DeviceKeepingLife::CheckPromises(size_t steps) {
  if (steps > 0 && steps < divided_after_ - 1 && store_->replica() != first_id_)
    return absl::InternalError("another replica");
  if (steps >= divided_after_ && store_->replica() != second_id_)
    return absl::InternalError("the division is lost");
  if (steps < unsound_from_ || steps >= sound_from_) {
    ASSIGN_OR_RETURN(const StoreFindings findings, CheckStore(*kv_, kind(), Registry::BuiltIn()));
    if (findings.damages > 0)
      return absl::InternalError(absl::StrCat("does not agree: ", findings.shown[0].where));
  }
  if (steps >= erased_after_) RETURN_IF_ERROR(ExpectNowhere(kErasedName));
  const v1::OutboxHead head = store_->Head(kOaxaca);
  ASSIGN_OR_RETURN(const OutboxPage page,
                   store_->ReadOutbox(kOaxaca, head.confirmed() + 1, 1 << 20));
  if (page.change_sets.size() != head.sequence() - head.confirmed())
    return absl::InternalError("the outbox does not match its head");
  RETURN_IF_ERROR(store_->Rejected().status());
  return store_->Counts().status();
}

absl::Status DeviceKeepingLife::CheckEnd() {
  RETURN_IF_ERROR(CheckPromises(step_count()));
  ASSIGN_OR_RETURN(const std::string people, People());
  if (people != "De otra reparada, Lucía, Rosa propia, Última")
    return absl::InternalError(absl::StrCat("other people: ", people));
  ASSIGN_OR_RETURN(const std::string unsent, Unsent());
  if (unsent != "Última") return absl::InternalError(absl::StrCat("other work: ", unsent));
  ASSIGN_OR_RETURN(const auto rejected, store_->Rejected());
  if (!rejected.empty()) return absl::InternalError("the rejected list is not empty");
  if (store_->Repairs().due_size() > 0) return absl::InternalError("the repair is still due");
  ASSIGN_OR_RETURN(const bool were_wrong, store_->RecomputeSums(kOaxaca));
  if (were_wrong) return absl::InternalError("the sums are wrong");
  if (store_->PendingReceipt().feeds_size() == 0) return absl::InternalError("no receipt");
  Close();
  const std::string bytes = BytesOnDisk(env_->disk(), "/store");
  for (const char* text : {kErasedName, kLostName}) {
    if (absl::StrContains(bytes, text))
      return absl::InternalError(absl::StrCat("a file says ", text));
  }
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<StoreLife> NewDeviceKeepingLife(FaultEnv* env, SyncMode mode) {
  return std::make_unique<DeviceKeepingLife>(env, mode);
}

}  // namespace brigada
