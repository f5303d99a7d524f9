// Stores for session tests that know sequences, cursors and nothing of merging: each change set is
// one entry of the feed. The real stores meet the sessions in tests/sim.
#ifndef TESTS_UNIT_SYNC_FAKE_STORES_H_
#define TESTS_UNIT_SYNC_FAKE_STORES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replica/store/authority_store.h"
#include "replica/store/device_store.h"

namespace brigada {

// The body that FakeAuthorityStore refuses.
inline constexpr char kUnwelcome[] = "unwelcome";

class FakeAuthorityStore final : public AuthorityStore {
 public:
  absl::StatusOr<std::vector<PushResult>> CommitPushes(absl::Span<const PushRequest> pushes,
                                                       const Judge& judge, absl::Time now) override;
  absl::StatusOr<std::vector<std::string>> PlacesOf(uint32_t /*type_id*/,
                                                    const RecordId& /*id*/) const override {
    return std::vector<std::string>();
  }
  absl::StatusOr<ReleaseReport> Release(const ReleaseRequest& /*request*/, const Judge& /*judge*/,
                                        absl::Time /*now*/) override {
    return ReleaseReport{};
  }
  absl::StatusOr<ErasureReport> Erase(const ErasureRequest& /*request*/,
                                      absl::Time /*now*/) override {
    return absl::UnimplementedError("not in these tests");
  }
  absl::StatusOr<RangeSlice> SumRange(const RangeRequest&, absl::string_view, absl::string_view,
                                      size_t) const override {
    return Unused();
  }
  absl::StatusOr<RangeRepairPage> RepairRange(const RangeRequest&,
                                              const v1::RangeItems&) const override {
    return Unused();
  }
  absl::StatusOr<bool> RecomputeSums(absl::string_view) override { return Unused(); }
  absl::StatusOr<uint64_t> ScrubFiles(std::atomic<bool>*) override { return 0; }
  absl::StatusOr<CollectReport> CollectTombstones(const CollectRequest&) override {
    return Unused();
  }
  absl::StatusOr<uint64_t> CollectedUpTo(absl::string_view) const override { return 0; }
  absl::StatusOr<FeedPage> ReadFeed(const FeedRequest& request) const override;
  uint64_t Head(absl::string_view partition) const override;
  absl::StatusOr<uint64_t> LastSequence(const ReplicaId& replica,
                                        absl::string_view partition) const override;
  absl::StatusOr<std::string> LastChain(const ReplicaId& replica,
                                        absl::string_view partition) const override;
  // The chain alone.
  absl::StatusOr<std::optional<v1::StoredVerdict>> FindVerdict(const ReplicaId& replica,
                                                               absl::string_view partition,
                                                               uint64_t sequence) const override;
  absl::StatusOr<QuarantinePage> ListQuarantine(absl::string_view /*after*/,
                                                size_t /*max_sets*/) const override {
    return QuarantinePage{};
  }
  absl::StatusOr<std::optional<QuarantinedSet>> FindQuarantined(
      absl::string_view /*partition*/, const ReplicaId& /*replica*/,
      uint64_t /*sequence*/) const override {
    return std::optional<QuarantinedSet>();
  }
  std::vector<std::string> WaitingUsers() const override { return {}; }
  v1::EpochRecord CurrentEpoch() const override { return {}; }
  std::vector<std::string> Partitions() const override { return {}; }
  bool IsKnownPoint(const Run& run, absl::string_view partition, uint64_t sequence) const override;
  bool IsPastEpoch(const Epoch& epoch) const override { return past_epochs_.contains(epoch); }
  absl::Status BeginEpoch(const Epoch& lost_epoch, const Run& lost_run, absl::Time now) override;
  Epoch epoch() const override { return epoch_; }
  Run run() const override { return run_; }
  absl::StatusOr<std::unique_ptr<ReadView>> Read() const override { return Unused(); }
  absl::StatusOr<std::optional<std::string>> GetEntry(DirectoryKind,
                                                      absl::string_view) const override {
    return Unused();
  }
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ListEntries(
      DirectoryKind) const override {
    return Unused();
  }
  absl::Status WriteEntries(absl::Span<const DirectoryWrite>) override { return Unused(); }
  uint64_t erasures() const override { return 0; }
  absl::Status Backup(const std::string&, const ContinueCopy&) override { return Unused(); }
  absl::Status Health() const override { return absl::OkStatus(); }

  // Goes back to the first `commits` of a partition, as a restore does; `announced` makes the
  // epoch.
  void GoBack(const std::string& partition, size_t commits, bool announced);
  // Bodies of a partition that are in the feed, in commit order.
  std::vector<std::string> Bodies(const std::string& partition) const;

 private:
  struct Commit {
    ReplicaId replica;
    uint64_t sequence = 0;
    std::string body;
  };
  static absl::Status Unused() { return absl::UnimplementedError("not needed by session tests"); }
  v1::Verdict VerdictOf(const std::vector<Commit>& log, size_t index) const;

