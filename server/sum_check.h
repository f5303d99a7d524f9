// Makes the server's own sums of a partition anew when a device's repair found nothing: were they
// damaged, every checkpoint would send every device into a repair for nothing.
#ifndef SERVER_SUM_CHECK_H_
#define SERVER_SUM_CHECK_H_

#include <map>
#include <string>

#include "absl/time/time.h"
#include "replica/base/clock.h"
#include "replica/base/mutex.h"
#include "replica/store/authority_store.h"
#include "server/executor.h"

namespace brigada {

// Each partition is read at most this often: a device can ask in every session.
inline constexpr absl::Duration kBetweenSumChecks = absl::Hours(1);

// Thread safe. All outlive it; `executor` is stopped before it is destroyed.
class SumCheck {
 public:
  SumCheck(AuthorityStore* store, Executor* executor, const Clock* clock)
      : store_(store), executor_(executor), clock_(clock) {}

  // Posts the work, unless it was done not long ago. Only of partitions that the store has.
  void Ask(const std::string& partition);

 private:
  void Run(const std::string& partition);

  AuthorityStore* const store_;
  Executor* const executor_;
  const Clock* const clock_;
  Mutex mu_;
  // When each was asked for last, monotonic.
  std::map<std::string, absl::Duration> asked_ ABSL_GUARDED_BY(mu_);
};

}  // namespace brigada

#endif  // SERVER_SUM_CHECK_H_
