// What should happen, said once more and apart from the engine: an ordered log per partition, a
// table of permissions, and the merge policies as plain functions over plain values. It is told
// what was written and which verdicts were given, and says what is wrong with them and what
// everybody should see. docs/merge-semantics.md is its specification.
#ifndef TESTS_SIM_ORACLE_H_
#define TESTS_SIM_ORACLE_H_

#include <algorithm>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "brigada/v1/administration_service.pb.h"
#include "brigada/v1/change.pb.h"
#include "replica/base/ids.h"
#include "replica/schema/registry.h"

namespace brigada {

// A field, and inside it an element or key.
struct Place {
  uint32_t field = 0;
  std::string key;
  friend auto operator<=>(const Place&, const Place&) = default;
};
// What a reader sees of a record, as text.
using Content = std::map<Place, std::string>;
Content ContentOf(const RecordType& type, const std::string& message);
// For people.
std::string TextOf(const Content& content);

struct RecordName {
  uint32_t type = 0;
  std::string id;
  friend auto operator<=>(const RecordName&, const RecordName&) = default;
};

// Names a change set.
struct SetName {
  std::string replica;
  std::string partition;
  uint64_t sequence = 0;
  friend auto operator<=>(const SetName&, const SetName&) = default;
};

// Commit sequences per partition.
using SimHeads = std::map<std::string, uint64_t>;

// The server's past is a list of runs, each with the heads it found. A server that went back goes
// on along another line from there.
struct RunStart {
  std::string run;
  SimHeads found;
};
using RunLine = std::vector<RunStart>;

struct CommitPoint {
  std::string run;
  uint64_t sequence = 0;
};

struct WrittenSet {
  v1::ChangeSetHeader header;
  v1::ChangeSetBody body;
  std::string header_bytes;
  std::string chain;
  int writer = -1;                     // number of the device
  bool is_stub = false;                // an erasure took its content before anybody else saw it
  bool is_withheld = false;            // its device has lost the scope and sealed it since
  bool is_durable = false;             // the device acknowledged it with kSync, or it was sent
  std::optional<v1::Verdict> verdict;  // of the present line
  std::vector<v1::Verdict> earlier;    // that it had before, while it waited
  std::vector<CommitPoint> commits;    // on every line
  bool is_ever_accepted = false;       // on any line
  bool was_accepted = false;           // on a line that is lost, and its device knows
  bool is_repeat = false;              // accepted, and said what had been applied already

  bool is_accepted() const {
    return verdict.has_value() &&
           (verdict->outcome() == v1::APPLIED || verdict->outcome() == v1::MERGED);
  }
};

// A value that met another one: the ledger owes it.
struct OwedValue {
  RecordName record;
  Place place;
  std::string text;
  bool is_own = false;  // of the writer whose verdict it is
};

struct ModelWrite {
  std::string replica;
  uint64_t stamp = 0;
  uint64_t origin = 0;    // its sequence at the replica
  std::string partition;  // of its change set
  // The commit at which each partition that has had the record first showed it.
  std::map<std::string, uint64_t> commits;

  // UINT64_MAX: that partition never showed it.
  uint64_t CommitIn(const std::string& where) const {
    const auto found = commits.find(where);
    return found == commits.end() ? UINT64_MAX : found->second;
  }
};

struct ModelVersion {
  ModelWrite write;
  std::string text;  // empty: cleared
  int64_t number = 0;
};

struct ModelState {
  ModelWrite write;
  int64_t value = 0;
  bool is_lost = false;  // only its own replica believed in it
};

struct ModelRecord {
  bool exists = false;
  bool is_deleted = false;
  ModelWrite created;
  ModelWrite deleted;
  std::optional<ModelWrite> ended;  // the deletion of the life before
  std::map<Place, std::vector<ModelVersion>> places;
  std::map<uint32_t, std::vector<ModelState>> states;  // in commit order

  bool is_live() const { return exists && !is_deleted; }
};

// By the server's time as the writer knew it, and after which revocation as it was told; without a
// time nothing is known to be from before anything.
struct WhenWritten {
  std::optional<absl::Time> at;
  uint64_t told = 0;
};

class Oracle {
 public:
  explicit Oracle(const Registry* registry) : registry_(registry) {}

  // The permission table.
  void PutGrants(std::vector<v1::GrantRecord> grants) { grants_ = std::move(grants); }
  void PutDevice(const std::string& replica, const std::string& user) { users_[replica] = user; }
  const std::vector<v1::GrantRecord>& grants() const { return grants_; }
  bool MayRead(const std::string& user, const std::string& scope, v1::DataClass data_class,
               absl::Time at) const;
  // Of what was written `when`, and is judged `now`.
  bool MayWrite(const std::string& user, const std::string& scope, const WhenWritten& when,
                absl::Time now) const;
  // The place of the next revocation of a grant of the user, and of the last one.
  uint64_t NextRevocation(const std::string& user, absl::Time now) const;
  uint64_t LastRevocation(const std::string& user) const;

  // What devices wrote.
  WrittenSet* Find(const SetName& name);
  void Write(const SetName& name, WrittenSet set) { sets_[name] = std::move(set); }
  void Forget(const SetName& name) { sets_.erase(name); }
  void ForgetWhatIsKnown() {
    for (auto& [name, set] : sets_) set.was_accepted = false;
  }
  const std::map<SetName, WrittenSet>& sets() const { return sets_; }

