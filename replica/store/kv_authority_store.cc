#include "replica/store/kv_authority_store.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/mutex.h"
#include "replica/base/status_macros.h"
#include "replica/store/authority_collect.h"
#include "replica/store/authority_commit.h"
#include "replica/store/authority_directory.h"
#include "replica/store/authority_erase.h"
#include "replica/store/authority_feed.h"
#include "replica/store/authority_quarantine.h"
#include "replica/store/authority_repair.h"
#include "replica/store/format.h"
#include "replica/store/keys.h"
#include "replica/store/kv_read_view.h"
#include "replica/store/partition_sums.h"
#include "replica/store/record_ranges.h"
#include "replica/store/record_table.h"
#include "replica/store/run_history.h"
#include "replica/store/scrub_notes.h"
#include "replica/store/verdict_table.h"

namespace brigada {
namespace {

// Where more are damaged, `brigada-server verify` names them all.
constexpr size_t kMaxDamagedNamed = 1024;

absl::StatusOr<PartitionHeads> ReadHeads(const KvReader& reader) {
  PartitionHeads heads;
  const std::string prefix = HeadKey("");
  auto it = reader.Iterate(Table::kMeta, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next())
    heads.emplace(std::string(AfterMetaName(it->key())), NumberOf(it->value()));
  RETURN_IF_ERROR(it->status());
  return heads;
}

absl::StatusOr<QuarantineCensus> ReadQuarantineCensus(const KvReader& reader,
                                                      const PartitionHeads& heads) {
  QuarantineCensus census;
  for (const auto& [partition, head] : heads) RETURN_IF_ERROR(census.Load(reader, partition));
  return census;
}

class KvAuthorityStore final : public AuthorityStore {
 public:
  KvAuthorityStore(std::unique_ptr<Kv> kv, const AuthorityStoreOptions& options)
      : kv_(std::move(kv)),
        registry_(options.registry),
        schema_version_(options.schema_version),
        random_(options.random),
        on_directory_write_(options.on_directory_write),
        table_({.registry = options.registry, .keeps_feeds = true}),
        directory_(kv_.get()) {}

  absl::Status Open(const AuthorityStoreOptions& options);

  absl::StatusOr<std::vector<PushResult>> CommitPushes(absl::Span<const PushRequest> pushes,
                                                       const Judge& judge, absl::Time now) override;

  absl::StatusOr<std::vector<std::string>> PlacesOf(uint32_t type_id,
                                                    const RecordId& id) const override;
  absl::StatusOr<ReleaseReport> Release(const ReleaseRequest& request, const Judge& judge,
                                        absl::Time now) override;
  absl::StatusOr<ErasureReport> Erase(const ErasureRequest& request, absl::Time now) override;

  absl::StatusOr<uint64_t> ScrubFiles(std::atomic<bool>* cancel) override;

  absl::StatusOr<FeedPage> ReadFeed(const FeedRequest& request) const override {
    const auto snapshot = kv_->Snapshot();
    absl::StatusOr<FeedPage> page = ReadFeedPage(*registry_, *snapshot, request);
    if (page.ok()) LogDamaged(request.partition, page->damaged);
    return page;
  }

  absl::StatusOr<RangeSlice> SumRange(const RangeRequest& request, absl::string_view begin,
                                      absl::string_view end, size_t max_records) const override {
    const auto snapshot = kv_->Snapshot();
    return SumSlice(ReaderOf(request, *snapshot), begin, end, max_records);
  }

  absl::StatusOr<RangeRepairPage> RepairRange(const RangeRequest& request,
                                              const v1::RangeItems& items) const override {
    std::shared_ptr<const RunHistory> past;
    {
      const MutexLock lock(&heads_mu_);
      past = past_;
    }
    const uint64_t head = Head(request.partition);
    const auto snapshot = kv_->Snapshot();
    return MakeRangeRepair(ReaderOf(request, *snapshot), request, items, *past, head);
  }

  absl::StatusOr<bool> RecomputeSums(absl::string_view partition) override;

  absl::StatusOr<CollectReport> CollectTombstones(const CollectRequest& request) override;

  absl::StatusOr<uint64_t> CollectedUpTo(absl::string_view partition) const override {
    ASSIGN_OR_RETURN(const auto value, kv_->Get(Table::kMeta, CollectedKey(partition)));
    return value.has_value() ? NumberOf(*value) : 0;
  }

