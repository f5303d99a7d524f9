#include "tests/sim/oracle.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/message.h"
#include "google/protobuf/unknown_field_set.h"
#include "replica/base/check.h"
#include "replica/schema/scope.h"

namespace brigada {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string TextOf(const Message& message, const FieldDescriptor& field, int index) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const bool repeated = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return repeated ? reflection.GetRepeatedString(message, &field, index)
                      : reflection.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(repeated ? reflection.GetRepeatedInt64(message, &field, index)
                                   : reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(repeated ? reflection.GetRepeatedInt32(message, &field, index)
                                   : reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat(repeated ? reflection.GetRepeatedEnumValue(message, &field, index)
                                   : reflection.GetEnumValue(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field) ? "1" : "0";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return (repeated ? reflection.GetRepeatedMessage(message, &field, index)
                       : reflection.GetMessage(message, &field))
          .SerializeAsString();
    default:
      return "?";
  }
}

// Lists what the fields of `message` hold, one call per register, element or key.
template <typename Function>
void ForEach(const Message& message, Function visit) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const auto number = static_cast<uint32_t>(field->number());
    if (!field->is_repeated()) {
      visit(Place{number, ""}, TextOf(message, *field, -1));
      continue;
    }
    for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
      if (!field->is_map()) {
        visit(Place{number, TextOf(message, *field, i)}, std::string("+"));
        continue;
      }
      const Message& entry = message.GetReflection()->GetRepeatedMessage(message, field, i);
      visit(Place{number, TextOf(entry, *field->message_type()->map_key(), -1)},
            TextOf(entry, *field->message_type()->map_value(), -1));
    }
  }
  const auto& unknown = message.GetReflection()->GetUnknownFields(message);
  for (int i = 0; i < unknown.field_count(); ++i) {
    if (unknown.field(i).type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
      visit(Place{static_cast<uint32_t>(unknown.field(i).number()), ""},
            unknown.field(i).length_delimited());
    }
  }
}

v1::MergePolicy PolicyOf(const RecordType& type, uint32_t field) {
  const FieldType* known = type.FindField(field);
  return known == nullptr ? v1::LAST_WRITER : known->policy;
}

int64_t NumberOf(const std::string& text) {
  int64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? number : 0;
}

bool IsNotJudged(const v1::Verdict& verdict) {
  return verdict.outcome() == v1::QUARANTINED && verdict.refusals_size() == 1 &&
         verdict.refusals(0).reason() == v1::NOT_JUDGED;
}

std::string StateText(int64_t state) { return state == 0 ? "" : absl::StrCat(state); }

bool IsLaterWrite(const ModelWrite& a, const ModelWrite& b) {
  return std::tie(a.stamp, a.replica, a.origin) > std::tie(b.stamp, b.replica, b.origin);
}

bool IsSame(const ModelWrite& a, const ModelWrite& b) {
  return a.replica == b.replica && a.partition == b.partition && a.origin == b.origin;
}

const ModelVersion& Standing(v1::MergePolicy policy, const std::vector<ModelVersion>& versions) {
  return *std::max_element(versions.begin(), versions.end(),
                           [&](const ModelVersion& a, const ModelVersion& b) {
                             if (policy == v1::MAX && a.number != b.number)
                               return a.number < b.number;
                             if (policy == v1::MIN && a.number != b.number)
                               return a.number > b.number;
                             return IsLaterWrite(b.write, a.write);
                           });
}

bool Contains(const std::string& outer, const std::string& inner) {
  return inner == outer || absl::StartsWith(inner, outer + "/");
}

bool IsGivenAt(const v1::GrantRecord& grant, int64_t ms) {
  return ms >= grant.from_ms() && (grant.until_ms() == 0 || ms < grant.until_ms());
}

v1::DataClass ReadableBelow(const std::string& role) {
  const bool sees_people = role == "organizer" || role == "coordinator" || role == "administrator";
  return sees_people ? v1::SENSITIVE : v1::OPERATIONAL;
}

bool IsLegalForAnybody(const RecordType& type, const v1::Change& change, bool exists) {
  const bool creates = change.kind() == v1::Change::CREATE;
  return !type.rules().server_written() &&
         (creates ? !change.scope().empty() : exists && !type.rules().append_only());
}