  // The server starts a run, which found these heads; its commits lie above `floor`.
  void BeginRun(const std::string& epoch, const RunStart& start, uint64_t floor);
  // What a copy of the server's store holds.
  struct Past;
  std::shared_ptr<const Past> Remember() const;
  // The server goes on from there.
  void GoBack(const Past& past);
  // Of the last run of that past there may be two lines, and the server need not know when they
  // parted.
  void Doubt(const Past& past);
  // What was written on a lost line comes again in another order, and what its writers had seen of
  // each other is not modelled: of such a record only the facts are known (sim_facts.cc).
  bool is_loose(const RecordName& name) const { return loose_.contains(name); }
  const std::set<RecordName>& loose() const { return loose_; }
  // True when the writer of `later` had seen `earlier`, on whatever line.
  bool Saw(const WrittenSet& later, const v1::Change& change, const WrittenSet& earlier) const;

  // The record is erased for good; any change of it is refused from now on.
  void Erase(const RecordName& name, const std::string& scope) { erased_[name] = scope; }
  // With where they were.
  const std::map<RecordName, std::string>& erased() const { return erased_; }
  // Without what it said of erased records.
  v1::ChangeSetBody Scrubbed(v1::ChangeSetBody body) const;
  // The server's clock has been there.
  void NoteTime(absl::Time now) { latest_ms_ = std::max(latest_ms_, absl::ToUnixMillis(now)); }
  // Nobody has to know any more that it was deleted.
  void ForgetDeletion(const RecordName& name) {
    records_.erase(name);
    departures_.erase(name);
  }
  // Commits without verdicts: erasures.
  void SkipTo(const std::string& partition, uint64_t head);

  // The replica's change sets of the partition go on after `last`.
  void StartChain(const std::string& replica, const std::string& partition, uint64_t last) {
    last_[{replica, partition}] = {last, 0};
  }
  uint64_t head(const std::string& partition) const;
  // How far a cursor that `run` gave can be; nullopt: of a run that is not the present one, or of
  // which there may be two lines, nobody can say.
  std::optional<uint64_t> EndOf(const std::string& run, const std::string& partition) const;
  uint64_t NextCommit(const std::string& partition) const;
  // The server's program fails now and then at a change set, which is kept aside.
  void LetJudgementsFail() { judgements_fail_ = true; }
  // The authority committed `verdict` at `now`. Empty when it is right; else what is wrong. A
  // repeat has to be the same again.
  std::string Judge(const std::string& replica, const std::string& partition,
                    const v1::Verdict& verdict, absl::Time now);
  // What the ledger owes for the last new verdict.
  const std::vector<OwedValue>& owed() const { return owed_; }

  const std::map<RecordName, ModelRecord>& records() const { return records_; }
  static std::string ScopeOf(const ModelRecord& record);
  Content Show(const RecordName& name, const ModelRecord& record) const;

 private:
  struct Trial;
  // Of its order among the others of its partition and its replica.
  std::string CheckPlace(const std::string& partition, const v1::Verdict& verdict,
                         uint64_t last_sequence, uint64_t last_stamp) const;
  std::string Accept(const v1::Verdict& verdict, const std::string& partition, bool is_done,
                     WrittenSet* set, Trial* trial);
  std::string JudgeLate(const v1::Verdict& verdict, const std::string& partition, WrittenSet* set);
  bool TouchesErased(const WrittenSet& set) const;
  void Loosen(const v1::ChangeSetBody& body);
  // Of a retry, the first try: what its replica wrote since it had not seen.
  static uint64_t OwnBefore(const v1::ChangeSetHeader& header);
  bool IsDone(const v1::ChangeSetHeader& header);
  // Of what its writer had seen, what the present line has; nullopt when the server may not know.
  std::optional<uint64_t> SeenOf(const v1::ChangeSetHeader& header, uint64_t claim) const;
  void Try(const v1::Change& change, Trial* trial);
  static void OweParked(const RecordType& type, const v1::Change& change, Trial* trial);
  static void Delete(ModelRecord* record, Trial* trial);
  void TryFields(const RecordType& type, const v1::Change& change, ModelRecord* record,
                 Trial* trial) const;
  static void Put(const RecordType& type, const RecordName& name, const Place& place,
                  const std::string& text, ModelRecord* record, Trial* trial);
  static std::optional<int64_t> Believed(const std::vector<ModelState>& past, const Trial& trial);
  static void PutState(const v1::StateRules& rules, const RecordName& name, const Place& place,
                       int64_t target, ModelRecord* record, Trial* trial);
  bool IsGranted(const v1::Change& change, const ModelRecord& record, const Trial& trial) const;

  std::string PartitionNow(const RecordName& name, const Trial& trial) const;
  uint64_t CommitIn(const std::string& partition, const Trial& trial) const;
  static void Arrive(const std::string& partition, uint64_t commit, ModelRecord* record);
  void Take(const RecordName& name, ModelRecord record, Trial* trial);
  std::string PlaceSeen(const RecordName& name, const Trial& trial) const;

  const Registry* const registry_;
  std::vector<v1::GrantRecord> grants_;
  std::map<std::string, std::string> users_;
  std::map<SetName, WrittenSet> sets_;
  std::string epoch_;
  RunLine line_;
  std::map<std::string, RunLine> lines_;  // by run, as it started
  std::set<std::string> doubtful_;        // runs
  uint64_t floor_ = 0;
  std::set<RecordName> loose_;
  std::map<RecordName, std::string> erased_;
  SimHeads heads_;
  std::map<std::pair<std::string, std::string>, std::pair<uint64_t, uint64_t>> last_;  // of a chain
  int64_t latest_ms_ = 0;  // the greatest server time of a commit
  std::map<RecordName, ModelRecord> records_;
  // Where a record was and is no more, with the commit that moved it away.
  std::map<RecordName, std::map<std::string, uint64_t>> departures_;
  std::vector<OwedValue> owed_;
  bool judgements_fail_ = false;
};

}  // namespace brigada

#endif  // TESTS_SIM_ORACLE_H_
