// Sends frames on a thread of its own, so that a link that takes nothing holds up nobody else.
#ifndef CLIENT_LIB_FRAME_SENDER_H_
#define CLIENT_LIB_FRAME_SENDER_H_

#include <functional>
#include <thread>

#include "absl/time/time.h"
#include "brigada/transport.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/base/mutex.h"

namespace brigada {

// One frame at a time: whoever sends asks for the next one when this one is on its way. All methods
// from one thread.
class FrameSender {
 public:
  // `on_sent` is called on the sending thread after each frame, sent or failed, never under a lock.
  // `stream` outlives it.
  FrameSender(FrameStream* stream, std::function<void()> on_sent);
  // Waits for the frame that is being sent: close the stream before.
  ~FrameSender();

  // Takes the next frame. Only while can_send().
  void Send(v1::ClientFrame frame);
  // Nothing is being sent, and nothing has failed.
  bool can_send() const;
  // Until nothing is being sent, or for `timeout` at most. False: it still is, or it failed.
  bool WaitUntilSent(absl::Duration timeout);

 private:
  void Loop();

  FrameStream* const stream_;
  const std::function<void()> on_sent_;

  mutable Mutex mu_;
  CondVar changed_;
  v1::ClientFrame frame_ ABSL_GUARDED_BY(mu_);
  bool is_sending_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool has_failed_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace brigada

#endif  // CLIENT_LIB_FRAME_SENDER_H_
