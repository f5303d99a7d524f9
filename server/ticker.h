// Calls a function again and again from a thread of its own.
#ifndef SERVER_TICKER_H_
#define SERVER_TICKER_H_

#include <functional>
#include <thread>

#include "absl/time/time.h"
#include "replica/base/mutex.h"

namespace brigada {

// Thread safe, but Stop not from the function.
class Ticker {
 public:
  Ticker(absl::Duration period, std::function<void()> on_tick);
  ~Ticker() { Stop(); }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  // Waits for a call that runs; there is none afterwards. Once.
  void Stop();

 private:
  void Run();

  const absl::Duration period_;
  const std::function<void()> on_tick_;
  Mutex mu_;
  CondVar stopped_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace brigada

#endif  // SERVER_TICKER_H_
