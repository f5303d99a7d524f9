// A device's replica on disk: base, outbox, view, cursors, rejected list. Every change of any of
// them is one write batch.
#ifndef REPLICA_STORE_DEVICE_STORE_H_
#define REPLICA_STORE_DEVICE_STORE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "brigada/v1/change.pb.h"
#include "brigada/v1/storage.pb.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/base/clock.h"
#include "replica/base/ids.h"
#include "replica/base/random.h"
#include "replica/schema/registry.h"
#include "replica/store/folio.h"
#include "replica/store/kv.h"
#include "replica/store/read_view.h"
#include "replica/store/schema_version.h"

namespace brigada {

struct DeviceStoreOptions {
  const Registry* registry = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  // Change sets are kept after their verdict until the server says that every backup it keeps holds
  // them, for this long (by the server's time and by the wall clock) and in this size at most: what
  // a restored server lost can then be sent again. The oldest go first.
  uint64_t retained_bytes_max = uint64_t{64} << 20;
  absl::Duration retained_for = absl::Hours(24 * 400);
  // Null: records are made without folios.
  FolioPlace folio_place = nullptr;
  // Of the messages it writes, in each change set's header.
  uint32_t schema_version = kSchemaVersion;
};

// Names a record that something happened to.
struct ChangedRecord {
  uint32_t type_id = 0;
  RecordId id;
};

struct CommitReceipt {
  std::string partition;
  uint64_t sequence = 0;
};

struct OutboxPage {
  std::vector<v1::ChangeSet> change_sets;
  std::string chain_after;     // after the last of them
  uint64_t last_sequence = 0;  // 0: empty page
  // Of the first ones: those that had a verdict.
  std::vector<v1::Redelivered> redelivered;
  // Not empty: the page begins later than asked for, as what was before is no longer kept; the
  // chain value it continues.
  std::string chain_before;
  bool end = false;  // nothing follows
};

struct BatchEffect {
  uint64_t records = 0;
  uint64_t applied = 0;  // verdicts by outcome
  uint64_t merged = 0;
  uint64_t refused = 0;
  uint64_t quarantined = 0;
  // At a checkpoint: scopes of which this device does not have what the server says it should.
  std::vector<std::string> mismatches;
};

// What a repair did.
struct RepairEffect {
  uint64_t brought = 0;
  uint64_t missing = 0;  // of those brought: there was none here
  uint64_t removed = 0;
  // The server does not have them for this device; they stay.
  uint64_t kept = 0;
};

struct StoreCounts {
  uint64_t pending = 0;   // change sets in the outbox
  uint64_t rejected = 0;  // in the rejected list
  uint64_t open_conflicts = 0;
  absl::Time oldest_pending = absl::InfiniteFuture();
};

// Thread safe: writes are serialised inside, reads use snapshots.
class DeviceStore {
 public:
  virtual ~DeviceStore() = default;

  virtual ReplicaId replica() const = 0;
  // For a store that was found to be a copy or lost its key: the chain values of its unsent and
  // retained change sets, and the step by which it becomes another replica. They keep content,
  // sequence, position and stamps under the new id; those that the server has already (`shared`)
  // leave the outbox. One write batch; cursors are forgotten, base stays.
  virtual absl::StatusOr<std::vector<v1::UnsentChain>> UnsentChains() const = 0;
  virtual absl::Status BecomeReplica(const ReplicaId& id,
                                     absl::Span<const v1::SharedWork> shared) = 0;
  // Empty until enrolled. Change sets carry it. kFailedPrecondition when another user's work is
  // still pending.
  virtual std::string user() const = 0;
  virtual absl::Status SetUser(absl::string_view user) = 0;

  // Commits `changes` (all in one partition) as the next change set of this replica: durable when
  // it returns (with kMemory: after the next kSync write or a clean close), visible to reads, in
  // the outbox. Fills Change.seen where it is 0, and gives each new record whose type has a folio
  // and that brings none the next one (folio.h). kInvalidArgument: validation (all violations
  // named), more than one partition, too large; kNotFound: edit or delete of an absent record;
  // kAlreadyExists: create of a live id; kFailedPrecondition: append-only or server-written.
  // Nothing changes then.
  virtual absl::StatusOr<CommitReceipt> Commit(std::vector<v1::Change> changes,
                                               Durability durability) = 0;