  uint64_t Head(absl::string_view partition) const override {
    const MutexLock lock(&heads_mu_);
    const auto head = heads_.find(partition);
    return head == heads_.end() ? 0 : head->second;
  }

  absl::StatusOr<uint64_t> LastSequence(const ReplicaId& replica,
                                        absl::string_view partition) const override {
    ASSIGN_OR_RETURN(const v1::ReplicaProgress progress, ReadProgress(*kv_, partition, replica));
    return progress.sequence();
  }

  absl::StatusOr<std::string> LastChain(const ReplicaId& replica,
                                        absl::string_view partition) const override {
    ASSIGN_OR_RETURN(const v1::ReplicaProgress progress, ReadProgress(*kv_, partition, replica));
    return progress.chain();
  }

  absl::StatusOr<std::optional<v1::StoredVerdict>> FindVerdict(const ReplicaId& replica,
                                                               absl::string_view partition,
                                                               uint64_t sequence) const override {
    return ReadVerdict(*kv_, partition, replica, sequence);
  }

  absl::StatusOr<QuarantinePage> ListQuarantine(absl::string_view after,
                                                size_t max_sets) const override {
    const auto snapshot = kv_->Snapshot();
    return ReadQuarantinePage(QuarantineOf(*snapshot), after, max_sets);
  }
  absl::StatusOr<std::optional<QuarantinedSet>> FindQuarantined(absl::string_view partition,
                                                                const ReplicaId& replica,
                                                                uint64_t sequence) const override {
    const auto snapshot = kv_->Snapshot();
    return FindQuarantinedSet(QuarantineOf(*snapshot), partition, replica, sequence);
  }

  std::vector<std::string> WaitingUsers() const override {
    const MutexLock lock(&heads_mu_);
    return waiting_->Users();
  }

  v1::EpochRecord CurrentEpoch() const override {
    const MutexLock lock(&heads_mu_);
    return *past_->current();
  }

  std::vector<std::string> Partitions() const override {
    const MutexLock lock(&heads_mu_);
    std::vector<std::string> partitions;
    for (const auto& [partition, head] : heads_) partitions.push_back(partition);
    return partitions;
  }

  bool IsKnownPoint(const Run& run, absl::string_view partition, uint64_t sequence) const override {
    const MutexLock lock(&heads_mu_);
    const auto head = heads_.find(partition);
    return past_->KnowsRun(run.bytes()) &&
           sequence <= past_->SharedUpTo("", run.bytes(), partition,
                                         head == heads_.end() ? 0 : head->second);
  }
  bool IsPastEpoch(const Epoch& epoch) const override {
    const MutexLock lock(&heads_mu_);
    return past_->IsPast(epoch.bytes());
  }
  absl::Status BeginEpoch(const Epoch& lost_epoch, const Run& lost_run, absl::Time now) override;

  Epoch epoch() const override {
    const MutexLock lock(&heads_mu_);
    return epoch_;
  }
  Run run() const override {
    const MutexLock lock(&heads_mu_);
    return run_;
  }

  absl::StatusOr<std::unique_ptr<ReadView>> Read() const override {
    auto snapshot = kv_->Snapshot();
    ASSIGN_OR_RETURN(PartitionHeads heads, ReadHeads(*snapshot));
    return MakeKvReadView(&table_, std::move(snapshot), std::move(heads));
  }

  absl::StatusOr<std::optional<std::string>> GetEntry(DirectoryKind kind,
                                                      absl::string_view key) const override {
    return directory_.Get(kind, key);
  }
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ListEntries(
      DirectoryKind kind) const override {
    return directory_.List(kind);
  }
  absl::Status WriteEntries(absl::Span<const DirectoryWrite> writes) override {
    const absl::StatusOr<uint64_t> number = directory_.Write(writes);
    if (!absl::IsAborted(number.status())) NoteWrite(number.status());
    if (!number.ok() || !on_directory_write_) return number.status();
    return on_directory_write_(writes, *number);
  }

  uint64_t erasures() const override {
    const MutexLock lock(&commit_mu_);
    return erasures_;
  }
  absl::Status Backup(const std::string& path, const ContinueCopy& go_on) override;

