#include "client_lib/frame_sender.h"

#include <utility>

#include "replica/base/check.h"

namespace brigada {

FrameSender::FrameSender(FrameStream* stream, std::function<void()> on_sent)
    : stream_(stream), on_sent_(std::move(on_sent)), thread_([this] { Loop(); }) {}

FrameSender::~FrameSender() {
  {
    const MutexLock lock(&mu_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void FrameSender::Send(v1::ClientFrame frame) {
  const MutexLock lock(&mu_);
  CHECK(!is_sending_);
  frame_ = std::move(frame);
  is_sending_ = true;
  changed_.SignalAll();
}

bool FrameSender::can_send() const {
  const MutexLock lock(&mu_);
  return !is_sending_ && !has_failed_;
}

bool FrameSender::WaitUntilSent(absl::Duration timeout) {
  const MutexLock lock(&mu_);
  if (is_sending_) changed_.WaitFor(&mu_, timeout);
  return !is_sending_ && !has_failed_;
}

void FrameSender::Loop() {
  while (true) {
    v1::ClientFrame frame;
    {
      const MutexLock lock(&mu_);
      while (!stopping_ && !is_sending_) changed_.Wait(&mu_);
      if (stopping_) return;
      frame = std::move(frame_);
    }
    const bool sent = stream_->Send(frame).ok();
    {
      const MutexLock lock(&mu_);
      has_failed_ = !sent;
      is_sending_ = false;
      changed_.SignalAll();
    }
    on_sent_();
  }
}

}  // namespace brigada
