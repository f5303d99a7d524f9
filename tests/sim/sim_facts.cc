// What must hold of records of which the model does not know everything, since the server went
// back: what was accepted is there, or in the ledger, unless somebody who had seen it wrote over
// it. And of erased records: nothing of what they said is left.
#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/conflict.pb.h"
#include "replica/base/check.h"
#include "replica/store/kv.h"
#include "tests/sim/sim_world.h"
#include "tests/support/testing.pb.h"

namespace brigada {
namespace {

// One accepted change of the record.
struct Fact {
  const WrittenSet* set = nullptr;
  const v1::Change* change = nullptr;
  Content values;
  Content removed;
};

v1::MergePolicy PolicyOf(const RecordType& type, uint32_t number) {
  const FieldType* const field = type.FindField(number);
  return field == nullptr ? v1::LAST_WRITER : field->policy;
}

// True when it says something else of the place.
bool Touches(const Fact& fact, const Place& place) {
  const auto& cleared = fact.change->cleared();
  return fact.values.contains(place) || fact.removed.contains(place) ||
         std::find(cleared.begin(), cleared.end(), place.field) != cleared.end() ||
         fact.change->kind() == v1::Change::DELETE;
}

std::string NameOf(const RecordName& name) {
  return absl::StrCat(name.type, "/", absl::BytesToHexString(name.id));
}

}  // namespace

struct SimWorld::Facts {
  const RecordType* type = nullptr;
  std::vector<Fact> accepted;
  bool is_created = false;
  bool is_deleted = false;  // somebody deleted it, on some line
  // What the server has now.
  std::optional<Content> content;
  std::set<std::pair<Place, std::string>> ledger;

