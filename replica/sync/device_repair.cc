#include "replica/sync/device_repair.h"

#include <algorithm>
#include <utility>

#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/sync/codec.h"

namespace brigada {
namespace {

absl::Status Unasked() { return absl::InvalidArgumentError("an answer that nobody asked for"); }

}  // namespace

std::optional<std::string> DeviceRepair::NextDue() const {
  const v1::RepairNotes notes = store_->Repairs();
  for (const std::string& partition : notes.due()) {
    if (!tried_.contains(partition) && store_->IsAtCheckpoint(partition)) return partition;
  }
  return std::nullopt;
}

absl::StatusOr<bool> DeviceRepair::has_work() const {
  if (!partition_.empty()) return true;
  return NextDue().has_value();
}

absl::StatusOr<std::optional<v1::ClientFrame>> DeviceRepair::NextFrame() {
  if (asked_.has_value()) return std::nullopt;
  if (partition_.empty()) {
    const std::optional<std::string> due = NextDue();
    if (!due.has_value()) return std::nullopt;
    RETURN_IF_ERROR(Begin(*due));
  }
  ASSIGN_OR_RETURN(v1::ClientFrame frame, Ask());
  return frame;
}

absl::Status DeviceRepair::Begin(const std::string& partition) {
  partition_ = partition;
  tried_.insert(partition);
  effect_ = RepairEffect();
  ASSIGN_OR_RETURN(const bool was_wrong, store_->RecomputeSums(partition));
  if (was_wrong) Log(LogLevel::kWarning, "scope_sums_mended", {{"partition", partition}});
  sums_were_wrong_ = was_wrong;
  ASSIGN_OR_RETURN(const std::vector<v1::RecordRange> all,
                   store_->CutRange(partition, "", "", UINT64_MAX, 1));
  open_ = {{"", "", all.front().count()}};
  return absl::OkStatus();
}

absl::StatusOr<v1::ClientFrame> DeviceRepair::Ask() {
  if (open_.back().count > kListedRecords) return AskCheck();
  Range range = std::move(open_.back());
  open_.pop_back();
  return AskItems(std::move(range));
}

absl::StatusOr<v1::ClientFrame> DeviceRepair::AskItems(Range range) {
  v1::ClientFrame frame;
  v1::RangeItems& items = *frame.mutable_range_items();
  items.set_partition(partition_);
  items.set_number(++number_);
  items.set_begin(range.begin);
  ASSIGN_OR_RETURN(DeviceStore::ListedRange listed,
                   store_->ListRange(partition_, range.begin, range.end, kMaxItemsPerRange));
  if (listed.end != range.end) {
    // Records came meanwhile: the rest is another range.
    open_.push_back({listed.end, range.end, kListedRecords});
    range.end = listed.end;
  }
  items.set_end(range.end);
  for (v1::RangeItems::Item& item : listed.items) *items.add_items() = std::move(item);
  asked_ = Asked{.ranges = {std::move(range)}, .is_list = true};
  return frame;
}

absl::StatusOr<v1::ClientFrame> DeviceRepair::AskCheck() {
  v1::ClientFrame frame;
  v1::RangeCheck& check = *frame.mutable_range_check();
  check.set_partition(partition_);
  check.set_number(++number_);
  // The ranges of one check are in order; those that are open come in order from the back.
  std::vector<Range> asked;
  while (!open_.empty() && open_.back().count > kListedRecords &&
         asked.size() + kRangeFanout <= kMaxRangesPerCheck) {
    const Range range = std::move(open_.back());
    open_.pop_back();
    const uint64_t part = (range.count + kRangeFanout - 1) / kRangeFanout;
    ASSIGN_OR_RETURN(std::vector<v1::RecordRange> parts,
                     store_->CutRange(partition_, range.begin, range.end, part, kRangeFanout));
    for (v1::RecordRange& cut : parts) {
      asked.push_back({cut.begin(), cut.end(), cut.count()});
      *check.add_ranges() = std::move(cut);
    }
  }
  asked_ = Asked{.ranges = std::move(asked), .is_list = false};
  return frame;
}

absl::Status DeviceRepair::CheckAnswer(absl::string_view partition, uint64_t number,
                                       bool is_list) const {
  const bool is_asked = asked_.has_value() && asked_->is_list == is_list &&
                        partition == partition_ && number == number_;
  return is_asked ? absl::OkStatus() : Unasked();
}

absl::Status DeviceRepair::OnAnswer(const v1::RangeAnswer& answer) {
  RETURN_IF_ERROR(CheckAnswer(answer.partition(), answer.number(), /*is_list=*/false));
  if (answer.is_working()) return absl::OkStatus();
  if (static_cast<size_t>(answer.same_size()) != asked_->ranges.size() ||
      answer.counts_size() != answer.same_size())
    return Unasked();
  const std::vector<Range> ranges = std::move(asked_->ranges);
  asked_.reset();
  for (size_t i = ranges.size(); i-- > 0;)
    if (!answer.same(static_cast<int>(i))) open_.push_back(ranges[i]);
  return open_.empty() ? Finish() : absl::OkStatus();
}

absl::Status DeviceRepair::OnRepair(const v1::RangeRepair& repair, size_t max_inflated_bytes) {
  RETURN_IF_ERROR(CheckAnswer(repair.partition(), repair.number(), /*is_list=*/true));
  const Range range = asked_->ranges.front();
  // It may stop early, but has to get on.
  const bool is_early = repair.end() != range.end;
  if (is_early &&
      (repair.end() <= range.begin || (!range.end.empty() && repair.end() >= range.end)))
    return Unasked();
  v1::RepairBody body;
  RETURN_IF_ERROR(UnpackBody(repair.body(), repair.inflated_bytes(), max_inflated_bytes, &body));
  ASSIGN_OR_RETURN(const RepairEffect effect,
                   store_->ApplyRepair(partition_, range.begin, repair.end(), body));
  effect_.brought += effect.brought;
  effect_.missing += effect.missing;
  effect_.removed += effect.removed;
  effect_.kept += effect.kept;
  asked_.reset();
  if (is_early) open_.push_back({repair.end(), range.end, kListedRecords});
  return open_.empty() ? Finish() : absl::OkStatus();
}

// What made the checkpoint differ, as far as the questions have found.
absl::string_view DeviceRepair::Cause() const {
  if (effect_.brought + effect_.removed + effect_.kept > 0) return "records";
  // No record differs: one end had counted wrong.
  return sums_were_wrong_ ? "sums_here" : "sums_there";
}

absl::Status DeviceRepair::Finish() {
  RETURN_IF_ERROR(store_->EndRepair(partition_, effect_));
  const v1::Welcome welcome = store_->LastWelcome();
  Log(LogLevel::kWarning, "scope_repaired",
      {{"partition", partition_},
       {"cause", Cause()},
       {"missing", effect_.missing},
       {"different", effect_.brought - effect_.missing},
       {"extra", effect_.removed},
       {"kept", effect_.kept},
       {"questions", number_},
       {"run", Run::FromBytes(welcome.run()).value_or(Run()).ToString()},
       {"epoch", Epoch::FromBytes(welcome.epoch()).value_or(Epoch()).ToString()}});
  ++partitions_repaired_;
  records_repaired_ += effect_.brought + effect_.removed;
  partition_.clear();
  return absl::OkStatus();
}

}  // namespace brigada