  absl::Status Health() const override {
    // A compaction may have failed before any write of ours did.
    const absl::Status files = kv_->health();
    const MutexLock lock(&health_mu_);
    return files.ok() ? health_ : ReadOnly(files);
  }

 private:
  QuarantineReader QuarantineOf(const KvReader& reader) const {
    return {.reader = &reader,
            .partitions = Partitions(),
            .places_of = [this](uint32_t type_id, const RecordId& id) {
              return PlacesOf(type_id, id);
            }};
  }
  RangeReader ReaderOf(const RangeRequest& request, const KvReader& reader) const {
    return {.registry = registry_,
            .reader = &reader,
            .partition = request.partition,
            .feeds = request.feeds,
            .policy = table_.sum_policy()};
  }
  void LogDamaged(const std::string& partition, const std::vector<DamagedEntry>& entries) const;
  absl::StatusOr<uint64_t> ScrubDue(std::atomic<bool>* cancel);
  CommitBase BaseAt(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);
  void TakeOver(const HybridClock& clock, const PartitionHeads& heads)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);
  absl::StatusOr<std::vector<PushResult>> CommitTogether(absl::Span<const PushRequest> pushes,
                                                         const Judge& judge, absl::Time now,
                                                         bool sets_all_aside)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);
  absl::StatusOr<PushResult> CommitAlone(const PushRequest& push, const Judge& judge,
                                         absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);
  absl::Status WriteGroup(const KvBatch& batch, CommitGroup* group)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);
  void CountWaiting(const WaitingCensus& difference) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);
  void CountQuarantined(const QuarantineCensus& difference)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);
  absl::StatusOr<RunHistory> ReadPast(const AuthorityStoreOptions& options, bool exists,
                                      const PartitionHeads& heads, KvBatch* batch);

  // A full disk heals by itself; after any other failed write what the disk holds is unknown.
  void NoteWrite(const absl::Status& status) {
    if (status.ok() || absl::IsResourceExhausted(status)) return;
    const MutexLock lock(&health_mu_);
    if (health_.ok()) health_ = ReadOnly(status);
  }
  // Damage and a full disk keep their codes: opening it again mends the one never and the other
  // only once there is room.
  static absl::Status ReadOnly(const absl::Status& failure) {
    const bool says_more = absl::IsDataLoss(failure) || absl::IsResourceExhausted(failure);
    return absl::Status(says_more ? failure.code() : absl::StatusCode::kFailedPrecondition,
                        absl::StrCat("the store is read-only since a write failed, reopen it: ",
                                     failure.message()));
  }

  const std::unique_ptr<Kv> kv_;
  const Registry* const registry_;
  const uint32_t schema_version_;
  Random* const random_;
  const std::function<absl::Status(absl::Span<const DirectoryWrite>, uint64_t)> on_directory_write_;
  RecordTable table_;
  AuthorityDirectory directory_;
  // Lock order: commit_mu_, then heads_mu_ or health_mu_.
  mutable Mutex commit_mu_;
  uint64_t erasures_ ABSL_GUARDED_BY(commit_mu_) = 0;
  HybridClock clock_ ABSL_GUARDED_BY(commit_mu_);
  mutable Mutex heads_mu_;
  PartitionHeads heads_ ABSL_GUARDED_BY(heads_mu_);
  Epoch epoch_ ABSL_GUARDED_BY(heads_mu_);
  Run run_ ABSL_GUARDED_BY(heads_mu_);
  // Replaced as a whole, never changed.
  std::shared_ptr<const RunHistory> past_ ABSL_GUARDED_BY(heads_mu_);
  std::shared_ptr<const WaitingCensus> waiting_ ABSL_GUARDED_BY(heads_mu_);
  std::shared_ptr<const QuarantineCensus> quarantined_ ABSL_GUARDED_BY(heads_mu_);
  mutable Mutex health_mu_;
  absl::Status health_ ABSL_GUARDED_BY(health_mu_);
  mutable Mutex damage_mu_;
  // Keys of the records whose damage is in the log.
  mutable std::set<std::string> damaged_ ABSL_GUARDED_BY(damage_mu_);
  // Its files are rewritten by one at a time, and not while they are copied.
  Mutex files_mu_;
  CondVar files_changed_;
  bool is_scrubbing_ ABSL_GUARDED_BY(files_mu_) = false;
  int copies_ ABSL_GUARDED_BY(files_mu_) = 0;
};

