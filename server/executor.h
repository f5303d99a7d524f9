// Threads of the server, and strands: queues whose tasks run one after another on those threads.
#ifndef SERVER_EXECUTOR_H_
#define SERVER_EXECUTOR_H_

#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "replica/base/mutex.h"

namespace brigada {

using Task = absl::AnyInvocable<void()>;

// A fixed number of threads and one queue. Its users bound what they post. Thread safe.
class Executor {
 public:
  explicit Executor(int threads);
  // Runs what is queued, then joins.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // After Stop: does nothing.
  void Post(Task task);
  // For calls, whose number somebody else decides: false when `most` are queued or at work.
  bool PostCall(int most, Task task);
  // Runs what is queued and joins the threads. Not from one of them.
  void Stop();

 private:
  void Run();

  Mutex mu_;
  CondVar wake_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mu_);
  int calls_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

// Tasks posted to one strand never run at the same time and keep their order. Thread safe; lives
// until its last task ran.
class Strand : public std::enable_shared_from_this<Strand> {
 public:
  // `executor` outlives the strand.
  explicit Strand(Executor* executor) : executor_(executor) {}
  void Post(Task task);

 private:
  void RunSome();

  Executor* const executor_;
  Mutex mu_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mu_);
  bool scheduled_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace brigada

#endif  // SERVER_EXECUTOR_H_
