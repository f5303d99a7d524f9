#include "tests/crash/restore_life.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "replica/base/check.h"
#include "replica/base/status_macros.h"
#include "server/erasures.h"
#include "tests/crash/kept_authority.h"

namespace brigada {
namespace {

constexpr char kBackup[] = "/copy";
constexpr char kRevoked[] = "revoked";

v1::Person Notes(const std::string& notes) {
  v1::Person person;
  person.set_notes(notes);
  return person;
}

absl::Status SetGrant(AuthorityStore& store, const std::string& value) {
  return store.WriteEntries({{DirectoryKind::kUser, "ana", value, std::nullopt}});
}

// What there is before the first step: a disk on which a backup is the store, the journal of the
// store that was there, and the pushes whose verdicts went with it.
struct Past {
  FaultDisk::Image disk;
  StoreContent content;
  std::vector<v1::JournalRecord> journal;
  Epoch epoch;
  RecordId rosa;
  RecordId eva;
  RecordId tarde;
  // As their devices send them again.
  PushRequest edit_of_rosa;
  PushRequest creation;
};

PushRequest Redelivered(PushRequest push, const std::string& answer, const Epoch& epoch) {
  v1::Redelivered& told = push.redelivered.emplace_back();
  CHECK(told.mutable_verdict()->ParseFromString(answer));
  told.set_epoch(epoch.AsBytes());
  return push;
}

// `image` with the backup in the place of the store.
FaultDisk::Image PutBack(const FaultDisk::Image& image) {
  FaultDisk::Image restored;
  for (const auto& [path, content] : image) {
    absl::string_view rest = path;
    if (path == "/store" || absl::StartsWith(path, "/store/")) continue;
    if (absl::ConsumePrefix(&rest, kBackup)) {
      restored[absl::StrCat("/store", rest)] = content;
    } else {
      restored[path] = content;
    }
  }
  return restored;
}

Past MakePast() {
  Past past;
  FaultEnv env;
  SeededRandom random(4);
  TestReplica ana(&random, kOaxaca);
  TestReplica luis(&random, kOaxaca);
  luis.user = "luis";
  past.rosa = ana.NewId();
  past.eva = ana.NewId();
  past.tarde = ana.NewId();
  KeptAuthority authority(&env, SyncMode::kHonest, /*seed=*/5);
  CHECK(authority.Open(/*restored=*/false).ok());
  authority.NoteStart();
  past.epoch = authority.store().epoch();
  const auto commit = [&](const std::string& name, const PushRequest& push) {
    CHECK(authority.Commit(name, push).ok());
    return Redelivered(push, authority.AnswerTo(name), past.epoch);
  };
  commit("rosa", ana.PushOf({Create(PersonType(), past.rosa, kJuarez, PersonNamed("Rosa"))}));
  commit("eva", luis.PushOf({Create(PersonType(), past.eva, kJuarez, PersonNamed(kErasedName))}));
  CHECK(SetGrant(authority.store(), "granted").ok());
  CHECK(authority.store().Backup(PathOnDisk(kBackup), nullptr).ok());

  past.edit_of_rosa = commit("edit", ana.PushOf({Edit(PersonType(), past.rosa, Notes("después"))}));
  past.creation = commit(
      "late", luis.PushOf({Create(PersonType(), past.tarde, kTlacolula, PersonNamed("Tarde"))}));
  CHECK(SetGrant(authority.store(), kRevoked).ok());
  CHECK(EraseForGood(
            authority.store(),
            {.type_id = PersonType().type_id(), .id = past.eva, .scope = kJuarez, .user = "luis"},
            authority.clock().Now())
            .ok());
  authority.Close();
  past.journal = authority.journal();
  past.disk = PutBack(env.disk().Save());
  env.disk().Restore(past.disk);
  past.content = ReadContent(**OpenDisk(env, SyncMode::kHonest, StoreKind::kAuthority)).value();
  return past;
}

const Past& ThePast() {
  static const Past& past = *std::make_unique<Past>(MakePast()).release();
  return past;
}

class RestoreLife final : public KeptAuthorityLife {
 public:
  RestoreLife(FaultEnv* env, SyncMode mode) : KeptAuthorityLife(env, mode, /*seed=*/6) {
    env->disk().Restore(ThePast().disk);
    authority_.journal() = ThePast().journal;
    steps_.emplace_back([this] { return Open(); });
    // From here on the store takes the place of the other: what opens it next is a server.
    steps_.emplace_back([this] {
      authority_.NoteStart();
      is_in_place_ = true;
      return Open();
    });
    in_place_after_ = steps_.size();
    PlanPush("edit again", ThePast().edit_of_rosa);
    PlanPush("late again", ThePast().creation);
    steps_.emplace_back([this] { return authority_.store().ScrubFiles(nullptr).status(); });
  }

  // What is left of the scrubbing is a note that it is due, which may come back.
  bool is_durable(size_t step) const override { return step + 1 < steps_.size(); }
  StoreContent initial_content() const override { return ThePast().content; }
  absl::Status CheckPromises(size_t steps) override;
  absl::Status CheckEnd() override;

 private:
  absl::Status CheckRecords() const;
  absl::Status Open() {
    RETURN_IF_ERROR(authority_.Open(/*restored=*/!is_in_place_));
    if (!is_in_place_) return absl::OkStatus();
    return ResumeErasures(authority_.store(), authority_.clock().Now());
  }

  // The journal says so, which a crash of the store's disk leaves as it is.
  bool is_in_place_ = false;
  size_t in_place_after_ = 0;
};

// Whenever it is open.
absl::Status RestoreLife::CheckPromises(size_t steps) {
  RETURN_IF_ERROR(CheckSound(*authority_.kv(), kind()));
  if (authority_.store().epoch() == ThePast().epoch ||
      !authority_.store().IsPastEpoch(ThePast().epoch))
    return absl::InternalError("the epoch goes on");
  ASSIGN_OR_RETURN(const auto grant, authority_.store().GetEntry(DirectoryKind::kUser, "ana"));
  if (grant != kRevoked) return absl::InternalError("a revocation is forgotten");
  RETURN_IF_ERROR(authority_.RepeatAll());
  if (steps < in_place_after_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool is_there, IsInTables(*authority_.kv(), kErasedName));
  return is_there ? absl::InternalError("what was erased has come back") : absl::OkStatus();
}

absl::Status RestoreLife::CheckRecords() const {
  ASSIGN_OR_RETURN(const auto view, authority_.store().Read());
  ASSIGN_OR_RETURN(const auto rosa, view->Get(PersonType(), ThePast().rosa));
  v1::Person person;
  if (!rosa.has_value() || !person.ParseFromString(rosa->message) || person.notes() != "después")
    return absl::InternalError("an acknowledged edit is gone");
  ASSIGN_OR_RETURN(const auto tarde, view->Get(PersonType(), ThePast().tarde));
  if (!tarde.has_value()) return absl::InternalError("an acknowledged record is gone");
  ASSIGN_OR_RETURN(const auto eva, view->Get(PersonType(), ThePast().eva));
  return eva.has_value() ? absl::InternalError("the erased record lives") : absl::OkStatus();
}

absl::Status RestoreLife::CheckEnd() {
  RETURN_IF_ERROR(CheckPromises(step_count()));
  RETURN_IF_ERROR(CheckRecords());
  return authority_.CheckErasedFromFiles();
}

}  // namespace

std::unique_ptr<StoreLife> NewRestoreLife(FaultEnv* env, SyncMode mode) {
  return std::make_unique<RestoreLife>(env, mode);
}

}  // namespace brigada
