// The answering half of a repair: one question at a time, a bounded piece of work per frame.
#ifndef REPLICA_SYNC_SERVER_REPAIR_H_
#define REPLICA_SYNC_SERVER_REPAIR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/authority_store.h"

namespace brigada {

// One thread; the store outlives it. It holds one question and the sum it has come to.
class ServerRepair {
 public:
  explicit ServerRepair(const AuthorityStore* store) : store_(store) {}

  // kInvalidArgument: malformed, out of order, or another question is not answered yet.
  absl::Status OnCheck(const v1::RangeCheck& check, RangeRequest lane);
  absl::Status OnItems(const v1::RangeItems& items, RangeRequest lane);
  // The answer, or word that the server still counts; nullopt: nothing was asked.
  absl::StatusOr<std::optional<v1::ServerFrame>> NextFrame();
  bool has_output() const { return check_.has_value() || items_.has_value(); }
  // Which partition the question is about.
  const std::string& partition() const { return request_.partition; }
  void set_scanned(uint64_t scanned) { request_.scanned = scanned; }

 private:
  absl::Status Begin(uint64_t number, RangeRequest lane);
  absl::StatusOr<v1::ServerFrame> Count();
  absl::StatusOr<v1::ServerFrame> List();

  const AuthorityStore* const store_;
  uint64_t number_ = 0;
  RangeRequest request_;
  std::optional<v1::RangeCheck> check_;
  std::optional<v1::RangeItems> items_;
  // Of the check: the answer so far, where it goes on inside a range, and that range's sum.
  v1::RangeAnswer answer_;
  std::string next_;
  CountedSum sum_;
};

}  // namespace brigada

#endif  // REPLICA_SYNC_SERVER_REPAIR_H_