absl::StatusOr<RunHistory> KvAuthorityStore::ReadPast(const AuthorityStoreOptions& options,
                                                      bool exists, const PartitionHeads& heads,
                                                      KvBatch* batch) {
  RunHistory past;
  RETURN_IF_ERROR(past.Load(*kv_));
  if (exists && past.current() == nullptr)
    return absl::DataLossError("open store: the epoch is damaged");
  for (const v1::EpochRecord& epoch : options.foreign_epochs) past.AddForeign(epoch, batch);
  ASSIGN_OR_RETURN(const auto count, kv_->Get(Table::kMeta, kDirectoryWritesKey));
  const uint64_t writes = count.has_value() ? NumberOf(*count) : 0;
  // A copy made while the server ran knows its run; what was written in it since, it does not.
  const bool went_back = (!options.expected_run.empty() && !past.KnowsRun(options.expected_run)) ||
                         writes < options.expected_directory_writes;
  if (writes < options.expected_directory_writes) {
    batch->Put(Table::kMeta, std::string(kDirectoryWritesKey),
               NumberValue(options.expected_directory_writes));
  }
  if (!exists || options.restored || went_back) {
    v1::EpochRecord how;
    how.set_is_unannounced(went_back && !options.restored);
    past.BeginEpoch(NewRandomId<Epoch>(*options.random), options.now, heads, how, batch);
  }
  return past;
}

absl::Status KvAuthorityStore::Open(const AuthorityStoreOptions& options) {
  ASSIGN_OR_RETURN(const bool exists, CheckFormat(*kv_, StoreKind::kAuthority));
  KvBatch batch;
  if (!exists) PutFormat(StoreKind::kAuthority, &batch);
  ASSIGN_OR_RETURN(const auto clock, kv_->Get(Table::kMeta, kClockKey));
  ASSIGN_OR_RETURN(PartitionHeads heads, ReadHeads(*kv_));
  RETURN_IF_ERROR(table_.Load(*kv_));
  WaitingCensus waiting;
  for (const auto& [partition, head] : heads) RETURN_IF_ERROR(waiting.Load(*kv_, partition));
  ASSIGN_OR_RETURN(QuarantineCensus quarantined, ReadQuarantineCensus(*kv_, heads));
  ASSIGN_OR_RETURN(RunHistory past, ReadPast(options, exists, heads, &batch));
  ASSIGN_OR_RETURN(const Epoch epoch, Epoch::FromBytes(past.current()->epoch()));
  const Run run = NewRandomId<Run>(*options.random);
  past.AppendRun(run, options.now, heads, &batch);
  RETURN_IF_ERROR(kv_->Write(batch, Durability::kSync));
  const MutexLock commit_lock(&commit_mu_);
  if (clock.has_value()) clock_.Restore(Hlc{NumberOf(*clock)});
  const MutexLock lock(&heads_mu_);
  heads_ = std::move(heads);
  epoch_ = epoch;
  run_ = run;
  past_ = std::make_shared<const RunHistory>(std::move(past));
  waiting_ = std::make_shared<const WaitingCensus>(std::move(waiting));
  quarantined_ = std::make_shared<const QuarantineCensus>(std::move(quarantined));
  return absl::OkStatus();
}

absl::Status KvAuthorityStore::BeginEpoch(const Epoch& lost_epoch, const Run& lost_run,
                                          absl::Time now) {
  // No commit is under way: whatever was told before has a run that ends here.
  const MutexLock commit_lock(&commit_mu_);
  std::optional<RunHistory> past;
  PartitionHeads heads;
  {
    const MutexLock lock(&heads_mu_);
    if (past_->IsPast(lost_epoch.bytes())) return absl::OkStatus();
    past.emplace(*past_);
    heads = heads_;
  }
  KvBatch batch;
  if (!past->KnowsEpoch(lost_epoch.bytes())) {
    v1::EpochRecord unknown;
    unknown.set_epoch(lost_epoch.AsBytes());
    past->AddForeign(std::move(unknown), &batch);
  }
  v1::EpochRecord how;
  how.set_is_unannounced(true);
  how.set_is_live(true);
  if (past->KnowsRun(lost_run.bytes())) how.set_doubtful_run(lost_run.AsBytes());
  const Epoch epoch = NewRandomId<Epoch>(*random_);
  const Run run = NewRandomId<Run>(*random_);
  past->BeginEpoch(epoch, now, heads, how, &batch);
  past->AppendRun(run, now, heads, &batch);
  const absl::Status written = kv_->Write(batch, Durability::kSync);
  NoteWrite(written);
  RETURN_IF_ERROR(written);
  const MutexLock lock(&heads_mu_);
  epoch_ = epoch;
  run_ = run;
  past_ = std::make_shared<const RunHistory>(*std::move(past));
  return absl::OkStatus();
}

