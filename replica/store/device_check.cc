// A checkpoint says what this device should have of each scope: a difference is found here, and
// noted until it is repaired.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/store/batch_in_progress.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"
#include "replica/store/partition_sums.h"
#include "replica/store/scope_sums.h"

namespace brigada {
namespace {

// Records are read whole for it: seldom enough not to be felt.
constexpr absl::Duration kRecountAfter = absl::Hours(24);

}  // namespace

void AddDue(absl::string_view partition, v1::RepairNotes* notes) {
  const auto& due = notes->due();
  if (std::find(due.begin(), due.end(), partition) == due.end())
    notes->add_due(std::string(partition));
}

int64_t KvDeviceStore::ServerTimeNow() const {
  const v1::DeviceClock now = ClockNow(clock_.last());
  return now.server_time_ms() + now.elapsed_ms();
}

absl::Status KvDeviceStore::CheckSums(const v1::Batch& batch, BatchInProgress* work) {
  const v1::OutboxHead& head = work->state.head;
  // What was sent again stands in base as the lost epoch had it, until the server has judged it.
  if (batch.sums().empty() || head.reconfirmed() < head.redelivered()) return absl::OkStatus();
  const std::vector<v1::Feed> feeds(batch.cursor().feeds().begin(), batch.cursor().feeds().end());
  ASSIGN_OR_RETURN(const std::vector<v1::ScopeSum> here,
                   ReadScopeSums(*kv_, work->partition, feeds));
  for (const v1::ScopeSum& told : batch.sums()) {
    const auto own = std::find_if(here.begin(), here.end(), [&](const v1::ScopeSum& sum) {
      return sum.scope() == told.scope() && sum.kind() == told.kind();
    });
    if (own != here.end() && own->count() == told.count() &&
        own->fingerprint() == told.fingerprint())
      continue;
    work->effect.mismatches.push_back(told.scope());
    Log(LogLevel::kWarning, "scope_mismatch",
        {{"scope", told.scope()},
         {"feed", v1::FeedKind_Name(told.kind())},
         {"records_here", own == here.end() ? 0 : own->count()},
         {"records_there", told.count()},
         {"at", batch.to()},
         {"run", Run::FromBytes(batch.cursor().run()).value_or(Run()).ToString()},
         {"epoch", Epoch::FromBytes(batch.cursor().epoch()).value_or(Epoch()).ToString()}});
  }
  return NoteDifference(work->partition, !work->effect.mismatches.empty());
}

absl::Status KvDeviceStore::NoteDifference(absl::string_view partition, bool differs) {
  v1::RepairNotes notes = Repairs();
  const auto due = std::find(notes.due().begin(), notes.due().end(), partition);
  const bool is_due = due != notes.due().end();
  if (!differs && !is_due) return absl::OkStatus();
  if (differs) {
    notes.set_mismatch_ms(ServerTimeNow());
    AddDue(partition, &notes);
  } else {
    notes.mutable_due()->erase(due);
  }
  return WriteRepairNotes(std::move(notes));
}

absl::Status KvDeviceStore::WriteRepairNotes(v1::RepairNotes notes) {
  RETURN_IF_ERROR(WriteMeta(kRepairsKey, notes.SerializeAsString(), Durability::kMemory));
  MutexLock lock(&mu_);
  repairs_ = std::move(notes);
  return absl::OkStatus();
}

v1::RepairNotes KvDeviceStore::Repairs() const {
  MutexLock lock(&mu_);
  return repairs_;
}

bool KvDeviceStore::IsAtCheckpoint(absl::string_view partition) const {
  const PartitionState state = StateOf(partition);
  return state.cursor.has_value() && !state.left.has_value() &&
         state.cursor->complete() == state.cursor->scanned() && !state.cursor->has_held() &&
         state.head.reconfirmed() >= state.head.redelivered();
}

absl::StatusOr<bool> KvDeviceStore::RecomputeSums(absl::string_view partition) {
  const WriterTurn turn(&writers_);
  ASSIGN_OR_RETURN(const SumsByKey sums,
                   SumPartition(*kv_, *options_.registry, table_.sum_policy(), partition));
  KvBatch batch;
  ASSIGN_OR_RETURN(const bool differs, StageAllSums(*kv_, partition, sums, &batch));
  if (!differs) return false;
  RETURN_IF_ERROR(kv_->Write(batch, Durability::kMemory));
  table_.ForgetSums();
  return true;
}

// Notes it as counted now: one that cannot be read waits for the next day too. A partition that is
// new was summed as its records came.
absl::StatusOr<std::optional<std::string>> KvDeviceStore::NextRecount() {
  const WriterTurn turn(&writers_);
  const int64_t now = ServerTimeNow();
  const int64_t due_before = now - absl::ToInt64Milliseconds(kRecountAfter);
  v1::RepairNotes notes = Repairs();
  const std::vector<std::string> partitions = Partitions();
  google::protobuf::Map<std::string, int64_t> counted;
  std::optional<std::string> next;
  bool has_news = notes.counted_ms().size() != partitions.size();
  for (const std::string& partition : partitions) {
    const auto noted = notes.counted_ms().find(partition);
    const bool is_known = noted != notes.counted_ms().end() && noted->second <= now;
    has_news = has_news || !is_known;
    counted[partition] = is_known ? noted->second : now;
    if (counted[partition] > due_before) continue;
    if (!next.has_value() || counted[partition] < counted[*next]) next = partition;
  }
  if (next.has_value()) counted[*next] = now;
  if (!has_news && !next.has_value()) return next;
  *notes.mutable_counted_ms() = std::move(counted);
  RETURN_IF_ERROR(WriteRepairNotes(std::move(notes)));
  return next;
}

absl::StatusOr<bool> KvDeviceStore::RecountWhenDue(const std::atomic<bool>* cancel) {
  ASSIGN_OR_RETURN(const std::optional<std::string> partition, NextRecount());
  if (!partition.has_value()) return false;
  {
    // Of one moment, so that commits need not wait.
    const auto snapshot = kv_->Snapshot();
    ASSIGN_OR_RETURN(const SumsByKey sums, SumPartition(*snapshot, *options_.registry,
                                                        table_.sum_policy(), *partition, cancel));
    KvBatch unused;
    ASSIGN_OR_RETURN(const bool differs, StageAllSums(*snapshot, *partition, sums, &unused));
    if (!differs) return false;
  }
  Log(LogLevel::kWarning, "scope_sums_differ", {{"partition", *partition}});
  const WriterTurn turn(&writers_);
  RETURN_IF_ERROR(NoteDifference(*partition, /*differs=*/true));
  return true;
}

}  // namespace brigada