  std::map<std::string, std::vector<Commit>, std::less<>> logs_;
  Epoch epoch_{{1}};
  Run run_{{2}};
  std::set<Epoch> past_epochs_;
};

class FakeDeviceStore final : public DeviceStore {
 public:
  explicit FakeDeviceStore(uint8_t number) : replica_({number}) {}

  ReplicaId replica() const override { return replica_; }
  std::string user() const override { return "user"; }
  absl::Status SetUser(absl::string_view) override { return absl::OkStatus(); }
  absl::StatusOr<CommitReceipt> Commit(std::vector<v1::Change>, Durability) override {
    return Unused();
  }
  absl::StatusOr<std::unique_ptr<ReadView>> Read() const override { return Unused(); }
  absl::StatusOr<bool> IsDeleted(const RecordType&, const RecordId&) const override {
    return Unused();
  }
  std::vector<std::string> Partitions() const override;
  v1::OutboxHead Head(absl::string_view partition) const override;
  absl::StatusOr<OutboxPage> ReadOutbox(absl::string_view partition, uint64_t from_sequence,
                                        size_t max_bytes) const override;
  std::vector<v1::Cursor> Cursors() const override;
  std::vector<v1::Cursor> LeftCursors() const override { return {}; }
  absl::Status GiveUpCursor(absl::string_view) override { return absl::OkStatus(); }
  absl::Status ResumeAfterLoss(absl::string_view partition, uint64_t expected) override;
  absl::StatusOr<std::vector<v1::UnsentChain>> UnsentChains() const override { return Unused(); }
  absl::Status BecomeReplica(const ReplicaId&, absl::Span<const v1::SharedWork>) override {
    return Unused();
  }
  absl::StatusOr<BatchEffect> ApplyBatch(const v1::Batch& batch,
                                         const v1::BatchBody& body) override;
  absl::Status NoteRevocation(uint64_t) override { return absl::OkStatus(); }
  absl::Status NoteServerTime(absl::Time) override { return absl::OkStatus(); }
  absl::Status NoteWelcome(const v1::Welcome& welcome) override;
  absl::Status RunPurge() override { return absl::OkStatus(); }
  absl::Status ScrubFiles(std::atomic<bool>*) override { return absl::OkStatus(); }
  v1::Receipt PendingReceipt() const override { return receipt; }
  v1::Welcome LastWelcome() const override { return welcome_; }
  v1::RepairNotes Repairs() const override { return {}; }
  bool IsAtCheckpoint(absl::string_view) const override { return true; }
  absl::StatusOr<bool> RecomputeSums(absl::string_view) override { return Unused(); }
  absl::StatusOr<bool> RecountWhenDue(const std::atomic<bool>*) override { return false; }
  absl::StatusOr<std::vector<v1::RecordRange>> CutRange(absl::string_view, absl::string_view,
                                                        absl::string_view, uint64_t,
                                                        size_t) const override {
    return Unused();
  }
  absl::StatusOr<ListedRange> ListRange(absl::string_view, absl::string_view, absl::string_view,
                                        size_t) const override {
    return Unused();
  }
  absl::StatusOr<RepairEffect> ApplyRepair(absl::string_view, absl::string_view, absl::string_view,
                                           const v1::RepairBody&) override {
    return Unused();
  }
  absl::Status EndRepair(absl::string_view, const RepairEffect&) override { return Unused(); }
  absl::StatusOr<std::vector<v1::RejectedChangeSet>> Rejected() const override { return Unused(); }
  absl::StatusOr<std::vector<CommitReceipt>> Resubmit(absl::string_view, uint64_t,
                                                      std::vector<v1::Change>) override {
    return Unused();
  }
  absl::StatusOr<uint64_t> ResubmitCovered() override { return 0; }
  absl::Status DiscardRejected(absl::string_view, uint64_t) override { return Unused(); }
  absl::StatusOr<StoreCounts> Counts() const override { return Unused(); }
  absl::Status PutSetting(absl::string_view, absl::string_view) override { return Unused(); }
  absl::StatusOr<std::string> GetSetting(absl::string_view) const override { return Unused(); }
  void SetChangeListener(ChangeListener) override {}

  // Commits one change set with this body.
  void Add(const std::string& partition, const std::string& body);
  // Change sets handed out per page.
  void set_page_sets(size_t sets) { page_sets_ = sets; }

  struct Partition {
    v1::OutboxHead head;
    std::map<uint64_t, std::string> outbox;
    std::map<uint64_t, std::string> retained;
    std::vector<uint64_t> resumed;          // where ResumeAfterLoss was told to go on
    std::vector<std::string> chain = {""};  // by sequence: all bodies so far
    std::set<std::string> records;          // bodies in base
    std::set<std::string> rejected;
    v1::Cursor cursor;
    bool has_cursor = false;
  };
  v1::Receipt receipt;
  Partition& partition(const std::string& name) { return partitions_[name]; }

 private:
  static absl::Status Unused() { return absl::UnimplementedError("not needed by session tests"); }

  const ReplicaId replica_;
  size_t page_sets_ = 3;
  std::map<std::string, Partition, std::less<>> partitions_;
  v1::Welcome welcome_;
};

}  // namespace brigada

#endif  // TESTS_UNIT_SYNC_FAKE_STORES_H_
