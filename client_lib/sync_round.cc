#include "client_lib/sync_round.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "client_lib/enrollment.h"
#include "client_lib/last_failure.h"
#include "replica/base/limits.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/signing_key.h"
#include "replica/store/ended_places.h"
#include "replica/store/last_success.h"
#include "replica/sync/session_limits.h"

namespace brigada {
namespace {

constexpr absl::string_view kStalled = "STALLED: ";
constexpr absl::Duration kConnectTimeout = absl::Seconds(10);
// A session that lasted this long was a good one, even if it was cut before it was up to date.
constexpr absl::Duration kGoodSession = absl::Seconds(10);
constexpr absl::Duration kPauseAfterCut = absl::Milliseconds(200);
// Without a deadline a round waits so long in all for a server that asks to come back.
constexpr absl::Duration kLongestWait = absl::Minutes(1);
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

// Changes with every batch and every repair that is laid down here.
uint64_t PlaceOf(const DeviceStore& store) {
  const v1::RepairNotes repairs = store.Repairs();
  uint64_t place = repairs.brought() + repairs.removed();
  for (const v1::Cursor& cursor : store.Cursors()) place += cursor.scanned();
  return place;
}

void TellWaiting(const SyncOptions& options, SyncState totals) {
  if (!options.on_progress) return;
  totals.phase = SyncPhase::kWaiting;
  options.on_progress(totals);
}

bool MayBeLease(const absl::Status& status) {
  return absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status);
}

// With a full disk the caller has to act; a damaged store is not opened again.
bool MayReopen(const absl::Status& health) {
  return !absl::IsResourceExhausted(health) && !absl::IsDataLoss(health);
}

bool IsFork(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) && absl::StrContains(status.message(), "FORKED");
}

}  // namespace

absl::Status SyncRound::Begin() {
  const MutexLock lock(&mu_);
  if (running_)
    return absl::AlreadyExistsError("another session of this replica runs; wait for it or stop it");
  running_ = true;
  return absl::OkStatus();
}

void SyncRound::End(const absl::Status& status, const Tries& tries) {
  // Somebody here stopped it, or the server asks a device that is up to date to begin another
  // session: neither is an error.
  const bool is_error = !status.ok() && !absl::IsCancelled(status) &&
                        !(tries.was_up_to_date && tries.retry_after.has_value());
  if (is_error) NoteFailure(status);
  const SyncState& totals = tries.report.totals;
  const MutexLock lock(&mu_);
  running_ = false;
  retry_at_ = !status.ok() && tries.retry_after.has_value() ? clock_->Now() + *tries.retry_after
                                                            : absl::InfinitePast();
  absl::string_view cause = status.message();
  if (absl::ConsumePrefix(&cause, kStalled)) {
    stalled_ = std::string(cause);
    ++stalls_;
  } else if ((status.ok() && tries.was_up_to_date) ||
             totals.change_sets_confirmed + totals.change_sets_refused > 0) {
    stalled_.clear();
  }
}

// What was erased or purged meanwhile. It is noted, and done later when it cannot be done now.
void SyncRound::ScrubFiles(std::atomic<bool>* cancel) {
  const auto store = stores_->Borrow();
  const absl::Status scrubbed = store.ok() ? (*store)->ScrubFiles(cancel) : store.status();
  if (scrubbed.ok()) return;
  Log(LogLevel::kInfo, "files_not_scrubbed", {{"code", absl::StatusCodeToString(scrubbed.code())}});
}

// A lost write only makes the status look older than it is. What failed before is over: the wall
// clock, which may have been wrong, does not say what came first.
void SyncRound::NoteUpToDate(absl::Time at) {
  const auto store = stores_->Borrow();
  if (!store.ok()) return;
  (*store)->PutSetting(kLastSuccess, absl::StrCat(absl::ToUnixMillis(at))).IgnoreError();
  const absl::StatusOr<std::string> failure = (*store)->GetSetting(kLastFailure);
  if (failure.ok() && !failure->empty()) (*store)->PutSetting(kLastFailure, "").IgnoreError();
}

void SyncRound::NoteFailure(const absl::Status& status) {
  const std::string failure = absl::StrCat(absl::ToUnixMillis(clock_->Now()), " ",
                                           static_cast<int>(status.code()), " ", status.message());
  if (const auto store = stores_->Borrow(); store.ok())
    (*store)->PutSetting(kLastFailure, failure).IgnoreError();
}