  virtual absl::StatusOr<std::unique_ptr<ReadView>> Read() const = 0;
  // True: the record was here and somebody deleted or erased it, as far as it is still known. False
  // for a live record, one that was never here, and one whose deletion is forgotten.
  virtual absl::StatusOr<bool> IsDeleted(const RecordType& type, const RecordId& id) const = 0;

  // Partitions with an outbox head or a cursor.
  virtual std::vector<std::string> Partitions() const = 0;
  virtual v1::OutboxHead Head(absl::string_view partition) const = 0;
  // Change sets from `from_sequence` on, about `max_bytes` of them, at least one if any: those
  // without a verdict laid into base, and before them the retained ones.
  virtual absl::StatusOr<OutboxPage> ReadOutbox(absl::string_view partition, uint64_t from_sequence,
                                                size_t max_bytes) const = 0;

  virtual std::vector<v1::Cursor> Cursors() const = 0;
  // Cursors forgotten since the last checkpoint of their partition.
  virtual std::vector<v1::Cursor> LeftCursors() const = 0;
  // The next pull of the partition starts from zero. Records stay.
  virtual absl::Status GiveUpCursor(absl::string_view partition) = 0;
  // The server expects `expected`, which had a verdict: it went back. From there on the change sets
  // go again; base waits for what the server makes of them.
  virtual absl::Status ResumeAfterLoss(absl::string_view partition, uint64_t expected) = 0;
  // One write batch: verdicts take their change sets out of the outbox (refused ones into the
  // rejected list) and fold what they won into base, entries are laid over, views and indexes
  // rebuilt, the cursor moved. A batch that does not start at the cursor's `scanned` is refused
  // (kFailedPrecondition); a repeated one does nothing. kAborted: it changes a record that is not
  // here; the cursor has to be reset.
  virtual absl::StatusOr<BatchEffect> ApplyBatch(const v1::Batch& batch,
                                                 const v1::BatchBody& body) = 0;
  // The last revocation of a grant of the user, as the server tells it: positions say it. To be
  // noted before the time that comes with it, which a crash must not leave alone.
  virtual absl::Status NoteRevocation(uint64_t revocation) = 0;
  // Server time just seen: positions count from it.
  virtual absl::Status NoteServerTime(absl::Time server_time) = 0;
  // Keeps what the welcome says of grants and feeds; forgets or replaces the cursors it resets
  // (records stay); and notes what subscriptions have ended, for RunPurge. One write batch.
  // Before it, drops the retained change sets that it says are covered by backups.
  virtual absl::Status NoteWelcome(const v1::Welcome& welcome) = 0;
  virtual v1::Welcome LastWelcome() const = 0;
  // Removes what only subscriptions that ended have brought, if any did, also from the retained
  // change sets. Records with pending work wait for its verdict, and so does the end of the purge
  // for all work from before the welcome; then call again. Bounded write batches; a crash leaves
  // the rest to the next open and, where sealing lacks a key, to the next welcome.
  virtual absl::Status RunPurge() = 0;
  // What erasures and purges took is after it in no file beneath the store either; nothing when
  // none is due. Makes the receipt of a purge that has nothing else left to do. Slow: it rewrites
  // the files of the partitions concerned, while commits go on. After an error, and after a crash,
  // it is still due. kDeadlineExceeded: somebody reads an older view. kResourceExhausted: too
  // little room for what it writes anew. kCancelled: `cancel`, unless null, became true.
  virtual absl::Status ScrubFiles(std::atomic<bool>* cancel) = 0;
  // What the server has not noted yet; without feeds: nothing.
  virtual v1::Receipt PendingReceipt() const = 0;

