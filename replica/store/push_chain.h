// The first look at a push: headers, order and hash chain, before anything is judged.
#ifndef REPLICA_STORE_PUSH_CHAIN_H_
#define REPLICA_STORE_PUSH_CHAIN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "brigada/v1/change.pb.h"
#include "brigada/v1/storage.pb.h"
#include "replica/store/authority_store.h"
#include "replica/store/run_history.h"
#include "replica/store/verdict_table.h"

namespace brigada {

struct ChainedHeader {
  v1::ChangeSetHeader header;
  std::string chain;  // value after this change set
};

struct CheckedPush {
  // kInvalidArgument: nothing of the push may be judged.
  absl::Status status;
  bool forked = false;
  // The push starts beyond what is expected and does not say that it has nothing before: none of it
  // is judged. `headers` is empty.
  bool gap = false;
  // One per change set.
  std::vector<ChainedHeader> headers;
  // Verdicts of those already judged; they come first.
  std::vector<v1::Verdict> repeated;
};

// An error of the call itself: the store cannot be read.
absl::StatusOr<CheckedPush> CheckPush(const PushRequest& push, const v1::ReplicaProgress& progress,
                                      const VerdictBatch& verdicts, const RunHistory& past);

}  // namespace brigada

#endif  // REPLICA_STORE_PUSH_CHAIN_H_
