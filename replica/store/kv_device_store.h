// The DeviceStore over a Kv. Private to replica/store: callers use device_store.h.
//
// Every change of the store happens in a turn of its WriterQueue, as one KvBatch; what is kept in
// memory (heads, cursors, user) is published under mu_ once the batch is written, so a reader never
// sees there what the disk may not have. Files by idea: device_commit.cc, device_apply_batch.cc,
// device_outbox.cc, device_rejected.cc, device_resubmit.cc, device_purge.cc,
// device_purge_retained.cc, device_scrub.cc, device_meta.cc, device_moves.cc, device_restore.cc.
#ifndef REPLICA_STORE_KV_DEVICE_STORE_H_
#define REPLICA_STORE_KV_DEVICE_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replica/base/hlc.h"
#include "replica/base/mutex.h"
#include "replica/crypto/hash_chain.h"
#include "replica/store/batch_check.h"
#include "replica/store/change_check.h"
#include "replica/store/change_notifier.h"
#include "replica/store/created_records.h"
#include "replica/store/device_recovery.h"
#include "replica/store/device_store.h"
#include "replica/store/record_ranges.h"
#include "replica/store/record_table.h"
#include "replica/store/writer_queue.h"

namespace brigada {

// A change set of the outbox, parsed.
struct PendingSet {
  v1::ChangeSet change_set;  // as stored
  v1::ChangeSetHeader header;
  // Without what was erased of it.
  v1::ChangeSetBody body;
};

// kDataLoss when `value` is no OutboxChangeSet of this sequence.
absl::StatusOr<PendingSet> ParsePendingSet(absl::string_view value, uint64_t sequence);

// Takes the content out of a stored change set but for `remaining`; what the chain covers stays.
// kDataLoss: there is nothing the chain covers.
absl::Status MakeStub(v1::ChangeSet::Stub::Reason reason, const v1::ChangeSetBody& remaining,
                      v1::OutboxChangeSet* stored);

// False: nothing but the names of records is left.
bool SaysSomething(const v1::ChangeSetBody& body);

// When a verdict came: the server's time, and the device's wall clock. Either may be wrong.
struct JudgedAt {
  int64_t server_ms = 0;
  int64_t wall_ms = 0;
};

// The stored form of a change set that got its verdict. A refused one keeps its body in the
// rejected list alone; a sealed body is in no list, and goes only with an erased record.
v1::OutboxChangeSet RetainedSet(v1::OutboxChangeSet set, const v1::Verdict& verdict,
                                absl::string_view epoch, const JudgedAt& at);

class KvDeviceStore final : public DeviceStore {
 public:
  KvDeviceStore(std::unique_ptr<Kv> kv, const DeviceStoreOptions& options)
      : options_(options),
        kv_(std::move(kv)),
        table_({.registry = options.registry, .keeps_feeds = false}) {}
  // Makes the store or reads what it holds. Once, before anything else.
  absl::Status Open();
  // Of a store that holds an outbox and no records yet: lays it over them, and counts it. Write
  // batches of bounded size, the last one synced.
  absl::Status RestoreOutbox(RestoredOutbox* restored);
  // Folios have another device part from here on. Not synced.
  absl::Status ChangeFolioDevice();

