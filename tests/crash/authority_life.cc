#include "tests/crash/authority_life.h"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

constexpr char kRefusedNotes[] = "refused";

v1::Person Notes(const std::string& notes) {
  v1::Person person;
  person.set_notes(notes);
  return person;
}

class AuthorityLife final : public StoreLife {
 public:
  AuthorityLife(FaultEnv* env, SyncMode mode) : env_(env), mode_(mode) {
    judge_.refuses = [](const ChangeInQuestion& question) {
      v1::Person person;
      return person.ParseFromString(question.change.values()) && person.notes() == kRefusedNotes;
    };
    PlanGroups();
    steps_.emplace_back([this] { return Open(); });
    for (size_t group = 0; group < groups_.size(); ++group) {
      steps_.emplace_back([this, group] { return Commit(group); });
      if (group == 1) steps_.emplace_back([this] { return WriteDirectory(); });
      if (group == 2)
        steps_.emplace_back([this] { return authority_->Backup(PathOnDisk("/copy"), nullptr); });
      if (group == 3) steps_.emplace_back([this] { return Open(); });
    }
  }

  StoreKind kind() const override { return StoreKind::kAuthority; }
  size_t step_count() const override { return steps_.size(); }
  bool is_durable(size_t) const override { return true; }
  absl::Status Step(size_t step) override {
    if (step > 0 && authority_ == nullptr) return absl::InternalError("closed");
    return steps_[step]();
  }
  const Kv* kv() const override { return kv_; }
  void Close() override {
    authority_.reset();
    kv_ = nullptr;
  }
  absl::Status CheckPromises(size_t steps) override;
  // Nobody is there twice, or counted and nowhere.
  absl::Status CheckCounts() const;

 private:
  void PlanGroups();
  absl::Status Open();
  absl::Status Commit(size_t group);
  absl::Status WriteDirectory() {
    return authority_->WriteEntries({{DirectoryKind::kUser, "ana", "grants", std::nullopt},
                                     {DirectoryKind::kDevice, "device", "record", std::nullopt}});
  }

  FaultEnv* const env_;
  const SyncMode mode_;
  FakeClock clock_;
  // The writers draw their names here, the store its epoch and runs from another.
  SeededRandom writers_random_{4};
  SeededRandom random_{5};
  TestReplica ana_{&writers_random_, kOaxaca};
  TestReplica luis_{&writers_random_, kOaxaca};
  TestReplica eva_{&writers_random_, "MX/14"};
  TestJudge judge_;
  std::vector<std::vector<PushRequest>> groups_;
  // What the pushes of each group were answered first.
  std::vector<std::vector<std::string>> answers_;
  std::vector<std::function<absl::Status()>> steps_;
  std::unique_ptr<AuthorityStore> authority_;
  const Kv* kv_ = nullptr;
  Epoch epoch_;
};

void AuthorityLife::PlanGroups() {
  ana_.user = "ana";
  luis_.user = "luis";
  eva_.user = "eva";
  const RecordId rosa = ana_.NewId();
  const RecordId jose = luis_.NewId();
  const RecordId ines = eva_.NewId();
  groups_.push_back({ana_.PushOf({Create(PersonType(), rosa, kJuarez, PersonNamed("Rosa"))}),
                     eva_.PushOf({Create(PersonType(), ines, "MX/14/039", PersonNamed("Inés"))})});
  groups_.push_back({luis_.PushOf({Create(PersonType(), jose, kTlacolula, PersonNamed("José"))})});
  // Two who know nothing of each other, in one group, and a refusal.
  groups_.push_back({ana_.PushOf({Edit(PersonType(), rosa, Notes("de Ana"))}),
                     luis_.PushOf({Edit(PersonType(), rosa, Notes("de Luis"))}),
                     eva_.PushOf({Edit(PersonType(), ines, Notes(kRefusedNotes))})});
  groups_.push_back({ana_.PushOf({Move(PersonType(), rosa, kTlacolula)}),
                     luis_.PushOf({Deletion(PersonType(), jose)})});
  // To another state, and a late edit that follows.
  groups_.push_back({ana_.PushOf({Move(PersonType(), rosa, "MX/14/039")}),
                     luis_.PushOf({Edit(PersonType(), rosa, Notes("tarde"))})});
  v1::ChangeSet sealed;
  sealed.set_sealed_body("32 bytes in place of the hash, then sealed to nobody");
  groups_.push_back({eva_.Push({eva_.Seal(sealed)})});
  groups_.push_back(
      {ana_.PushOf({Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Ada"))})});
  answers_.resize(groups_.size());
}

absl::Status AuthorityLife::Open() {
  Close();
  ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv, OpenDisk(*env_, mode_, kind()));
  kv_ = kv.get();
  auto store = OpenAuthorityStore(
      std::move(kv), {.registry = &Registry::BuiltIn(), .random = &random_, .now = clock_.Now()});
  if (!store.ok()) kv_ = nullptr;
  RETURN_IF_ERROR(store.status());
  authority_ = *std::move(store);
  if (epoch_ == Epoch()) epoch_ = authority_->epoch();
  return absl::OkStatus();
}

absl::Status AuthorityLife::Commit(size_t group) {
  clock_.Advance(absl::Seconds(1));
  ASSIGN_OR_RETURN(const std::vector<PushResult> results,
                   authority_->CommitPushes(groups_[group], judge_, clock_.Now()));
  std::vector<std::string> answers;
  for (const PushResult& result : results) {
    RETURN_IF_ERROR(result.status);
    if (result.forked || result.verdicts.size() != 1)
      return absl::InternalError("a push has no verdict");
    answers.push_back(result.verdicts[0].SerializeAsString());
  }
  // Whatever was answered once is the answer for ever.
  if (!answers_[group].empty() && answers_[group] != answers)
    return absl::InternalError("a repeated push got another answer");
  answers_[group] = std::move(answers);
  return absl::OkStatus();
}

absl::Status AuthorityLife::CheckPromises(size_t steps) {
  if (steps > 0 && authority_->epoch() != epoch_) return absl::InternalError("another epoch");
  // Every group that was answered is repeated and answered the same.
  for (size_t group = 0; group < groups_.size(); ++group)
    if (!answers_[group].empty()) RETURN_IF_ERROR(Commit(group));
  for (const std::string& partition : authority_->Partitions()) {
    FeedRequest request;
    request.replica = ana_.id();
    request.partition = partition;
    request.feeds = {FeedOf(partition, v1::BELOW)};
    request.target_bytes = 1 << 20;
    ASSIGN_OR_RETURN(const FeedPage page, authority_->ReadFeed(request));
    if (page.to != page.head || page.head != authority_->Head(partition))
      return absl::InternalError("the feed does not reach the head");
  }
  return CheckCounts();
}

absl::Status AuthorityLife::CheckCounts() const {
  ASSIGN_OR_RETURN(const auto view, authority_->Read());
  ASSIGN_OR_RETURN(const uint64_t count, view->Count(PersonType()));
  std::set<RecordId> seen;
  const auto cursor = view->Scan(PersonType(), ScopeOf("MX"));
  while (true) {
    ASSIGN_OR_RETURN(const auto record, cursor->Next());
    if (!record.has_value()) break;
    if (!seen.insert(record->id).second) return absl::InternalError("a person is there twice");
  }
  return seen.size() == count ? absl::OkStatus() : absl::InternalError("the count is wrong");
}

}  // namespace

std::unique_ptr<StoreLife> NewAuthorityLife(FaultEnv* env, SyncMode mode) {
  return std::make_unique<AuthorityLife>(env, mode);
}

}  // namespace brigada
