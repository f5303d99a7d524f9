#include "server/sum_check.h"

#include "replica/base/log.h"

namespace brigada {

void SumCheck::Ask(const std::string& partition) {
  if (store_->Head(partition) == 0) return;
  {
    const absl::Duration now = clock_->Monotonic();
    const MutexLock lock(&mu_);
    const auto [at, is_first] = asked_.try_emplace(partition, now);
    if (!is_first && now - at->second < kBetweenSumChecks) return;
    at->second = now;
  }
  executor_->Post([this, partition] { Run(partition); });
}

void SumCheck::Run(const std::string& partition) {
  const absl::StatusOr<bool> were_wrong = store_->RecomputeSums(partition);
  if (!were_wrong.ok()) {
    Log(LogLevel::kWarning, "scope_sums_not_checked",
        {{"partition", partition}, {"code", absl::StatusCodeToString(were_wrong.status().code())}});
  } else if (*were_wrong) {
    Log(LogLevel::kWarning, "scope_sums_mended",
        {{"partition", partition}, {"why", "a repair found no difference"}});
  }
}

}  // namespace brigada
