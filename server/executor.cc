#include "server/executor.h"

#include <utility>

namespace brigada {
namespace {

// After this many tasks a strand goes to the back of the queue, so that a busy session does not
// keep a thread.
constexpr int kTasksPerTurn = 16;

}  // namespace

Executor::Executor(int threads) {
  threads_.reserve(static_cast<size_t>(threads));
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

Executor::~Executor() { Stop(); }

void Executor::Post(Task task) {
  const MutexLock lock(&mu_);
  if (stopping_ && threads_.empty()) return;
  tasks_.push_back(std::move(task));
  wake_.Signal();
}

bool Executor::PostCall(int most, Task task) {
  {
    const MutexLock lock(&mu_);
    if (calls_ >= most) return false;
    ++calls_;
  }
  Post([this, task = std::move(task)]() mutable {
    task();
    const MutexLock lock(&mu_);
    --calls_;
  });
  return true;
}

void Executor::Stop() {
  {
    const MutexLock lock(&mu_);
    stopping_ = true;
    wake_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
  const MutexLock lock(&mu_);
  threads_.clear();
  tasks_.clear();
}

void Executor::Run() {
  while (true) {
    Task task;
    {
      const MutexLock lock(&mu_);
      while (tasks_.empty() && !stopping_) wake_.Wait(&mu_);
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

void Strand::Post(Task task) {
  {
    const MutexLock lock(&mu_);
    tasks_.push_back(std::move(task));
    if (scheduled_) return;
    scheduled_ = true;
  }
  executor_->Post([self = shared_from_this()] { self->RunSome(); });
}

void Strand::RunSome() {
  for (int i = 0; i < kTasksPerTurn; ++i) {
    Task task;
    {
      const MutexLock lock(&mu_);
      if (tasks_.empty()) {
        scheduled_ = false;
        return;
      }
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
  executor_->Post([self = shared_from_this()] { self->RunSome(); });
}

}  // namespace brigada
