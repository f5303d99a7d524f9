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

// The time of writing is the position's: last server time seen plus monotonic time elapsed since.
// So a wrong wall clock neither saves nor harms anybody, and work done before a revocation is
// accepted whenever it arrives. What a writer wrote who had been told of the revocation comes after
// it, though the server's clock be set back. No grant that begins after `now` counts. A retry is
// also accepted under the grants of the time it was made. Thread safe once loaded.
class GrantJudge final : public Judge {
 public:
  // `grants`: by user, of every user whose pushes will be examined.
  GrantJudge(absl::flat_hash_map<std::string, std::vector<v1::GrantRecord>> grants, absl::Time now)
      : grants_(std::move(grants)), now_(now) {}

  // Takes the grants of the users of `pushes` from the store. Returns those whose entry cannot be
  // read, with the reason: their pushes must not be examined, those of the others may. Before the
  // judge is shared.
  absl::flat_hash_map<std::string, absl::Status> Load(absl::Span<const PushRequest> pushes,
                                                      const AuthorityStore& store);

  // A record that the writer may neither write nor read is refused as one that does not exist. One
  // that has moved may be written by whom a grant covers where the writer saw it.
  void Examine(const ChangeInQuestion& question, std::vector<v1::Refusal>* refusals) const override;

 private:
  // False when the change is refused for this place. `record`: what is stored there; null when it
  // is where the change would put it.
  bool ExaminePlace(const ChangeInQuestion& question, const std::string& path, const Record* record,
                    std::vector<v1::Refusal>* refusals) const;

  bool IsCoveredWhereSeen(const ChangeInQuestion& question) const;
  absl::Span<const v1::GrantRecord> GrantsFor(const std::string& user) const;

  absl::flat_hash_map<std::string, std::vector<v1::GrantRecord>> grants_;
  const absl::Time now_;
};

}  // namespace brigada

#endif  // SERVER_GRANT_JUDGE_H_
