#ifndef TESTS_SUPPORT_FAULTY_AUTHORITY_STORE_H_
#define TESTS_SUPPORT_FAULTY_AUTHORITY_STORE_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "replica/base/mutex.h"
#include "replica/store/authority_store.h"

namespace brigada {

// An authority's store whose writes can be made to fail, and which counts how often it is asked.
// Thread safe.
class FaultyAuthorityStore final : public AuthorityStore {
 public:
  explicit FaultyAuthorityStore(std::unique_ptr<AuthorityStore> store) : store_(std::move(store)) {}

  // Writes answer with `failure` until it is OK again.
  void FailWrites(const absl::Status& failure) {
    const MutexLock lock(&mu_);
    failure_ = failure;
  }
  // Runs `then` whenever something is written to the directory, before it is. Set while nobody
  // writes.
  void WhenWriting(std::function<void()> then) { when_writing_ = std::move(then); }
  // As after a failed fsync: writes fail for good, and Health says so.
  void Break() {
    const MutexLock lock(&mu_);
    failure_ = health_ = absl::FailedPreconditionError("the store is read-only");
  }
  // A copy goes on until whoever asked for it has had enough.
  void MakeCopiesEndless() { copies_end_ = false; }
  // No page of a feed looks at more entries.
  void LimitFeedEntries(size_t max_entries) { max_feed_entries_ = max_entries; }
  int heads_asked() const { return heads_asked_; }
  int feeds_read() const { return feeds_read_; }
  int commits_tried() const { return commits_tried_; }
  int recomputed() const { return recomputed_; }

