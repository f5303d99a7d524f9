// One history: a server, its devices, their users and an attacker, with what goes wrong between
// them. First the steps of a scenario, with checks after each; then everything heals, and within a
// bounded number of rounds everybody must hold what the oracle says.
#ifndef TESTS_SIM_SIM_WORLD_H_
#define TESTS_SIM_SIM_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replica/store/format.h"
#include "tests/sim/oracle.h"
#include "tests/sim/scenario.h"
#include "tests/sim/sim_device.h"
#include "tests/sim/sim_server.h"

namespace brigada {

struct SimResult {
  uint64_t trace = 0;
  // The first thing that was wrong, beginning with the invariant's name; empty: nothing.
  std::string failure;
  uint32_t step = 0;  // in the whole history; of the healing phase: their number
  uint64_t commits = 0;
  uint64_t verdicts = 0;
  uint64_t conflicts = 0;
  uint64_t refused = 0;
  uint64_t frames = 0;
  uint64_t sessions = 0;
  uint64_t crashes = 0;
  uint64_t restores = 0;
  uint64_t erasures = 0;
  uint64_t copies = 0;
  uint64_t recoveries = 0;
  uint64_t renewals = 0;
  uint64_t forgotten = 0;
  uint64_t releases = 0;
};

// What a record should show once its writer's own changes are committed.
struct OwnWrite {
  std::optional<Content> shown;  // nullopt: nothing
  std::string scope;
  std::set<uint32_t> untold;  // fields of which only the merge can say it
  bool is_late = false;       // written in a form that had not seen all that is here

  void Add(const RecordType& type, const v1::Change& change);
};

class SimWorld {
 public:
  SimWorld(const SimRequest& request, Scenario scenario);
  ~SimWorld();
  SimResult Run();

 private:
  // Frames that arrive after their connection broke.
  struct LateFrames {
    std::shared_ptr<SimServer::Stream> stream;
    std::deque<std::string> frames;
  };

  // Life cycle and steps (sim_world.cc).
  void SetUp();
  void AddDevice(int number, SimRandom random);
  void Take(const Step& step);
  void Perform(const Step& step, SimDevice* device, SimRandom random);
  void Pass(absl::Duration time);
  absl::Time LeaseEnd() const;
  void Renew(SimDevice* device);
  void TakeCommit(SimDevice* device, SimRandom* random);
  void TakeConnect(SimDevice* device, SimRandom* random);
  void TakeDiscard(SimDevice* device);
  void TakeRetry(SimDevice* device, SimRandom* random);
  void TakeMoves(size_t from, SimRandom* random);
  void TakeServerWork(SimRandom* random);
  void Connect(SimDevice* device, const SimLinkOptions& options);
  void EndLink(SimDevice* device);
  void DeliverLate(SimRandom* random);
  std::unique_ptr<SimDisk> NewDisk(StoreKind kind) const;

  // What of the past comes back, and what does not (sim_restore.cc).
  struct SimBackup {
    KvBatch content;
    std::string epoch;
    std::shared_ptr<const Oracle::Past> past;
    std::vector<v1::JournalRecord> journal;
    std::vector<v1::GrantRecord> grants;
    std::set<ReplicaId> revoked;
    absl::Time made;
    size_t erasures = 0;
    size_t enrolments = 0;
  };
  void NoteRun();
  void TakeBackup();
  void TakeRestore(SimRandom* random);
  void PutBack(const SimBackup& backup, uint64_t how);
  void NoteWhatIsKnown();
  void TakeErase(SimRandom* random);
  void TakeSleep(SimRandom* random);
  void TendServer();
  void CheckForgotten(const RecordName& name, const ModelRecord& model);
  void NoteErasures();

  // Copied devices (sim_copies.cc).
  void TakeCopy(SimDevice* device);
  void NotePending(SimDevice* device);
  static WrittenSet SetOf(const OutboxPage& page, int writer);
  void Adopt(const SetName& name);
  bool Settle(SimDevice* device);
  bool SyncAsFarAsItGoes(SimDevice* device);
  void Divide(SimDevice* device);
  void NoteDivision(SimDevice* device);
  void NoteLeftBehind(const SimDevice& device, const std::vector<v1::SharedWork>& shared);
  void CheckUnshared(const SimDevice& device, const SetName& name);