// Then it says nothing that could be lost.
bool OnlyDecides(const v1::Change& change) {
  return change.kind() != v1::Change::CREATE && change.kind() != v1::Change::DELETE &&
         change.values().empty() && change.removed().empty() && change.cleared().empty() &&
         change.scope().empty();
}

}  // namespace

Content ContentOf(const RecordType& type, const std::string& message) {
  const auto parsed = type.NewMessage();
  CHECK(parsed->ParseFromString(message));
  Content content;
  ForEach(*parsed, [&](const Place& place, const std::string& text) { content[place] = text; });
  return content;
}

std::string TextOf(const Content& content) {
  std::string text;
  for (const auto& [place, value] : content) {
    absl::StrAppend(&text, place.field, "[", absl::CHexEscape(place.key),
                    "]=", absl::CHexEscape(value), " ");
  }
  return text;
}

bool Oracle::MayRead(const std::string& user, const std::string& scope, v1::DataClass data_class,
                     absl::Time at) const {
  for (const v1::GrantRecord& grant : grants_) {
    // Revoked is revoked, also by a clock that was set back.
    if (grant.user() != user || grant.revoked_ms() != 0) continue;
    if (!IsGivenAt(grant, absl::ToUnixMillis(at))) continue;
    const v1::DataClass reads = ReadableBelow(grant.role());
    for (const std::string& granted : grant.scopes()) {
      if (Contains(granted, scope) && data_class <= reads) return true;
      if (Contains(scope, granted) && data_class <= std::min(reads, v1::OPERATIONAL)) return true;
    }
  }
  return false;
}

// Only coordinators and administrators write the types of the simulation.
bool Oracle::MayWrite(const std::string& user, const std::string& scope, const WhenWritten& when,
                      absl::Time now) const {
  for (const v1::GrantRecord& grant : grants_) {
    if (grant.user() != user) continue;
    if (grant.role() != "coordinator" && grant.role() != "administrator") continue;
    if (grant.revoked_ms() != 0) {
      const bool is_before = when.at.has_value() && when.told < grant.revocation() &&
                             absl::ToUnixMillis(*when.at) <= grant.revoked_ms();
      if (!is_before) continue;
    }
    const int64_t ms = absl::ToUnixMillis(std::min(when.at.value_or(now), now));
    if (!IsGivenAt(grant, ms) && !IsGivenAt(grant, ms - 1)) continue;
    for (const std::string& granted : grant.scopes())
      if (Contains(granted, scope)) return true;
  }
  return false;
}

uint64_t Oracle::LastRevocation(const std::string& user) const {
  uint64_t last = 0;
  for (const v1::GrantRecord& grant : grants_)
    if (grant.user() == user) last = std::max(last, grant.revocation());
  return last;
}

uint64_t Oracle::NextRevocation(const std::string& user, absl::Time now) const {
  return std::max(LastRevocation(user) + 1, static_cast<uint64_t>(absl::ToUnixMillis(now)));
}

WrittenSet* Oracle::Find(const SetName& name) {
  const auto found = sets_.find(name);
  return found == sets_.end() ? nullptr : &found->second;
}

uint64_t Oracle::head(const std::string& partition) const {
  const auto found = heads_.find(partition);
  return found == heads_.end() ? 0 : found->second;
}

std::optional<uint64_t> Oracle::EndOf(const std::string& run, const std::string& partition) const {
  if (line_.empty() || line_.back().run != run || doubtful_.contains(run)) return std::nullopt;
  return head(partition);
}

uint64_t Oracle::NextCommit(const std::string& partition) const {
  return std::max(head(partition), floor_) + 1;
}

void Oracle::SkipTo(const std::string& partition, uint64_t to) {
  heads_[partition] = std::max(head(partition), to);
}

void Oracle::BeginRun(const std::string& epoch, const RunStart& start, uint64_t floor) {
  epoch_ = epoch;
  floor_ = floor;
  line_.push_back(start);
  lines_[start.run] = line_;
}

struct Oracle::Past {
  RunLine line;
  SimHeads heads;
  std::map<std::pair<std::string, std::string>, std::pair<uint64_t, uint64_t>> last;
  int64_t latest_ms = 0;
  std::map<RecordName, ModelRecord> records;
  std::map<RecordName, std::map<std::string, uint64_t>> departures;
  std::map<SetName, std::pair<std::vector<v1::Verdict>, std::optional<v1::Verdict>>> verdicts;
};

