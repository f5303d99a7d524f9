#include "replica/store/run_history.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

// Commits that one partition may get per millisecond, on average since an epoch began, before its
// numbers could reach those of an epoch that begins now.
constexpr int kFloorBitsPerMillisecond = 8;

// Between the floors of two epochs when the clock was set back and does not keep them apart.
constexpr uint64_t kFloorStep = uint64_t{1} << 32;

using Heads = google::protobuf::Map<std::string, uint64_t>;

uint64_t HeadIn(const Heads& heads, absl::string_view partition) {
  const auto found = heads.find(std::string(partition));
  return found == heads.end() ? 0 : found->second;
}

template <typename Message>
absl::Status LoadAll(const KvReader& reader, const std::string& first_key, uint64_t* next,
                     std::vector<Message>* all) {
  const std::string prefix = first_key.substr(0, first_key.size() - sizeof(uint64_t));
  auto it = reader.Iterate(Table::kMeta, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    Message message;
    if (!message.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())))
      return absl::DataLossError("open store: the history of its starts is damaged");
    *next = NumberOf(AfterMetaName(it->key())) + 1;
    all->push_back(std::move(message));
  }
  return it->status();
}

}  // namespace

absl::Status RunHistory::Load(const KvReader& reader) {
  RETURN_IF_ERROR(LoadAll(reader, RunKey(0), &next_run_, &runs_));
  return LoadAll(reader, EpochKey(0), &next_epoch_, &epochs_);
}

void RunHistory::AppendRun(const Run& run, absl::Time now, const PartitionHeads& heads,
                           KvBatch* batch) {
  v1::RunRecord record;
  record.set_run(run.AsBytes());
  record.set_started_ms(absl::ToUnixMillis(now));
  for (const auto& [partition, head] : heads) (*record.mutable_heads())[partition] = head;
  batch->Put(Table::kMeta, RunKey(next_run_++), record.SerializeAsString());
  runs_.push_back(std::move(record));
}

void RunHistory::BeginEpoch(const Epoch& epoch, absl::Time now, const PartitionHeads& heads,
                            const v1::EpochRecord& how, KvBatch* batch) {
  v1::EpochRecord record = how;
  record.set_epoch(epoch.AsBytes());
  record.set_begun_ms(absl::ToUnixMillis(now));
  if (const v1::EpochRecord* const parent = current()) {
    record.set_parent(parent->epoch());
    uint64_t last_floor = 0;
    for (const v1::EpochRecord& known : epochs_) last_floor = std::max(last_floor, known.floor());
    uint64_t above = 0;
    for (const auto& [partition, head] : heads) {
      above = std::max(above, head);
      (*record.mutable_parted())[partition] = head;
    }
    const auto now_ms = static_cast<uint64_t>(std::max<int64_t>(0, record.begun_ms()));
    // By time alone, as far as it goes: two lines that part from one point must not get the same
    // numbers.
    uint64_t floor = now_ms << kFloorBitsPerMillisecond;
    if (floor <= last_floor) floor = last_floor + kFloorStep;
    record.set_floor(std::max(above, floor));
  }
  batch->Put(Table::kMeta, EpochKey(next_epoch_++), record.SerializeAsString());
  epochs_.push_back(std::move(record));
}

void RunHistory::AddForeign(v1::EpochRecord epoch, KvBatch* batch) {
  if (KnowsEpoch(epoch.epoch())) return;
  epoch.set_is_foreign(true);
  batch->Put(Table::kMeta, EpochKey(next_epoch_++), epoch.SerializeAsString());
  epochs_.push_back(std::move(epoch));
}

const v1::EpochRecord* RunHistory::current() const {
  const auto found = std::find_if(epochs_.rbegin(), epochs_.rend(),
                                  [](const v1::EpochRecord& e) { return !e.is_foreign(); });
  return found == epochs_.rend() ? nullptr : &*found;
}