  // What goes wrong (sim_faults.cc).
  void SetServerClockBack(SimRandom* random);
  void TakeClock(SimDevice* device, SimRandom* random);
  void TakeDiskFault(SimDevice* device, SimRandom* random);
  bool StartDevice(SimDevice* device);
  void StopDevice(SimDevice* device);
  bool StartServer();
  void StopServer();
  void NoticeFailures();
  void Heal();

  // Files that lose what they held (sim_damage.cc).
  void TakeFlip(SimDevice* device, SimRandom* random);
  void FlipServer(SimRandom* random);
  DeviceStoreOptions StoreOptionsOf(SimDevice* device) const;
  void LoseDatabase(SimDevice* device);
  void VerifyDevice(SimDevice* device);
  bool RecoverDevice(SimDevice* device);
  // What a user is told of work that contradicts what is there; nothing has changed then.
  static bool IsAnswer(const absl::Status& status);
  // True when what went wrong with the device explains the status. Notes damage that shows.
  static bool IsExcused(SimDevice* device, const absl::Status& status);

  // Administrators and the attacker (sim_actors.cc).
  void TakeGrant(SimDevice* device, SimRandom* random);
  void TakeRevoke(SimRandom* random);
  void TakeLoss(SimDevice* device, const SimRandom& random);
  void TakeAttack(SimRandom* random);
  void AfterAdministration(const absl::Status& status);
  // The frames of this device that the attacker has heard, in order.
  std::vector<std::string> HeardFrom(const ReplicaId& speaker) const;
  void Speak(const ReplicaId& certificate, const std::vector<std::string>& frames,
             SimRandom* random);
  std::string ForgedPush(SimRandom* random);

  // Where copies and a server that goes back meet, the oracle cannot say which copy's work is
  // whose. Then only what needs no model is checked: nobody loses what was committed, everybody
  // ends with what the server has, and stores agree with themselves.
  bool is_modelled() const { return request_.profile != kUnmodelledProfile; }

  // Who releases what is in quarantine (sim_releases.cc).
  void AddReleaser();
  int DrawFault(const SimRandom& random) const;
  void TakeRelease(SimRandom* random);
  bool IsKeptAgain(const SetName& name, const WrittenSet& set) const;
  void Release(const v1::ReleaseQuarantinedRequest& request, const std::string& user,
               const std::vector<std::string>& places);

