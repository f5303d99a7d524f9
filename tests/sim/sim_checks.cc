// The checkers. Failures name the invariants of docs/testing.md.
#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/conflict.pb.h"
#include "replica/base/check.h"
#include "replica/base/hlc.h"
#include "replica/base/limits.h"
#include "replica/schema/parked_edit.h"
#include "replica/store/store_check.h"
#include "replica/sync/codec.h"
#include "server/directory.h"
#include "tests/sim/sim_world.h"

namespace brigada {
namespace {

constexpr int kMaxRounds = 7;
constexpr int kMaxMovesPerSession = 20'000;
constexpr size_t kMaxHeard = 400;

// What a reader of sensitive data sees, and what nobody knows the class of: that is told to nobody.
struct SplitContent {
  Content readable;
  Content unknown;
};

SplitContent Split(const RecordType& type, const std::string& message) {
  SplitContent split;
  for (const auto& [place, text] : ContentOf(type, message)) {
    const bool is_known = type.FindField(place.field) != nullptr;
    (is_known ? split.readable : split.unknown)[place] = text;
  }
  return split;
}

v1::DataClass ClassOf(const RecordType& type, v1::DataClass own) {
  return own == v1::DATA_CLASS_UNSPECIFIED ? type.rules().data_class() : own;
}

using Contents = std::vector<std::pair<Place, std::string>>;

// What a conflict keeps: each of its values, by place.
void AddContenders(const v1::Conflict& conflict, Contents* kept) {
  std::vector<v1::Contender> all(conflict.losers().begin(), conflict.losers().end());
  all.push_back(conflict.winner());
  const RecordType& type = *SimRegistry().Find(conflict.about_type());
  for (const v1::Contender& contender : all) {
    if (contender.value().empty()) kept->push_back({{conflict.about_field(), ""}, ""});
    if (conflict.about_field() == kScopeFieldNumber) {
      kept->push_back({{kScopeFieldNumber, ""}, ""});
    } else {
      const auto parked = ReadParkedValue(contender.value());
      CHECK(parked.ok());
      for (const std::string& message : {parked->values, parked->removed}) {
        for (const auto& [place, text] : ContentOf(type, message)) kept->push_back({place, text});
      }
      for (const uint32_t field : parked->cleared) kept->push_back({{field, ""}, ""});
    }
  }
}

}  // namespace

void SimWorld::Expect(bool holds, const std::string& what) {
  if (!holds && result_.failure.empty()) result_.failure = what;
}

void SimWorld::NoteCommit(SimDevice* device, const CommitReceipt& receipt, bool is_durable) {
  trace_.Add(receipt.partition);
  trace_.Add(receipt.sequence);
  // Reading the outbox would make it durable.
  if (!is_durable) return;
  const auto page = device->store->ReadOutbox(receipt.partition, receipt.sequence, 1);
  if (!page.ok() && IsExcused(device, page.status())) return;
  Expect(page.ok() && page->change_sets.size() == 1 && page->last_sequence == receipt.sequence,
         "I6: a commit is not in the outbox");
  if (!result_.failure.empty()) return;
  WrittenSet set = SetOf(*page, device->number);
  CheckStamp(*device, set.header);
  // A retry keeps the position of its first try, and says apart what its writer knew then.
  const bool is_retry = set.header.has_retry_of();
  const uint64_t told =
      is_retry ? set.header.retried_revocation() : set.header.position().revocation();
  Expect(told >= device->told, "I9: a device writes as if it had not been told of a revocation");
  if (!is_modelled()) {
    if (!is_retry) NoteMade(set);
    return;
  }
  const SetName name{device->replica.AsBytes(), receipt.partition, receipt.sequence};
  if (device->is_copied) {
    device->drafts[name] = std::move(set);
  } else {
    oracle_.Write(name, std::move(set));
  }
}

// Whatever its wall clock says, a device that knows the server's time does not write in the future:
// it would win over whoever comes after it, for as long as that clock was ahead.
void SimWorld::CheckStamp(const SimDevice& device, const v1::ChangeSetHeader& header) {
  if (device.has_rebooted) return;
  const v1::Position& position = header.position();
  const absl::Time known =
      absl::FromUnixMillis(position.server_time_ms()) + absl::Milliseconds(position.elapsed_ms());
  Expect(Hlc{header.stamp()}.ToTime() <= known + kPermittedClockLead + absl::Milliseconds(1),
         "I14: a device signs beyond the server's time that it knows");
}

void SimWorld::NoteVerdict(const ReplicaId& replica, const std::string& partition,
                           const v1::Verdict& verdict) {
  ++result_.verdicts;
  result_.conflicts += static_cast<uint64_t>(verdict.conflicts_size());
  result_.refused += verdict.refusals_size() > 0 ? 1 : 0;
  trace_.Add(verdict.commit_sequence());
  trace_.Add(verdict.outcome());
  if (!is_modelled()) return;
  NoticeLateVerdicts(partition, verdict.commit_sequence());
  Adopt({replica.AsBytes(), partition, verdict.sequence()});
  const std::string wrong = oracle_.Judge(replica.AsBytes(), partition, verdict, last_commit_try_);
  Expect(wrong.empty(), wrong);
  NoteTouched({replica.AsBytes(), partition, verdict.sequence()});
  if (!result_.failure.empty()) return;
  if (replica == attacker_) {
    attacker_sequence_ = verdict.sequence();
    const auto chain = server_->store().LastChain(attacker_, partition);
    if (chain.ok()) attacker_chain_ = *chain;
  }
  CheckLedger(verdict, oracle_.owed());
}

void SimWorld::NoticeLateVerdicts(const std::string& partition, uint64_t before) {
  if (!server_->is_up() || !is_modelled()) return;
  while (oracle_.NextCommit(partition) < before && result_.failure.empty()) {
    const uint64_t next = oracle_.NextCommit(partition);
    bool is_found = false;
    for (const auto& [name, set] : oracle_.sets()) {
      if (is_found || name.partition != partition || !set.verdict.has_value()) continue;
      if (set.verdict->outcome() != v1::QUARANTINED) continue;
      const ReplicaId replica = *ReplicaId::FromBytes(name.replica);
      const auto stored = server_->store().FindVerdict(replica, partition, name.sequence);
      if (!stored.ok()) return;
      if (!stored->has_value() || (*stored)->verdict().commit_sequence() != next) continue;
      is_found = true;
      const std::string wrong =
          oracle_.Judge(name.replica, partition, (*stored)->verdict(), last_commit_try_);
      Expect(wrong.empty(), wrong);
      trace_.Add(next);
    }
    Expect(is_found, absl::StrCat("I4: commit ", next, " is nobody's"));
  }
}

// Guarantee 2: every value that met another one and lost, or might have, is in the ledger.
void SimWorld::CheckLedger(const v1::Verdict& verdict, const std::vector<OwedValue>& owed) {
  if (owed.empty() || !server_->disk().has_power()) return;
  const auto view = server_->store().Read();
  if (!view.ok()) return;
  Contents kept;
  for (const std::string& id : verdict.conflicts()) {
    const auto record =
        (*view)->Get(*SimRegistry().FindByName("Conflict"), *RecordId::FromBytes(id));
    Expect(record.ok() && record->has_value(), "G2: a verdict names a conflict that is not there");
    if (!result_.failure.empty()) return;
    v1::Conflict conflict;
    CHECK(conflict.ParseFromString((*record)->message));
    AddContenders(conflict, &kept);
  }
  for (const OwedValue& value : owed) {
    const bool found = std::any_of(kept.begin(), kept.end(), [&](const auto& one) {
      if (one.first.field != value.place.field) return false;
      return value.place.field == kScopeFieldNumber || value.text.empty()
                 ? true
                 : one == std::make_pair(value.place, value.text);
    });
    Expect(found,
           absl::StrCat("G2: a value that met another is not in the ledger: field ",
                        value.place.field, " \"", value.text, "\" ", verdict.ShortDebugString()));
  }
}

// Refused or not: what was refused changes nothing.
void SimWorld::NoteTouched(const SetName& name) {
  const WrittenSet* const set = oracle_.Find(name);
  if (set == nullptr) return;
  for (const v1::Change& change : set->body.changes()) {
    if (SimRegistry().Find(change.type_id()) != nullptr)
      touched_.insert({change.type_id(), change.record_id()});
  }
}

// After each group, not only at the end: a later write covers what was wrong in between.
void SimWorld::CheckTouched() { CheckRecords(std::exchange(touched_, {})); }

void SimWorld::CheckRecords(const std::set<RecordName>& names) {
  const auto view = server_->store().Read();
  if (!view.ok() || !is_modelled()) return;
  for (const RecordName& name : names) {
    // Of an erasure that failed nobody knows how far it came.
    if (!oracle_.is_loose(name) && !erasing_.contains(name)) CheckRecord(**view, name);
  }
}

// The server's record is the model's.
void SimWorld::CheckRecord(const ReadView& view, const RecordName& name) {
  const RecordType& type = *SimRegistry().Find(name.type);
  const absl::StatusOr<RecordId> id = RecordId::FromBytes(name.id);
  if (!id.ok()) return;
  const auto record = view.Get(type, *id);
  if (!record.ok()) return;
  const auto known = oracle_.records().find(name);
  const ModelRecord model = known == oracle_.records().end() ? ModelRecord() : known->second;
  if (oracle_.erased().contains(name)) {
    Expect(!record->has_value(), "I8: the authority holds an erased record");
    return;
  }
  Expect(record->has_value() == model.is_live(),
         absl::StrCat("I7: the authority ", record->has_value() ? "holds" : "has lost", " one of ",
                      type.plural()));
  if (!record->has_value() || !result_.failure.empty()) return;
  Expect((*record)->scope == Oracle::ScopeOf(model),
         absl::StrCat("I7: the authority has a record in ", (*record)->scope, ", the model in ",
                      Oracle::ScopeOf(model)));
  const Content held = ContentOf(type, (*record)->message);
  const Content wanted = oracle_.Show(name, model);
  Expect(held == wanted,
         absl::StrCat("I7: the authority holds ", TextOf(held), "| the model ", TextOf(wanted)));
}

void SimWorld::NoteUpFrame(SimDevice* device, const std::string& bytes,
                           const v1::ClientFrame& frame) {
  ++result_.frames;
  trace_.Add(bytes.size());
  Expect(bytes.size() <= kMaxFrameBytes, "I13: a device's frame is too large");
  if (scenario_.has(Fault::kAttacker) && heard_.size() < kMaxHeard)
    heard_.emplace_back(device->replica, bytes);
  if (!frame.has_push() || !is_modelled()) return;
  v1::PushBody body;
  const v1::Push& push = frame.push();
  CHECK(UnpackBody(push.body(), push.inflated_bytes(), kMaxInflatedBytes, &body).ok());
  for (const v1::Redelivered& before : body.redelivered()) {
    // It was discarded, or tried again under another number: its device has given it up.
    WrittenSet* const known =
        oracle_.Find({device->replica.AsBytes(), push.partition(), before.verdict().sequence()});
    if (known != nullptr && before.verdict().outcome() == v1::REJECTED) known->was_accepted = false;
  }
  for (const v1::ChangeSet& sent : body.change_sets()) {
    WrittenSet set;
    set.header_bytes = sent.header();
    CHECK(set.header.ParseFromString(sent.header()) && set.body.ParseFromString(sent.body()));
    const SetName name{device->replica.AsBytes(), push.partition(), set.header.sequence()};
    uint64_t& highest = device->sent[push.partition()];
    highest = std::max(highest, name.sequence);
    // A commit that failed may be there after all.
    if (device->is_copied && !device->drafts.contains(name)) NotePending(device);
    if (const auto draft = device->drafts.find(name); draft != device->drafts.end()) {
      Expect(draft->second.header_bytes == set.header_bytes,
             "I1: a change set is sent with another content");
      continue;
    }
    if (WrittenSet* known = oracle_.Find(name)) {
      Expect(known->header_bytes == set.header_bytes,
             "I1: a change set is sent with another content");
      known->is_durable = true;
      known->is_withheld = known->is_withheld || sent.has_sealed_body();
      continue;
    }
    set.is_durable = true;
    Expect(!sent.has_sealed_body(), "I1: a change set is sealed before it was sent");
    set.is_stub = !sent.has_body();
    set.writer = device->number;
    oracle_.Write(name, std::move(set));
  }
}

void SimWorld::NoteDownFrame(const std::string& user, const ReplicaId& replica,
                             const std::string& bytes, const v1::ServerFrame& frame) {
  ++result_.frames;
  trace_.Add(bytes.size());
  trace_.Add(static_cast<uint64_t>(frame.frame_case()));
  Expect(bytes.size() <= kMaxFrameBytes, "I13: a server's frame is too large");
  if (frame.has_range_repair() || frame.has_batch()) CheckLease(replica);
  if (frame.has_range_repair()) {
    v1::RepairBody repair;
    const v1::RangeRepair& packed = frame.range_repair();
    CHECK(UnpackBody(packed.body(), packed.inflated_bytes(), kMaxInflatedBytes, &repair).ok());
    for (const v1::Entry& entry : repair.entries()) CheckTold(user, replica, entry);
  }
  if (!frame.has_batch()) return;
  const v1::Batch& batch = frame.batch();
  v1::BatchBody body;
  CHECK(UnpackBody(batch.body(), batch.inflated_bytes(), kMaxInflatedBytes, &body).ok());
  for (const v1::Entry& entry : body.entries()) CheckTold(user, replica, entry);
  if (!is_modelled()) return;
  Expect(batch.to() <= oracle_.head(batch.partition()), "I5: a cursor beyond what is committed");
  for (const v1::Verdict& verdict : body.verdicts()) {
    const WrittenSet* set =
        oracle_.Find({replica.AsBytes(), batch.partition(), verdict.sequence()});
    const auto is_same = [&](const v1::Verdict& given) {
      return given.SerializeAsString() == verdict.SerializeAsString();
    };
    Expect(set != nullptr && set->verdict.has_value() &&
               (is_same(*set->verdict) ||
                std::any_of(set->earlier.begin(), set->earlier.end(), is_same)),
           "I2: a verdict in the feed that was not given");
  }
}

void SimWorld::CheckLease(const ReplicaId& replica) {
  const auto enrolled = FindDevice(server_->store(), replica);
  if (!enrolled.ok() || !enrolled->has_value()) return;
  Expect((*enrolled)->lease_until_ms() > absl::ToUnixMillis(server_->clock().Now()),
         "I9: records were sent to a device whose lease has ended");
}

// I9: of what the server tells, at the moment it does.
void SimWorld::CheckTold(const std::string& user, const ReplicaId& replica,
                         const v1::Entry& entry) {
  told_[{entry.type_id(), entry.record_id()}] = result_.restores;
  const absl::Time now = server_->clock().Now();
  const bool revoked = !is_directory_unsure_ &&
                       std::any_of(devices_.begin(), devices_.end(), [&](const auto& device) {
                         return device->replica == replica && device->is_revoked;
                       });
  Expect(!revoked, "I9: a record was sent to a revoked device");
  if (!entry.moved_to().empty()) {
    Expect(!entry.has_state(), "I9: content of a record that left was sent");
    return;
  }
  const RecordType* const type = SimRegistry().Find(entry.type_id());
  const auto record = DecodeRecord(type, entry.state());
  Expect(record.ok(), "an entry does not decode");
  if (!record.ok()) return;
  const v1::DataClass data_class = ClassOf(*type, record->data_class);
  // Who made it learns that it was erased, whoever may read it.
  if (record->erased && record->fields.size() <= 1) return;
  // A clock that was set back undoes no grant of a session under way, which may have begun at any
  // time that the clock has shown since.
  std::vector<absl::Time> times = {now};
  if (scenario_.has(Fault::kServerClock)) {
    times.push_back(latest_server_time_);
    for (const v1::GrantRecord& grant : oracle_.grants()) {
      const absl::Time from = absl::FromUnixMillis(grant.from_ms());
      if (now < from && from < latest_server_time_) times.push_back(from);
    }
  }
  const bool may_read = std::any_of(times.begin(), times.end(), [&](absl::Time at) {
    return oracle_.MayRead(user, entry.scope(), data_class, at);
  });
  Expect(may_read, absl::StrCat("I9: a record of ", entry.scope(),
                                " was sent to somebody who may not read there"));
  for (const FieldState& field : record->fields) {
    Expect(field.number == kScopeFieldNumber || type->FindField(field.number) != nullptr,
           "I9: a field of an unknown class was sent");
  }
}

void SimWorld::CheckRecoveredDevice(SimDevice* device) {
  for (auto& [partition, sent] : device->sent) {
    Expect(device->store->Head(partition).sequence() >= sent,
           "I1: a device lost a change set that it had sent");
  }
  for (const auto& [partition, confirmed] : device->confirmed) {
    Expect(device->store->Head(partition).confirmed() >= confirmed,
           "I3: a device forgot verdicts that it had settled");
  }
  for (const auto& [name, set] : oracle_.sets()) {
    if (name.replica != device->replica.bytes() || !set.is_durable) continue;
    if (set.writer != device->number) continue;
    const v1::OutboxHead head = device->store->Head(name.partition);
    Expect(head.sequence() >= name.sequence,
           "I1: a device lost a change set that Commit acknowledged");
    if (device->is_lazy || head.confirmed() >= name.sequence || !result_.failure.empty()) continue;
    const auto page = device->store->ReadOutbox(name.partition, name.sequence, 1);
    // Reading syncs, which may fail.
    if (!page.ok() && IsExcused(device, page.status())) continue;
    Expect(page.ok() && !page->change_sets.empty() &&
               page->change_sets[0].header() == set.header_bytes,
           "I3: a change set of the outbox is not what was committed");
  }
}

// What a failed write left behind is read from the feed; what was acknowledged has to be there.
void SimWorld::NoticeMissedCommits(const std::string& partition) {
  AuthorityStore& store = server_->store();
  const uint64_t known = oracle_.head(partition);
  Expect(store.Head(partition) >= known, "I1: the server lost commits that it had acknowledged");
  if (store.Head(partition) <= known || !result_.failure.empty()) return;
  std::vector<std::pair<v1::Verdict, ReplicaId>> missed;
  std::vector<ReplicaId> replicas = {attacker_};
  for (const auto& device : devices_) replicas.push_back(device->replica);
  for (const ReplicaId& replica : replicas) {
    const auto page = store.ReadFeed({.replica = replica,
                                      .partition = partition,
                                      .feeds = {},
                                      .complete = known,
                                      .scanned = known,
                                      .target_bytes = 1 << 30});
    CHECK(page.ok());
    for (const v1::Verdict& verdict : page->body.verdicts()) missed.emplace_back(verdict, replica);
  }
  std::sort(missed.begin(), missed.end(), [](const auto& a, const auto& b) {
    return a.first.commit_sequence() < b.first.commit_sequence();
  });
  for (const auto& [verdict, replica] : missed) NoteVerdict(replica, partition, verdict);
  // An erasure has commits without verdicts.
  if (!oracle_.erased().empty() || !erasing_.empty())
    oracle_.SkipTo(partition, store.Head(partition));
  Expect(oracle_.head(partition) == store.Head(partition),
         "I3: commits without verdicts after a crash");
}

void SimWorld::CheckRecoveredServer() {
  AuthorityStore& store = server_->store();
  if (is_modelled())
    for (const char* partition : {"MX", "MX/09", "MX/20"}) NoticeMissedCommits(partition);
  NoteErasures();
  const auto grants = AllGrants(store);
  CHECK(grants.ok());
  const auto sorted = [](const std::vector<v1::GrantRecord>& list) {
    std::vector<std::string> texts;
    texts.reserve(list.size());
    for (const v1::GrantRecord& grant : list) texts.push_back(grant.SerializeAsString());
    std::sort(texts.begin(), texts.end());
    return texts;
  };
  if (is_directory_unsure_) {
    grants_ = *grants;
    oracle_.PutGrants(grants_);
    for (const auto& device : devices_) {
      const auto record = FindDevice(store, device->replica);
      if (record.ok() && record->has_value()) device->is_revoked = (*record)->revoked_ms() != 0;
    }
    is_directory_unsure_ = false;
  }
  Expect(sorted(*grants) == sorted(grants_), "I1: the server lost a grant or a revocation");
  touched_.clear();
  CheckRecords(ModelledRecords());
}

std::set<RecordName> SimWorld::ModelledRecords() const {
  std::set<RecordName> names;
  for (const auto& [name, model] : oracle_.records()) names.insert(names.end(), name);
  return names;
}

void SimWorld::CheckCursors(const SimDevice& device) {
  if (!is_modelled()) return;
  for (const v1::Cursor& cursor : device.store->Cursors()) {
    const std::optional<uint64_t> end = oracle_.EndOf(cursor.run(), cursor.partition());
    const uint64_t reached = std::max(cursor.scanned(), cursor.complete());
    // Of an erasure that failed nobody knows its commits.
    Expect(!end.has_value() || reached <= *end || !erasing_.empty(),
           absl::StrCat("I5: a device stands at ", reached, " of ", cursor.partition(),
                        ", beyond the commit ", end.value_or(0)));
  }
}

void SimWorld::CheckSessionEnd(SimDevice* device, const absl::Status& status) {
  if (device->store != nullptr) {
    for (const std::string& partition : device->store->Partitions()) {
      uint64_t& confirmed = device->confirmed[partition];
      confirmed = std::max(confirmed, device->store->Head(partition).confirmed());
    }
    CheckCursors(*device);
  }
  if (status.ok() || absl::IsUnavailable(status)) return;
  if (absl::IsUnauthenticated(status) && scenario_.has(Fault::kShortLeases) && server_->is_up())
    return Renew(device);
  const bool is_servers_fault = server_has_trouble_ && absl::IsInternal(status);
  const bool is_revoked = device->is_revoked && absl::IsPermissionDenied(status);
  const bool is_busy = absl::IsResourceExhausted(status);
  if (absl::IsFailedPrecondition(status) && device->is_copied) return;
  Expect(is_servers_fault || is_revoked || is_busy || IsExcused(device, status),
         absl::StrCat("I17: a session ended with ", status.ToString()));
  if (device->has_trouble || device->is_damaged) device->store.reset();
}

bool SimWorld::SyncOnce(SimDevice* device) {
  SimLinkOptions options;
  options.window = 4;
  Connect(device, options);
  for (int moves = 0; moves < kMaxMovesPerSession && !device->link->is_over(); ++moves) {
    const bool moved = device->link->MoveAll();
    SimRandom random(1);
    if (server_->queued() > 0) {
      TakeServerWork(&random);
    } else if (!moved) {
      Pass(absl::Seconds(1));
      if (device->link == nullptr) return false;
    }
  }
  const bool finished = device->link->is_finished();
  const absl::Status status = device->link->status();
  EndLink(device);
  // It was a copy; now it is a device of its own.
  if (absl::IsFailedPrecondition(status) && result_.copies > 0) return false;
  if (absl::IsUnauthenticated(status) && scenario_.has(Fault::kShortLeases)) return false;
  // After the server went back it may find a record to be another than the server's: the next
  // session reads from zero.
  const bool gave_up = absl::IsUnavailable(status) &&
                       absl::StrContains(status.message(), "changes a record that is not here");
  if (gave_up && result_.restores > 0) return false;
  Expect(finished,
         absl::StrCat("I17: a session over a working link does not finish: ", status.ToString()));
  return finished;
}

void SimWorld::Converge() {
  // No grant begins or ends while everybody catches up.
  Pass(absl::Hours(1));
  SimHeads heads;
  int quiet_rounds = 0;
  for (int round = 0; round < kMaxRounds; ++round) {
    bool is_drained = true;
    for (const auto& device : devices_) {
      if (device->is_revoked || !result_.failure.empty()) continue;
      Pass(absl::Milliseconds(200));
      const bool is_done = SyncOnce(device.get());
      const auto counts = device->store->Counts();
      is_drained = is_drained && is_done && counts.ok() && counts->pending == 0;
    }
    const SimHeads before = std::exchange(heads, {});
    for (const std::string& partition : server_->store().Partitions())
      heads[partition] = server_->store().Head(partition);
    heads[server_->store().epoch().AsBytes()] = 0;
    quiet_rounds = heads == before ? quiet_rounds + 1 : 0;
    // What a round brought to the server, those who were there before have to fetch yet. Who has to
    // renew its lease comes a round later. Of a new epoch nobody believes the first welcome in
    // everything. What was released takes others along a round later.
    const bool is_plain =
        backups_.empty() && result_.copies == 0 && result_.renewals == 0 && result_.releases == 0;
    if (is_drained && quiet_rounds > (is_plain ? 0 : 1)) break;
  }
  if (result_.failure.empty()) CheckEnd();
}

void SimWorld::CheckEnd() {
  CheckRecords(ModelledRecords());
  for (const RecordName& name : oracle_.loose()) CheckFacts(name);
  CheckFolios();
  CheckSurvival();
  CheckErased(server_->kv(), nullptr);
  CheckSound(server_->kv(), StoreKind::kAuthority);
  for (const auto& device : devices_) {
    if (device->is_revoked || !result_.failure.empty()) continue;
    CheckDeviceWork(device.get());
    CheckDeviceView(device.get());
    CheckDeviceLedger(device.get());
    CheckErased(*device->kv, device.get());
    CheckSound(*device->kv, StoreKind::kDevice);
  }
}

// I19: every record that a device made has a number, and no two the same. Until copies are divided
// they go on with the same numbers.
void SimWorld::CheckFolios() {
  if (!scenario_.has(Fault::kFolios) || result_.copies > 0) return;
  std::map<std::string, RecordName> given;
  for (const auto& [set_name, set] : oracle_.sets()) {
    for (const v1::Change& change : set.body.changes()) {
      const RecordType* const type = SimRegistry().Find(change.type_id());
      const bool is_numbered = type != nullptr && type->folio() != nullptr &&
                               change.kind() == v1::Change::CREATE &&
                               *ReplicaId::FromBytes(set_name.replica) != attacker_;
      if (!is_numbered) continue;
      const Content content = ContentOf(*type, change.values());
      const auto folio = content.find({type->folio()->number, ""});
      Expect(folio != content.end(), "I19: a record was made without a folio");
      if (folio == content.end()) return;
      const RecordName name{change.type_id(), change.record_id()};
      const auto [first, is_new] = given.try_emplace(folio->second, name);
      Expect(is_new || first->second == name,
             absl::StrCat("I19: folio ", folio->second, " was given twice"));
    }
  }
}

// What a store says of itself agrees: records, index, feeds, counts, sums, the outbox's chain.
void SimWorld::CheckSound(const Kv& kv, StoreKind kind) {
  const absl::StatusOr<StoreFindings> found = CheckStore(kv, kind, SimRegistry());
  Expect(found.ok(), absl::StrCat("a store cannot be checked: ", found.status().ToString()));
  if (!found.ok() || found->damages == 0) return;
  Expect(false, absl::StrCat("a store contradicts itself in ", found->damages, " places: kind ",
                             static_cast<int>(found->shown.front().kind), ", ",
                             found->shown.front().where));
}

// Without what was erased; of a record that the device is not told of, with or without.
bool SimWorld::HasContent(const SimDevice& device, const WrittenSet& set, const std::string& kept) {
  v1::ChangeSetBody body;
  if (!body.ParseFromString(kept)) return false;
  v1::ChangeSetBody wanted = oracle_.Scrubbed(set.body);
  for (int i = 0; i < std::min(wanted.changes_size(), body.changes_size()); ++i) {
    const v1::Change& written = set.body.changes(i);
    const bool is_whole = body.changes(i).SerializeAsString() == written.SerializeAsString();
    if (is_whole && IsUntold(device, {written.type_id(), written.record_id()}))
      *wanted.mutable_changes(i) = written;
  }
  return kept == wanted.SerializeAsString();
}

// What the device tried again: the first try, and later ones before the last.
std::set<SetName> SimWorld::RetriedBy(const SimDevice& device) const {
  std::map<std::pair<std::string, uint64_t>, SetName> last;  // by partition and first try
  std::set<SetName> retried;
  for (const auto& [name, set] : oracle_.sets()) {
    if (name.replica != device.replica.bytes() || !set.header.has_retry_of()) continue;
    const v1::Dot& first = set.header.retry_of();
    const auto [before, is_first] = last.try_emplace({name.partition, first.sequence()}, name);
    if (is_first) {
      retried.insert({first.replica(), name.partition, first.sequence()});
    } else {
      retried.insert(std::exchange(before->second, name));
    }
  }
  return retried;
}

// What the device's accepted and listed work says, by the change set that said it first: an
// unedited retry of what was released is settled with that, and is on no list of its own.
std::set<SetName> SimWorld::SaidBy(const SimDevice& device,
                                   const std::map<SetName, std::string>& kept) {
  std::set<SetName> said;
  const auto add = [&](const SetName& name, const v1::ChangeSetHeader& header) {
    const v1::Dot& first = header.same_work();
    said.insert(header.has_same_work() ? SetName{first.replica(), name.partition, first.sequence()}
                                       : name);
  };
  for (const auto& [name, set] : oracle_.sets()) {
    if (name.replica != device.replica.bytes() || !set.verdict.has_value()) continue;
    if (set.is_accepted() || IsKeptAgain(name, set)) add(name, set.header);
  }
  for (const auto& [name, content] : kept)
    if (const WrittenSet* const set = oracle_.Find(name)) add(name, set->header);
  return said;
}

bool SimWorld::NamesErased(const WrittenSet& set) const {
  return oracle_.Scrubbed(set.body).SerializeAsString() != set.body.SerializeAsString();
}

// What a device sent sealed, since it has lost the scope, is in no list of its own. Somebody has to
// have it all the same: the server's quarantine in clear, or the device as it sealed it, until it
// may let go of it.
bool SimWorld::IsKeptSealed(const SimDevice& device, const SetName& name,
                            const WrittenSet& set) const {
  if (!set.is_withheld) return false;
  if (NamesErased(set)) return true;
  if (set.verdict->outcome() == v1::QUARANTINED) {
    const auto kept =
        server_->store().FindQuarantined(name.partition, device.replica, name.sequence);
    return kept.ok() && kept->has_value() &&
           (*kept)->kept.change_set().body() == set.body.SerializeAsString();
  }
  if (name.sequence < device.store->Head(name.partition).retained_from()) return true;
  const auto page = device.store->ReadOutbox(name.partition, name.sequence, 1);
  return page.ok() && page->last_sequence == name.sequence &&
         page->change_sets[0].has_sealed_body();
}

// I10: everything committed was judged; what was refused is there with its content.
void SimWorld::CheckDeviceWork(SimDevice* device) {
  const auto counts = device->store->Counts();
  Expect(counts.ok() && counts->pending == 0, "I17: an outbox is not empty");
  const auto rejected = device->store->Rejected();
  CHECK(rejected.ok());
  std::map<SetName, std::string> kept;
  for (const v1::RejectedChangeSet& item : *rejected) {
    v1::ChangeSetHeader header;
    CHECK(header.ParseFromString(item.change_set().header()));
    kept[{header.replica(), header.partition(), header.sequence()}] = item.change_set().body();
  }
  const std::set<SetName> retried = RetriedBy(*device);
  const std::set<SetName> said = SaidBy(*device, kept);
  for (const auto& [name, set] : oracle_.sets()) {
    if (name.replica != device->replica.bytes() || set.writer != device->number) continue;
    Expect(set.verdict.has_value(), "I10: a change set has no verdict");
    if (!result_.failure.empty()) return;
    const bool is_refused =
        set.verdict->outcome() == v1::REJECTED || set.verdict->outcome() == v1::QUARANTINED;
    const bool is_kept = kept.contains(name);
    const bool is_discarded = std::find(device->discarded.begin(), device->discarded.end(), name) !=
                              device->discarded.end();
    const v1::Dot& first = set.header.same_work();
    const bool is_said = scenario_.has(Fault::kReleases) && set.header.has_same_work() &&
                         said.contains({first.replica(), name.partition, first.sequence()});
    // What was tried again left the list.
    const bool is_gone = is_discarded || retried.contains(name) || is_said;
    Expect(
        is_kept
            ? is_refused
            : !is_refused || is_gone || IsKeptSealed(*device, name, set) || IsKeptAgain(name, set),
        absl::StrCat("I10: the rejected list ", is_kept ? "holds" : "lacks", " change set ",
                     name.sequence, " of ", name.partition, ": ", set.verdict->ShortDebugString()));
    if (!is_kept || set.is_stub) continue;
    // It may have been sealed, and then it was dropped with the erased record that it names.
    if ((set.was_accepted || set.is_withheld) && NamesErased(set)) continue;
    Expect(HasContent(*device, set, kept[name]), "I10: refused work lost its content");
  }
}

void SimWorld::CheckDeviceView(SimDevice* device) {
  const auto view = device->store->Read();
  const auto truth = server_->store().Read();
  CHECK(view.ok() && truth.ok());
  const absl::Time now = server_->clock().Now();
  std::set<RecordName> names = oracle_.loose();
  names.insert(forgotten_.begin(), forgotten_.end());
  for (const auto& [name, model] : oracle_.records()) names.insert(name);
  if (!is_modelled()) names.insert(known_.begin(), known_.end());
  for (const RecordName& name : names) {
    if (!result_.failure.empty()) return;
    const RecordType& type = *SimRegistry().Find(name.type);
    const RecordId id = *RecordId::FromBytes(name.id);
    const auto record = (*view)->Get(type, id);
    const auto there = (*truth)->Get(type, id);
    Expect(record.ok() && there.ok(), "I3: a record does not read");
    if (!result_.failure.empty()) return;
    const auto who = absl::StrCat("I7: device ", device->number, ", ", type.plural(), " ",
                                  absl::BytesToHexString(name.id), ": ");
    // What it read on a line that is lost stays as long as nobody brings it back.
    if (HasLostWork(name)) continue;
    const std::string held_in = record->has_value() ? (*record)->scope : "";
    const std::string& scope = there->has_value() ? (*there)->scope : held_in;
    if (!oracle_.MayRead(device->user, scope, type.rules().data_class(), now)) {
      // What no subscription brought is its own.
      const bool is_own =
          record->has_value() && ((*record)->created.replica == device->replica ||
                                  device->former.contains((*record)->created.replica));
      Expect(!record->has_value() || is_own, absl::StrCat(who, "still held, without a grant"));
      continue;
    }
    if (!there->has_value()) {
      Expect(!record->has_value() || IsRefusedAgain(name),
             absl::StrCat(who, "holds a deleted record"));
      continue;
    }
    Expect(record->has_value(), absl::StrCat(who, "misses a record"));
    if (!result_.failure.empty()) return;
    Expect((*record)->scope == scope, absl::StrCat(who, "has it in ", (*record)->scope));
    Expect(!(*record)->pending, absl::StrCat(who, "still pending"));
    const SplitContent held = Split(type, (*record)->message);
    const SplitContent wanted = Split(type, (*there)->message);
    Expect(held.readable == wanted.readable,
           absl::StrCat(who, "holds ", TextOf(held.readable), "| the server ",
                        TextOf(wanted.readable)));
    CheckUnknown(*device, name, held.unknown);
  }
}

// The server tells a field that it does not know to nobody here, as nobody reads the most sensitive
// class: only who wrote it may have it.
void SimWorld::CheckUnknown(const SimDevice& device, const RecordName& name, const Content& held) {
  if (held.empty() || result_.copies > 0) return;
  std::set<Place> own;
  for (const auto& [set_name, set] : oracle_.sets()) {
    if (set.writer != device.number) continue;
    for (const v1::Change& change : set.body.changes()) {
      if (change.type_id() != name.type || change.record_id() != name.id) continue;
      for (const auto& [place, text] : ContentOf(*SimRegistry().Find(name.type), change.values()))
        own.insert(place);
    }
  }
  for (const auto& [place, text] : held) {
    Expect(own.contains(place), absl::StrCat("I9: device ", device.number, " has field ",
                                             place.field, " of an unknown class"));
  }
}

// The ledger of what a device reads is the server's.
void SimWorld::CheckDeviceLedger(SimDevice* device) {
  const RecordType& type = *SimRegistry().FindByName("Conflict");
  const auto view = device->store->Read();
  const auto truth = server_->store().Read();
  CHECK(view.ok() && truth.ok());
  const auto cursor = (*truth)->Scan(type, *Scope::Parse("MX"));
  const absl::Time now = server_->clock().Now();
  while (result_.failure.empty()) {
    const auto next = cursor->Next();
    CHECK(next.ok());
    if (!next->has_value()) return;
    const RecordView& conflict = **next;
    const v1::DataClass data_class = ClassOf(type, conflict.data_class);
    if (!oracle_.MayRead(device->user, conflict.scope, data_class, now)) continue;
    const auto held = (*view)->Get(type, conflict.id);
    Expect(held.ok() && held->has_value(),
           absl::StrCat("I7: device ", device->number, " misses a conflict"));
    if (!result_.failure.empty()) return;
    Expect((*held)->message == conflict.message, "I7: a device holds another state of a conflict");
  }
}

}  // namespace brigada
