#include "replica/sync/server_repair.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/store/record_ranges.h"
#include "replica/sync/codec.h"
#include "replica/sync/device_repair.h"

namespace brigada {
namespace {

// Stored records that one frame looks at.
constexpr size_t kRecordsPerFrame = 4096;
constexpr size_t kFingerprintBytes = 16;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("repair: ", what));
}

// From the beginning of the partition to its end, without a hole.
bool CoversAll(const v1::RangeCheck& check) {
  for (int i = 1; i < check.ranges_size(); ++i)
    if (check.ranges(i).begin() != check.ranges(i - 1).end()) return false;
  return check.ranges(0).begin().empty() && check.ranges().rbegin()->end().empty();
}

}  // namespace

absl::Status ServerRepair::Begin(uint64_t number, RangeRequest lane) {
  if (has_output()) return Malformed("a question before the answer to the last one");
  if (number != number_ + 1) return Malformed("a question out of order");
  Work& work = work_[lane.partition];
  if (work.read > budget_.besides + budget_.times_first * work.first)
    return absl::ResourceExhaustedError("repair: enough of this partition for one session");
  ++work.questions;
  number_ = number;
  request_ = std::move(lane);
  return absl::OkStatus();
}

void ServerRepair::AddRead(size_t records) {
  Work& work = work_[request_.partition];
  work.read += records;
  if (work.questions == 1) work.first += records;
}

absl::Status ServerRepair::OnCheck(const v1::RangeCheck& check, RangeRequest lane) {
  if (check.ranges().empty() || static_cast<size_t>(check.ranges_size()) > kMaxRangesPerCheck)
    return Malformed("no ranges, or too many");
  for (int i = 0; i < check.ranges_size(); ++i) {
    const v1::RecordRange& range = check.ranges(i);
    RETURN_IF_ERROR(CheckRangeBounds(range.begin(), range.end()));
    if (range.fingerprint().size() != kFingerprintBytes) return Malformed("a fingerprint");
    if (i == 0) continue;
    const std::string& before = check.ranges(i - 1).end();
    if (before.empty() || range.begin() < before) return Malformed("ranges out of order");
  }
  RETURN_IF_ERROR(Begin(check.number(), std::move(lane)));
  check_ = check;
  answer_.Clear();
  answer_.set_partition(request_.partition);
  answer_.set_number(number_);
  next_ = check.ranges(0).begin();
  sum_ = CountedSum();
  return absl::OkStatus();
}

absl::Status ServerRepair::OnItems(const v1::RangeItems& items, RangeRequest lane) {
  RETURN_IF_ERROR(CheckRangeBounds(items.begin(), items.end()));
  if (static_cast<size_t>(items.items_size()) > kMaxItemsPerRange)
    return Malformed("too many records");
  const std::string* before = nullptr;
  for (const v1::RangeItems::Item& item : items.items()) {
    if (item.key().size() != kRangeKeyBytes || item.key() < items.begin() ||
        (!items.end().empty() && item.key() >= items.end()) ||
        (before != nullptr && item.key() <= *before))
      return Malformed("a record out of place");
    before = &item.key();
  }
  RETURN_IF_ERROR(Begin(items.number(), std::move(lane)));
  items_ = items;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<v1::ServerFrame>> ServerRepair::NextFrame() {
  if (check_.has_value()) {
    ASSIGN_OR_RETURN(v1::ServerFrame frame, Count());
    return frame;
  }
  if (!items_.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(v1::ServerFrame frame, List());
  return frame;
}

absl::StatusOr<v1::ServerFrame> ServerRepair::Count() {
  v1::ServerFrame frame;
  size_t left = kRecordsPerFrame;
  while (answer_.same_size() < check_->ranges_size()) {
    const v1::RecordRange& range = check_->ranges(answer_.same_size());
    ASSIGN_OR_RETURN(const RangeSlice slice, store_->SumRange(request_, next_, range.end(), left));
    sum_.Add(slice.sum);
    AddRead(slice.read);
    if (slice.next.has_value()) {
      next_ = *slice.next;
      v1::RangeAnswer& working = *frame.mutable_range_answer();
      working.set_partition(request_.partition);
      working.set_number(number_);
      working.set_is_working(true);
      return frame;
    }
    left -= slice.read;
    answer_.add_counts(sum_.count);
    answer_.add_same(sum_.count == range.count() && sum_.Fingerprint() == range.fingerprint());
    sum_ = CountedSum();
    if (answer_.same_size() < check_->ranges_size())
      next_ = check_->ranges(answer_.same_size()).begin();
  }
  const bool is_all_same = std::all_of(answer_.same().begin(), answer_.same().end(),
                                       [](bool is_same) { return is_same; });
  if (is_all_same && CoversAll(*check_)) doubted_ = request_.partition;
  *frame.mutable_range_answer() = std::move(answer_);
  check_.reset();
  return frame;
}

absl::StatusOr<v1::ServerFrame> ServerRepair::List() {
  ASSIGN_OR_RETURN(const RangeRepairPage page, store_->RepairRange(request_, *items_));
  AddRead(page.read);
  const bool is_all = items_->begin().empty() && page.end.empty();
  if (is_all && page.body.ByteSizeLong() == 0) doubted_ = request_.partition;
  v1::ServerFrame frame;
  v1::RangeRepair& repair = *frame.mutable_range_repair();
  repair.set_partition(request_.partition);
  repair.set_number(number_);
  repair.set_end(page.end);
  PackedBody body = PackBody(page.body);
  repair.set_body(std::move(body.bytes));
  repair.set_inflated_bytes(body.inflated_bytes);
  items_.reset();
  return frame;
}

}  // namespace brigada
