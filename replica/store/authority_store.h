// The one interface between the services and storage, in nine groups: commits, feeds, what is known
// of a replica's work, epochs and runs, repair of devices, deletions that are forgotten, records
// for queries, the directory of users and devices, and keeping the store itself. RocksDB stands
// behind it today (kv_authority_store.h); nothing above it may assume one machine
// (docs/decisions/009-a-store-of-several-servers.md).
#ifndef REPLICA_STORE_AUTHORITY_STORE_H_
#define REPLICA_STORE_AUTHORITY_STORE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "brigada/v1/change.pb.h"
#include "brigada/v1/storage.pb.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/base/ids.h"
#include "replica/merge/record.h"
#include "replica/schema/registry.h"
#include "replica/store/continue_copy.h"
#include "replica/store/quarantine.h"
#include "replica/store/read_view.h"
#include "replica/store/record_sum.h"

namespace brigada {

// Change sets of one replica in one partition, in sequence order. Authentication and the batch
// signature are checked before.
struct PushRequest {
  ReplicaId replica;
  std::string user;
  std::string partition;
  std::vector<v1::ChangeSet> change_sets;
  // The chain value the signature covers; the commit recomputes and compares it.
  std::string chain_after;
  // Of the first change sets: their verdicts in an epoch that this store may have lost.
  std::vector<v1::Redelivered> redelivered = {};
  // Not empty: the replica no longer has what is expected before these; they continue this value.
  std::string chain_before = {};
  // Puts a sealed body back (sealed_body.h); false: it is not for this server. It costs more than
  // all else that is asked before a judgement, so it comes last, once for each change set that is
  // judged. Empty: what is sealed stays so. On the thread of the commit.
  std::function<bool(v1::ChangeSet*)> open_sealed = {};
};

struct PushResult {
  // kInvalidArgument: malformed header, another replica or partition, chain_after does not match.
  // Nothing was committed then.
  absl::Status status;
  // A used sequence came with another content, or work that follows such: the replica is a copy.
  bool forked = false;
  // The next sequence the authority expects of this replica here. Sets beyond a gap are not judged.
  uint64_t expected = 0;
  // One per judged or repeated change set, in order.
  std::vector<v1::Verdict> verdicts;
  // Other partitions with a new head: records moved there, or a change followed one that had.
  std::vector<std::string> also_changed = {};
};

// One change with what the authority knows about it, for the judge.
struct ChangeInQuestion {
  const PushRequest& push;
  const v1::ChangeSetHeader& header;
  const v1::Change& change;
  uint32_t index = 0;
  const RecordType* type = nullptr;  // null: unknown type
  const Record* current = nullptr;   // the stored record; may not exist
  // Where the record was when the writer saw it, if it has moved since; else empty.
  std::string former_scope = {};
};

// Authority over writes: grants now, more rules later. Called inside the commit; must be quick and
// touch no store.
class Judge {
 public:
  virtual ~Judge() = default;
  // Adds a refusal for each rule the change breaks.
  virtual void Examine(const ChangeInQuestion& question,
                       std::vector<v1::Refusal>* refusals) const = 0;
};

// What a replica has already while it reads feeds from zero: entries and verdicts up to `scanned`,
// whole up to `complete`.
struct HeldPoint {
  std::vector<v1::Feed> feeds;
  uint64_t complete = 0;
  uint64_t scanned = 0;
};

// Entries that one page of a feed looks at, whether the reader may know of them or not: some ten
// milliseconds of reading.
inline constexpr size_t kMaxEntriesPerPage = 4096;

struct FeedRequest {
  ReplicaId replica;  // whose verdicts are in the page, and for the echo rule
  std::string partition;
  std::vector<v1::Feed> feeds;  // of this partition
  uint64_t complete = 0;
  uint64_t scanned = 0;
  // Own change sets after own_from and up to own_head count as known to the replica.
  uint64_t own_from = 0;
  uint64_t own_head = 0;  // the replica's last change set here, from its hello
  size_t target_bytes = 0;
  std::optional<HeldPoint> held = std::nullopt;
  bool wants_sums = false;
  // After so many entries, readable or not, the page ends behind the change set it is in.
  size_t max_entries = kMaxEntriesPerPage;
};

// An entry whose record cannot be read, or tells of another sequence.
struct DamagedEntry {
  uint32_t type_id = 0;
  RecordId id;
  uint64_t sequence = 0;
  std::string why;
};

struct FeedPage {
  v1::BatchBody body;
  uint64_t to = 0;
  uint64_t head = 0;  // to == head: checkpoint
  // At a checkpoint, when wanted: count and fingerprint of what the feeds bring.
  std::vector<v1::ScopeSum> sums;
  // Left out of the body.
  std::vector<DamagedEntry> damaged;
};

// The records that one replica reads of a partition.
struct RangeRequest {
  ReplicaId replica;
  std::string partition;
  std::vector<v1::Feed> feeds;  // of this partition
  // What its feeds have told; later changes are still to come.
  uint64_t scanned = 0;
  size_t target_bytes = 0;
};

struct RangeSlice {
  CountedSum sum;
  size_t read = 0;  // stored records
  // Where it stopped; not set: at the end.
  std::optional<std::string> next;
};

struct RangeRepairPage {
  v1::RepairBody body;
  std::string end;  // up to here
  size_t read = 0;  // stored records
};

struct CollectRequest {
  std::string partition;
  // Deletions up to this commit sequence have reached whoever counts.
  uint64_t floor = 0;
  // Where to go on (CollectReport.next); empty: at the first record.
  std::string from = {};
  size_t max_records = 512;  // looked at
};

struct CollectReport {
  uint64_t collected = 0;
  std::string next;  // empty: the partition is done
};

struct ReleaseRequest {
  std::string partition;
  ReplicaId replica;
  uint64_t sequence = 0;
  std::string user;  // who releases, and answers for it
  // False: these places are not all that user's to administer. Called inside the commit; must be
  // quick and touch no store.
  std::function<bool(const std::vector<std::string>& scopes)> may_release;
};

struct ReleaseReport {
  // The second one. QUARANTINED: it stays, for the reasons that this one gives, and nothing was
  // written.
  v1::Verdict verdict;
  bool was_released = false;
  // Of this call: change sets that waited for what it creates and were applied along; and later
  // ones of its replica in quarantine that change the same records.
  uint64_t applied_along = 0;
  uint64_t dependents = 0;
  std::vector<std::string> partitions;  // with a new head
};

struct ErasureRequest {
  uint32_t type_id = 0;
  RecordId id;
  // Where the tombstone stands when the store has no such record; empty: kNotFound then.
  std::string scope;
  std::string user;  // who erases
};

struct ErasureReport {
  uint64_t records = 0;  // tombstones made
  uint64_t conflicts = 0;
  uint64_t change_sets = 0;             // quarantined ones that lost something
  std::vector<std::string> partitions;  // with a new head
};

// What the directory holds, each by key, with a serialized message of v1.
enum class DirectoryKind : uint8_t {
  kDevice = 1,
  kInvitation = 3,
  kSetting = 4,
  kUser = 5,
  kBackup = 8
};

struct DirectoryWrite {
  DirectoryKind kind;
  std::string key;
  std::optional<std::string> value;  // nullopt: delete
  // The write happens only while the stored value is this one (nullopt inside: while it is absent).
  std::optional<std::optional<std::string>> expected;
};

// Thread safe.
class AuthorityStore {
 public:
  virtual ~AuthorityStore() = default;

