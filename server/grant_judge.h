// Authority over writes: a change is accepted when some grant of its user covers the record's scope
// and type at the time it was written.
#ifndef SERVER_GRANT_JUDGE_H_
#define SERVER_GRANT_JUDGE_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "brigada/v1/administration_service.pb.h"
#include "replica/store/authority_store.h"

namespace brigada {

// The time of writing is the position's: last server time seen plus monotonic time elapsed since,
// never later than `now`. So a wrong wall clock neither saves nor harms anybody, and work done
// before a revocation is accepted whenever it arrives. Immutable; thread safe.
class GrantJudge final : public Judge {
 public:
  // `grants`: by user, of every user whose pushes will be examined.
  GrantJudge(absl::flat_hash_map<std::string, std::vector<v1::GrantRecord>> grants, absl::Time now)
      : grants_(std::move(grants)), now_(now) {}

  void Examine(const ChangeInQuestion& question, std::vector<v1::Refusal>* refusals) const override;

 private:
  const absl::flat_hash_map<std::string, std::vector<v1::GrantRecord>> grants_;
  const absl::Time now_;
};

// Loads the grants of the users of `pushes` and makes their judge.
absl::StatusOr<GrantJudge> JudgeFor(absl::Span<const PushRequest> pushes,
                                    const AuthorityStore& store, absl::Time now);

}  // namespace brigada

#endif  // SERVER_GRANT_JUDGE_H_
