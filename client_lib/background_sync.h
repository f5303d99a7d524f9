// Keeps a live session whenever there is a link: spread first try, then full-jitter backoff between
// tries.
#ifndef CLIENT_LIB_BACKGROUND_SYNC_H_
#define CLIENT_LIB_BACKGROUND_SYNC_H_

#include <thread>

#include "brigada/options.h"
#include "client_lib/sync_round.h"
#include "replica/base/mutex.h"
#include "replica/base/random.h"

namespace brigada {

// Thread safe, but Start and Stop not at the same time.
class BackgroundSync {
 public:
  // All outlive it.
  BackgroundSync(SyncRound* round, const Clock* clock, Random* random)
      : round_(round), clock_(clock), random_(random) {}
  ~BackgroundSync() { Stop(); }

  // Does nothing when it runs already.
  void Start(const SyncOptions& options);
  // Returns when the session has ended.
  void Stop();
  void Describe(SyncStatus* status) const;

 private:
  void Loop(const SyncOptions& options);
  // False when stopped meanwhile.
  bool Pause(absl::Duration duration);
  bool stopping() const;

  SyncRound* const round_;
  const Clock* const clock_;
  Random* const random_;

  mutable Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool running_ ABSL_GUARDED_BY(mu_) = false;
  bool waiting_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace brigada

#endif  // CLIENT_LIB_BACKGROUND_SYNC_H_