std::shared_ptr<const Oracle::Past> Oracle::Remember() const {
  auto past =
      std::make_shared<Past>(Past{line_, heads_, last_, latest_ms_, records_, departures_, {}});
  for (const auto& [name, set] : sets_)
    if (set.verdict.has_value()) past->verdicts[name] = {set.earlier, set.verdict};
  return past;
}

void Oracle::Doubt(const Past& past) { doubtful_.insert(past.line.back().run); }

void Oracle::GoBack(const Past& past) {
  line_ = past.line;
  heads_ = past.heads;
  last_ = past.last;
  latest_ms_ = past.latest_ms;
  records_ = past.records;
  departures_ = past.departures;
  for (auto& [name, set] : sets_) {
    const auto known = past.verdicts.find(name);
    const bool is_lost = set.verdict.has_value() &&
                         (known == past.verdicts.end() || known->second.second->commit_sequence() !=
                                                              set.verdict->commit_sequence());
    if (is_lost) Loosen(set.body);
    set.verdict.reset();
    set.earlier.clear();
    if (known != past.verdicts.end()) std::tie(set.earlier, set.verdict) = known->second;
  }
}

void Oracle::Loosen(const v1::ChangeSetBody& body) {
  for (const v1::Change& change : body.changes())
    loose_.insert({change.type_id(), change.record_id()});
}

uint64_t Oracle::OwnBefore(const v1::ChangeSetHeader& header) {
  // Under whatever id its store had then.
  const bool is_retry = header.has_retry_of() && header.retry_of().sequence() < header.sequence();
  return is_retry ? header.retry_of().sequence() : UINT64_MAX;
}

// Copies of a store try the same refused work again, each by itself: it counts once.
bool Oracle::IsDone(const v1::ChangeSetHeader& header) {
  if (!header.has_same_work()) return false;
  const v1::Dot& work = header.same_work();
  const WrittenSet* const first = Find({work.replica(), header.partition(), work.sequence()});
  if (first != nullptr && first->is_accepted()) return true;
  return std::any_of(sets_.begin(), sets_.end(), [&](const auto& entry) {
    const v1::ChangeSetHeader& other = entry.second.header;
    return entry.first.partition == header.partition() && entry.second.is_accepted() &&
           other.same_work().replica() == work.replica() &&
           other.same_work().sequence() == work.sequence();
  });
}

std::optional<uint64_t> Oracle::SeenOf(const v1::ChangeSetHeader& header, uint64_t claim) const {
  const v1::Position& position = header.position();
  if (claim == 0) return 0;
  if (position.run().empty()) {
    if (position.epoch() == epoch_) return claim;
    return floor_ == 0 ? std::optional<uint64_t>(0) : std::nullopt;
  }
  const auto found_at = [&](const RunStart& start) {
    const auto found = start.found.find(header.partition());
    return found == start.found.end() ? 0 : found->second;
  };
  for (size_t i = 0; i < line_.size(); ++i) {
    if (line_[i].run != position.run()) continue;
    if (doubtful_.contains(line_[i].run) && claim > found_at(line_[i])) return std::nullopt;
    return i + 1 == line_.size() ? claim : std::min(claim, found_at(line_[i + 1]));
  }
  return std::nullopt;
}

bool Oracle::Saw(const WrittenSet& later, const v1::Change& change,
                 const WrittenSet& earlier) const {
  const v1::Position& position = later.header.position();
  // A retry stands where its first try stood; what waited comes after it all the same.
  const auto place = [](const v1::ChangeSetHeader& header) {
    return std::min(header.sequence(), OwnBefore(header));
  };
  if (later.header.replica() == earlier.header.replica() &&
      place(later.header) > place(earlier.header))
    return true;
  for (const v1::Dot& dot : position.provisional()) {
    if (dot.replica() == earlier.header.replica() && dot.sequence() == earlier.header.sequence())
      return true;
  }
  const auto line = lines_.find(position.run());
  if (line == lines_.end()) return false;
  const uint64_t claim = change.has_seen() ? change.seen() : position.sequence();
  for (const CommitPoint& commit : earlier.commits) {
    for (size_t i = 0; i < line->second.size(); ++i) {
      if (line->second[i].run != commit.run || commit.sequence > claim) continue;
      if (i + 1 == line->second.size()) return true;
      const SimHeads& next = line->second[i + 1].found;
      const auto end = next.find(later.header.partition());
      if (end != next.end() && commit.sequence <= end->second) return true;
    }
  }
  return false;
}

