// What a device keeps of its change sets after their verdict, described for the public API.
#ifndef CLIENT_LIB_JUDGED_LIST_H_
#define CLIENT_LIB_JUDGED_LIST_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "brigada/replica.h"
#include "replica/store/device_store.h"

namespace brigada {

// As Replica's methods of the same names.
std::map<std::string, uint64_t> JudgedUpTo(const DeviceStore& store);
absl::Status VisitJudged(const DeviceStore& store, const std::map<std::string, uint64_t>& after,
                         absl::FunctionRef<absl::Status(const JudgedChangeSet&)> visit);

// How much is kept, of a store that was opened with `options`.
void DescribeRetained(const DeviceStore& store, const DeviceStoreOptions& options,
                      SyncStatus* status);

}  // namespace brigada

#endif  // CLIENT_LIB_JUDGED_LIST_H_
