#include "replica/store/run_history.h"

#include <memory>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/keys.h"

namespace brigada {

absl::Status RunHistory::Load(const KvReader& reader) {
  const std::string prefix = RunKey(0).substr(0, RunKey(0).size() - sizeof(uint64_t));
  auto it = reader.Iterate(Table::kMeta, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    v1::RunRecord run;
    if (!run.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())))
      return absl::DataLossError("open store: a run record is damaged");
    next_number_ = NumberOf(AfterMetaName(it->key())) + 1;
    runs_.push_back(std::move(run));
  }
  return it->status();
}

void RunHistory::Append(const Run& run, absl::Time now, const PartitionHeads& heads,
                        KvBatch* batch) {
  v1::RunRecord record;
  record.set_run(run.AsBytes());
  record.set_started_ms(absl::ToUnixMillis(now));
  for (const auto& [partition, head] : heads) (*record.mutable_heads())[partition] = head;
  batch->Put(Table::kMeta, RunKey(next_number_++), record.SerializeAsString());
  runs_.push_back(std::move(record));
}

bool RunHistory::IsKnownPoint(const Run& run, absl::string_view partition, uint64_t sequence,
                              uint64_t head) const {
  for (size_t i = 0; i < runs_.size(); ++i) {
    if (runs_[i].run() != run.bytes()) continue;
    if (i + 1 == runs_.size()) return sequence <= head;
    const auto& next_heads = runs_[i + 1].heads();
    const auto end = next_heads.find(std::string(partition));
    return sequence <= (end == next_heads.end() ? 0 : end->second);
  }
  return false;
}

}  // namespace brigada