CommitBase KvAuthorityStore::BaseAt(absl::Time now) {
  CommitBase base;
  base.reader = kv_.get();
  base.table = &table_;
  base.now = now;
  base.clock = clock_;
  const MutexLock lock(&heads_mu_);
  base.heads = heads_;
  base.past = past_;
  base.waiting = waiting_;
  base.quarantined = quarantined_;
  return base;
}

void KvAuthorityStore::TakeOver(const HybridClock& clock, const PartitionHeads& heads) {
  clock_ = clock;
  const MutexLock lock(&heads_mu_);
  heads_ = heads;
}

void KvAuthorityStore::CountWaiting(const WaitingCensus& difference) {
  if (difference.is_empty()) return;
  const MutexLock lock(&heads_mu_);
  WaitingCensus waiting = *waiting_;
  waiting.Merge(difference);
  waiting_ = std::make_shared<const WaitingCensus>(std::move(waiting));
}

void KvAuthorityStore::CountQuarantined(const QuarantineCensus& difference) {
  if (difference.is_empty()) return;
  const MutexLock lock(&heads_mu_);
  QuarantineCensus quarantined = *quarantined_;
  quarantined.Merge(difference);
  quarantined_ = std::make_shared<const QuarantineCensus>(std::move(quarantined));
}

absl::StatusOr<std::vector<PushResult>> KvAuthorityStore::CommitPushes(
    absl::Span<const PushRequest> pushes, const Judge& judge, absl::Time now) {
  const MutexLock commit_lock(&commit_mu_);
  auto together = CommitTogether(pushes, judge, now, /*sets_all_aside=*/false);
  // What cannot be read now cannot be read for one of them either.
  if (together.ok() || IsOfTheStore(together.status()) || !Health().ok()) return together;
  std::vector<PushResult> results;
  results.reserve(pushes.size());
  for (const PushRequest& push : pushes) {
    ASSIGN_OR_RETURN(PushResult result, CommitAlone(push, judge, now));
    results.push_back(std::move(result));
  }
  return results;
}

// What a push would write may rest on something damaged that its records do not tell of (the sums
// of their scope). Sent again it would fail again: it is kept for a person instead.
absl::StatusOr<PushResult> KvAuthorityStore::CommitAlone(const PushRequest& push,
                                                         const Judge& judge, absl::Time now) {
  const auto concerns_the_push = [&](const absl::Status& status) {
    return !status.ok() && !IsOfTheStore(status) && Health().ok();
  };
  auto results = CommitTogether({&push, 1}, judge, now, /*sets_all_aside=*/false);
  if (concerns_the_push(results.status())) {
    Log(LogLevel::kError, "push_not_written",
        {{"partition", push.partition},
         {"replica", push.replica.ToString()},
         {"reason", results.status().message()}});
    results = CommitTogether({&push, 1}, judge, now, /*sets_all_aside=*/true);
  }
  if (results.ok()) return std::move(results->front());
  if (!concerns_the_push(results.status())) return results.status();
  PushResult failed;
  failed.status = results.status();
  return failed;
}

absl::StatusOr<std::vector<PushResult>> KvAuthorityStore::CommitTogether(
    absl::Span<const PushRequest> pushes, const Judge& judge, absl::Time now, bool sets_all_aside) {
  CommitBase base = BaseAt(now);
  base.judge = &judge;
  base.sets_all_aside = sets_all_aside;
  base.schema_version = schema_version_;
  CommitGroup group(std::move(base));
  std::vector<PushResult> results;
  results.reserve(pushes.size());
  for (const PushRequest& push : pushes) {
    ASSIGN_OR_RETURN(PushResult result, group.Take(push));
    results.push_back(std::move(result));
  }
  KvBatch batch;
  RETURN_IF_ERROR(group.Stage(&batch));
  // Only repeats and refused pushes: what they repeat is already on disk.
  if (batch.empty()) return results;
  RETURN_IF_ERROR(WriteGroup(batch, &group));
  return results;
}