  // Checks (sim_checks.cc).
  void Expect(bool holds, const std::string& what);
  void NoteCommit(SimDevice* device, const CommitReceipt& receipt, bool is_durable);
  void CheckFolios();
  void CheckStamp(const SimDevice& device, const v1::ChangeSetHeader& header);
  void NoteVerdict(const ReplicaId& replica, const std::string& partition,
                   const v1::Verdict& verdict);
  void NoteUpFrame(SimDevice* device, const std::string& bytes, const v1::ClientFrame& frame);
  void NoteDownFrame(const std::string& user, const ReplicaId& replica, const std::string& bytes,
                     const v1::ServerFrame& frame);
  void CheckLease(const ReplicaId& replica);
  void CheckTold(const std::string& user, const ReplicaId& replica, const v1::Entry& entry);
  void CheckLedger(const v1::Verdict& verdict, const std::vector<OwedValue>& owed);
  // What devices show (sim_reads.cc).
  std::map<RecordName, OwnWrite> OwnWritesOf(const SimDevice& device,
                                             const std::vector<v1::Change>& changes) const;
  void CheckOwnWrites(SimDevice* device, const std::map<RecordName, OwnWrite>& writes);
  void CheckReads(SimDevice* device, absl::Span<const ChangedRecord> changed);
  // What the server holds, against the model.
  void NoteTouched(const SetName& name);
  void CheckTouched();
  std::set<RecordName> ModelledRecords() const;
  void CheckRecords(const std::set<RecordName>& names);
  void CheckRecord(const ReadView& view, const RecordName& name);
  struct Facts;
  Facts FactsOf(const RecordName& name);
  void ReadFacts(const RecordName& name, Facts* facts) const;
  void CheckFacts(const RecordName& name);
  // True when something was accepted there on a lost line, and is not now: its writer did not come
  // back, or may not write there any more.
  bool HasLostWork(const RecordName& name) const;
  // Of the server (null) or a device.
  void CheckErased(const Kv& kv, SimDevice* device);
  void CheckSound(const Kv& kv, StoreKind kind);
  // True when its user may not read there and so need not learn of the erasure: own work stays.
  bool IsUntold(const SimDevice& device, const RecordName& name);
  // What of the feed the oracle has not heard of: what waited in quarantine and does no more.
  void NoticeLateVerdicts(const std::string& partition, uint64_t before);
  void CheckRecoveredDevice(SimDevice* device);
  void CheckRecoveredServer();
  void NoticeMissedCommits(const std::string& partition);
  void CheckCursors(const SimDevice& device);
  void CheckSessionEnd(SimDevice* device, const absl::Status& status);
  void Converge();
  bool SyncOnce(SimDevice* device);
  void CheckEnd();
  void NoteMade(const WrittenSet& set);
  void CheckSurvival();
  std::set<RecordName> RefusedRecords();
  bool HasThreeCopies() const;
  void CheckDeviceWork(SimDevice* device);
  bool NamesErased(const WrittenSet& set) const;
  bool IsKeptSealed(const SimDevice& device, const SetName& name, const WrittenSet& set) const;
  std::set<SetName> RetriedBy(const SimDevice& device) const;
  std::set<SetName> SaidBy(const SimDevice& device, const std::map<SetName, std::string>& kept);
  bool HasContent(const SimDevice& device, const WrittenSet& set, const std::string& kept);
  void CheckDeviceView(SimDevice* device);
  void CheckUnknown(const SimDevice& device, const RecordName& name, const Content& held);
  void CheckDeviceLedger(SimDevice* device);

  const SimRequest request_;
  const Scenario scenario_;
  const SimRandom root_;
  int64_t true_us_ = 1'767'225'600'000'000;
  TraceHash trace_;
  SimResult result_;
  Oracle oracle_;
  std::unique_ptr<SimServer> server_;
  std::vector<std::unique_ptr<SimDevice>> devices_;
  std::vector<RecordName> known_;
  // Without a model: what was committed for good.
  struct Made {
    bool is_created = false;
    std::map<Place, int64_t> sums;  // of counters
  };
  std::map<RecordName, Made> made_;
  // What no device sends again once the server goes back, with how often it had gone back at first.
  std::map<RecordName, uint64_t> one_way_;
  void NoteOneWay(const v1::ChangeSetBody& body);
  bool MayBeGone(const RecordName& name) const;
  bool IsInQuarantine(const RecordName& name) const;
  // How often the server had gone back when it last told somebody of the record.
  std::map<RecordName, uint64_t> told_;
  // True when it was told on a line that is lost, and was refused when its writer sent it again.
  bool IsRefusedAgain(const RecordName& name);
  std::vector<LateFrames> late_;

  std::vector<SimBackup> backups_;
  std::set<RecordName> erasing_;    // of which nobody knows
  std::set<RecordName> forgotten_;  // deletions that the server needs no more
  std::set<RecordName> touched_;    // by what was judged since the last comparison
  size_t enrolments_ = 0;
  std::vector<v1::ReleaseQuarantinedRequest> releases_;  // that were granted

  std::vector<v1::GrantRecord> grants_;
  bool server_has_trouble_ = false;
  bool is_healing_ = false;
  absl::Status last_start_;  // of any node
  // A write of the directory whose outcome nobody knows.
  bool is_directory_unsure_ = false;
  absl::Time last_commit_try_;
  absl::Time latest_server_time_;

  // What the attacker heard on the wire, by speaker; and its own replica.
  std::vector<std::pair<ReplicaId, std::string>> heard_;
  ReplicaId attacker_;
  std::string attacker_chain_;
  uint64_t attacker_sequence_ = 0;
};

// Runs the history that `request` names.
absl::StatusOr<SimResult> RunHistory(const SimRequest& request);

}  // namespace brigada

#endif  // TESTS_SIM_SIM_WORLD_H_
