#include "server/tended_server.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

bool IsFull(const absl::Status& status) { return absl::IsResourceExhausted(status); }

absl::Status HealthOf(const Organization& organization) {
  RETURN_IF_ERROR(organization.store->Health());
  return organization.journal->Mend();
}

}  // namespace

TendedServer::TendedServer(Open open, ServerOptions server, const TendingOptions& tending,
                           const Clock& clock, Random& random)
    : open_(std::move(open)),
      options_(std::move(server)),
      tending_(tending),
      clock_(clock),
      random_(random) {}

absl::StatusOr<std::unique_ptr<TendedServer>> TendedServer::Start(Open open,
                                                                  const ServerOptions& server,
                                                                  const TendingOptions& tending,
                                                                  const Clock& clock,
                                                                  Random& random) {
  std::unique_ptr<TendedServer> tended(
      new TendedServer(std::move(open), server, tending, clock, random));
  RETURN_IF_ERROR(tended->StartServer());
  tended->port_ = tended->server_->port();
  std::string& listen = tended->options_.listen;
  listen = absl::StrCat(listen.substr(0, listen.rfind(':') + 1), tended->port_);
  tended->tls_ = TlsOf(tended->server_->organization());
  return tended;
}

absl::Status TendedServer::StartServer() {
  ASSIGN_OR_RETURN(std::unique_ptr<Organization> organization, open_());
  waiting_room_ = nullptr;
  ASSIGN_OR_RETURN(server_, Server::Start(std::move(organization), options_, clock_, random_));
  serving_since_ = clock_.Monotonic();
  return absl::OkStatus();
}

absl::Status TendedServer::Tend() {
  if (server_ != nullptr) {
    const absl::Status health = HealthOf(server_->organization());
    if (health.ok()) return absl::OkStatus();
    if (clock_.Monotonic() - serving_since_ >= tending_.good_run) {
      failures_ = 0;
      wait_ = absl::ZeroDuration();
    }
    Close(health);
    if (absl::IsDataLoss(health)) return health;
  }
  return clock_.Monotonic() < next_try_ ? absl::OkStatus() : TryAgain();
}

void TendedServer::Close(const absl::Status& failure) {
  Log(LogLevel::kError, "store failed: closed, to be opened again",
      {{"code", absl::StatusCodeToString(failure.code())}});
  server_->Shutdown(tending_.patience);
  server_ = nullptr;
  NoteFailure(failure);
}

void TendedServer::NoteFailure(const absl::Status& failure) {
  last_failure_ = failure;
  if (!IsFull(failure)) ++failures_;
  next_try_ = clock_.Monotonic() + wait_;
  wait_ = std::clamp(wait_ * 2, tending_.backoff_min, tending_.backoff_max);
  if (waiting_room_ != nullptr) return;
  absl::StatusOr<std::unique_ptr<WaitingRoom>> room = WaitingRoom::Open(options_.listen, tls_);
  // Whoever asks finds nobody then, which says the same.
  if (room.ok()) waiting_room_ = *std::move(room);
}

absl::Status TendedServer::TryAgain() {
  if (failures_ < tending_.max_failures) {
    const absl::Status status = StartServer();
    if (status.ok()) {
      Log(LogLevel::kWarning, "store opened again", {{"failures", failures_}});
      return absl::OkStatus();
    }
    Log(LogLevel::kError, "store not opened again",
        {{"code", absl::StatusCodeToString(status.code())}, {"failures", failures_}});
    if (absl::IsDataLoss(status)) return status;
    NoteFailure(status);
    if (failures_ < tending_.max_failures) return absl::OkStatus();
  }
  waiting_room_ = nullptr;
  return absl::InternalError(absl::StrCat("the store failed ", failures_,
                                          " times in a row and is given up; see to the disk and "
                                          "start the server again: ",
                                          last_failure_.message()));
}

void TendedServer::Shutdown(absl::Duration patience) {
  waiting_room_ = nullptr;
  if (server_ != nullptr) server_->Shutdown(patience);
  server_ = nullptr;
}

}  // namespace brigada