  // Partitions in which this device has not what the server says, and what repairs have done so
  // far.
  virtual v1::RepairNotes Repairs() const = 0;
  // Base is what the server had at the cursor: nothing of a pull or of a lost epoch is under way.
  virtual bool IsAtCheckpoint(absl::string_view partition) const = 0;
  // Makes the sums of the partition again from what is stored. True: they were others. Reads all
  // of the partition's records, and commits wait for it.
  virtual absl::StatusOr<bool> RecomputeSums(absl::string_view partition) = 0;
  // Once a day (of server time) for each partition: counts its sums again from its records, and
  // notes the partition as due for repair when they were others. At most one partition with each
  // call, the one that has waited longest; commits go on beside it. True: there was a difference.
  // kCancelled: `cancel`, unless null, became true; it is tried again the next day.
  virtual absl::StatusOr<bool> RecountWhenDue(const std::atomic<bool>* cancel) = 0;
  // The records of the subscriptions from `begin` on and before `end` (keys of the protocol, empty:
  // the partition's), cut into at most `max_parts` ranges of `records_per_part`.
  virtual absl::StatusOr<std::vector<v1::RecordRange>> CutRange(absl::string_view partition,
                                                                absl::string_view begin,
                                                                absl::string_view end,
                                                                uint64_t records_per_part,
                                                                size_t max_parts) const = 0;
  struct ListedRange {
    std::vector<v1::RangeItems::Item> items;
    std::string end;  // up to here
  };
  // The same records one by one, at most `max_items`.
  virtual absl::StatusOr<ListedRange> ListRange(absl::string_view partition,
                                                absl::string_view begin, absl::string_view end,
                                                size_t max_items) const = 0;
  // One write batch: records are replaced by what the server has, those it has not are removed from
  // base, views rebuilt. Unsent work stays, in the outbox and in the views. kInvalidArgument: the
  // body names a record outside of [begin, end), or contradicts itself; nothing was applied.
  virtual absl::StatusOr<RepairEffect> ApplyRepair(absl::string_view partition,
                                                   absl::string_view begin, absl::string_view end,
                                                   const v1::RepairBody& body) = 0;
  // The partition is no longer due.
  virtual absl::Status EndRepair(absl::string_view partition, const RepairEffect& effect) = 0;

  virtual absl::StatusOr<std::vector<v1::RejectedChangeSet>> Rejected() const = 0;
  // Commits the content of a rejected change set again, as a new change set that names it and keeps
  // its position and stamp; `edited`, unless empty, in place of the content. Those of the list that
  // change or name a record it creates go along, in order, when that or a missing grant was all
  // that stood against them. What goes leaves the list in the same write batch. One receipt for
  // each, the asked one's first. What is edited to be created in another partition goes alone, as a
  // change set of today: nothing of the old one counts there. kNotFound; kFailedPrecondition: the
  // server holds it in quarantine, or it is another user's work; otherwise as Commit, except that
  // its record need not be here.
  virtual absl::StatusOr<std::vector<CommitReceipt>> Resubmit(absl::string_view partition,
                                                              uint64_t sequence,
                                                              std::vector<v1::Change> edited) = 0;
  // Resubmits what was refused for lack of a grant, or for a record out of reach, and is covered by
  // the grants of the last welcome, and what an older server could not judge once it judges that
  // version: once for each time that comes to be so. Returns how many change sets went.
  virtual absl::StatusOr<uint64_t> ResubmitCovered() = 0;
  // Removes a rejected change set for good. kNotFound.
  virtual absl::Status DiscardRejected(absl::string_view partition, uint64_t sequence) = 0;

  virtual absl::StatusOr<StoreCounts> Counts() const = 0;

  // Free-form settings of the library (server address, last success): small values, durable on
  // return.
  virtual absl::Status PutSetting(absl::string_view key, absl::string_view value) = 0;
  virtual absl::StatusOr<std::string> GetSetting(absl::string_view key) const = 0;  // kNotFound

  // Called after each commit and each applied batch, outside locks, in commit order, one call at a
  // time, on a thread that writes: usually the one whose write it is, or one that wrote at the same
  // moment. It may commit. One listener; set it before the store is shared, for after a change the
  // old one may still get the call that is under way.
  using ChangeListener = std::function<void(absl::Span<const ChangedRecord>)>;
  virtual void SetChangeListener(ChangeListener listener) = 0;
};

// Opens (or makes, when empty) a device's store on `kv`; making it draws the ReplicaId.
// kFailedPrecondition: a newer on-disk format (names both versions and the way out), or the store
// of a server.
absl::StatusOr<std::unique_ptr<DeviceStore>> OpenDeviceStore(std::unique_ptr<Kv> kv,
                                                             const DeviceStoreOptions& options);

}  // namespace brigada

#endif  // REPLICA_STORE_DEVICE_STORE_H_