v1::ChangeSetBody Oracle::Scrubbed(v1::ChangeSetBody body) const {
  for (v1::Change& change : *body.mutable_changes()) {
    const RecordName name{change.type_id(), change.record_id()};
    if (!erased_.contains(name)) continue;
    change.Clear();
    change.set_type_id(name.type);
    change.set_record_id(name.id);
  }
  return body;
}

std::string Oracle::ScopeOf(const ModelRecord& record) {
  const auto found = record.places.find(Place{kScopeFieldNumber, ""});
  if (found == record.places.end() || found->second.empty()) return "";
  return Standing(v1::LAST_WRITER, found->second).text;
}

Content Oracle::Show(const RecordName& name, const ModelRecord& record) const {
  const RecordType& type = *registry_->Find(name.type);
  Content content;
  for (const auto& [place, versions] : record.places) {
    if (place.field == kScopeFieldNumber || versions.empty()) continue;
    const std::string& text = Standing(PolicyOf(type, place.field), versions).text;
    if (!text.empty()) content[place] = text;
  }
  return content;
}

// One change set on its way into the model.
struct Oracle::Trial {
  explicit Trial(const v1::ChangeSetHeader& h) : header(h) {}
  const v1::ChangeSetHeader& header;
  std::string user;
  // When it was written, and tried again: a grant of either time is enough.
  std::vector<WhenWritten> times;
  absl::Time now;
  // Of its own replica it saw what comes before this.
  uint64_t own_before = UINT64_MAX;
  ModelWrite write;
  uint64_t seen = 0;  // of the change being tried
  std::map<RecordName, ModelRecord> records;
  std::vector<OwedValue> owed;
  bool is_refused = false;
  bool has_lost = false;

  bool creates = false;
  // The change being tried cites a conflict. Which ones are open the oracle does not know, so it
  // follows the verdict where one of the values that met may be chosen against the field's rule.
  bool may_decide = false;
  bool was_taken = false;
  bool is_loose = false;            // touches a record of which not everything is known
  uint64_t commit = 0;              // in the partition of the change set
  std::set<std::string> elsewhere;  // other partitions with a commit for this change set

  bool Saw(const ModelWrite& other) const {
    return other.CommitIn(write.partition) <= seen || SawUnconfirmed(other);
  }
  // As its own or, when it was copied, as the other id's.
  bool SawUnconfirmed(const ModelWrite& other) const {
    // Work in two states has no common numbers; a replica's stamps rise.
    if (other.replica == write.replica) {
      const bool is_here = other.partition == write.partition;
      const bool is_before = other.origin < own_before || other.origin == write.origin;
      if (is_here ? is_before : other.stamp < write.stamp) return true;
    }
    const auto& dots = header.position().provisional();
    return std::any_of(dots.begin(), dots.end(), [&](const v1::Dot& dot) {
      return dot.replica() == other.replica && dot.sequence() == other.origin &&
             other.partition == write.partition;
    });
  }
  void RemoveSeen(std::vector<ModelVersion>* versions) const {
    std::erase_if(*versions, [&](const ModelVersion& v) { return Saw(v.write); });
  }
};

namespace {

std::vector<WhenWritten> TimesOf(const v1::ChangeSetHeader& header) {
  const v1::Position& position = header.position();
  if (position.server_time_ms() <= 0) return {WhenWritten{}};
  std::vector<WhenWritten> times;
  times.push_back({absl::FromUnixMillis(position.server_time_ms()) +
                       absl::Milliseconds(std::max<int64_t>(0, position.elapsed_ms())),
                   position.revocation()});
  if (header.has_retry_of())
    times.push_back({absl::FromUnixMillis(header.retried_at_ms()), header.retried_revocation()});
  return times;
}

}  // namespace

