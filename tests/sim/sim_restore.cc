// The server goes back: backups are taken and put back, announced or not. And records are erased.
#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "replica/base/check.h"
#include "server/backups.h"
#include "server/directory.h"
#include "server/erasures.h"
#include "tests/sim/sim_world.h"

namespace brigada {
namespace {

constexpr size_t kMaxBackups = 4;

}  // namespace

void SimWorld::NoteRun() {
  const AuthorityStore& store = server_->store();
  RunStart start{store.run().AsBytes(), {}};
  for (const std::string& partition : store.Partitions())
    start.found[partition] = store.Head(partition);
  oracle_.BeginRun(store.epoch().AsBytes(), start, store.CurrentEpoch().floor());
}

void SimWorld::TakeBackup() {
  if (!server_->is_up()) return;
  AuthorityStore& store = server_->store();
  const absl::Time now = server_->clock().Now();
  SimBackup backup;
  v1::BackupRecord begun = BackupBegun(store, "simulated", now);
  absl::Status noted = NoteBackup(store, begun, now);
  AfterAdministration(noted);
  if (!noted.ok()) return;
  auto content = ContentOf(server_->kv());
  if (!content.ok()) {
    AfterAdministration(content.status());
    AfterAdministration(ForgetBackup(store, begun));
    return;
  }
  backup.content = *std::move(content);
  begun.set_complete(true);
  noted = NoteBackup(store, begun, now);
  AfterAdministration(noted);
  if (!noted.ok()) return;
  backup.epoch = store.epoch().AsBytes();
  backup.past = oracle_.Remember();
  backup.journal = server_->journal();
  backup.grants = grants_;
  backup.made = absl::FromUnixMillis(begun.made_ms());
  backup.erasures = oracle_.erased().size() + erasing_.size();
  backup.enrolments = enrolments_;
  for (const auto& device : devices_)
    if (device->is_revoked) backup.revoked.insert(device->replica);
  backups_.push_back(std::move(backup));
  if (backups_.size() > kMaxBackups) backups_.erase(backups_.begin());
}

// Announced; a copy put back without a word, which the journal finds; or the machine set back,
// journal and all, which the cursors of the devices find.
void SimWorld::TakeRestore(SimRandom* random) {
  const absl::Time now = server_->clock().Now();
  const size_t oldest = backups_.size() < 2 ? 0 : backups_.size() - 2;
  const size_t at = random->Chance(300) ? 0 : oldest + random->Uniform(2);
  uint64_t how = random->Uniform(3);
  if (at >= backups_.size() || is_directory_unsure_) return;
  const SimBackup& backup = backups_[at];
  // Devices have let go what only an older backup lacks.
  if (now - backup.made >= kBackupKeptFor) return;
  // Who sets the machine back with its journal sets back what was erased and enrolled since: no
  // part of the system knows better.
  if (how == 2 && (backup.erasures != oracle_.erased().size() + erasing_.size() ||
                   backup.enrolments != enrolments_))
    how = 1;
  PutBack(backup, how);
}

void SimWorld::PutBack(const SimBackup& backup, uint64_t how) {
  const Epoch lost = server_->is_up() ? server_->store().epoch() : Epoch();
  StopServer();
  trace_.Add(how);
  ++result_.restores;
  NoteWhatIsKnown();
  oracle_.GoBack(*backup.past);
  if (how == 2) oracle_.Doubt(*backup.past);
  if (how == 2) {
    server_->set_journal(backup.journal);
    grants_ = backup.grants;
    oracle_.PutGrants(grants_);
    for (const auto& device : devices_)
      device->is_revoked = backup.revoked.contains(device->replica);
  }
  auto disk = NewDisk(StoreKind::kAuthority);
  FillDisk(backup.content, disk.get());
  server_->PutBack(std::move(disk), how == 0);
  StartServer();
  // Of an epoch that neither the store nor the journal knows, what a device says counts for
  // nothing.
  if (how == 2 && server_->is_up() && server_->store().epoch() != lost &&
      !server_->store().IsPastEpoch(lost))
    oracle_.ForgetWhatIsKnown();
  // A copy of the run that the journal names last is found only by a cursor from beyond it.
  const bool is_found = server_->is_up() && server_->store().epoch().AsBytes() != backup.epoch;
  if (how == 1 && !is_found) oracle_.Doubt(*backup.past);
  if (!server_->is_up()) return;
  const auto sequence = server_->store().LastSequence(attacker_, "MX/20");
  const auto chain = server_->store().LastChain(attacker_, "MX/20");
  CHECK(sequence.ok() && chain.ok());
  attacker_sequence_ = *sequence;
  attacker_chain_ = *chain;
}

// What devices know to be accepted is not thrown out, whatever the server forgets.
void SimWorld::NoteWhatIsKnown() {
  // Who stole a key can send old work before its owner does, without saying what became of it.
  if (scenario_.has(Fault::kAttacker)) return;
  for (const auto& device : devices_) {
    for (const auto& [partition, confirmed] : device->confirmed) {
      for (uint64_t sequence = 1; sequence <= confirmed; ++sequence) {
        WrittenSet* const set = oracle_.Find({device->replica.AsBytes(), partition, sequence});
        // It may not have been told of a release yet.
        const bool is_known =
            set != nullptr && set->is_accepted() && set->verdict->released_ms() == 0;
        if (is_known) set->was_accepted = true;
      }
    }
  }
}

void SimWorld::TakeErase(SimRandom* random) {
  if (!server_->is_up() || known_.empty()) return;
  const RecordName name = known_[random->Uniform(known_.size())];
  AuthorityStore& store = server_->store();
  const RecordId id = *RecordId::FromBytes(name.id);
  const auto places = store.PlacesOf(name.type, id);
  if (!places.ok() || places->empty()) return;
  const auto report = EraseForGood(
      store, {.type_id = name.type, .id = id, .scope = places->front(), .user = "admin"},
      server_->clock().Now());
  Expect(report.ok() || server_has_trouble_,
         absl::StrCat("an erasure failed: ", report.status().ToString()));
  if (!report.ok()) {
    // Once it is noted the next start does it. What it wrote before it failed has its time.
    oracle_.NoteTime(server_->clock().Now());
    erasing_.insert(name);
    if (!absl::IsResourceExhausted(report.status())) is_directory_unsure_ = true;
    return;
  }
  ++result_.erasures;
  oracle_.NoteTime(server_->clock().Now());
  oracle_.Erase(name, places->front());
  erasing_.erase(name);
  for (const std::string& partition : report->partitions)
    oracle_.SkipTo(partition, store.Head(partition));
  server_->OnNewHeads(report->partitions);
}

// The server forgets deletions that everybody who counts has seen.
void SimWorld::TendServer() {
  if (!scenario_.has(Fault::kOldDeletions) || !server_->is_up()) return;
  const absl::Status tended = server_->Tend();
  Expect(tended.ok() || server_has_trouble_,
         absl::StrCat("the server does not forget old deletions: ", tended.ToString()));
  const std::map<RecordName, ModelRecord> models = oracle_.records();
  for (const auto& [name, model] : models) {
    if (!model.is_deleted || oracle_.erased().contains(name) || erasing_.contains(name)) continue;
    const auto places = server_->store().PlacesOf(name.type, *RecordId::FromBytes(name.id));
    if (!places.ok() || !places->empty()) continue;
    CheckForgotten(name, model);
    oracle_.ForgetDeletion(name);
    forgotten_.insert(name);
    ++result_.forgotten;
  }
}

// I8: no device that synced in the last half year stands before a deletion that is forgotten. Who
// begins anew, as a recovered device or a copy, says nothing of where it stood.
void SimWorld::CheckForgotten(const RecordName& name, const ModelRecord& model) {
  if (result_.recoveries > 0 || result_.copies > 0) return;
  const std::string scope = Oracle::ScopeOf(model);
  const std::string partition(Scope::Parse(scope)->partition());
  const absl::Time now = server_->clock().Now();
  for (const auto& device : devices_) {
    const v1::DataClass data_class = SimRegistry().Find(name.type)->rules().data_class();
    const bool reads = oracle_.MayRead(device->user, scope, data_class, now);
    if (device->store == nullptr || device->is_revoked || !reads) continue;
    const auto enrolled = FindDevice(server_->store(), device->replica);
    if (!enrolled.ok() || !enrolled->has_value()) continue;
    const absl::Time synced = absl::FromUnixMillis((*enrolled)->last_sync_ms());
    if (synced + kDeviceLivesFor < now) continue;
    // Until it has said in a hello where it stands it does not count.
    const auto& said = (*enrolled)->acknowledged();
    if (std::none_of(said.begin(), said.end(),
                     [&](const v1::PartitionHead& head) { return head.partition() == partition; }))
      continue;
    for (const v1::Cursor& cursor : device->store->Cursors()) {
      if (cursor.partition() != partition || cursor.complete() == 0) continue;
      Expect(cursor.complete() >= model.deleted.CommitIn(partition),
             absl::StrCat("I8: device ", device->number, " stands at ", cursor.complete(), " of ",
                          partition, ", before the deletion of ", name.type, "/",
                          absl::BytesToHexString(name.id), " that was forgotten"));
    }
  }
}

// After a start: what was noted has been done.
void SimWorld::NoteErasures() {
  const auto notes = NotedErasures(server_->store());
  CHECK(notes.ok());
  for (const DirectoryWrite& write : *notes) {
    v1::EraseRequest note;
    CHECK(note.ParseFromString(*write.value));
    oracle_.Erase({note.type_id(), note.record_id()}, note.scope());
  }
  erasing_.clear();
  if (!notes->empty()) oracle_.NoteTime(server_->clock().Now());
  for (const auto& [erased, scope] : oracle_.erased()) {
    const RecordName& name = erased;
    const bool is_noted =
        std::any_of(notes->begin(), notes->end(), [&](const DirectoryWrite& write) {
          v1::EraseRequest note;
          return note.ParseFromString(*write.value) && note.type_id() == name.type &&
                 note.record_id() == name.id;
        });
    Expect(is_noted, "I8: the server forgot an erasure");
  }
}

}  // namespace brigada
