#include "replica/sync/server_pull.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/schema/scope.h"
#include "replica/sync/codec.h"
#include "replica/sync/cursor_check.h"
#include "replica/sync/feed_change.h"
#include "replica/sync/session_limits.h"

namespace brigada {
namespace {

constexpr absl::string_view kNation = "MX";
// Commit sequences a lane may be behind before verdicts are hinted: about a batch or two.
constexpr uint64_t kFarBehind = 512;
// Commits of a partition that do not concern a device before its cursor moves all the same, so that
// what the next session reads again stays bounded.
constexpr uint64_t kMaxUntoldCommits = 1024;

void LogReset(absl::string_view partition, v1::CursorReset::Reason reason, const v1::Cursor& cursor,
              uint64_t head) {
  const bool went_back =
      reason == v1::CursorReset::OTHER_EPOCH || reason == v1::CursorReset::BEYOND_END;
  Log(went_back ? LogLevel::kWarning : LogLevel::kInfo,
      went_back ? "server_went_back" : "cursor_reset",
      {{"partition", partition},
       {"reason", v1::CursorReset::Reason_Name(reason)},
       {"scanned", cursor.scanned()},
       {"head", head}});
}

}  // namespace

absl::Status ServerPull::Start(const v1::Hello& hello, const std::vector<v1::Feed>& feeds,
                               size_t batch_target_bytes, v1::Welcome* welcome) {
  batch_target_bytes_ = batch_target_bytes;
  wants_sums_ = HasFeature(hello.features(), kFingerprintsFeature);
  RETURN_IF_ERROR(MakeLanes(hello, feeds, welcome));
  RETURN_IF_ERROR(TakeCursors(hello, welcome));
  for (auto& [partition, lane] : lanes_) lane.required = store_->Head(partition);
  return absl::OkStatus();
}

absl::Status ServerPull::MakeLanes(const v1::Hello& hello, const std::vector<v1::Feed>& feeds,
                                   v1::Welcome* welcome) {
  for (const v1::Feed& feed : feeds) {
    ASSIGN_OR_RETURN(const Scope scope, Scope::Parse(feed.scope()));
    ASSIGN_OR_RETURN(Lane* const lane, AddLane(std::string(scope.partition())));
    lane->feeds.push_back(feed);
  }
  for (auto& [partition, lane] : lanes_) lane.feeds = CanonicalFeeds(std::move(lane.feeds));
  if (static_cast<size_t>(hello.heads_size()) > kMaxPartitionsPerSession)
    return absl::InvalidArgumentError("hello: too many partitions");
  std::map<std::string, v1::PartitionHead> heads;
  for (const v1::PartitionHead& head : hello.heads()) heads[head.partition()] = head;
  for (const auto& [partition, lane] : lanes_) heads.try_emplace(partition);
  for (const auto& [partition, own] : heads) {
    ASSIGN_OR_RETURN(const uint64_t last, store_->LastSequence(replica_, partition));
    if (last == 0 && own.sequence() == 0) continue;
    if (last < own.confirmed()) ++behind_;
    v1::Expected* const expected = welcome->add_expected();
    expected->set_partition(partition);
    expected->set_sequence(last + 1);
    ASSIGN_OR_RETURN(*expected->mutable_chain(), store_->LastChain(replica_, partition));
    // Where the server knows nothing of the device there is no verdict to send, and how many
    // commits a partition has is not for everybody.
    if (last == 0 && !lanes_.contains(partition)) continue;
    ASSIGN_OR_RETURN(Lane* const lane, AddLane(partition));
    lane->own_head = own.sequence();
    lane->judged_at_hello = last;
    lane->echo_from = std::max(own.redelivered(), last < own.confirmed() ? own.confirmed() : 0);
  }
  return absl::OkStatus();
}

absl::Status ServerPull::TakeCursors(const v1::Hello& hello, v1::Welcome* welcome) {
  if (static_cast<size_t>(hello.cursors_size()) > kMaxPartitionsPerSession ||
      static_cast<size_t>(hello.left_size()) > kMaxPartitionsPerSession)
    return absl::InvalidArgumentError("hello: too many cursors");
  for (const v1::Cursor& cursor : hello.left()) LookForLostPoint(cursor);
  for (const v1::Cursor& cursor : hello.cursors()) {
    const auto found = lanes_.find(cursor.partition());
    Lane* const lane = found == lanes_.end() ? nullptr : &found->second;
    v1::Cursor unsigned_cursor = cursor;
    unsigned_cursor.clear_mac();
    const auto reason =
        CheckCursor(*store_, cursor, lane == nullptr ? UINT64_MAX : lane->judged_at_hello,
                    sign_(unsigned_cursor));
    if (reason == v1::CursorReset::BEYOND_END) lost_point_ = cursor;
    const bool holds = reason == v1::CursorReset::REASON_UNSPECIFIED;
    if (holds && lane != nullptr && IsForFeeds(cursor, lane->feeds)) {
      TakeCursor(cursor, lane);
      // Who reads nothing here has nothing to compare.
      if (lane->feeds.empty()) continue;
      ASSIGN_OR_RETURN(const uint64_t collected, store_->CollectedUpTo(cursor.partition()));
      if (cursor.complete() < collected) TellBelowFloor(found->first, *lane, collected, welcome);
      continue;
    }
    // Of a writer that reads nothing here: its push will make a lane.
    if (holds && lane == nullptr && cursor.feeds().empty()) {
      held_cursors_[cursor.partition()] = cursor;
      continue;
    }
    TellReset(cursor, holds ? v1::CursorReset::OTHER_FEEDS : reason, lane, welcome->add_resets());
  }
  return absl::OkStatus();
}

// What holds of a cursor for other feeds is given back in `reset`.
void ServerPull::TellReset(const v1::Cursor& cursor, v1::CursorReset::Reason reason, Lane* lane,
                           v1::CursorReset* reset) const {
  if (reason == v1::CursorReset::OTHER_FEEDS && lane != nullptr) {
    TakeCursor(CursorForFeeds(cursor, lane->feeds), lane);
    *reset->mutable_cursor() = MakeCursor(cursor.partition(), *lane);
  }
  reset->set_partition(cursor.partition());
  reset->set_reason(reason);
  LogReset(lane == nullptr ? "" : cursor.partition(), reason, cursor,
           lane == nullptr ? 0 : store_->Head(cursor.partition()));
}

// The place holds: what came after it is told. What went and was forgotten is not, so the device
// has to compare.
void ServerPull::TellBelowFloor(const std::string& partition, const Lane& lane, uint64_t collected,
                                v1::Welcome* welcome) const {
  v1::CursorReset* const reset = welcome->add_resets();
  reset->set_partition(partition);
  reset->set_reason(v1::CursorReset::BELOW_FLOOR);
  *reset->mutable_cursor() = MakeCursor(partition, lane);
  Log(LogLevel::kInfo, "cursor_below_floor",
      {{"partition", partition}, {"complete", lane.complete}, {"collected", collected}});
}

void ServerPull::TakeCursor(const v1::Cursor& cursor, Lane* lane) {
  lane->complete = cursor.complete();
  lane->scanned = lane->read = cursor.scanned();
  lane->held.reset();
  if (cursor.has_held()) lane->held = cursor.held();
  lane->judged_told = cursor.judged();
}

// The device reads from zero anyway; but that this store does not know where it stood shows that it
// went back.
void ServerPull::LookForLostPoint(const v1::Cursor& cursor) {
  const auto lane = lanes_.find(cursor.partition());
  v1::Cursor unsigned_cursor = cursor;
  unsigned_cursor.clear_mac();
  const v1::CursorReset::Reason reason =
      CheckCursor(*store_, cursor, lane == lanes_.end() ? UINT64_MAX : lane->second.judged_at_hello,
                  sign_(unsigned_cursor));
  if (reason == v1::CursorReset::BEYOND_END) lost_point_ = cursor;
}

absl::StatusOr<ServerPull::Lane*> ServerPull::AddLane(const std::string& partition) {
  const auto found = lanes_.find(partition);
  if (found != lanes_.end()) return &found->second;
  ASSIGN_OR_RETURN(const Scope scope, Scope::Parse(partition));
  if (scope.partition() != partition)
    return absl::InvalidArgumentError("partition: not one of the first two levels");
  if (lanes_.size() >= kMaxPartitionsPerSession)
    return absl::InvalidArgumentError("too many partitions");
  return &lanes_[partition];
}

absl::Status ServerPull::OnPushed(const std::string& partition, uint64_t sequence) {
  ASSIGN_OR_RETURN(Lane* const lane, AddLane(partition));
  // The device goes on from its cursor, whenever its lane begins.
  if (const auto held = held_cursors_.extract(partition); !held.empty()) {
    lane->complete = held.mapped().complete();
    lane->scanned = lane->read = held.mapped().scanned();
    lane->judged_told = held.mapped().judged();
  }
  lane->own_head = std::max(lane->own_head, sequence);
  return absl::OkStatus();
}

void ServerPull::OnVerdict(const std::string& partition, const v1::Verdict& verdict) {
  const auto lane = lanes_.find(partition);
  if (lane == lanes_.end()) return;
  lane->second.required = std::max(lane->second.required, verdict.commit_sequence());
  lane->second.dirty = true;
}

void ServerPull::OnNewHead(absl::string_view partition) {
  const auto lane = lanes_.find(partition);
  if (lane != lanes_.end()) lane->second.dirty = true;
}

absl::StatusOr<std::optional<v1::Batch>> ServerPull::NextBatch() {
  const auto nation = lanes_.find(kNation);
  if (nation != lanes_.end() && nation->second.dirty) {
    ASSIGN_OR_RETURN(std::optional<v1::Batch> batch, ReadLane(nation->first, &nation->second));
    if (batch.has_value()) return batch;
  }
  auto at = lanes_.upper_bound(last_served_);
  for (size_t i = 0; i < lanes_.size(); ++i, ++at) {
    if (at == lanes_.end()) at = lanes_.begin();
    if (!at->second.dirty) continue;
    ASSIGN_OR_RETURN(std::optional<v1::Batch> batch, ReadLane(at->first, &at->second));
    if (!batch.has_value()) continue;
    last_served_ = at->first;
    return batch;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<v1::Batch>> ServerPull::ReadLane(const std::string& partition,
                                                              Lane* lane) {
  while (true) {
    const uint64_t known = lane->complete == lane->scanned ? lane->read : lane->complete;
    if (store_->Head(partition) <= known) {
      lane->dirty = false;
      return std::nullopt;
    }
    const absl::StatusOr<FeedPage> read = store_->ReadFeed(RequestOf(partition, *lane));
    if (!read.ok()) {
      return absl::Status(read.status().code(),
                          absl::StrCat(partition, ": ", read.status().message()));
    }
    const FeedPage& page = *read;
    // Anything else would send the same page for ever.
    if (page.to < lane->read || page.to > page.head ||
        (page.to == lane->read && page.to != page.head)) {
      return absl::InternalError("feed page makes no progress");
    }
    lane->read = page.to;
    if (IsWorthSending(page, *lane)) return BatchOf(partition, page, lane);
  }
}

FeedRequest ServerPull::RequestOf(const std::string& partition, const Lane& lane) const {
  return {.replica = replica_,
          .partition = partition,
          .feeds = lane.feeds,
          .complete = lane.complete,
          .scanned = lane.read,
          // A pull from zero may repair a base that the server went back behind: then only
          // what was judged in this session is known to be the same on both sides.
          .own_from = std::max(lane.complete == 0 ? lane.judged_at_hello : 0, lane.echo_from),
          .own_head = lane.own_head,
          .target_bytes = batch_target_bytes_,
          .held = HeldOf(lane),
          .wants_sums = wants_sums_};
}

std::optional<HeldPoint> ServerPull::HeldOf(const Lane& lane) {
  if (!lane.held.has_value()) return std::nullopt;
  return HeldPoint{.feeds = {lane.held->feeds().begin(), lane.held->feeds().end()},
                   .complete = lane.held->complete(),
                   .scanned = lane.held->scanned()};
}

absl::StatusOr<v1::Batch> ServerPull::BatchOf(const std::string& partition, const FeedPage& page,
                                              Lane* lane) {
  PackedBody body = PackBody(page.body);
  v1::Batch batch;
  batch.set_partition(partition);
  batch.set_from(lane->scanned);
  batch.set_to(page.to);
  batch.set_head(page.head);
  batch.set_checkpoint(page.to == page.head);
  batch.mutable_sums()->Assign(page.sums.begin(), page.sums.end());
  batch.set_body(std::move(body.bytes));
  batch.set_inflated_bytes(body.inflated_bytes);
  for (const v1::Verdict& verdict : page.body.verdicts())
    lane->judged_told = std::max(lane->judged_told, verdict.sequence());
  if (page.body.verdicts_size() > 0) {
    ASSIGN_OR_RETURN(const auto judged,
                     store_->FindVerdict(replica_, partition, lane->judged_told));
    if (judged.has_value()) batch.set_chain(judged->chain());
  }
  lane->scanned = page.to;
  if (batch.checkpoint()) {
    lane->complete = page.to;
    lane->held.reset();
  }
  *batch.mutable_cursor() = MakeCursor(partition, *lane);
  entries_sent_ += static_cast<uint64_t>(page.body.entries_size());
  return batch;
}

// Without entries and verdicts a batch only moves the cursor, and costs the device a frame and a
// write for commits that are none of its business. Before the head it stands for as many as one
// page looks at: others have their turn then, and the device's next session does not begin anew.
bool ServerPull::IsWorthSending(const FeedPage& page, const Lane& lane) {
  const bool is_owed = lane.complete < lane.required || lane.complete < lane.scanned;
  return is_owed || page.to < page.head || page.body.entries_size() > 0 ||
         page.body.verdicts_size() > 0 || page.to - lane.scanned >= kMaxUntoldCommits;
}

v1::Cursor ServerPull::MakeCursor(const std::string& partition, const Lane& lane) const {
  v1::Cursor cursor;
  cursor.set_partition(partition);
  cursor.set_epoch(epoch_.AsBytes());
  cursor.set_run(run_.AsBytes());
  cursor.set_judged(lane.judged_told);
  cursor.set_complete(lane.complete);
  cursor.set_scanned(lane.scanned);
  cursor.mutable_feeds()->Assign(lane.feeds.begin(), lane.feeds.end());
  if (lane.held.has_value()) *cursor.mutable_held() = *lane.held;
  cursor.set_mac(sign_(cursor));
  return cursor;
}

std::optional<RangeRequest> ServerPull::ReadsOf(absl::string_view partition) const {
  const auto lane = lanes_.find(partition);
  if (lane == lanes_.end() || lane->second.feeds.empty()) return std::nullopt;
  return RangeRequest{.replica = replica_,
                      .partition = lane->first,
                      .feeds = lane->second.feeds,
                      .scanned = lane->second.scanned,
                      .target_bytes = batch_target_bytes_};
}

std::vector<v1::PartitionHead> ServerPull::reached() const {
  std::vector<v1::PartitionHead> reached;
  for (const auto& [partition, lane] : lanes_) {
    if (lane.feeds.empty()) continue;
    v1::PartitionHead& head = reached.emplace_back();
    head.set_partition(partition);
    head.set_sequence(lane.complete);
  }
  return reached;
}

bool ServerPull::IsFarBehind(const std::string& partition) const {
  const auto lane = lanes_.find(partition);
  return lane != lanes_.end() && store_->Head(partition) > lane->second.read + kFarBehind;
}

bool ServerPull::caught_up() const {
  return std::all_of(lanes_.begin(), lanes_.end(),
                     [](const auto& lane) { return lane.second.complete >= lane.second.required; });
}

bool ServerPull::has_more() const {
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [](const auto& lane) { return lane.second.dirty; });
}

}  // namespace brigada