const v1::EpochRecord* RunHistory::Find(absl::string_view epoch) const {
  const auto found = std::find_if(epochs_.begin(), epochs_.end(),
                                  [&](const v1::EpochRecord& e) { return e.epoch() == epoch; });
  return found == epochs_.end() ? nullptr : &*found;
}

bool RunHistory::KnowsRun(absl::string_view run) const {
  return std::any_of(runs_.begin(), runs_.end(),
                     [&](const v1::RunRecord& r) { return r.run() == run; });
}

bool RunHistory::IsPast(absl::string_view epoch) const {
  return KnowsEpoch(epoch) && current()->epoch() != epoch;
}

uint64_t RunHistory::floor() const { return current() == nullptr ? 0 : current()->floor(); }

bool RunHistory::IsDoubtful(absl::string_view run) const {
  return std::any_of(epochs_.begin(), epochs_.end(),
                     [&](const v1::EpochRecord& e) { return e.doubtful_run() == run; });
}

uint64_t RunHistory::EndOfRun(size_t index, absl::string_view partition, uint64_t head) const {
  // Of a run with two lines only what it found is certain.
  if (IsDoubtful(runs_[index].run())) return HeadIn(runs_[index].heads(), partition);
  return index + 1 == runs_.size() ? head : HeadIn(runs_[index + 1].heads(), partition);
}

uint64_t RunHistory::EndOfEpoch(absl::string_view epoch, bool of_unknown_run,
                                absl::string_view partition, uint64_t head) const {
  uint64_t end = UINT64_MAX;
  // Up the foreign line to the epoch where it left ours. Each step goes to an earlier epoch.
  const v1::EpochRecord* at = Find(epoch);
  for (size_t steps = 0; at != nullptr && at->is_foreign() && steps < epochs_.size(); ++steps) {
    end = std::min(end, HeadIn(at->parted(), partition));
    at = Find(at->parent());
  }
  if (at == nullptr || at->is_foreign()) return 0;
  if (at == current()) return of_unknown_run && end == UINT64_MAX ? 0 : std::min(end, head);
  const auto next = std::find_if(epochs_.begin() + (at - epochs_.data()) + 1, epochs_.end(),
                                 [](const v1::EpochRecord& e) { return !e.is_foreign(); });
  if (of_unknown_run && next->is_unannounced()) return 0;
  return std::min(end, HeadIn(next->parted(), partition));
}

// Up to where only this line gave numbers when `next` began.
uint64_t RunHistory::EndBefore(const v1::EpochRecord& next, absl::string_view partition) const {
  const uint64_t parted = HeadIn(next.parted(), partition);
  if (!next.is_unannounced()) return parted;
  // The other line wrote beside this one since some start; the last one before, when it is not
  // known.
  const v1::RunRecord* doubtful = nullptr;
  for (const v1::RunRecord& run : runs_) {
    if (run.run() == next.doubtful_run()) return std::min(parted, HeadIn(run.heads(), partition));
    if (run.started_ms() < next.begun_ms()) doubtful = &run;
  }
  return doubtful == nullptr ? 0 : std::min(parted, HeadIn(doubtful->heads(), partition));
}

bool RunHistory::IsOfThisLine(absl::string_view partition, uint64_t sequence, uint64_t head) const {
  uint64_t floor = 0;
  for (const v1::EpochRecord& epoch : epochs_) {
    if (epoch.is_foreign()) continue;
    // The epoch before it ends here; the first one has none.
    if (!epoch.parent().empty() && sequence > floor && sequence <= EndBefore(epoch, partition))
      return true;
    floor = epoch.floor();
  }
  return sequence > floor && sequence <= head;
}

uint64_t RunHistory::SharedUpTo(absl::string_view epoch, absl::string_view run,
                                absl::string_view partition, uint64_t head) const {
  for (size_t i = 0; i < runs_.size(); ++i)
    if (runs_[i].run() == run) return EndOfRun(i, partition, head);
  return EndOfEpoch(epoch, !run.empty(), partition, head);
}

}  // namespace brigada
