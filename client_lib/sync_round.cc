#include "client_lib/sync_round.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client_lib/enrollment.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/signing_key.h"

namespace brigada {
namespace {

constexpr char kLastSuccess[] = "last_success_ms";
// "milliseconds code message".
constexpr char kLastFailure[] = "last_failure";
constexpr absl::Duration kConnectTimeout = absl::Seconds(10);
constexpr absl::Duration kPauseAfterCut = absl::Milliseconds(200);
// Tries without anything brought or taken in between before a round gives up.
constexpr int kMaxBarrenTries = 3;

void Add(const SyncState& session, SyncState* totals) {
  totals->phase = session.phase;
  totals->change_sets_sent += session.change_sets_sent;
  totals->change_sets_confirmed += session.change_sets_confirmed;
  totals->change_sets_refused += session.change_sets_refused;
  totals->records_received += session.records_received;
  totals->bytes_sent += session.bytes_sent;
  totals->bytes_received += session.bytes_received;
  totals->pulled = std::max(totals->pulled, session.pulled);
  totals->pull_total = std::max(totals->pull_total, session.pull_total);
}

// Grows with everything that a later try need not do again.
uint64_t Moved(const SyncState& totals) {
  return totals.change_sets_confirmed + totals.change_sets_refused + totals.records_received +
         totals.pulled;
}

bool MayBeLease(const absl::Status& status) {
  return absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status);
}

}  // namespace

absl::Status SyncRound::Begin() {
  const MutexLock lock(&mu_);
  if (running_)
    return absl::AlreadyExistsError("another session of this replica runs; wait for it or stop it");
  running_ = true;
  return absl::OkStatus();
}

void SyncRound::End(const absl::Status& status) {
  // A lost write only makes the status look older than it is.
  const int64_t now_ms = absl::ToUnixMillis(clock_->Now());
  if (status.ok()) {
    store_->PutSetting(kLastSuccess, absl::StrCat(now_ms)).IgnoreError();
  } else {
    const std::string failure =
        absl::StrCat(now_ms, " ", static_cast<int>(status.code()), " ", status.message());
    store_->PutSetting(kLastFailure, failure).IgnoreError();
  }
  const MutexLock lock(&mu_);
  running_ = false;
}

absl::StatusOr<SyncReport> SyncRound::Run(const SyncOptions& options) {
  RETURN_IF_ERROR(Begin());
  const absl::Duration start = clock_->Monotonic();
  SyncReport report;
  absl::optional<absl::Duration> retry_after;
  int barren = 0;
  absl::Status status;
  while (true) {
    const uint64_t before = Moved(report.totals);
    status = RunOnce(options, /*live=*/false, options.deadline - (clock_->Monotonic() - start),
                     &report, &retry_after);
    if (status.ok() || !absl::IsUnavailable(status) || retry_after.has_value()) break;
    barren = Moved(report.totals) > before ? 0 : barren + 1;
    if (barren >= kMaxBarrenTries || clock_->Monotonic() - start >= options.deadline) break;
    absl::SleepFor(kPauseAfterCut * (1 << barren));
  }
  End(status);
  RETURN_IF_ERROR(status);
  report.elapsed = clock_->Monotonic() - start;
  return report;
}

absl::Status SyncRound::RunLive(const SyncOptions& options,
                                absl::optional<absl::Duration>* retry_after) {
  RETURN_IF_ERROR(Begin());
  SyncReport report;
  const absl::Status status =
      RunOnce(options, /*live=*/true, absl::InfiniteDuration(), &report, retry_after);
  End(status);
  return status;
}

absl::Status SyncRound::RunOnce(const SyncOptions& options, bool live, absl::Duration deadline,
                                SyncReport* report, absl::optional<absl::Duration>* retry_after) {
  const absl::Status status = Drive(options, live, deadline, report, retry_after);
  if (!MayBeLease(status)) return status;
  // A lapsed lease and a revoked device look alike until renewal is tried.
  if (!RenewLease(*directory_, *transport_, *store_).ok()) return status;
  return Drive(options, live, deadline, report, retry_after);
}

absl::Status SyncRound::Drive(const SyncOptions& options, bool live, absl::Duration deadline,
                              SyncReport* report, absl::optional<absl::Duration>* retry_after) {
  ASSIGN_OR_RETURN(Credentials credentials, directory_->ReadCredentials());
  if (!options.server.empty()) credentials.server = options.server;
  ASSIGN_OR_RETURN(SigningKey key, SigningKey::FromPem(credentials.private_key_pem));
  const auto shared_key = std::make_shared<const SigningKey>(std::move(key));
  ASSIGN_OR_RETURN(std::unique_ptr<FrameStream> stream,
                   transport_->Connect(credentials, std::min(kConnectTimeout, deadline)));
  DriverOptions driver_options;
  driver_options.session.live = live;
  driver_options.session.stall_timeout = options.stall_timeout;
  driver_options.session.software = "brigada";
  driver_options.session.sign = [shared_key](absl::string_view chain) {
    return shared_key->Sign(chain);
  };
  driver_options.deadline = deadline;
  driver_options.byte_budget = options.byte_budget;
  driver_options.on_progress = options.on_progress;
  const auto driver =
      std::make_shared<SyncDriver>(store_, clock_, std::move(stream), std::move(driver_options));
  {
    const MutexLock lock(&mu_);
    driver_ = driver;
  }
  const absl::Status status = driver->Run();
  {
    const MutexLock lock(&mu_);
    driver_ = nullptr;
  }
  Add(driver->state(), &report->totals);
  ++report->connections;
  *retry_after = driver->retry_after();
  return status;
}

void SyncRound::Stop() {
  const MutexLock lock(&mu_);
  if (driver_ != nullptr) driver_->Stop();
}

void SyncRound::OnCommit() {
  const MutexLock lock(&mu_);
  if (driver_ != nullptr) driver_->Wake();
}

void SyncRound::Describe(SyncStatus* status) const {
  std::shared_ptr<SyncDriver> driver;
  {
    const MutexLock lock(&mu_);
    driver = driver_;
  }
  if (driver != nullptr) {
    status->session = driver->state();
    status->phase = status->session.phase;
  }
  const std::vector<v1::Cursor> cursors = store_->Cursors();
  status->consistent = std::all_of(cursors.begin(), cursors.end(), [](const v1::Cursor& cursor) {
    return cursor.complete() == cursor.scanned();
  });
  int64_t last_success_ms = 0;
  const absl::StatusOr<std::string> setting = store_->GetSetting(kLastSuccess);
  if (setting.ok() && absl::SimpleAtoi(*setting, &last_success_ms)) {
    status->last_success = absl::FromUnixMillis(last_success_ms);
  }
  DescribeFailure(status);
}

void SyncRound::DescribeFailure(SyncStatus* status) const {
  const absl::StatusOr<std::string> setting = store_->GetSetting(kLastFailure);
  if (!setting.ok()) return;
  const std::vector<std::string> parts = absl::StrSplit(*setting, absl::MaxSplits(' ', 2));
  int64_t at_ms = 0;
  int code = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &at_ms) ||
      !absl::SimpleAtoi(parts[1], &code)) {
    return;
  }
  const absl::Time at = absl::FromUnixMillis(at_ms);
  if (at <= status->last_success) return;
  status->last_error_at = at;
  status->last_error_code = static_cast<absl::StatusCode>(code);
  status->last_error = parts[2];
}

}  // namespace brigada