absl::Time SyncRound::StoredSuccess() const {
  int64_t ms = 0;
  const auto store = stores_->Borrow();
  if (!store.ok()) return absl::InfinitePast();
  const absl::StatusOr<std::string> setting = (*store)->GetSetting(kLastSuccess);
  if (!setting.ok() || !absl::SimpleAtoi(*setting, &ms)) return absl::InfinitePast();
  return absl::FromUnixMillis(ms);
}

absl::StatusOr<SyncReport> SyncRound::Run(const SyncOptions& options) {
  RETURN_IF_ERROR(Begin());
  const absl::Duration start = clock_->Monotonic();
  Tries tries;
  const absl::Status status = TryAll(options, start, &tries);
  if (status.ok()) Recount(/*cancel=*/nullptr);
  ScrubFiles(/*cancel=*/nullptr);
  // The first session may have left something that only a second one can say. Failing, it takes
  // nothing away from the first.
  if (status.ok() && HasMoreToSay()) {
    RunOnce(options, /*live=*/false, options.deadline - (clock_->Monotonic() - start), &tries)
        .IgnoreError();
  }
  End(status, tries);
  RETURN_IF_ERROR(status);
  tries.report.elapsed = clock_->Monotonic() - start;
  return tries.report;
}

absl::Status SyncRound::TryAll(const SyncOptions& options, absl::Duration start, Tries* tries) {
  int barren = 0;
  absl::Duration patience = kLongestWait;
  while (true) {
    const uint64_t before = Moved(tries->report.totals);
    const size_t batch_before = batch_target_.bytes();
    const absl::Status status =
        RunOnce(options, /*live=*/false, options.deadline - (clock_->Monotonic() - start), tries);
    if (status.ok()) return status;
    const absl::Duration left = options.deadline - (clock_->Monotonic() - start);
    if (tries->retry_after.has_value()) {
      const absl::Duration asked = std::max<absl::Duration>(*tries->retry_after, kPauseAfterCut);
      if (asked >= (left == absl::InfiniteDuration() ? patience : left)) return status;
      TellWaiting(options, tries->report.totals);
      absl::SleepFor(asked);
      patience -= asked;
      continue;
    }
    if (!absl::IsUnavailable(status)) return status;
    if (Moved(tries->report.totals) > before) {
      barren = 0;
    } else if (batch_target_.bytes() == batch_before) {
      ++barren;
    }
    if (barren >= kMaxBarrenTries || left <= absl::ZeroDuration()) return status;
    absl::SleepFor(kPauseAfterCut * (1 << barren));
  }
}

// What it finds the next session repairs. A store that cannot be read says so where it is used.
void SyncRound::Recount(const std::atomic<bool>* cancel) {
  if (const auto store = stores_->Borrow(); store.ok())
    (*store)->RecountWhenDue(cancel).IgnoreError();
}

// Refused work that goes again under a new grant, the receipt of a purge, or a difference that the
// last checkpoint showed.
bool SyncRound::HasMoreToSay() const {
  const auto store = stores_->Borrow();
  if (!store.ok()) return false;
  const absl::StatusOr<StoreCounts> counts = (*store)->Counts();
  return (*store)->PendingReceipt().feeds_size() > 0 || (*store)->Repairs().due_size() > 0 ||
         (counts.ok() && counts->pending > 0);
}

SessionEnd SyncRound::RunLive(const SyncOptions& options) {
  SessionEnd end;
  if (!Begin().ok()) return end;
  stops_upkeep_ = false;
  const absl::Duration start = clock_->Monotonic();
  Tries tries;
  const absl::Status status = RunOnce(options, /*live=*/true, absl::InfiniteDuration(), &tries);
  if (tries.was_up_to_date) Recount(&stops_upkeep_);
  End(status, tries);
  ScrubFiles(&stops_upkeep_);
  if (tries.retry_after.has_value()) end.retry_after = *tries.retry_after;
  // One that stalled would stall again at once.
  end.was_good = !absl::StartsWith(status.message(), kStalled) &&
                 (tries.was_up_to_date || clock_->Monotonic() - start > kGoodSession);
  return end;
}

