// Notices commits that did not come through this process.
#ifndef SERVER_HEAD_WATCH_H_
#define SERVER_HEAD_WATCH_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "replica/base/mutex.h"
#include "replica/store/authority_store.h"

namespace brigada {

// Remembers, per partition, the head that live sessions have been told of. What this server commits
// it tells by itself; a store that other servers write to as well moves without that, and Moved()
// finds it. Costs one Head per partition. Thread safe.
class HeadWatch {
 public:
  // `store` outlives it. What is there now counts as told.
  explicit HeadWatch(const AuthorityStore* store);

  // Call before sessions are told of these: they read at least what is there now.
  void NoteTold(const std::vector<std::string>& partitions);
  // The partitions whose head is another than the one told; they count as told from now on.
  std::vector<std::string> Moved();

 private:
  const AuthorityStore* const store_;
  Mutex mu_;
  std::map<std::string, uint64_t> told_ ABSL_GUARDED_BY(mu_);
};

}  // namespace brigada

#endif  // SERVER_HEAD_WATCH_H_
