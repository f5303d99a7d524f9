#include "tests/crash/authority_keeping_life.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/store/keys.h"
#include "server/erasures.h"
#include "tests/crash/kept_authority.h"

namespace brigada {
namespace {

v1::Person Notes(const std::string& notes) {
  v1::Person person;
  person.set_notes(notes);
  return person;
}

class AuthorityKeepingLife final : public KeptAuthorityLife {
 public:
  AuthorityKeepingLife(FaultEnv* env, SyncMode mode) : KeptAuthorityLife(env, mode, /*seed=*/5) {
    steps_.emplace_back([this] { return Open(); });
    PlanWork();
    // So that a table has what is erased later, and not the log alone.
    steps_.emplace_back([this] { return Open(); });
    steps_.emplace_back([this] { return Erase(); });
    erased_after_ = steps_.size();
    steps_.emplace_back([this] { return authority_.store().ScrubFiles(nullptr).status(); });
    steps_.emplace_back([this] { return Collect(); });
    collected_after_ = steps_.size();
    steps_.emplace_back([this] { return authority_.Lose(Table::kMeta, sum_of_juarez_); });
    unsound_from_ = steps_.size();
    steps_.emplace_back([this] { return Open(); });
    steps_.emplace_back([this] { return authority_.store().RecomputeSums(kOaxaca).status(); });
    sound_from_ = steps_.size();
    steps_.emplace_back([this] { return BeginEpoch(); });
    epoch_begun_after_ = steps_.size();
    PlanPush("after the epoch began",
             ana_.PushOf({Create(PersonType(), ada_, kJuarez, PersonNamed("Ada"))}));
  }

  // The note that files are to be scrubbed may come back, and so may forgotten deletions and sums
  // that do not fit: all are done again.
  bool is_durable(size_t step) const override {
    return step != erased_after_ && step + 1 != collected_after_ && step + 1 != sound_from_;
  }
  absl::Status CheckPromises(size_t steps) override;
  absl::Status CheckEnd() override;

 private:
  void PlanWork();
  absl::Status Open() {
    RETURN_IF_ERROR(authority_.Open(/*restored=*/false));
    if (epoch_ == Epoch()) epoch_ = authority_.store().epoch();
    return ResumeErasures(authority_.store(), authority_.clock().Now());
  }
  absl::Status Erase() {
    authority_.clock().Advance(absl::Seconds(1));
    return EraseForGood(
               authority_.store(),
               {.type_id = PersonType().type_id(), .id = eva_, .scope = kJuarez, .user = "luis"},
               authority_.clock().Now())
        .status();
  }
  absl::Status Collect() {
    CollectRequest request{.partition = kOaxaca,
                           .floor = authority_.store().Head(kOaxaca),
                           .from = {},
                           .max_records = 2};
    do {
      ASSIGN_OR_RETURN(const CollectReport report, authority_.store().CollectTombstones(request));
      request.from = report.next;
    } while (!request.from.empty());
    return absl::OkStatus();
  }
  absl::Status BeginEpoch() {
    return authority_.store().BeginEpoch(lost_epoch_, lost_run_, authority_.clock().Now());
  }
  absl::Status CheckErased() const;
  absl::Status CheckCollected() const;
  absl::Status CheckEpoch(size_t steps) const;

