// The sending half of a server session: which partitions a device reads, how far it has come in
// each, and the next batch.
#ifndef REPLICA_SYNC_SERVER_PULL_H_
#define REPLICA_SYNC_SERVER_PULL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/authority_store.h"

namespace brigada {

// A lane is one partition: those of the device's feeds, and those where the server holds verdicts
// of it (then without records). One thread; store and functions outlive it.
class ServerPull {
 public:
  using CursorSigner = std::function<std::string(const v1::Cursor&)>;

  ServerPull(const AuthorityStore* store, const ReplicaId& replica, CursorSigner sign)
      : store_(store),
        replica_(replica),
        sign_(std::move(sign)),
        epoch_(store->epoch()),
        run_(store->run()) {}

  // Makes the lanes, takes the cursors that hold, and tells the others, and the sequences expected,
  // in `welcome`. kInvalidArgument: a malformed partition or too many. When lost_point() is set
  // afterwards, nothing of it may be used: the store has to begin a new epoch first.
  absl::Status Start(const v1::Hello& hello, const std::vector<v1::Feed>& feeds,
                     size_t batch_target_bytes, v1::Welcome* welcome);
  // Partitions where the device had more verdicts than the store has: it will send those change
  // sets again.
  uint32_t behind() const { return behind_; }
  // A point that this store gave and does not know.
  const std::optional<v1::Cursor>& lost_point() const { return lost_point_; }
  // The device pushed up to `sequence`: it has these change sets, as if its hello had said so.
  absl::Status OnPushed(const std::string& partition, uint64_t sequence);
  // A verdict was committed: the lane is not done before it.
  void OnVerdict(const std::string& partition, const v1::Verdict& verdict);
  void OnNewHead(absl::string_view partition);

  // The next batch: the national partition first (it carries what governs the rest), the others in
  // turn. Nullopt when nothing is left that the device needs to hear of: commits that do not
  // concern it are told with the next batch that does, or when many have come together. Reads the
  // store.
  absl::StatusOr<std::optional<v1::Batch>> NextBatch();
  // So far behind that a verdict is worth a hint.
  // For a repair: what the device reads of the partition, and how far its feeds have told. Nullopt:
  // nothing.
  std::optional<RangeRequest> ReadsOf(absl::string_view partition) const;
  // Per partition that it reads, the checkpoint that its cursor stands at.
  std::vector<v1::PartitionHead> reached() const;
  bool IsFarBehind(const std::string& partition) const;
  // Every lane has had a checkpoint at or after the head of the hello and after its verdicts.
  bool caught_up() const;
  // Something may be left to send.
  bool has_more() const;
  uint64_t entries_sent() const { return entries_sent_; }

 private:
  struct Lane {
    std::vector<v1::Feed> feeds;
    // What the device has been told, as in its cursor.
    uint64_t complete = 0;
    uint64_t scanned = 0;
    // Read so far, at or beyond `scanned`: in between there was nothing for this device.
    uint64_t read = 0;
    // Until the next checkpoint, while added feeds are read from zero.
    std::optional<v1::Held> held = std::nullopt;
    uint64_t own_head = 0;
    // The last change set judged before this session, and the last whose verdict was sent.
    uint64_t judged_at_hello = 0;
    uint64_t judged_told = 0;
    // Own change sets up to here were judged in an epoch that was lost: the device has not folded
    // what the store makes of them.
    uint64_t echo_from = 0;
    uint64_t required = 0;  // a checkpoint here or later is owed before Done
    bool dirty = true;      // the head may be beyond `read`
  };

  absl::Status MakeLanes(const v1::Hello& hello, const std::vector<v1::Feed>& feeds,
                         v1::Welcome* welcome);
  absl::Status TakeCursors(const v1::Hello& hello, v1::Welcome* welcome);
  void TellBelowFloor(const std::string& partition, const Lane& lane, uint64_t collected,
                      v1::Welcome* welcome) const;
  void TellReset(const v1::Cursor& cursor, v1::CursorReset::Reason reason, Lane* lane,
                 v1::CursorReset* reset) const;
  static void TakeCursor(const v1::Cursor& cursor, Lane* lane);
  void LookForLostPoint(const v1::Cursor& cursor);
  absl::StatusOr<Lane*> AddLane(const std::string& partition);
  absl::StatusOr<std::optional<v1::Batch>> ReadLane(const std::string& partition, Lane* lane);
  static std::optional<HeldPoint> HeldOf(const Lane& lane);
  FeedRequest RequestOf(const std::string& partition, const Lane& lane) const;
  absl::StatusOr<v1::Batch> BatchOf(const std::string& partition, const FeedPage& page, Lane* lane);
  static bool IsWorthSending(const FeedPage& page, const Lane& lane);
  v1::Cursor MakeCursor(const std::string& partition, const Lane& lane) const;

  const AuthorityStore* const store_;
  const ReplicaId replica_;
  const CursorSigner sign_;
  const Epoch epoch_;
  const Run run_;
  size_t batch_target_bytes_ = 0;
  bool wants_sums_ = false;
  std::map<std::string, Lane, std::less<>> lanes_;  // "MX" sorts before its states
  // Good cursors of partitions that have no lane yet: a push will make one.
  std::map<std::string, v1::Cursor> held_cursors_;
  std::string last_served_;
  uint64_t entries_sent_ = 0;
  std::optional<v1::Cursor> lost_point_;
  uint32_t behind_ = 0;
};

}  // namespace brigada

#endif  // REPLICA_SYNC_SERVER_PULL_H_