absl::Status KvAuthorityStore::WriteGroup(const KvBatch& batch, CommitGroup* group) {
  const absl::Status written = kv_->Write(batch, Durability::kSync);
  NoteWrite(written);
  RETURN_IF_ERROR(written);
  group->Committed();
  TakeOver(group->clock(), group->heads());
  CountWaiting(group->waiting());
  CountQuarantined(group->quarantined());
  return absl::OkStatus();
}

absl::StatusOr<ReleaseReport> KvAuthorityStore::Release(const ReleaseRequest& request,
                                                        const Judge& judge, absl::Time now) {
  const MutexLock commit_lock(&commit_mu_);
  ASSIGN_OR_RETURN(const auto found, FindQuarantinedSet(QuarantineOf(*kv_), request.partition,
                                                        request.replica, request.sequence));
  if (found.has_value() && !request.may_release(found->scopes)) return NotInQuarantine();
  CommitBase base = BaseAt(now);
  base.judge = &judge;
  CommitGroup group(std::move(base));
  ASSIGN_OR_RETURN(ReleaseReport report, group.Release(request));
  if (report.partitions.empty()) return report;
  KvBatch batch;
  RETURN_IF_ERROR(group.Stage(&batch));
  RETURN_IF_ERROR(WriteGroup(batch, &group));
  return report;
}

absl::StatusOr<std::vector<std::string>> KvAuthorityStore::PlacesOf(uint32_t type_id,
                                                                    const RecordId& id) const {
  std::vector<std::string> places;
  for (const std::string& partition : table_.Partitions()) {
    ASSIGN_OR_RETURN(const auto bytes,
                     kv_->Get(Table::kRecords, RecordKey(partition, type_id, id)));
    if (!bytes.has_value()) continue;
    ASSIGN_OR_RETURN(const RecordStorage storage, DecodeStorage(registry_->Find(type_id), *bytes));
    if (storage.left.has_value()) continue;
    const std::string scope = storage.base.scope();
    places.push_back(scope.empty() ? partition : scope);
  }
  return places;
}

// Every reader that passes it finds the same.
void KvAuthorityStore::LogDamaged(const std::string& partition,
                                  const std::vector<DamagedEntry>& entries) const {
  for (const DamagedEntry& entry : entries) {
    {
      const MutexLock lock(&damage_mu_);
      if (damaged_.size() >= kMaxDamagedNamed) return;
      if (!damaged_.insert(RecordKey(partition, entry.type_id, entry.id)).second) continue;
    }
    Log(LogLevel::kError, "record_damaged",
        {{"partition", partition},
         {"type", entry.type_id},
         {"record", entry.id.ToString()},
         {"sequence", entry.sequence},
         {"reason", entry.why}});
  }
}

absl::StatusOr<bool> KvAuthorityStore::RecomputeSums(absl::string_view partition) {
  const auto stage = [&](const KvReader& reader, KvBatch* batch) -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(const SumsByKey sums,
                     SumPartition(reader, *registry_, table_.sum_policy(), partition));
    return StageAllSums(reader, partition, sums, batch);
  };
  KvBatch batch;
  {
    const auto snapshot = kv_->Snapshot();
    ASSIGN_OR_RETURN(const bool differs, stage(*snapshot, &batch));
    if (!differs) return false;
  }
  // Only damaged sums hold up the commits: what was staged beside them may be out of date.
  batch = KvBatch();
  const MutexLock commit_lock(&commit_mu_);
  ASSIGN_OR_RETURN(const bool differs, stage(*kv_, &batch));
  if (!differs) return false;
  const absl::Status written = kv_->Write(batch, Durability::kSync);
  NoteWrite(written);
  RETURN_IF_ERROR(written);
  table_.ForgetSums();
  return true;
}