  absl::StatusOr<std::vector<PushResult>> CommitPushes(absl::Span<const PushRequest> pushes,
                                                       const Judge& judge,
                                                       absl::Time now) override {
    ++commits_tried_;
    const absl::Status failure = this->failure();
    if (!failure.ok()) return failure;
    return store_->CommitPushes(pushes, judge, now);
  }
  absl::StatusOr<std::vector<std::string>> PlacesOf(uint32_t type_id,
                                                    const RecordId& id) const override {
    return store_->PlacesOf(type_id, id);
  }
  absl::StatusOr<ReleaseReport> Release(const ReleaseRequest& request, const Judge& judge,
                                        absl::Time now) override {
    const absl::Status failure = this->failure();
    if (!failure.ok()) return failure;
    return store_->Release(request, judge, now);
  }
  absl::StatusOr<ErasureReport> Erase(const ErasureRequest& request, absl::Time now) override {
    const absl::Status failure = this->failure();
    if (!failure.ok()) return failure;
    return store_->Erase(request, now);
  }
  absl::StatusOr<RangeSlice> SumRange(const RangeRequest& request, absl::string_view begin,
                                      absl::string_view end, size_t max_records) const override {
    return store_->SumRange(request, begin, end, max_records);
  }
  absl::StatusOr<RangeRepairPage> RepairRange(const RangeRequest& request,
                                              const v1::RangeItems& items) const override {
    return store_->RepairRange(request, items);
  }
  absl::StatusOr<bool> RecomputeSums(absl::string_view partition) override {
    ++recomputed_;
    return store_->RecomputeSums(partition);
  }
  absl::StatusOr<uint64_t> ScrubFiles(std::atomic<bool>* cancel) override {
    const absl::Status failure = this->failure();
    if (!failure.ok()) return failure;
    return store_->ScrubFiles(cancel);
  }
  absl::StatusOr<CollectReport> CollectTombstones(const CollectRequest& request) override {
    const absl::Status failure = this->failure();
    if (!failure.ok()) return failure;
    return store_->CollectTombstones(request);
  }
  absl::StatusOr<uint64_t> CollectedUpTo(absl::string_view partition) const override {
    return store_->CollectedUpTo(partition);
  }
  absl::StatusOr<FeedPage> ReadFeed(const FeedRequest& request) const override {
    ++feeds_read_;
    FeedRequest limited = request;
    limited.max_entries = std::min<size_t>(limited.max_entries, max_feed_entries_);
    return store_->ReadFeed(limited);
  }
  uint64_t Head(absl::string_view partition) const override {
    ++heads_asked_;
    return store_->Head(partition);
  }
  absl::StatusOr<uint64_t> LastSequence(const ReplicaId& replica,
                                        absl::string_view partition) const override {
    return store_->LastSequence(replica, partition);
  }
  absl::StatusOr<std::string> LastChain(const ReplicaId& replica,
                                        absl::string_view partition) const override {
    return store_->LastChain(replica, partition);
  }
  std::vector<std::string> Partitions() const override { return store_->Partitions(); }
  bool IsKnownPoint(const Run& run, absl::string_view partition, uint64_t sequence) const override {
    return store_->IsKnownPoint(run, partition, sequence);
  }
  bool IsPastEpoch(const Epoch& epoch) const override { return store_->IsPastEpoch(epoch); }
  absl::Status BeginEpoch(const Epoch& lost_epoch, const Run& lost_run, absl::Time now) override {
    return store_->BeginEpoch(lost_epoch, lost_run, now);
  }
  v1::EpochRecord CurrentEpoch() const override { return store_->CurrentEpoch(); }
  absl::StatusOr<std::optional<v1::StoredVerdict>> FindVerdict(const ReplicaId& replica,
                                                               absl::string_view partition,
                                                               uint64_t sequence) const override {
    return store_->FindVerdict(replica, partition, sequence);
  }
  absl::StatusOr<QuarantinePage> ListQuarantine(absl::string_view after,
                                                size_t max_sets) const override {
    return store_->ListQuarantine(after, max_sets);
  }
  absl::StatusOr<std::optional<QuarantinedSet>> FindQuarantined(absl::string_view partition,
                                                                const ReplicaId& replica,
                                                                uint64_t sequence) const override {
    return store_->FindQuarantined(partition, replica, sequence);
  }
  std::vector<std::string> WaitingUsers() const override { return store_->WaitingUsers(); }
  Epoch epoch() const override { return store_->epoch(); }
  Run run() const override { return store_->run(); }
  absl::StatusOr<std::unique_ptr<ReadView>> Read() const override { return store_->Read(); }
  absl::StatusOr<std::optional<std::string>> GetEntry(DirectoryKind kind,
                                                      absl::string_view key) const override {
    return store_->GetEntry(kind, key);
  }
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ListEntries(
      DirectoryKind kind) const override {
    return store_->ListEntries(kind);
  }
  absl::Status WriteEntries(absl::Span<const DirectoryWrite> writes) override {
    if (when_writing_) when_writing_();
    const absl::Status failure = this->failure();
    return failure.ok() ? store_->WriteEntries(writes) : failure;
  }
  uint64_t erasures() const override { return store_->erasures(); }
  absl::Status Backup(const std::string& path, const ContinueCopy& go_on) override {
    if (!copies_end_) {
      uint64_t done = 0;
      while (go_on(++done)) {
      }
      return absl::CancelledError("ended");
    }
    return store_->Backup(path, go_on);
  }
  absl::Status Health() const override {
    const MutexLock lock(&mu_);
    return health_.ok() ? store_->Health() : health_;
  }

 private:
  absl::Status failure() const {
    const MutexLock lock(&mu_);
    return failure_;
  }

  const std::unique_ptr<AuthorityStore> store_;
  std::function<void()> when_writing_;
  mutable std::atomic<int> heads_asked_{0};
  mutable std::atomic<int> feeds_read_{0};
  std::atomic<int> commits_tried_{0};
  std::atomic<bool> copies_end_ = true;
  std::atomic<int> recomputed_{0};
  std::atomic<size_t> max_feed_entries_{SIZE_MAX};
  mutable Mutex mu_;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  absl::Status health_ ABSL_GUARDED_BY(mu_);
};

}  // namespace brigada

#endif  // TESTS_SUPPORT_FAULTY_AUTHORITY_STORE_H_