bool Oracle::TouchesErased(const WrittenSet& set) const {
  return set.is_stub ||
         std::any_of(set.body.changes().begin(), set.body.changes().end(),
                     [&](const v1::Change& change) {
                       return erased_.contains({change.type_id(), change.record_id()});
                     });
}

std::string Oracle::CheckPlace(const std::string& partition, const v1::Verdict& verdict,
                               uint64_t last_sequence, uint64_t last_stamp) const {
  if (verdict.sequence() != last_sequence + 1) return "I2: change sets judged out of their order";
  if (verdict.commit_sequence() != NextCommit(partition))
    return absl::StrCat("I4: commit ", verdict.commit_sequence(), " after ", head(partition));
  if (static_cast<int64_t>(verdict.stamp() >> 16) > latest_ms_ + 1)
    return "I14: an effective stamp lies beyond the server's time";
  if (verdict.stamp() <= last_stamp) return "I14: a replica's effective stamps do not rise";
  return "";
}

std::string Oracle::Judge(const std::string& replica, const std::string& partition,
                          const v1::Verdict& verdict, absl::Time now) {
  owed_.clear();
  WrittenSet* set = Find({replica, partition, verdict.sequence()});
  if (set == nullptr) return "I2: a verdict on a change set that nobody wrote";
  if (set->verdict.has_value()) {
    if (set->verdict->SerializeAsString() == verdict.SerializeAsString()) return "";
    return JudgeLate(verdict, partition, set);
  }
  NoteTime(now);
  const bool is_retry = set->header.has_retry_of();
  auto& [last_sequence, last_stamp] = last_[{replica, partition}];
  const std::string misplaced =
      CheckPlace(partition, verdict, last_sequence, is_retry ? 0 : last_stamp);
  if (!misplaced.empty()) return misplaced;

  Trial trial{set->header};
  trial.user = users_[replica];
  trial.write = {replica, verdict.stamp(), verdict.sequence(), partition, {}};
  trial.commit = verdict.commit_sequence();
  trial.times = TimesOf(set->header);
  trial.now = now;
  if (is_retry) trial.own_before = OwnBefore(set->header);
  trial.was_taken = verdict.outcome() == v1::APPLIED || verdict.outcome() == v1::MERGED;
  const bool is_done = IsDone(set->header);
  if (!is_done)
    for (const v1::Change& change : set->body.changes()) Try(change, &trial);
  // What came again after the server went back may be refused as it was before.
  trial.is_loose = trial.is_loose || is_done;
  trial.is_refused = trial.is_refused || set->is_stub;
  const bool was_refused =
      verdict.outcome() == v1::REJECTED || verdict.outcome() == v1::QUARANTINED;
  const bool is_set_aside = judgements_fail_ && IsNotJudged(verdict);
  if (trial.is_refused != was_refused && !(trial.is_loose && was_refused) && !is_set_aside) {
    return absl::StrCat("I10: the authority ", was_refused ? "refused" : "took",
                        " what the model does not: ", verdict.ShortDebugString());
  }
  set->verdict = verdict;
  last_sequence = verdict.sequence();
  last_stamp = std::max(last_stamp, verdict.stamp());
  set->commits.push_back({line_.back().run, verdict.commit_sequence()});
  if (set->was_accepted && verdict.outcome() == v1::REJECTED && !TouchesErased(*set))
    return absl::StrCat("I10: what was accepted before the server went back was thrown out: ",
                        verdict.ShortDebugString());
  if (was_refused) {
    heads_[partition] = verdict.commit_sequence();
    return "";
  }
  return Accept(verdict, partition, is_done, set, &trial);
}

std::string Oracle::Accept(const v1::Verdict& verdict, const std::string& partition, bool is_done,
                           WrittenSet* set, Trial* trial) {
  set->is_ever_accepted = true;
  set->is_repeat = is_done;
  if (is_done && verdict.lost_size() != set->body.changes_size())
    return "I12: the work of two copies was applied twice";
  if ((trial->has_lost || !trial->owed.empty()) && verdict.outcome() != v1::MERGED)
    return "G2: a value was lost and the verdict does not say so";
  for (auto& [name, record] : trial->records) Take(name, std::move(record), trial);
  std::map<std::string, uint64_t> reached;
  for (const std::string& other : trial->elsewhere) reached[other] = NextCommit(other);
  heads_[partition] = verdict.commit_sequence();
  for (const auto& [other, commit] : reached) heads_[other] = commit;
  owed_ = std::move(trial->owed);
  return "";
}