  // Commits. A verdict is on disk when it is given.

  // Judges, merges and commits the pushes as one durable group (one fsync); verdicts are on disk
  // when it returns. An error of the call itself: the store failed and nothing may be acknowledged.
  // One caller at a time gets the best groups; others wait.
  virtual absl::StatusOr<std::vector<PushResult>> CommitPushes(absl::Span<const PushRequest> pushes,
                                                               const Judge& judge,
                                                               absl::Time now) = 0;
  // Judges a change set in quarantine again, under the grants of who releases it as they are now;
  // durable on return. Author, position and stamp stay its writer's, and so does every other rule.
  // Once released it is answered with what was said then. `judge` knows the grants of that user,
  // and of WaitingUsers. kNotFound: it is not in quarantine, or may_release says no.
  // kFailedPrecondition: it was sent again, and that was accepted. kDataLoss: it is damaged.
  virtual absl::StatusOr<ReleaseReport> Release(const ReleaseRequest& request, const Judge& judge,
                                                absl::Time now) = 0;
  // Erases a record for good, wherever this store keeps something of its content; durable on
  // return. Again: what is left, if anything. What it said leaves the files beneath with the next
  // ScrubFiles. kNotFound: no such record, and no scope.
  virtual absl::StatusOr<ErasureReport> Erase(const ErasureRequest& request, absl::Time now) = 0;
  // What erasures took is after it in no file beneath the store either. Returns of how many
  // partitions that became true, and is quick for none; else it rewrites theirs, while commits go
  // on. One call at a time: another waits. What is due outlives a crash, and an error.
  // kDeadlineExceeded: somebody reads an older state. kAborted: a backup is being made.
  // kResourceExhausted: too little room for what it writes anew. kCancelled: `cancel`, unless null,
  // became true.
  virtual absl::StatusOr<uint64_t> ScrubFiles(std::atomic<bool>* cancel) = 0;
  // Users whose quarantined change sets wait for a record: a judge of a commit has to know them.
  // From memory.
  virtual std::vector<std::string> WaitingUsers() const = 0;

  // Feeds: what devices pull.

  // Entries and verdicts over (scanned, to] from one snapshot, about target_bytes of them, at least
  // one when there is one within max_entries: a page before the head may be empty.
  // A record that is damaged holds nobody up: it is left out, and the log names it (once for each
  // opening of the store). kDataLoss: something else is, a verdict or a file of the feed.
  virtual absl::StatusOr<FeedPage> ReadFeed(const FeedRequest& request) const = 0;
  virtual std::vector<std::string> Partitions() const = 0;
  // The partition's newest commit sequence; 0 when it has none.
  virtual uint64_t Head(absl::string_view partition) const = 0;

