// The parts of CheckStore. Private to it.
#ifndef REPLICA_STORE_STORE_CHECKER_H_
#define REPLICA_STORE_STORE_CHECKER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "replica/store/record_table.h"
#include "replica/store/scope_sums.h"
#include "replica/store/store_check.h"

namespace brigada {

// One run over one store. Records come first: what the other tables should hold follows from them.
class StoreChecker {
 public:
  StoreChecker(const Kv& kv, StoreKind kind, const Registry& registry,
               const StoreCheckProgress& progress)
      : kv_(kv), kind_(kind), registry_(registry), progress_(progress) {}

  StoreFindings Run();

 private:
  struct StoredAt {
    std::string partition;
    uint32_t type_id = 0;
    RecordId id;
    const RecordType* type = nullptr;
    RecordStorage state;
  };
  using Visit = std::function<void(absl::string_view key, absl::string_view value)>;

  bool is_device() const { return kind_ == StoreKind::kDevice; }
  void Report(StoreDamage::Kind kind, std::string where);
  // Every entry of [begin, end) of the table.
  void Read(Table table, const std::string& begin, const std::string& end, const Visit& visit);
  // Nullopt also when it cannot be read, which is then reported.
  std::optional<std::string> Get(Table table, absl::string_view key);
  static std::string NameOf(const StoredAt& record);

  void ReadIdentity();
  // store_check_records.cc
  void CheckRecords();
  void CheckRecord(const StoredAt& record);
  void CheckPending(const StoredAt& record);
  std::vector<std::string> IndexKeysOf(const StoredAt& record) const;
  std::vector<std::string> FeedKeysOf(const StoredAt& record) const;
  std::optional<StoredAt> RecordAt(absl::string_view key, absl::string_view value) const;
  void CheckIndex();
  void CheckFeeds();
  // Names the entries of the table that no record has.
  void FindStrays(Table table, StoreDamage::Kind kind);
  void CheckCounts();
  void CheckSums();
  // store_check_outbox.cc
  void CheckOutboxes();
  void CheckOutbox(absl::string_view partition, const v1::OutboxHead& head);
  void CheckMessages();

  const Kv& kv_;
  const StoreKind kind_;
  const Registry& registry_;
  const StoreCheckProgress& progress_;
  SumPolicy sum_policy_;
  StoreFindings findings_;
  uint64_t read_ = 0;
  uint64_t wanted_index_entries_ = 0;
  uint64_t wanted_feed_entries_ = 0;
  uint64_t open_conflicts_ = 0;
  std::map<uint32_t, uint64_t> counts_;
  std::map<std::string, uint64_t, std::less<>> newest_;  // commit sequence by partition
  SumsByKey sums_;
};

}  // namespace brigada

#endif  // REPLICA_STORE_STORE_CHECKER_H_