absl::StatusOr<CollectReport> KvAuthorityStore::CollectTombstones(const CollectRequest& request) {
  // Found beside the commits, which wait for the removal alone.
  ASSIGN_OR_RETURN(const OldTombstones found, FindOldTombstones(*registry_, *kv_, request));
  CollectReport report;
  report.next = found.next;
  if (found.records.empty()) return report;
  const MutexLock commit_lock(&commit_mu_);
  RecordBatch records(&table_, kv_.get());
  KvBatch batch;
  ASSIGN_OR_RETURN(report.collected, StageCollection(request, found.records, &records, &batch));
  if (batch.empty()) return report;
  const absl::Status written = kv_->Write(batch, Durability::kMemory);
  NoteWrite(written);
  RETURN_IF_ERROR(written);
  records.Committed();
  return report;
}

absl::StatusOr<uint64_t> KvAuthorityStore::ScrubFiles(std::atomic<bool>* cancel) {
  {
    const MutexLock lock(&files_mu_);
    while (is_scrubbing_) files_changed_.Wait(&files_mu_);
    // It keeps the old files, and both would need room.
    if (copies_ > 0) return absl::AbortedError("a copy of the store is being made");
    is_scrubbing_ = true;
  }
  absl::StatusOr<uint64_t> scrubbed = ScrubDue(cancel);
  const MutexLock lock(&files_mu_);
  is_scrubbing_ = false;
  files_changed_.SignalAll();
  return scrubbed;
}

absl::StatusOr<uint64_t> KvAuthorityStore::ScrubDue(std::atomic<bool>* cancel) {
  ScrubNotes due;
  {
    const MutexLock commit_lock(&commit_mu_);
    ASSIGN_OR_RETURN(due, ReadScrubNotes(*kv_));
  }
  if (due.empty()) return 0;
  // The other tables hold no content.
  RETURN_IF_ERROR(
      kv_->Scrub(RangesToScrub(due, {Table::kRecords, Table::kIndex, Table::kRejected}), cancel));
  const MutexLock commit_lock(&commit_mu_);
  KvBatch done;
  RETURN_IF_ERROR(StageScrubbed(*kv_, due, &done));
  if (done.empty()) return 0;
  const absl::Status written = kv_->Write(done, Durability::kMemory);
  NoteWrite(written);
  RETURN_IF_ERROR(written);
  return done.ops().size();
}

absl::Status KvAuthorityStore::Backup(const std::string& path, const ContinueCopy& go_on) {
  {
    const MutexLock lock(&files_mu_);
    while (is_scrubbing_) files_changed_.Wait(&files_mu_);
    ++copies_;
  }
  absl::Status copied = kv_->CopyTo(path, go_on);
  const MutexLock lock(&files_mu_);
  --copies_;
  return copied;
}

absl::StatusOr<ErasureReport> KvAuthorityStore::Erase(const ErasureRequest& request,
                                                      absl::Time now) {
  ErasureReport total;
  const MutexLock commit_lock(&commit_mu_);
  // A commit takes a bounded number of conflicts along; the last one finds nothing left.
  while (true) {
    Erasure erasure(BaseAt(now), request);
    KvBatch batch;
    RETURN_IF_ERROR(erasure.Stage(&batch));
    if (batch.empty()) break;
    const absl::Status written = kv_->Write(batch, Durability::kSync);
    NoteWrite(written);
    RETURN_IF_ERROR(written);
    erasure.Committed();
    ++erasures_;
    TakeOver(erasure.clock(), erasure.heads());
    total.records += erasure.report().records;
    total.conflicts += erasure.report().conflicts;
    total.change_sets += erasure.report().change_sets;
    total.partitions.insert(total.partitions.end(), erasure.report().partitions.begin(),
                            erasure.report().partitions.end());
  }
  if (total.change_sets == 0) return total;
  // What is kept of them is smaller now.
  ASSIGN_OR_RETURN(QuarantineCensus census, ReadQuarantineCensus(*kv_, BaseAt(now).heads));
  const MutexLock lock(&heads_mu_);
  quarantined_ = std::make_shared<const QuarantineCensus>(std::move(census));
  return total;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuthorityStore>> OpenAuthorityStore(
    std::unique_ptr<Kv> kv, const AuthorityStoreOptions& options) {
  auto store = std::make_unique<KvAuthorityStore>(std::move(kv), options);
  RETURN_IF_ERROR(store->Open(options));
  return store;
}

}  // namespace brigada