  // What is known of one replica's work.

  // Sequence of the last change set judged of this replica; 0 for none.
  virtual absl::StatusOr<uint64_t> LastSequence(const ReplicaId& replica,
                                                absl::string_view partition) const = 0;
  // Chain value after that change set; empty when there is none.
  virtual absl::StatusOr<std::string> LastChain(const ReplicaId& replica,
                                                absl::string_view partition) const = 0;
  // The verdict of one change set and its chain value; nullopt when it was not judged.
  virtual absl::StatusOr<std::optional<v1::StoredVerdict>> FindVerdict(const ReplicaId& replica,
                                                                       absl::string_view partition,
                                                                       uint64_t sequence) const = 0;
  // What is quarantined, by partition, replica and sequence, after the place that `after` names
  // (the `next` of a page; empty: from the beginning). Looks at `max_sets` of them at most, or 1
  // MiB.
  virtual absl::StatusOr<QuarantinePage> ListQuarantine(absl::string_view after,
                                                        size_t max_sets) const = 0;
  // One of them; nullopt when there is none.
  virtual absl::StatusOr<std::optional<QuarantinedSet>> FindQuarantined(
      absl::string_view partition, const ReplicaId& replica, uint64_t sequence) const = 0;

  // Past and present: which points of which lines this store has been at.

  // True when what `run` told up to `sequence` is in this store's past.
  virtual bool IsKnownPoint(const Run& run, absl::string_view partition,
                            uint64_t sequence) const = 0;
  // True for an epoch this store knows of and is past: that a point of it is gone is no news.
  virtual bool IsPastEpoch(const Epoch& epoch) const = 0;
  // A point that this store gave, as its MAC says, and does not know: the store went back without
  // saying so. Begins a new epoch and a new run, durable on return; nothing when that was done
  // meanwhile. Sessions that run have to start again.
  virtual absl::Status BeginEpoch(const Epoch& lost_epoch, const Run& lost_run, absl::Time now) = 0;
  virtual Epoch epoch() const = 0;
  virtual Run run() const = 0;
  virtual v1::EpochRecord CurrentEpoch() const = 0;

  // Repair of a device whose records differ.

  // For a repair: the sum of the records from `begin` on and before `end` (keys of the protocol),
  // of at most `max_records` stored ones.
  virtual absl::StatusOr<RangeSlice> SumRange(const RangeRequest& request, absl::string_view begin,
                                              absl::string_view end, size_t max_records) const = 0;
  // What the replica, which has `items` in their range, needs to have what this store has; about
  // target_bytes of it.
  virtual absl::StatusOr<RangeRepairPage> RepairRange(const RangeRequest& request,
                                                      const v1::RangeItems& items) const = 0;
  // Makes the sums of the partition anew from its records: true when those stored were others, and
  // they are mended. Reads every record of it, beside the commits unless the sums are damaged.
  virtual absl::StatusOr<bool> RecomputeSums(absl::string_view partition) = 0;

  // Deletions that are forgotten.

  // Forgets tombstones of the partition up to the floor, but those of erased records and of
  // conflicts that wait for a person. Bounded.
  virtual absl::StatusOr<CollectReport> CollectTombstones(const CollectRequest& request) = 0;
  // The newest commit sequence of a tombstone that was forgotten; a replica that has not got so far
  // may hold what was deleted.
  virtual absl::StatusOr<uint64_t> CollectedUpTo(absl::string_view partition) const = 0;

  // Records, for queries and administrators.

  // The scope of the record, or of its tombstone, in each partition that knows it; empty: none
  // does.
  virtual absl::StatusOr<std::vector<std::string>> PlacesOf(uint32_t type_id,
                                                            const RecordId& id) const = 0;
  virtual absl::StatusOr<std::unique_ptr<ReadView>> Read() const = 0;

  // The directory: users, grants, devices, invitations, settings, backups.

  virtual absl::StatusOr<std::optional<std::string>> GetEntry(DirectoryKind kind,
                                                              absl::string_view key) const = 0;
  virtual absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ListEntries(
      DirectoryKind kind) const = 0;
  // All writes or none, durable on return. kAborted when an expectation does not hold.
  virtual absl::Status WriteEntries(absl::Span<const DirectoryWrite> writes) = 0;

  // Keeping.

  // How many commits have erased something since the store was opened. Waits for an erasure under
  // way.
  virtual uint64_t erasures() const = 0;
  // A consistent copy in the new directory `path`; waits for a ScrubFiles under way. kCancelled:
  // `go_on` ended it.
  virtual absl::Status Backup(const std::string& path, const ContinueCopy& go_on) = 0;
  // Not OK: the store went read-only after a failure; it must be reopened. kDataLoss: it found
  // damage, which that does not mend. kResourceExhausted: there was no room for its own files.
  // Otherwise kFailedPrecondition.
  virtual absl::Status Health() const = 0;
};

}  // namespace brigada

#endif  // REPLICA_STORE_AUTHORITY_STORE_H_
