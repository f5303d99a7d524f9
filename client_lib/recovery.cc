#include "brigada/recovery.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client_lib/replica_directory.h"
#include "client_lib/store_options.h"
#include "replica/base/status_macros.h"
#include "replica/schema/registry.h"
#include "replica/store/device_recovery.h"
#include "replica/store/store_check.h"

namespace brigada {
namespace {

// OK: there is something to recover.
absl::Status CheckDamaged(const std::string& store_path, const Registry& registry) {
  const absl::StatusOr<StoreFindings> findings =
      CheckStoreAt(store_path, StoreKind::kDevice, registry);
  if (absl::IsDataLoss(findings.status())) return absl::OkStatus();
  RETURN_IF_ERROR(findings.status());
  if (findings->damages > 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("nothing is damaged in ", store_path, ": there is nothing to recover"));
}

RecoveryReport ReportOf(RecoveredStore recovered) {
  RecoveryReport report;
  report.replica = recovered.replica;
  report.unsent = recovered.outbox.unsent;
  report.retained = recovered.outbox.retained;
  report.rejected = recovered.outbox.rejected;
  report.lost = recovered.outbox.lost;
  for (LostChangeSets& lost : recovered.outbox.lost_sets)
    report.lost_work.push_back({std::move(lost.partition), lost.first, lost.last});
  report.is_whole = recovered.is_whole;
  report.damaged_path = std::move(recovered.damaged_path);
  return report;
}

}  // namespace

absl::StatusOr<std::optional<RecoveryReport>> ResumeRecovery(const Options& options) {
  const ReplicaDirectory directory(options.path);
  RETURN_IF_ERROR(directory.Prepare(/*create=*/false));
  ASSIGN_OR_RETURN(std::optional<RecoveredStore> recovered,
                   TakeCutShortRecovery(directory.StorePath()));
  if (!recovered.has_value()) return std::nullopt;
  return ReportOf(*std::move(recovered));
}

absl::StatusOr<RecoveryReport> RecoverReplica(Options options, const RecoverOptions& how) {
  FillDefaults(&options);
  ASSIGN_OR_RETURN(std::optional<RecoveryReport> cut_short, ResumeRecovery(options));
  if (cut_short.has_value()) return *std::move(cut_short);
  const ReplicaDirectory directory(options.path);
  if (!how.even_if_whole) RETURN_IF_ERROR(CheckDamaged(directory.StorePath(), *options.registry));
  ASSIGN_OR_RETURN(RecoveredStore recovered,
                   RecoverDeviceStore(directory.StorePath(), StoreOptionsOf(options)));
  return ReportOf(std::move(recovered));
}

}  // namespace brigada
