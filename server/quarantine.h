// The quarantine as an administrator may see it: what concerns no other place than those that the
// administrator's grants cover.
#ifndef SERVER_QUARANTINE_H_
#define SERVER_QUARANTINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "brigada/v1/administration_service.pb.h"
#include "replica/store/authority_store.h"

namespace brigada {

absl::StatusOr<v1::ListQuarantineResponse> ListQuarantine(const AuthorityStore& store,
                                                          absl::Span<const v1::GrantRecord> grants,
                                                          const v1::ListQuarantineRequest& request,
                                                          absl::Time now);

// kNotFound: there is none of this name, or it is not for who asks.
absl::StatusOr<v1::ShowQuarantinedResponse> ShowQuarantined(
    const AuthorityStore& store, absl::Span<const v1::GrantRecord> grants,
    const v1::ShowQuarantinedRequest& request, absl::Time now);

struct QuarantineRelease {
  v1::ReleaseQuarantinedResponse response;
  std::vector<std::string> partitions;  // with a new head
};

// `user` releases one of them, and answers for it with `grants`. kNotFound as above;
// kFailedPrecondition: its device has sent it again, and that was accepted.
absl::StatusOr<QuarantineRelease> ReleaseQuarantined(AuthorityStore& store, const std::string& user,
                                                     absl::Span<const v1::GrantRecord> grants,
                                                     const v1::ReleaseQuarantinedRequest& request,
                                                     absl::Time now);

}  // namespace brigada

#endif  // SERVER_QUARANTINE_H_