// What waited in quarantine for a record is taken in, after all, or somebody has released it.
std::string Oracle::JudgeLate(const v1::Verdict& verdict, const std::string& partition,
                              WrittenSet* set) {
  const std::string bytes = verdict.SerializeAsString();
  for (const v1::Verdict& earlier : set->earlier)
    if (earlier.SerializeAsString() == bytes) return "";
  const bool may_change =
      (floor_ > 0 || verdict.released_ms() != 0) && set->verdict->outcome() == v1::QUARANTINED;
  if (!may_change || verdict.commit_sequence() != NextCommit(partition))
    return "I2: a change set has two verdicts";
  set->earlier.push_back(*set->verdict);
  set->verdict = verdict;
  if (!set->is_accepted()) return "I2: what waited has another refusal";
  set->is_ever_accepted = true;
  set->is_repeat = false;
  heads_[partition] = verdict.commit_sequence();
  set->commits.push_back({line_.back().run, verdict.commit_sequence()});
  Loosen(set->body);
  for (const v1::Change& change : set->body.changes()) {
    if (erased_.contains({change.type_id(), change.record_id()}))
      return "I10: a change of an erased record was taken in";
  }
  return "";
}

// Where the record is before the change set: a late one follows it.
std::string Oracle::PartitionNow(const RecordName& name, const Trial& trial) const {
  const auto stored = records_.find(name);
  if (stored == records_.end() || !stored->second.exists) return trial.write.partition;
  return std::string(Scope::Parse(ScopeOf(stored->second))->partition());
}

uint64_t Oracle::CommitIn(const std::string& partition, const Trial& trial) const {
  return partition == trial.write.partition ? trial.commit : NextCommit(partition);
}

// Every write of the record is now seen in `partition` too.
void Oracle::Arrive(const std::string& partition, uint64_t commit, ModelRecord* record) {
  const auto note = [&](ModelWrite* write) { write->commits.emplace(partition, commit); };
  note(&record->created);
  if (record->ended.has_value()) note(&*record->ended);
  for (auto& [place, versions] : record->places)
    for (ModelVersion& version : versions) note(&version.write);
  for (auto& [field, states] : record->states)
    for (ModelState& state : states) note(&state.write);
}

void Oracle::Take(const RecordName& name, ModelRecord record, Trial* trial) {
  const std::string home = PartitionNow(name, *trial);
  if (home != trial->write.partition) trial->elsewhere.insert(home);
  const std::string before = ScopeOf(records_[name]);
  const std::string after = ScopeOf(record);
  const std::string now(Scope::Parse(after)->partition());
  if (!before.empty() && before != after) {
    departures_[name].erase(after);
    departures_[name][before] = CommitIn(home, *trial);
  }
  if (record.is_live() && now != home) {
    Arrive(now, CommitIn(now, *trial), &record);
    if (now != trial->write.partition) trial->elsewhere.insert(now);
  }
  records_[name] = std::move(record);
}

// Of the places that the record left after the writer's position, the first; empty for none.
std::string Oracle::PlaceSeen(const RecordName& name, const Trial& trial) const {
  const auto found = departures_.find(name);
  if (found == departures_.end() || trial.header.position().epoch() != epoch_) return "";
  std::string place;
  uint64_t first = UINT64_MAX;
  for (const auto& [scope, commit] : found->second) {
    if (Scope::Parse(scope)->partition() != trial.write.partition) continue;
    if (commit <= trial.seen || commit >= first) continue;
    place = scope;
    first = commit;
  }
  return place;
}

// A late edit follows a record that has moved: the place where its writer saw it counts as well.
bool Oracle::IsGranted(const v1::Change& change, const ModelRecord& record,
                       const Trial& trial) const {
  const std::string seen_in = PlaceSeen({change.type_id(), change.record_id()}, trial);
  const auto may_write = [&](const std::string& scope) {
    return std::any_of(trial.times.begin(), trial.times.end(), [&](const WhenWritten& when) {
      return MayWrite(trial.user, scope, when, trial.now);
    });
  };
  const bool here =
      !record.exists || may_write(ScopeOf(record)) || (!seen_in.empty() && may_write(seen_in));
  return here && (change.scope().empty() || may_write(change.scope()));
}

