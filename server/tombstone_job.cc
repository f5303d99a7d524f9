#include "server/tombstone_job.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "server/directory.h"

namespace brigada {

uint64_t TombstoneFloor(absl::Span<const v1::DeviceRecord> devices, absl::string_view partition,
                        absl::Time now) {
  std::optional<uint64_t> floor;
  for (const v1::DeviceRecord& device : devices) {
    const absl::Time synced = absl::FromUnixMillis(device.last_sync_ms());
    if (device.revoked_ms() != 0 || synced + kDeviceLivesFor < now) continue;
    for (const v1::PartitionHead& reached : device.acknowledged()) {
      if (reached.partition() != partition) continue;
      floor = std::min(floor.value_or(UINT64_MAX), reached.sequence());
    }
  }
  return floor.value_or(0);
}

absl::Status TombstoneJob::BeginPass(absl::Time now) {
  next_pass_ = now + kBetweenPasses;
  collected_ = 0;
  ASSIGN_OR_RETURN(const std::vector<v1::DeviceRecord> devices, AllDevices(*store_));
  for (std::string& partition : store_->Partitions()) {
    const uint64_t floor =
        std::min(TombstoneFloor(devices, partition, now), store_->Head(partition));
    if (floor > 0) open_.push_back({.partition = std::move(partition), .floor = floor});
  }
  return absl::OkStatus();
}

absl::Status TombstoneJob::RunSome(absl::Time now) {
  if (open_.empty()) {
    if (now < next_pass_) return absl::OkStatus();
    RETURN_IF_ERROR(BeginPass(now));
    if (open_.empty()) return absl::OkStatus();
  }
  const absl::StatusOr<CollectReport> report = store_->CollectTombstones(open_.back());
  if (!report.ok()) {
    // What cannot be read holds up the other partitions no longer than until the next pass.
    open_.pop_back();
    return report.status();
  }
  collected_ += report->collected;
  open_.back().from = report->next;
  if (!report->next.empty()) return absl::OkStatus();
  open_.pop_back();
  if (open_.empty() && collected_ > 0)
    Log(LogLevel::kInfo, "tombstones_forgotten", {{"records", collected_}});
  return absl::OkStatus();
}

}  // namespace brigada