  // Accepted, and nobody who had seen it wrote over it.
  bool IsStanding(const Oracle& oracle, const Fact& fact, const Place& place,
                  const std::string& text) const {
    // Equal values stand for each other.
    for (const Fact& other : accepted) {
      const auto said = other.values.find(place);
      if (&other != &fact && (said == other.values.end() || said->second != text)) continue;
      for (const Fact& later : accepted) {
        // Of one transaction the last word counts.
        const bool saw = later.set == other.set ? &later > &other
                                                : oracle.Saw(*later.set, *later.change, *other.set);
        if (saw && Touches(later, place)) return false;
      }
    }
    return true;
  }
};

SimWorld::Facts SimWorld::FactsOf(const RecordName& name) {
  Facts facts;
  facts.type = SimRegistry().Find(name.type);
  for (const auto& [set_name, set] : oracle_.sets()) {
    for (const v1::Change& change : set.body.changes()) {
      if (change.type_id() != name.type || change.record_id() != name.id) continue;
      facts.is_deleted =
          facts.is_deleted || (change.kind() == v1::Change::DELETE && set.is_ever_accepted);
      if (!set.is_accepted() || set.is_repeat) continue;
      facts.is_created = facts.is_created || change.kind() == v1::Change::CREATE;
      facts.accepted.push_back({&set, &change, ContentOf(*facts.type, change.values()),
                                ContentOf(*facts.type, change.removed())});
    }
  }
  ReadFacts(name, &facts);
  return facts;
}

void SimWorld::ReadFacts(const RecordName& name, Facts* facts) const {
  const auto view = server_->store().Read();
  CHECK(view.ok());
  const auto record = (*view)->Get(*facts->type, *RecordId::FromBytes(name.id));
  CHECK(record.ok());
  if (record->has_value()) facts->content = ContentOf(*facts->type, (*record)->message);
  const auto cursor = (*view)->Scan(*SimRegistry().FindByName("Conflict"), *Scope::Parse("MX"));
  while (true) {
    const auto next = cursor->Next();
    CHECK(next.ok());
    if (!next->has_value()) return;
    v1::Conflict conflict;
    CHECK(conflict.ParseFromString((*next)->message));
    if (conflict.about_type() != name.type || conflict.about_record() != name.id) continue;
    if (conflict.about_field() == kScopeFieldNumber) continue;
    std::vector<v1::Contender> all(conflict.losers().begin(), conflict.losers().end());
    all.push_back(conflict.winner());
    for (const v1::Contender& contender : all) {
      const Content content = ContentOf(*facts->type, contender.value());
      facts->ledger.insert(content.begin(), content.end());
    }
  }
}

bool SimWorld::HasLostWork(const RecordName& name) const {
  if (MayBeGone(name)) return true;
  for (const auto& [set_name, set] : oracle_.sets()) {
    if (!set.is_ever_accepted || set.is_accepted()) continue;
    for (const v1::Change& change : set.body.changes())
      if (change.type_id() == name.type && change.record_id() == name.id) return true;
  }
  return false;
}

// I11: nothing acknowledged is gone, nothing counts twice.
void SimWorld::CheckFacts(const RecordName& name) {
  const Facts facts = FactsOf(name);
  const std::string who = absl::StrCat("I11: ", facts.type->plural(), " ", NameOf(name));
  if (facts.is_deleted || oracle_.erased().contains(name)) return;
  Expect(facts.is_created == facts.content.has_value(),
         absl::StrCat(who, facts.is_created ? " was accepted and is gone" : " was never accepted"));
  if (!facts.content.has_value() || !result_.failure.empty()) return;
  std::map<Place, int64_t> sums;
  for (const Fact& fact : facts.accepted) {
    for (const auto& [place, text] : fact.values) {
      const v1::MergePolicy policy = PolicyOf(*facts.type, place.field);
      int64_t amount = 0;
      if (policy == v1::COUNTER && absl::SimpleAtoi(text, &amount)) sums[place] += amount;
      if (policy == v1::COUNTER) continue;
      const auto held = facts.content->find(place);
      const bool is_there = (held != facts.content->end() && held->second == text) ||
                            facts.ledger.contains({place, text});
      Expect(is_there || !facts.IsStanding(oracle_, fact, place, text),
             absl::StrCat(who, ": field ", place.field, "[", absl::CHexEscape(place.key), "] \"",
                          absl::CHexEscape(text), "\" of change set ", fact.set->header.sequence(),
                          " is gone"));
    }
  }
  for (const auto& [place, sum] : sums) {
    const auto held = facts.content->find(place);
    const std::string text = held == facts.content->end() ? "0" : held->second;
    Expect(text == absl::StrCat(sum),
           absl::StrCat(who, ": counter ", place.field, " is ", text, ", not ", sum));
  }
}

bool SimWorld::IsUntold(const SimDevice& device, const RecordName& name) {
  const auto erased = oracle_.erased().find(name);
  if (erased == oracle_.erased().end()) return false;
  const v1::DataClass data_class = SimRegistry().Find(name.type)->rules().data_class();
  return !oracle_.MayRead(device.user, erased->second, data_class, server_->clock().Now());
}

void SimWorld::NoteMade(const WrittenSet& set) {
  for (const v1::Change& change : set.body.changes()) {
    const RecordType& type = *SimRegistry().Find(change.type_id());
    Made& made = made_[{change.type_id(), change.record_id()}];
    made.is_created = made.is_created || change.kind() == v1::Change::CREATE;
    for (const auto& [place, text] : ContentOf(type, change.values())) {
      int64_t amount = 0;
      if (PolicyOf(type, place.field) == v1::COUNTER && absl::SimpleAtoi(text, &amount))
        made.sums[place] += amount;
    }
  }
}

void SimWorld::NoteOneWay(const v1::ChangeSetBody& body) {
  if (is_modelled()) return;
  for (const v1::Change& change : body.changes())
    one_way_.try_emplace({change.type_id(), change.record_id()}, result_.restores);
}

bool SimWorld::MayBeGone(const RecordName& name) const {
  const auto noted = one_way_.find(name);
  if (noted != one_way_.end() && result_.restores > noted->second) return true;
  // What was written on what had been released waits for it, and the server may fail the second
  // time at what it had applied.
  return scenario_.has(Fault::kReleases) && result_.restores > 0 && IsInQuarantine(name);
}

// What some device has in a list of what was refused, or had there and threw away.
std::set<RecordName> SimWorld::RefusedRecords() {
  std::set<RecordName> refused;
  for (const auto& device : devices_) {
    const auto rejected = device->store->Rejected();
    CHECK(rejected.ok());
    for (const v1::RejectedChangeSet& item : *rejected) {
      v1::ChangeSetBody body;
      CHECK(body.ParseFromString(item.change_set().body()));
      for (const v1::Change& change : body.changes())
        refused.insert({change.type_id(), change.record_id()});
    }
    refused.insert(device->given_up.begin(), device->given_up.end());
  }
  return refused;
}

// A writer that had not heard that its work was accepted says nothing of it when it comes again; on
// the present line it may fail for what the server quarantined before it.
bool SimWorld::IsRefusedAgain(const RecordName& name) {
  const auto told = told_.find(name);
  if (is_modelled() || told == told_.end() || told->second == result_.restores) return false;
  return RefusedRecords().contains(name);
}

// Of three copies two may bring the same work under ids of their own (docs/protocol.md).
bool SimWorld::HasThreeCopies() const {
  std::map<ReplicaId, int> holders;
  for (const auto& device : devices_) {
    std::set<ReplicaId> ids = device->former;
    ids.insert(device->replica);
    for (const ReplicaId& id : ids)
      if (++holders[id] > 2) return true;
  }
  return false;
}

// I11, of a history without a model: every record that a device committed is at the server and adds
// up, or something about it is in somebody's list.
void SimWorld::CheckSurvival() {
  if (is_modelled()) return;
  const auto view = server_->store().Read();
  CHECK(view.ok());
  const std::set<RecordName> refused = RefusedRecords();
  for (const auto& [name, made] : made_) {
    if (refused.contains(name) || MayBeGone(name)) continue;
    const RecordType& type = *SimRegistry().Find(name.type);
    const auto record = (*view)->Get(type, *RecordId::FromBytes(name.id));
    CHECK(record.ok());
    Expect(record->has_value() || !made.is_created,
           absl::StrCat("I11: ", NameOf(name), " was committed and is gone"));
    if (!record->has_value() || !result_.failure.empty()) continue;
    if (HasThreeCopies()) continue;
    const Content content = ContentOf(type, (*record)->message);
    for (const auto& [place, sum] : made.sums) {
      const auto held = content.find(place);
      const std::string text = held == content.end() ? "0" : held->second;
      Expect(text == absl::StrCat(sum), absl::StrCat("I11: counter ", place.field, " of ",
                                                     NameOf(name), " is ", text, ", not ", sum));
    }
  }
}

// I8: no store holds what an erased record said.
void SimWorld::CheckErased(const Kv& kv, SimDevice* device) {
  const auto content = ContentOf(kv);
  if (!content.ok()) {
    return Expect(device == nullptr ? server_has_trouble_ : IsExcused(device, content.status()),
                  "I8: a store does not read");
  }
  for (const auto& [name, scope] : oracle_.erased()) {
    if (device != nullptr && IsUntold(*device, name)) continue;
    const std::string mark = SimMark(name.id);
    // The words of an index are in keys, without what is no letter or digit.
    const std::string word = mark.substr(1);
    for (const KvBatch::Op& op : content->ops()) {
      Expect(op.value.find(mark) == std::string::npos && op.key.find(word) == std::string::npos,
             absl::StrCat("I8: ", device == nullptr ? "the server" : "a device",
                          " holds what erased record ", NameOf(name), " of ", scope, " said, in ",
                          TableName(op.table)));
    }
  }
}

}  // namespace brigada
