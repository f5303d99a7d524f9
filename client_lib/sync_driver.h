// Runs one DeviceSession over one FrameStream: a thread that receives, a thread that sends, the
// caller's thread that does everything else and waits for neither.
#ifndef CLIENT_LIB_SYNC_DRIVER_H_
#define CLIENT_LIB_SYNC_DRIVER_H_

#include <deque>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "brigada/options.h"
#include "brigada/transport.h"
#include "client_lib/frame_sender.h"
#include "client_lib/outbox_watch.h"
#include "replica/base/clock.h"
#include "replica/base/mutex.h"
#include "replica/store/device_store.h"
#include "replica/sync/device_session.h"

namespace brigada {

struct DriverOptions {
  DeviceSessionOptions session;
  // On the driving thread, when something moved, at most some ten times a second and once at the
  // end.
  std::function<void(const SyncState&)> on_progress;
  absl::Duration deadline = absl::InfiniteDuration();
  uint64_t byte_budget = 0;  // 0: none
  // Asked about once a second; the session ends with it once it is not OK. May be empty.
  std::function<absl::Status()> store_health;
  // How long the outbox may stand still in a session that is up to date.
  absl::Duration outbox_patience = absl::Seconds(120);
};

// One session. Wake, Stop and Cancel may be called from any thread, Run once.
class SyncDriver {
 public:
  // All outlive the driver.
  SyncDriver(DeviceStore* store, const Clock* clock, std::unique_ptr<FrameStream> stream,
             DriverOptions options);
  ~SyncDriver();

  // Until the session is finished, failed, stopped or out of time or budget (kDeadlineExceeded,
  // kResourceExhausted; what arrived stays).
  absl::Status Run();
  // The outbox grew.
  void Wake();
  // Ends in good order; at once as long as the server has not said anything.
  void Stop();
  // Ends at once.
  void Cancel();
  SyncState state() const;
  // When the server was last heard of while this session was up to date; InfinitePast: it never
  // was.
  absl::Time up_to_date_at() const;
  // What the server asked to wait, if it did. After Run.
  absl::optional<absl::Duration> retry_after() const;

 private:
  struct Events {
    std::deque<v1::ServerFrame> frames;
    absl::Status end;  // why receiving ended
    bool receiving_ended = false;
    bool woken = false;
    bool sent = false;
    bool stop = false;
    bool cancelled = false;
  };

  void Receive();
  // Waits for something to do or a tick, and takes it.
  Events Take() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Step(const Events& events);
  // Gives the sender the next frame, if there is one and the last one is on its way.
  absl::Status SendNext();
  // Waits for the last frame, not for ever.
  void FinishSending();
  absl::Status CheckLimits() const;
  absl::Status CheckBudget(uint64_t next_frame_bytes) const;
  absl::Status LookAtOutbox();
  void Report(bool last);

  // Constant after construction.
  DeviceStore* const store_;
  const Clock* const clock_;
  const std::unique_ptr<FrameStream> stream_;
  const DriverOptions options_;

  // Run's thread only.
  DeviceSession session_;
  std::unique_ptr<FrameSender> sender_;  // while Run
  absl::Duration started_;
  absl::Duration next_tick_;
  absl::Duration next_report_;
  OutboxWatch outbox_watch_;

  mutable Mutex mu_;
  CondVar changed_;
  Events events_ ABSL_GUARDED_BY(mu_);
  bool is_connected_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time up_to_date_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  SyncState state_ ABSL_GUARDED_BY(mu_);
};

}  // namespace brigada

#endif  // CLIENT_LIB_SYNC_DRIVER_H_