  ReplicaId replica() const override {
    const MutexLock lock(&mu_);
    return replica_;
  }
  absl::StatusOr<std::vector<v1::UnsentChain>> UnsentChains() const override;
  absl::Status BecomeReplica(const ReplicaId& id, absl::Span<const v1::SharedWork> shared) override;
  std::string user() const override;
  absl::Status SetUser(absl::string_view user) override;
  absl::StatusOr<CommitReceipt> Commit(std::vector<v1::Change> changes,
                                       Durability durability) override;
  absl::StatusOr<std::unique_ptr<ReadView>> Read() const override;
  absl::StatusOr<bool> IsDeleted(const RecordType& type, const RecordId& id) const override;
  std::vector<std::string> Partitions() const override;
  v1::OutboxHead Head(absl::string_view partition) const override;
  absl::StatusOr<OutboxPage> ReadOutbox(absl::string_view partition, uint64_t from_sequence,
                                        size_t max_bytes) const override;
  std::vector<v1::Cursor> Cursors() const override;
  std::vector<v1::Cursor> LeftCursors() const override;
  absl::Status GiveUpCursor(absl::string_view partition) override;
  absl::Status ResumeAfterLoss(absl::string_view partition, uint64_t expected) override;
  absl::StatusOr<BatchEffect> ApplyBatch(const v1::Batch& batch,
                                         const v1::BatchBody& body) override;
  absl::Status NoteRevocation(uint64_t revocation) override;
  absl::Status NoteServerTime(absl::Time server_time) override;
  absl::Status NoteWelcome(const v1::Welcome& welcome) override;
  v1::Welcome LastWelcome() const override;
  absl::Status RunPurge() override;
  v1::Receipt PendingReceipt() const override;
  absl::Status ScrubFiles(std::atomic<bool>* cancel) override;
  v1::RepairNotes Repairs() const override;
  bool IsAtCheckpoint(absl::string_view partition) const override;
  absl::StatusOr<bool> RecomputeSums(absl::string_view partition) override;
  absl::StatusOr<bool> RecountWhenDue(const std::atomic<bool>* cancel) override;
  absl::StatusOr<std::vector<v1::RecordRange>> CutRange(absl::string_view partition,
                                                        absl::string_view begin,
                                                        absl::string_view end,
                                                        uint64_t records_per_part,
                                                        size_t max_parts) const override;
  absl::StatusOr<ListedRange> ListRange(absl::string_view partition, absl::string_view begin,
                                        absl::string_view end, size_t max_items) const override;
  absl::StatusOr<RepairEffect> ApplyRepair(absl::string_view partition, absl::string_view begin,
                                           absl::string_view end,
                                           const v1::RepairBody& body) override;
  absl::Status EndRepair(absl::string_view partition, const RepairEffect& effect) override;
  absl::StatusOr<std::vector<v1::RejectedChangeSet>> Rejected() const override;
  absl::StatusOr<std::vector<CommitReceipt>> Resubmit(absl::string_view partition,
                                                      uint64_t sequence,
                                                      std::vector<v1::Change> edited) override;
  absl::StatusOr<uint64_t> ResubmitCovered() override;
  absl::Status DiscardRejected(absl::string_view partition, uint64_t sequence) override;
  absl::StatusOr<StoreCounts> Counts() const override;
  absl::Status PutSetting(absl::string_view key, absl::string_view value) override;
  absl::StatusOr<std::string> GetSetting(absl::string_view key) const override;
  void SetChangeListener(ChangeListener listener) override;

 private:
  // Who wrote a change set of this replica: work from before the enrolment names nobody and is the
  // enrolled user's, as the authority takes it.
  std::string UserOf(const v1::ChangeSetHeader& header) const;

  struct PartitionState {
    v1::OutboxHead head;
    std::optional<v1::Cursor> cursor;
    // The cursor that was forgotten last, until the next checkpoint: what this device has seen
    // counts in the numbers of its run.
    std::optional<v1::Cursor> left;
    // The cursor whose numbers a position is in.
    const std::optional<v1::Cursor>& seen_by() const {
      return left.has_value() && (!cursor.has_value() || cursor->complete() == 0) ? left : cursor;
    }
  };
  struct CommitRequest;
  // The commits that share one batch, and what becomes of the store once it is written.
  struct CommitGroup;
  // One change set on its way into a group; undone unless it is kept.
  struct StagedSet;
  // What a retry keeps of the change set it tries again.
  struct RetryOf;
  // An entry of the rejected list, parsed.
  struct ListedSet;
  // Retries sent so far, in this call and before it.
  struct RetriesDone;
  // A server batch on its way into one write batch.
  struct BatchInProgress;

