// One group commit of the authority: pushes are judged and merged one after another, later ones
// seeing earlier ones, and all of it becomes one write batch.
#ifndef REPLICA_STORE_AUTHORITY_COMMIT_H_
#define REPLICA_STORE_AUTHORITY_COMMIT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "replica/base/hlc.h"
#include "replica/base/ids.h"
#include "replica/merge/apply.h"
#include "replica/store/authority_store.h"
#include "replica/store/conflict_ledger.h"
#include "replica/store/kv.h"
#include "replica/store/push_chain.h"
#include "replica/store/quarantine.h"
#include "replica/store/record_table.h"
#include "replica/store/run_history.h"
#include "replica/store/schema_version.h"
#include "replica/store/staged_rows.h"
#include "replica/store/trial_records.h"
#include "replica/store/verdict_table.h"
#include "replica/store/waiting_sets.h"

namespace brigada {

// The store cannot be read now, whatever is asked of it. Any other error concerns what was asked.
bool IsOfTheStore(const absl::Status& status);

// What a group starts from.
struct CommitBase {
  const KvReader* reader = nullptr;
  RecordTable* table = nullptr;
  const Judge* judge = nullptr;
  std::shared_ptr<const RunHistory> past;
  std::shared_ptr<const WaitingCensus> waiting;
  std::shared_ptr<const QuarantineCensus> quarantined;
  // What the group holds cannot be written: nothing of it is tried, all is quarantined.
  bool sets_all_aside = false;
  // The highest that is judged.
  uint32_t schema_version = kSchemaVersion;
  absl::Time now;
  HybridClock clock;
  PartitionHeads heads;
};

// One thread. Take each push, Stage once, write, Committed. Dropped without Committed() it leaves
// no trace.
class CommitGroup {
 public:
  explicit CommitGroup(CommitBase base);

  // The result holds once the staged batch is written. A change set at which something else fails
  // than the store is quarantined alone (NOT_JUDGED). An error: the store cannot be read, the group
  // must be dropped.
  absl::StatusOr<PushResult> Take(const PushRequest& push);
  // See AuthorityStore; alone in its group. What stays in quarantine leaves nothing to stage.
  absl::StatusOr<ReleaseReport> Release(const ReleaseRequest& request);
  // Leaves `batch` empty when nothing new was judged.
  absl::Status Stage(KvBatch* batch);
  void Committed() { records_.Committed(); }

  // After the group: the clock, and the head of each partition.
  const HybridClock& clock() const { return base_.clock; }
  const PartitionHeads& heads() const { return base_.heads; }
  // What it adds to the census of those that wait, and of the quarantine.
  const WaitingCensus& waiting() const { return waiting_.difference(); }
  const QuarantineCensus& quarantined() const { return quarantine_.difference(); }

 private:
  // One change set under judgement: what it makes of the records, kept apart until all of it is
  // accepted (commit_trial.h).
  struct Trial;

  // The first look at a push. kDataLoss: what is stored of its replica is damaged.
  absl::StatusOr<CheckedPush> Look(const PushRequest& push, v1::ReplicaProgress** progress);
  // One change set with what is known of it besides its content.
  struct Case {
    const PushRequest& push;
    const v1::ChangeSet& set;
    const v1::ChangeSetHeader& header;
    Hlc own_last;  // stamp of the replica's change set before it
    const v1::Redelivered* before = nullptr;
    bool is_late = false;          // it waited
    bool may_be_kept = true;       // the quarantine has room for it
    const Judge* judge = nullptr;  // who grants it; null: as for all of the group
  };

