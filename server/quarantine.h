// The quarantine as an administrator may see it: what concerns no other place than those that the
// administrator's grants cover.
#ifndef SERVER_QUARANTINE_H_
#define SERVER_QUARANTINE_H_

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

}  // namespace brigada

#endif  // SERVER_QUARANTINE_H_