absl::Status SyncRound::RunOnce(const SyncOptions& options, bool live, absl::Duration deadline,
                                Tries* tries) {
  const Errand errand = live ? Errand::kLive : Errand::kSync;
  const absl::Status status = Drive(options, errand, deadline, tries);
  if (IsFork(status)) {
    // The other copy goes on under the id; this one takes another and goes on with its own work.
    RETURN_IF_ERROR(Settle(options, deadline, tries));
    ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
    RETURN_IF_ERROR(Annotate(DivideReplica(options.server, *directory_, *transport_, *store),
                             "this replica is a copy of another device's and needs an id of its "
                             "own"));
    return Drive(options, errand, deadline, tries);
  }
  if (!MayBeLease(status)) return status;
  // A lapsed lease and a revoked device look alike until renewal is tried.
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  if (!RenewLease(options.server, *directory_, *transport_, *store).ok()) return status;
  return Drive(options, errand, deadline, tries);
}

// What both copies hold unsent must not be sent by each under another id: it goes under the one
// they share.
absl::Status SyncRound::Settle(const SyncOptions& options, absl::Duration deadline, Tries* tries) {
  const absl::Status settled = Drive(options, Errand::kSettle, deadline, tries);
  if (IsFork(settled))
    return absl::UnavailableError("the other copy of this replica is sending too; try again");
  // Work that the server cannot read would keep this copy from an id of its own for ever.
  return absl::IsInvalidArgument(settled) ? absl::OkStatus() : settled;
}

absl::Status SyncRound::Drive(const SyncOptions& options, Errand errand, absl::Duration deadline,
                              Tries* tries) {
  tries->retry_after.reset();
  tries->was_up_to_date = false;
  const SyncState& totals = tries->report.totals;
  const uint64_t moved_bytes = totals.bytes_sent + totals.bytes_received;
  if (options.byte_budget > 0 && moved_bytes >= options.byte_budget) {
    return absl::ResourceExhaustedError(
        "the round used up its byte budget; the next one goes on there");
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<DeviceStore> store, stores_->Borrow());
  const absl::Status status = DriveWith(*store, options, errand, deadline, tries);
  const absl::Status health = status.ok() ? status : stores_->Health();
  if (health.ok() || !MayReopen(health)) return status;
  // The next try opens it again, once this one has given it back.
  return absl::UnavailableError(
      absl::StrCat("the store of this replica failed and is opened again: ", health.message()));
}

absl::Status SyncRound::DriveWith(DeviceStore& store, const SyncOptions& options, Errand errand,
                                  absl::Duration deadline, Tries* tries) {
  RETURN_IF_ERROR(FinishDivision(*directory_, store));
  ASSIGN_OR_RETURN(Credentials credentials, directory_->ReadCredentials());
  if (!options.server.empty()) credentials.server = options.server;
  ASSIGN_OR_RETURN(SigningKey key, SigningKey::FromPem(credentials.private_key_pem));
  const auto shared_key = std::make_shared<const SigningKey>(std::move(key));
  ASSIGN_OR_RETURN(std::unique_ptr<FrameStream> stream,
                   transport_->Connect(credentials, std::min(kConnectTimeout, deadline)));
  DriverOptions driver_options;
  const bool live = errand == Errand::kLive;
  driver_options.session.live = live;
  driver_options.session.settles = errand == Errand::kSettle;
  driver_options.session.stall_timeout = options.stall_timeout;
  driver_options.session.batch_target_bytes = batch_target_.bytes();
  driver_options.session.software = "brigada";
  driver_options.session.sign = [shared_key](absl::string_view chain) {
    return shared_key->Sign(chain);
  };
  driver_options.deadline = deadline;
  driver_options.store_health = [this] { return stores_->Health(); };
  const uint64_t moved_bytes =
      tries->report.totals.bytes_sent + tries->report.totals.bytes_received;
  if (options.byte_budget > 0) driver_options.byte_budget = options.byte_budget - moved_bytes;
  driver_options.outbox_patience = 2 * options.stall_timeout + TimeOnTheWay(kLargestFrameSent);
  driver_options.on_progress = options.on_progress;
  const uint64_t place = PlaceOf(store);
  const absl::Status status = RunDriver(
      std::make_shared<SyncDriver>(&store, clock_, std::move(stream), std::move(driver_options)),
      live, tries);
  AdaptBatches(status, *tries, PlaceOf(store) == place);
  return status;
}

void SyncRound::AdaptBatches(const absl::Status& status, const Tries& tries, bool is_barren) {
  if (tries.was_up_to_date) {
    batch_target_.OnGoodSession();
  } else if (is_barren && tries.lost_link && absl::IsUnavailable(status)) {
    batch_target_.OnBarrenBreak();
  }
}