  absl::StatusOr<v1::StoredVerdict> JudgeSet(const Case& it);
  // Merges what is not refused.
  absl::Status Try(const Case& it, Trial* trial, v1::Verdict* verdict);
  // The effective stamp; the group's clock goes on from it.
  Hlc StampOf(Hlc signed_stamp, const v1::ChangeSetHeader& header, Hlc own_last, Hlc replaced);
  // The replica's last stamp, as far as the next one has to lie above it.
  Hlc OwnLast(const v1::ReplicaProgress& progress) const;
  void SetStamp(const v1::ChangeSetHeader& header, Hlc own_last, Trial* trial);
  void Accept(Trial* trial, v1::Verdict* verdict);
  // What the verdict is of one that breaks a rule.
  absl::Status Refuse(const Case& it, Trial* trial, v1::Verdict* verdict);
  // True when the store may have lost what this one lacks.
  bool MayWait(const Case& it, const Trial& trial) const;
  // kUnimplemented: it is of a newer schema than is judged here.
  absl::Status CheckSchema(const v1::ChangeSetHeader& header) const;
  // The server failed at it: kept for a person, and nobody else's work waits for it.
  static void SetAside(const Case& it, const absl::Status& failure, Trial* trial,
                       v1::Verdict* verdict);
  // What would be quarantined and finds no room is refused.
  static void RefuseWithoutRoom(const Case& it, Trial* trial, v1::Verdict* verdict);
  absl::Status Keep(const Case& it, const v1::Verdict& verdict);
  static void NameFollowed(const Trial& trial, v1::Verdict* verdict);
  // Tries what waits for the records made since the last call.
  absl::Status ReleaseWaiting();
  absl::Status Retry(const std::string& partition, const v1::WaitingChangeSet& waiting);

  // commit_retries.cc
  // The work of this retry was accepted under another number.
  absl::StatusOr<bool> IsDone(const PushRequest& push, const v1::ChangeSetHeader& header) const;
  static void AnswerDone(int changes, v1::Verdict* verdict);
  // An accepted retry: later ones of the same work are answered only, and what is quarantined of
  // its first try is done with.
  absl::Status NoteRetry(const PushRequest& push, const v1::ChangeSetHeader& header,
                         const v1::Verdict& verdict);
  absl::Status LetGo(const PushRequest& push, const v1::ChangeSetHeader& header);
  // It tries again what was released from quarantine.
  absl::StatusOr<bool> IsOfReleased(const PushRequest& push,
                                    const v1::ChangeSetHeader& header) const;
  absl::Status RefuseReleased(const Case& it, Trial* trial, v1::Verdict* verdict);

  // commit_release.cc
  struct Quarantined;
  absl::StatusOr<Quarantined> ReadQuarantined(const ReleaseRequest& request,
                                              const std::string& value) const;
  // What is said of one that is not in quarantine.
  absl::StatusOr<ReleaseReport> WhatBecameOf(const ReleaseRequest& request) const;
  // What it says was accepted under another number.
  absl::StatusOr<bool> WasSentAgain(const Quarantined& kept) const;
  absl::StatusOr<bool> HasAcceptedRetry(const Quarantined& kept, uint64_t first_try) const;
  absl::Status NoteRelease(const Quarantined& kept, v1::StoredVerdict released);
  absl::Status MarkReleased(const Quarantined& kept, const v1::Dot& dot);
  // Of the replica's later ones in quarantine: those that say the same are done with. Returns how
  // many others change the same records.
  absl::StatusOr<uint64_t> SettleLater(const Quarantined& kept);

  // commit_changes.cc
  absl::Status OpenRecords(const v1::ChangeSetHeader& header, Trial* trial);
  const WriteContext& ContextFor(const v1::ChangeSetHeader& header, size_t index, Trial* trial,
                                 std::optional<WriteContext>* moved);
  // The commit sequence that the change set has in this partition.
  uint64_t SequenceIn(absl::string_view partition, Trial* trial) const;
  absl::Status TryChanges(const PushRequest& push, const v1::ChangeSetHeader& header, Trial* trial);
  absl::Status TryChange(const PushRequest& push, const v1::ChangeSetHeader& header, uint32_t index,
                         Trial* trial);
  // Adds what the change breaks; false when it breaks nothing that can be told before the merge.
  bool IsRefused(const PushRequest& push, const v1::ChangeSetHeader& header,
                 const v1::Change& change, uint32_t index, const Trial& trial,
                 std::vector<v1::Refusal>* refusals) const;
  absl::Status TryLedger(Trial* trial);

  CommitBase base_;
  RecordBatch records_;
  VerdictBatch verdicts_;
  ConflictLedger ledger_;
  WaitingSets waiting_;
  Quarantine quarantine_;
  StagedRows done_;  // by DoneKey
  // Records that are new in their partition since the last ReleaseWaiting.
  std::vector<std::tuple<std::string, uint32_t, RecordId>> created_;
  std::set<std::string> judged_;  // partitions with a new head
  std::set<std::string> moved_;   // of those, the ones that the present push reached from elsewhere
  uint64_t applied_late_ = 0;     // that had waited
};

}  // namespace brigada

#endif  // REPLICA_STORE_AUTHORITY_COMMIT_H_
