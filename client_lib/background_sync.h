// Keeps a live session whenever there is a link.
#ifndef CLIENT_LIB_BACKGROUND_SYNC_H_
#define CLIENT_LIB_BACKGROUND_SYNC_H_

#include <thread>

#include "brigada/options.h"
#include "client_lib/sync_round.h"
#include "replica/base/mutex.h"
#include "replica/base/random.h"

namespace brigada {

// Thread safe: Start and Stop may meet, each takes effect as a whole.
class BackgroundSync {
 public:
  // All outlive it.
  BackgroundSync(SyncRound* round, const Clock* clock, Random* random)
      : round_(round), clock_(clock), random_(random) {}
  ~BackgroundSync() { Stop(); }

  // Does nothing when it runs already.
  void Start(const SyncOptions& options);
  // Returns when the session has ended: in good order, unless it takes the server longer than two
  // seconds. From a callback of the session itself: returns at once, and the session ends after the
  // callback.
  void Stop();
  void Describe(SyncStatus* status) const;

 private:
  void Loop(const SyncOptions& options);
  // False when stopped meanwhile.
  bool Pause(absl::Duration duration);
  bool stopping() const;
  // On the thread that runs the sessions.
  bool is_own_thread() const;

  SyncRound* const round_;
  const Clock* const clock_;
  Random* const random_;

  // Held by whoever starts or stops, so that one joins the thread. Before mu_; never taken by the
  // thread itself.
  Mutex control_mu_;
  std::thread thread_ ABSL_GUARDED_BY(control_mu_);

  mutable Mutex mu_;
  CondVar changed_;
  std::thread::id thread_id_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool running_ ABSL_GUARDED_BY(mu_) = false;
  bool waiting_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace brigada

#endif  // CLIENT_LIB_BACKGROUND_SYNC_H_
