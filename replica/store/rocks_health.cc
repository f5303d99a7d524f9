#include "replica/store/rocks_health.h"

#include <rocksdb/listener.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/store/rocks_status.h"

namespace brigada {
namespace {

class HealthListener final : public rocksdb::EventListener {
 public:
  explicit HealthListener(std::shared_ptr<RocksHealth> health) : health_(std::move(health)) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/,
                         rocksdb::Status* error) override {
    health_->Stop(ToStatus(*error, "writing the store's files"));
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/, rocksdb::Status /*error*/,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  const std::shared_ptr<RocksHealth> health_;
};

}  // namespace

absl::Status RocksHealth::status() const {
  MutexLock lock(&mu_);
  return first_failure_;
}

absl::Status RocksHealth::CheckWritable() const {
  MutexLock lock(&mu_);
  if (first_failure_.ok()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the store takes no writes since one failed; close it and open it again (first failure: ",
      first_failure_.message(), ")"));
}

void RocksHealth::Stop(const absl::Status& failure) {
  {
    MutexLock lock(&mu_);
    if (!first_failure_.ok()) return;
    first_failure_ = failure;
  }
  Log(LogLevel::kError, "store_stopped", {{"code", absl::StatusCodeToString(failure.code())}});
}

std::shared_ptr<rocksdb::EventListener> MakeHealthListener(std::shared_ptr<RocksHealth> health) {
  return std::make_shared<HealthListener>(std::move(health));
}

}  // namespace brigada
