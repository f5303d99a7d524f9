#include "client_lib/store_lender.h"

#include <algorithm>
#include <utility>

#include "replica/base/log.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

constexpr absl::Duration kFirstWait = absl::Seconds(1);
constexpr absl::Duration kLongestWait = absl::Minutes(1);

// After it has worked so long, what failed before says nothing about the disk any more.
constexpr absl::Duration kGoodRun = absl::Minutes(10);

StoreLender::Known KnownOf(const DeviceStore& store) {
  return {store.replica(), store.user(), store.LastWelcome()};
}

}  // namespace

StoreLender::StoreLender(OpenedStore first, How how, const Clock* clock)
    : clock_(clock), how_(std::move(how)) {
  const MutexLock lock(&mu_);
  Take(std::move(first));
}

StoreLender::~StoreLender() = default;

absl::StatusOr<std::shared_ptr<DeviceStore>> StoreLender::Borrow() {
  const MutexLock lock(&mu_);
  if (store_ != nullptr) {
    const absl::Status health = health_();
    // Nobody borrows meanwhile: whoever has it besides is counted.
    if (health.ok() || store_.use_count() > 1 || !MayClose(health)) return store_;
    Log(LogLevel::kWarning, "store failed: opened again",
        {{"code", absl::StatusCodeToString(health.code())}});
    known_ = KnownOf(*store_);
    store_ = nullptr;
  }
  RETURN_IF_ERROR(Reopen());
  return store_;
}

void StoreLender::Take(OpenedStore opened) {
  store_ = std::move(opened.store);
  health_ = std::move(opened.health);
  opened_at_ = clock_->Monotonic();
  if (how_.listener) store_->SetChangeListener(how_.listener);
}

absl::Status StoreLender::Health() const {
  const MutexLock lock(&mu_);
  return store_ == nullptr ? failure_ : health_();
}

// One that found damage is read as it is: an opening reads too little to find it again.
bool StoreLender::MayClose(const absl::Status& health) const {
  if (absl::IsDataLoss(health)) return false;
  if (clock_->Monotonic() < next_try_) return false;
  return !absl::IsResourceExhausted(health) || !how_.has_room || how_.has_room();
}

absl::Status StoreLender::Reopen() {
  const absl::Duration now = clock_->Monotonic();
  if (!failure_.ok() && (absl::IsDataLoss(failure_) || now < next_try_)) return failure_;
  if (failure_.ok() && now - opened_at_ >= kGoodRun) wait_ = absl::ZeroDuration();
  absl::StatusOr<OpenedStore> opened = how_.open();
  failure_ = opened.status();
  // After a success too: a disk that fails every write does not make this spin.
  wait_ = std::clamp(wait_ * 2, kFirstWait, kLongestWait);
  next_try_ = now + wait_;
  RETURN_IF_ERROR(failure_);
  Take(*std::move(opened));
  if (how_.on_reopened) how_.on_reopened();
  return absl::OkStatus();
}

StoreLender::Known StoreLender::known() {
  // Opens it again where that is due.
  const absl::StatusOr<std::shared_ptr<DeviceStore>> store = Borrow();
  if (store.ok()) return KnownOf(**store);
  const MutexLock lock(&mu_);
  return known_;
}

void StoreLender::StopListening() {
  const MutexLock lock(&mu_);
  how_.listener = nullptr;
  how_.on_reopened = nullptr;
  if (store_ != nullptr) store_->SetChangeListener(nullptr);
}

}  // namespace brigada