  // device_meta.cc
  absl::Status MakeNew();
  absl::Status LoadMeta();
  void NoteBoot();
  absl::Status LoadPartitions();
  absl::Status LoadRejectedCount();
  absl::Status WriteMeta(absl::string_view key, absl::string_view value, Durability durability);
  PartitionState StateOf(absl::string_view partition) const;
  void TakeReset(const v1::CursorReset& reset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StageLeft(const v1::CursorReset& reset, KvBatch* batch) const;
  // The device clock as of now, to be stored with a write.
  v1::DeviceClock ClockNow(Hlc last_stamp) const;
  // What new stamps follow: the server's time, once it is known.
  absl::Time TimeOfStamps() const;
  void TakeClock(const v1::DeviceClock& clock);
  // Puts the records and the rejected list of `work` into its writes.
  absl::Status StageRecords(BatchInProgress* work);
  // The records are written: watchers will hear of them.
  void TellOfChanges(RecordBatch* records);

  // device_commit.cc
  void CommitTogether(const std::vector<WriterQueue::Writer*>& group);
  absl::Status WriteGroup(CommitGroup* group);
  absl::StatusOr<CommitReceipt> StageCommit(CommitRequest* request, CommitGroup* group);
  absl::Status LayOverChange(size_t index, CommitRequest* request, CommitGroup* group,
                             StagedSet* set);
  static void SetSeen(const PartitionState& state, const RecordSlot& slot, v1::Change* change);
  static absl::StatusOr<RecordSlot*> FindDecided(const v1::Change& change,
                                                 const CheckedChange& checked, CommitGroup* group);
  absl::StatusOr<RecordSlot*> FindTarget(const v1::Change& change, const CheckedChange& checked,
                                         const std::optional<RetryOf>& retry, CommitGroup* group);
  absl::Status BeginSet(absl::string_view partition, const std::optional<RetryOf>& retry,
                        CommitGroup* group, StagedSet* set);
  // A retry has the one it was given.
  void GiveFolio(const CheckedChange& checked, v1::Change* change, StagedSet* set) const;
  void SetPosition(const std::optional<RetryOf>& retry, const PartitionState& state,
                   v1::ChangeSetHeader* header) const;
  absl::Status FinishSet(CommitRequest* request, CommitGroup* group, StagedSet* set);

  // device_resubmit.cc
  absl::StatusOr<std::vector<ListedSet>> ReadRejected(absl::string_view begin,
                                                      absl::string_view end, size_t most,
                                                      std::string* next) const;
  // Looks at the next entries of the list from the key `next` on; empty when there are no more.
  absl::StatusOr<uint64_t> ResubmitStep(std::string* next, CreatedRecords* created,
                                        RetriesDone* done);
  bool IsOfFormerId(const v1::ChangeSetHeader& header) const;
  // What can be told here of whether a refused change set would be accepted now.
  enum class Chance {
    kNone,
    kRecordsHere,  // what it changes is here, in places that the grants may not cover
    kCovered,      // it is here as far as that had been lacking, and grants cover all of it
  };
  absl::StatusOr<Chance> ChanceOf(const v1::RejectedChangeSet& entry,
                                  const v1::ChangeSetHeader& header, const v1::ChangeSetBody& body,
                                  RecordBatch* records) const;
  absl::StatusOr<bool> GoesNow(const ListedSet& set, Chance chance, RetriesDone* done) const;
  absl::StatusOr<bool> FollowsARetry(const ListedSet& set, RetriesDone* done) const;
  absl::Status ReadRetriesSent(const std::string& partition, RetriesDone* done) const;
  absl::Status LeaveQuarantine(const ListedSet& set, CommitGroup* group) const;
  absl::StatusOr<CommitReceipt> StageRetry(const ListedSet& set, const RetriesDone& done,
                                           CommitGroup* group);
  absl::StatusOr<std::vector<CommitReceipt>> StageRetries(std::vector<ListedSet>* chosen,
                                                          CommitGroup* group, RetriesDone* done,
                                                          absl::Status* first);
  absl::Status WriteRetries(CommitGroup* group, uint64_t count);

  // device_apply_batch.cc
  absl::Status StartBatch(const v1::Batch& batch, BatchInProgress* work, bool* is_repeat) const;
  absl::Status ApplyVerdict(const v1::Verdict& verdict, BatchInProgress* work);
  // Of a change set that had its verdict before: it was sent again, or waited at the server.
  absl::Status ApplyLateVerdict(const v1::Verdict& verdict, BatchInProgress* work);
  absl::Status ApplyLateVerdictOfDamaged(const v1::Verdict& verdict, BatchInProgress* work);
  // device_released.cc
  absl::Status SettleListed(const v1::Verdict& verdict, BatchInProgress* work);
  absl::Status EndSameWork(const v1::ChangeSetHeader& released, BatchInProgress* work) const;
  absl::Status Retain(const v1::Verdict& verdict, BatchInProgress* work);
  static void LeaveList(uint64_t sequence, BatchInProgress* work);
  absl::Status FoldReleased(const PendingSet& set, const v1::Verdict& verdict,
                            BatchInProgress* work);
  absl::Status FoldChanges(const PendingSet& set, const v1::Verdict& verdict,
                           BatchInProgress* work);
  absl::Status MoveToRejected(const PendingSet& set, const v1::Verdict& verdict,
                              BatchInProgress* work);
  absl::Status ApplyEntry(const CheckedEntry& entry, BatchInProgress* work);
  bool CoversScope(const Scope& scope, v1::DataClass data_class, const BatchInProgress& work) const;
  absl::Status RebuildViews(BatchInProgress* work) const;
  absl::Status RebuildView(RecordSlot* slot, BatchInProgress* work) const;
  absl::StatusOr<const PendingSet*> PendingAt(const std::string& partition, uint64_t sequence,
                                              BatchInProgress* work) const;
  // device_moves.cc
  absl::Status ApplyDeparture(const CheckedEntry& entry, RecordSlot* slot, BatchInProgress* work);
  static absl::Status LetGoElsewhere(const CheckedEntry& entry, const std::string& scope,
                                     BatchInProgress* work);
  static absl::Status TouchWhereItWent(RecordSlot* slot, BatchInProgress* work);
  static absl::StatusOr<std::vector<std::pair<std::string, uint64_t>>> PendingSetsOf(
      const RecordSlot& slot, BatchInProgress* work);
  // device_erase.cc
  absl::Status ScrubErased(BatchInProgress* work) const;
  absl::Status ScrubOutbox(BatchInProgress* work) const;
  absl::Status ScrubSet(uint64_t sequence, absl::string_view value, BatchInProgress* work) const;
  absl::Status ScrubRejected(BatchInProgress* work) const;
  absl::Status WriteBatchInProgress(const v1::Batch& batch, BatchInProgress* work);

  // device_check.cc
  // Compares what a checkpoint says of the scopes with what is here.
  absl::Status CheckSums(const v1::Batch& batch, BatchInProgress* work);
  absl::Status NoteDifference(absl::string_view partition, bool differs);
  absl::Status WriteRepairNotes(v1::RepairNotes notes);
  absl::StatusOr<std::optional<std::string>> NextRecount();
  int64_t ServerTimeNow() const;

  // device_repair.cc
  RangeReader RangesOf(absl::string_view partition) const;
  absl::Status TakeWhole(const CheckedEntry& entry, RepairEffect* effect, BatchInProgress* work);
  absl::Status TakeAway(absl::string_view key, bool is_kept, RepairEffect* effect,
                        BatchInProgress* work);
  absl::Status WriteRepair(BatchInProgress* work);

  // device_purge.cc
  struct PurgePass {
    std::vector<v1::Feed> lost;
    std::set<std::string> partitions;
    std::string next_key;
    uint64_t changed = 0;
    uint64_t waiting = 0;  // records whose own work has no verdict yet
  };
  enum class PurgeStep {
    kRecords,
    kWaits,  // the last pass left what waits for verdicts
    kFiles,  // only the files beneath may still hold something
  };
  absl::Status RunPurge(bool is_opening);
  v1::Purge PurgeAfter(const v1::Welcome& welcome) const;
  bool MustWait(const PurgePass& pass);
  // The purge waits for what is in the outbox now, not for what is committed from here on.
  void MarkOutbox() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasUnjudged() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status PurgeSome(const std::string& end, PurgePass* pass);
  absl::Status PurgeVisitors(PurgePass* pass);
  absl::Status PurgeVisitorsIn(absl::string_view index_prefix, const RecordType& type,
                               PurgePass* pass, RecordBatch* records);
  absl::Status WritePurged(RecordBatch* records);
  absl::Status NoteFiles(const v1::Purge& purge, const PurgePass& pass);
  // The record, as it is, was not brought by what was lost alone.
  bool IsUntouched(const RecordType* type, const Record& base,
                   absl::Span<const v1::Feed> lost) const;

  // device_purge_retained.cc
  bool HasUnsettled() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool LacksRecords() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status ScrubRetained(const PurgePass& pass);
  absl::Status ScrubSomeRetained(const std::string& partition, const PurgePass& pass,
                                 uint64_t* next);
  absl::StatusOr<std::optional<std::string>> WithholdLost(const PurgePass& pass, uint64_t sequence,
                                                          absl::string_view value) const;
  absl::StatusOr<bool> EmptyLost(const PurgePass& pass, v1::ChangeSetBody* body) const;
  absl::Status Withhold(const v1::ChangeSetBody& remaining, v1::OutboxChangeSet* stored) const;
  absl::StatusOr<bool> StaysReadable(const PurgePass& pass, uint32_t type_id,
                                     const RecordId& id) const;

  // device_scrub.cc
  bool IsAtFilesOf(const v1::Purge& purge) const;
  absl::Status EndPurge(const v1::Purge& purge, KvBatch writes);

  // device_outbox.cc
  absl::Status SyncCommits() const;

  // device_retained.cc
  absl::Status DropCovered(const v1::Welcome& welcome);
  absl::Status GiveUpRetained(absl::string_view partition, uint64_t sequence, v1::OutboxHead* head,
                              KvBatch* batch) const;
  absl::Status GiveUpDamaged(absl::string_view partition, v1::OutboxHead* head,
                             KvBatch* batch) const;
  JudgedAt TimesOf(const v1::DeviceClock& clock) const;
  absl::Status DropRetained(absl::string_view partition, uint64_t covered, const JudgedAt& now,
                            v1::OutboxHead* head, KvBatch* batch) const;
  absl::Status WriteHead(absl::string_view partition, v1::OutboxHead head, KvBatch batch);

  // device_restore.cc
  absl::Status MendOutbox(const std::string& partition, RestoredOutbox* restored);
  absl::Status StageMended(const std::string& partition, v1::OutboxHead* head, KvBatch* batch,
                           RestoredOutbox* restored) const;
  absl::Status LayOutboxOver(const std::string& partition);

  // device_divide.cc
  struct NewChain;
  absl::StatusOr<v1::UnsentChain> ChainsOf(const std::string& partition) const;
  static absl::Status OpenRecordsOf(const PendingSet& set, bool leaves, BatchInProgress* work);
  absl::Status StageDivision(const ReplicaId& id, const v1::SharedWork& shared,
                             BatchInProgress* work);
  absl::Status StageDelivered(uint64_t last, NewChain* next, BatchInProgress* work);
  absl::Status StageListed(const NewChain& next, BatchInProgress* work);
  static absl::Status StageNewHead(uint64_t last, const ChainValue& start, const NewChain& next,
                                   BatchInProgress* work);

  const DeviceStoreOptions options_;
  const std::unique_ptr<Kv> kv_;
  ReplicaId replica_;  // changes under mu_ in a turn of the writers, by BecomeReplica alone

  // Each with its own lock.
  mutable WriterQueue writers_;
  ChangeNotifier notifier_;

  // Of the writer whose turn it is (the table's readable part has its own lock).
  RecordTable table_;
  HybridClock clock_;
  v1::DeviceClock time_;
  uint64_t folios_ = 0;      // given so far
  ReplicaId folio_replica_;  // whose device part they have

  mutable Mutex mu_;
  std::map<std::string, PartitionState, std::less<>> partitions_ ABSL_GUARDED_BY(mu_);
  std::string user_ ABSL_GUARDED_BY(mu_);
  v1::Welcome welcome_ ABSL_GUARDED_BY(mu_);
  v1::Purge purge_ ABSL_GUARDED_BY(mu_);
  v1::Receipt receipt_ ABSL_GUARDED_BY(mu_);
  v1::RepairNotes repairs_ ABSL_GUARDED_BY(mu_);
  PurgeStep purge_step_ ABSL_GUARDED_BY(mu_) = PurgeStep::kRecords;
  // The last change set of each partition that may say something of what is to go.
  std::map<std::string, uint64_t, std::less<>> purge_waits_for_ ABSL_GUARDED_BY(mu_);
  uint64_t rejected_ ABSL_GUARDED_BY(mu_) = 0;
  // Some commit asked for kMemory since the last sync: it may still be lost with the power.
  mutable bool has_unsynced_commit_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace brigada

#endif  // REPLICA_STORE_KV_DEVICE_STORE_H_