absl::Status SyncRound::RunDriver(const std::shared_ptr<SyncDriver>& driver, bool live,
                                  Tries* tries) {
  {
    const MutexLock lock(&mu_);
    driver_ = driver;
    is_live_ = live;
  }
  const absl::Status status = driver->Run();
  const absl::Time up_to_date_at = driver->up_to_date_at();
  tries->was_up_to_date = up_to_date_at != absl::InfinitePast();
  if (tries->was_up_to_date) NoteUpToDate(up_to_date_at);
  {
    const MutexLock lock(&mu_);
    driver_ = nullptr;
  }
  const SyncState state = driver->state();
  Add(state, &tries->report.totals);
  ++tries->report.connections;
  tries->retry_after = driver->retry_after();
  tries->lost_link = state.bytes_sent > 0 && !tries->retry_after.has_value();
  return status;
}

void SyncRound::Stop() {
  stops_upkeep_ = true;
  const MutexLock lock(&mu_);
  if (driver_ != nullptr && is_live_) driver_->Stop();
}

void SyncRound::Cancel() {
  stops_upkeep_ = true;
  const MutexLock lock(&mu_);
  if (driver_ != nullptr && is_live_) driver_->Cancel();
}

void SyncRound::OnCommit() {
  const MutexLock lock(&mu_);
  if (driver_ != nullptr) driver_->Wake();
}

void SyncRound::Describe(SyncStatus* status) const {
  std::shared_ptr<SyncDriver> driver;
  {
    const MutexLock lock(&mu_);
    status->stalled = stalled_;
    status->stalls = stalls_;
    status->retry_at = retry_at_;
    driver = driver_;
  }
  status->last_success = StoredSuccess();
  if (driver != nullptr) {
    status->session = driver->state();
    status->phase = status->session.phase;
    const absl::Time up_to_date_at = driver->up_to_date_at();
    if (up_to_date_at != absl::InfinitePast()) {
      status->last_success = up_to_date_at;
    }
    if (status->session.change_sets_confirmed + status->session.change_sets_refused > 0)
      status->stalled.clear();
  }
  const auto store = stores_->Borrow();
  if (!store.ok()) {
    status->last_error = std::string(store.status().message());
    status->last_error_code = store.status().code();
    status->last_error_at = clock_->Now();
    return;
  }
  const std::vector<v1::Cursor> cursors = (*store)->Cursors();
  const bool is_receiving =
      std::any_of(cursors.begin(), cursors.end(),
                  [](const v1::Cursor& cursor) { return cursor.complete() != cursor.scanned(); });
  // What has never had a word from the server has no cursor either.
  status->consistent = !is_receiving && status->last_success != absl::InfinitePast();
  DescribeRepairs(**store, status);
  DescribeEndedPlaces(**store, status);
  const bool is_up_to_date = driver != nullptr && driver->up_to_date_at() != absl::InfinitePast();
  if (!is_up_to_date) DescribeFailure(**store, status);
}

void SyncRound::DescribeRepairs(const DeviceStore& store, SyncStatus* status) {
  const v1::RepairNotes repairs = store.Repairs();
  status->repair_due = repairs.due_size() > 0;
  status->records_repaired = repairs.brought() + repairs.removed();
  if (repairs.mismatch_ms() != 0)
    status->last_mismatch = absl::FromUnixMillis(repairs.mismatch_ms());
  if (repairs.repaired_ms() != 0) status->last_repair = absl::FromUnixMillis(repairs.repaired_ms());
}

void SyncRound::DescribeEndedPlaces(const DeviceStore& store, SyncStatus* status) {
  const absl::StatusOr<std::string> setting = store.GetSetting(kEndedPlaces);
  if (!setting.ok()) return;
  for (EndedPlaceNote& note : ParseEndedPlaces(*setting)) {
    status->ended_places.push_back(
        {std::move(note.scope), note.records, absl::FromUnixMillis(note.at_ms)});
  }
}

void SyncRound::DescribeFailure(const DeviceStore& store, SyncStatus* status) {
  const absl::StatusOr<std::string> setting = store.GetSetting(kLastFailure);
  if (!setting.ok()) return;
  const std::vector<std::string> parts = absl::StrSplit(*setting, absl::MaxSplits(' ', 2));
  int64_t at_ms = 0;
  int code = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &at_ms) ||
      !absl::SimpleAtoi(parts[1], &code)) {
    return;
  }
  status->last_error_at = absl::FromUnixMillis(at_ms);
  status->last_error_code = static_cast<absl::StatusCode>(code);
  status->last_error = parts[2];
}

}  // namespace brigada