void Oracle::Try(const v1::Change& change, Trial* trial) {
  const RecordName name{change.type_id(), change.record_id()};
  if (erased_.contains(name)) {
    trial->is_refused = true;
    return;
  }
  const auto seen = SeenOf(trial->header,
                           change.has_seen() ? change.seen() : trial->header.position().sequence());
  if (!seen.has_value()) loose_.insert(name);
  if (loose_.contains(name)) {
    trial->is_loose = true;
    trial->records.erase(name);
    return;
  }
  const RecordType& type = *registry_->Find(name.type);
  const auto stored = records_.find(name);
  ModelRecord& record =
      trial->records.emplace(name, stored == records_.end() ? ModelRecord() : stored->second)
          .first->second;
  const bool creates = change.kind() == v1::Change::CREATE;
  trial->seen = std::min(*seen, trial->commit - 1);
  trial->may_decide = trial->was_taken && change.resolves_size() > 0;
  const std::string home = PartitionNow(name, *trial);
  trial->write.commits = {{home, CommitIn(home, *trial)}};
  if (!IsGranted(change, record, *trial) || !IsLegalForAnybody(type, change, record.exists)) {
    trial->is_refused = true;
    return;
  }
  const bool meets_deletion =
      record.exists && (record.is_deleted ? !trial->Saw(record.deleted)
                                          : record.ended.has_value() && !trial->Saw(*record.ended));
  const bool deletes = change.kind() == v1::Change::DELETE;
  if (OnlyDecides(change) && (meets_deletion || record.is_deleted)) return;
  if (meets_deletion || (record.is_deleted && deletes)) {
    trial->has_lost = true;
    if (meets_deletion && !deletes) OweParked(type, change, trial);
    return;
  }
  if (record.is_deleted && !creates) {
    trial->is_refused = true;
    return;
  }
  if (deletes) return Delete(&record, trial);
  if (creates && !record.is_live()) {
    ModelRecord fresh;
    if (record.is_deleted) fresh.ended = record.deleted;
    fresh.exists = true;
    fresh.created = trial->write;
    record = std::move(fresh);
  }
  TryFields(type, change, &record, trial);
}

// What an edit said that met a deletion, and what it took away.
void Oracle::OweParked(const RecordType& type, const v1::Change& change, Trial* trial) {
  const RecordName name{change.type_id(), change.record_id()};
  for (const std::string& message : {change.values(), change.removed()}) {
    for (const auto& [place, text] : ContentOf(type, message))
      trial->owed.push_back({name, place, text, true});
  }
  for (const uint32_t field : change.cleared())
    trial->owed.push_back({name, {field, ""}, "", true});
}

void Oracle::Delete(ModelRecord* record, Trial* trial) {
  record->is_deleted = true;
  record->deleted = trial->write;
  for (auto& [place, versions] : record->places) {
    for (const ModelVersion& version : versions)
      trial->has_lost = trial->has_lost || !trial->Saw(version.write);
  }
  std::erase_if(record->places, [](const auto& p) { return p.first.field != kScopeFieldNumber; });
  record->states.clear();
}

void Oracle::Put(const RecordType& type, const RecordName& name, const Place& place,
                 const std::string& text, ModelRecord* record, Trial* trial) {
  // Its writer took the earlier one back in the same breath.
  std::erase_if(trial->owed, [&](const OwedValue& owed) {
    return owed.is_own && owed.record == name && owed.place == place;
  });
  const v1::MergePolicy policy = PolicyOf(type, place.field);
  if (policy == v1::STATE) {
    PutState(type.FindField(place.field)->state_rules, name, place, NumberOf(text), record, trial);
    return;
  }
  std::vector<ModelVersion>& versions = record->places[place];
  ModelVersion own{trial->write, text, NumberOf(text)};
  if (policy == v1::COUNTER) {
    if (!versions.empty()) own.number += versions[0].number;
    own.text = own.number == 0 ? "" : absl::StrCat(own.number);
    versions = {own};
  } else if (policy == v1::FIRST_WRITER) {
    if (versions.empty() && !text.empty()) versions = {own};
    if (versions.empty() || versions[0].text == text) return;
    if (trial->Saw(versions[0].write) && trial->may_decide) {
      versions = {own};
      return;
    }
    trial->is_refused = trial->is_refused || trial->Saw(versions[0].write);
    trial->owed.push_back({name, place, text, true});
  } else {
    trial->RemoveSeen(&versions);
    for (const ModelVersion& other : versions)
      if (policy != v1::SET && other.text != text) trial->owed.push_back({name, place, other.text});
    versions.push_back(own);
  }
}

