// The answering half of a repair: one question at a time, a bounded piece of work per frame.
#ifndef REPLICA_SYNC_SERVER_REPAIR_H_
#define REPLICA_SYNC_SERVER_REPAIR_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/store/authority_store.h"
#include "replica/sync/server_session.h"

namespace brigada {

// One thread; the store outlives it. It holds one question and the sum it has come to.
class ServerRepair {
 public:
  ServerRepair(const AuthorityStore* store, const RepairBudget& budget)
      : store_(store), budget_(budget) {}

  // kInvalidArgument: malformed, out of order, or another question is not answered yet.
  // kResourceExhausted: the partition's questions have read enough for one session.
  absl::Status OnCheck(const v1::RangeCheck& check, RangeRequest lane);
  absl::Status OnItems(const v1::RangeItems& items, RangeRequest lane);
  // The answer, or word that the server still counts; nullopt: nothing was asked.
  absl::StatusOr<std::optional<v1::ServerFrame>> NextFrame();
  bool has_output() const { return check_.has_value() || items_.has_value(); }
  // Which partition the question is about.
  const std::string& partition() const { return request_.partition; }
  void set_scanned(uint64_t scanned) { request_.scanned = scanned; }
  // The partition of a question about all of it that found no difference; once.
  std::optional<std::string> TakeDoubted() { return std::exchange(doubted_, std::nullopt); }

 private:
  // Of one partition in this session.
  struct Work {
    uint64_t questions = 0;
    uint64_t first = 0;  // records that the first one read
    uint64_t read = 0;   // and all of them
  };
  void AddRead(size_t records);
  absl::Status Begin(uint64_t number, RangeRequest lane);
  absl::StatusOr<v1::ServerFrame> Count();
  absl::StatusOr<v1::ServerFrame> List();

  const AuthorityStore* const store_;
  const RepairBudget budget_;
  std::map<std::string, Work> work_;
  uint64_t number_ = 0;
  RangeRequest request_;
  std::optional<v1::RangeCheck> check_;
  std::optional<v1::RangeItems> items_;
  // Of the check: the answer so far, where it goes on inside a range, and that range's sum.
  v1::RangeAnswer answer_;
  std::string next_;
  CountedSum sum_;
  std::optional<std::string> doubted_;
};

}  // namespace brigada

#endif  // REPLICA_SYNC_SERVER_REPAIR_H_
