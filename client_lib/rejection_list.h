// The rejected list as a caller sees it.
#ifndef CLIENT_LIB_REJECTION_LIST_H_
#define CLIENT_LIB_REJECTION_LIST_H_

#include <vector>

#include "absl/status/statusor.h"
#include "brigada/replica.h"
#include "brigada/v1/storage.pb.h"

namespace brigada {

// `stored` by partition and sequence, as DeviceStore::Rejected gives it. kDataLoss: an entry is
// damaged.
absl::StatusOr<std::vector<Rejection>> DescribeRejections(
    const std::vector<v1::RejectedChangeSet>& stored);

}  // namespace brigada

#endif  // CLIENT_LIB_REJECTION_LIST_H_