// The state that the writer took for the present one.
std::optional<int64_t> Oracle::Believed(const std::vector<ModelState>& past, const Trial& trial) {
  std::optional<int64_t> believed;
  for (const ModelState& state : past) {
    const bool own = trial.SawUnconfirmed(state.write) &&
                     state.write.CommitIn(trial.write.partition) > trial.seen;
    if (state.is_lost ? own : trial.Saw(state.write)) believed = state.value;
  }
  return believed;
}

// Legal from what stands: it moves. Else, of two concurrent ones that were each legal where their
// writers stood, the stronger stands. Each writer believes in its own until it learns the outcome.
void Oracle::PutState(const v1::StateRules& rules, const RecordName& name, const Place& place,
                      int64_t target, ModelRecord* record, Trial* trial) {
  std::vector<ModelState>& past = record->states[place.field];
  const auto legal = [&](int64_t from) {
    return std::any_of(
        rules.transitions().begin(), rules.transitions().end(),
        [&](const v1::Transition& t) { return t.from() == from && t.to() == target; });
  };
  const bool is_initial = std::count(rules.initial().begin(), rules.initial().end(), target) > 0;
  if (past.empty() && IsSame(record->created, trial->write) && trial->creates) {
    trial->is_refused = trial->is_refused || !is_initial;
    past.push_back({trial->write, target, false});
    record->places[place] = {{trial->write, StateText(target), target}};
    return;
  }
  const auto current = std::find_if(past.rbegin(), past.rend(),
                                    [](const ModelState& state) { return !state.is_lost; });
  const int64_t stored = current == past.rend() ? 0 : current->value;
  const bool concurrent = !trial->Saw(current == past.rend() ? record->created : current->write);
  const std::optional<int64_t> believed = Believed(past, *trial);
  const bool was_legal =
      trial->creates && !believed.has_value() ? is_initial : legal(believed.value_or(0));
  const auto rank = [&](int64_t state) {
    return std::find(rules.precedence().begin(), rules.precedence().end(), state);
  };
  bool wins = stored != target;
  const bool decides = trial->may_decide &&
                       std::any_of(past.begin(), past.end(),
                                   [&](const ModelState& state) { return state.value == target; });
  if (wins && !legal(stored) && (concurrent || !decides)) {
    trial->is_refused = trial->is_refused || !concurrent || !(was_legal || decides);
    wins = rank(target) < rank(stored);
  }
  if (wins || concurrent) past.push_back({trial->write, target, !wins});
  if (concurrent && stored != target)
    trial->owed.push_back({name, place, StateText(wins ? stored : target), !wins});
  if (wins) record->places[place] = {{trial->write, StateText(target), target}};
}

void Oracle::TryFields(const RecordType& type, const v1::Change& change, ModelRecord* record,
                       Trial* trial) const {
  const RecordName name{change.type_id(), change.record_id()};
  trial->creates = change.kind() == v1::Change::CREATE;
  const auto values = type.NewMessage();
  const auto removed = type.NewMessage();
  if (!values->ParseFromString(change.values()) || !removed->ParseFromString(change.removed())) {
    trial->is_refused = true;
    return;
  }
  ForEach(*values, [&](const Place& place, const std::string& text) {
    Put(type, name, place, text, record, trial);
  });
  for (const uint32_t field : change.cleared()) Put(type, name, {field, ""}, "", record, trial);
  if (!change.scope().empty())
    Put(type, name, {kScopeFieldNumber, ""}, change.scope(), record, trial);
  ForEach(*removed, [&](const Place& place, const std::string&) {
    const auto found = record->places.find(place);
    if (found != record->places.end()) trial->RemoveSeen(&found->second);
  });
}

}  // namespace brigada