  const std::string sum_of_juarez_ = SumKey(kOaxaca, kJuarez, v1::BELOW);
  SeededRandom writers_random_{4};
  TestReplica ana_{&writers_random_, kOaxaca};
  TestReplica luis_{&writers_random_, kOaxaca};
  TestReplica ines_{&writers_random_, "MX/14"};
  const RecordId rosa_ = ana_.NewId();
  const RecordId eva_ = ana_.NewId();
  const RecordId jose_ = ana_.NewId();
  const RecordId ada_ = ana_.NewId();
  const Epoch lost_epoch_ = NewRandomId<Epoch>(writers_random_);
  const Run lost_run_ = NewRandomId<Run>(writers_random_);
  Epoch epoch_;
  size_t erased_after_ = 0;
  size_t collected_after_ = 0;
  size_t unsound_from_ = 0;
  size_t sound_from_ = 0;
  size_t epoch_begun_after_ = 0;
};

// What the erased record says is in its base, in a conflict, in what the deletion of another one
// remembers not, and in quarantine.
void AuthorityKeepingLife::PlanWork() {
  luis_.user = "luis";
  ines_.user = "inés";
  PlanPush("rosa", ana_.PushOf({Create(PersonType(), rosa_, kJuarez, PersonNamed("Rosa"))}));
  PlanPush("eva", luis_.PushOf({Create(PersonType(), eva_, kJuarez, PersonNamed(kErasedName))}));
  PlanPush("jose", luis_.PushOf({Create(PersonType(), jose_, kTlacolula, PersonNamed("José"))}));
  PlanPush("one edit of eva",
           ana_.PushOf({Edit(PersonType(), eva_, Notes(absl::StrCat(kErasedName, " de Ana")))}));
  PlanPush("another edit of eva",
           luis_.PushOf({Edit(PersonType(), eva_, Notes(absl::StrCat(kErasedName, " de Luis")))}));
  v1::ChangeSet sealed;
  sealed.set_sealed_body(absl::StrCat("32 bytes in place of the hash of ", kErasedName));
  PlanPush("sealed", ines_.Push({ines_.Seal(sealed)}));
  PlanPush("deletion", luis_.PushOf({Deletion(PersonType(), jose_)}));
}

absl::Status AuthorityKeepingLife::CheckErased() const {
  ASSIGN_OR_RETURN(const bool is_there, IsInTables(*authority_.kv(), kErasedName));
  if (is_there) return absl::InternalError("a table says what was erased");
  ASSIGN_OR_RETURN(const bool lives, IsLive(authority_.store(), eva_));
  if (lives) return absl::InternalError("the erased record lives");
  ASSIGN_OR_RETURN(const auto places, authority_.store().PlacesOf(PersonType().type_id(), eva_));
  return places.empty() ? absl::InternalError("the erasure is forgotten") : absl::OkStatus();
}

absl::Status AuthorityKeepingLife::CheckCollected() const {
  ASSIGN_OR_RETURN(const uint64_t up_to, authority_.store().CollectedUpTo(kOaxaca));
  ASSIGN_OR_RETURN(const auto places, authority_.store().PlacesOf(PersonType().type_id(), jose_));
  if (up_to == 0 || !places.empty()) return absl::InternalError("the deletion is not forgotten");
  return absl::OkStatus();
}

absl::Status AuthorityKeepingLife::CheckEpoch(size_t steps) const {
  const bool is_past = authority_.store().IsPastEpoch(epoch_);
  const bool is_present = authority_.store().epoch() == epoch_;
  if (is_past == is_present) return absl::InternalError("the epoch is both present and past");
  if (steps >= epoch_begun_after_ && is_present) return absl::InternalError("the epoch is lost");
  return absl::OkStatus();
}

absl::Status AuthorityKeepingLife::CheckPromises(size_t steps) {
  if (steps < unsound_from_ || steps >= sound_from_)
    RETURN_IF_ERROR(CheckSound(*authority_.kv(), kind()));
  if (steps >= erased_after_) RETURN_IF_ERROR(CheckErased());
  if (steps >= collected_after_) RETURN_IF_ERROR(CheckCollected());
  if (steps > 0) RETURN_IF_ERROR(CheckEpoch(steps));
  RETURN_IF_ERROR(authority_.RepeatAll());
  return steps >= erased_after_ ? CheckErased() : absl::OkStatus();
}

absl::Status AuthorityKeepingLife::CheckEnd() {
  RETURN_IF_ERROR(CheckPromises(step_count()));
  for (const RecordId& id : {rosa_, ada_}) {
    ASSIGN_OR_RETURN(const bool lives, IsLive(authority_.store(), id));
    if (!lives) return absl::InternalError("a record is gone");
  }
  ASSIGN_OR_RETURN(const bool were_wrong, authority_.store().RecomputeSums(kOaxaca));
  if (were_wrong) return absl::InternalError("the sums are wrong");
  ASSIGN_OR_RETURN(const uint64_t due, authority_.store().ScrubFiles(nullptr));
  if (due > 0) return absl::InternalError("the files are to be scrubbed again");
  return authority_.CheckErasedFromFiles();
}

}  // namespace

std::unique_ptr<StoreLife> NewAuthorityKeepingLife(FaultEnv* env, SyncMode mode) {
  return std::make_unique<AuthorityKeepingLife>(env, mode);
}

}  // namespace brigada
