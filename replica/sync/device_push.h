// The sending half of a device session: the outbox as push frames, partition by partition, a
// bounded number of frames ahead of the verdicts.
#ifndef REPLICA_SYNC_DEVICE_PUSH_H_
#define REPLICA_SYNC_DEVICE_PUSH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/base/limits.h"
#include "replica/store/device_store.h"

namespace brigada {

// One thread; the store outlives it. It reads the outbox page by page when a frame is asked for and
// holds none of it.
class DevicePush {
 public:
  using ChainSigner = std::function<absl::StatusOr<std::string>(absl::string_view chain)>;
  // Push frames sent without a word on any of them, when they are as large as they may be.
  static constexpr size_t kMaxFramesAhead = 16;

  // `target_bytes` is what a frame aims at before compression; a change set larger than that goes
  // alone. With less than kBatchTargetBytes as much less is sent ahead: a link that breaks early
  // takes with it what had no word yet.
  DevicePush(DeviceStore* store, ChainSigner sign, size_t target_bytes = kBatchTargetBytes)
      : store_(store),
        sign_(std::move(sign)),
        target_bytes_(target_bytes),
        max_frames_ahead_(std::clamp(kMaxFramesAhead * target_bytes / kBatchTargetBytes, size_t{1},
                                     kMaxFramesAhead)) {}

  // The next Push or PushEnd, or nullopt when there is none now.
  absl::StatusOr<std::optional<v1::ClientFrame>> NextFrame();
  // What the server expects: a lane that has not begun skips what the server has, and one that was
  // confirmed further goes back to what the server lost.
  // kFailedPrecondition "FORKED": it knows change sets of this replica that this store never made,
  // or others under their sequences, so the store is a copy.
  absl::Status OnWelcome(const v1::Welcome& welcome);
  // Of a store that is known to be a copy: the partitions where the server knows another content
  // are left out from now on, the others go on as with any welcome.
  absl::Status OnWelcomeOfCopy(const v1::Welcome& welcome);
  // The server missed something: the lane goes on from there.
  absl::Status OnExpected(const v1::Expected& expected);
  // `chain` is what the server has after change set `last`. kFailedPrecondition "FORKED": another
  // than this store, so its verdicts are a copy's.
  absl::Status CheckChain(const std::string& partition, uint64_t last,
                          absl::string_view chain) const;
  // OnWelcomeOfCopy found the partition to differ.
  bool has_parted(const std::string& partition) const { return parted_.contains(partition); }
  // Everything up to `sequence` has a verdict.
  void OnJudged(absl::string_view partition, uint64_t sequence);
  void OnCommit() { is_idle_ = false; }

  // All of the outbox is sent.
  bool is_idle() const { return is_idle_; }
  // And all that was sent is judged.
  bool is_settled() const { return is_idle_ && ahead_.empty(); }
  // In this session, those among them that the server had judged and lost; none twice.
  uint64_t change_sets_sent() const;
  uint64_t change_sets_judged() const;

 private:
  struct Lane {
    uint64_t begin = 0;   // what this session had not to send
    uint64_t next = 0;    // the next sequence to send
    uint64_t sent = 0;    // the highest ever sent
    uint64_t judged = 0;  // the highest judged
  };
  struct Ahead {
    std::string partition;
    uint64_t end = 0;
  };

  Lane& FindLane(const std::string& partition);
  absl::StatusOr<std::optional<v1::ClientFrame>> ReadLane(const std::string& partition, Lane* lane);
  absl::Status StartLane(const v1::Expected& expected);
  absl::Status Adjust(const v1::Expected& expected, bool rewind);
  absl::Status GoBack(const v1::Expected& expected, Lane* lane);
  void ForgetAhead(absl::string_view partition);

  DeviceStore* const store_;
  const ChainSigner sign_;
  const size_t target_bytes_;
  const size_t max_frames_ahead_;
  std::map<std::string, Lane, std::less<>> lanes_;
  std::set<std::string> parted_;
  std::deque<Ahead> ahead_;
  bool is_idle_ = false;
  uint32_t corrections_ = 0;
};

}  // namespace brigada

#endif  // REPLICA_SYNC_DEVICE_PUSH_H_
