// A short life of a store for the fault tests: batches over several tables, a copy (which flushes)
// and a reopening in its middle. After every batch the content to expect is known.
#ifndef TESTS_UNIT_STORE_KV_WORKLOAD_H_
#define TESTS_UNIT_STORE_KV_WORKLOAD_H_

#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/store/rocks_kv.h"
#include "tests/support/fault_env.h"

namespace brigada {

using KvContent = std::array<std::map<std::string, std::string>, kTableCount>;

// With BRIGADA_LONG set the sweeps leave nothing out; without it they take every `stride`-th case.
inline uint64_t SweepStride(uint64_t stride) {
  return std::getenv("BRIGADA_LONG") == nullptr ? stride : 1;
}

inline constexpr int kWorkloadBatches = 24;
inline constexpr int kWorkloadCopyAfter = 8;
inline constexpr int kWorkloadReopenAfter = 16;

// Batch `n` of the workload, 1 based. Overwrites and deletes what earlier ones wrote.
inline KvBatch WorkloadBatch(int n) {
  KvBatch batch;
  const std::string key = absl::StrCat("key", n % 5);
  const std::string value(static_cast<size_t>(40 + n * 13 % 90), static_cast<char>('a' + n));
  batch.Put(Table::kRecords, key, value);
  batch.Put(Table::kFeeds, absl::StrCat("feed", n), key);
  if (n > 3) batch.Delete(Table::kFeeds, absl::StrCat("feed", n - 3));
  batch.Put(Table::kMeta, "last", absl::StrCat(n));
  return batch;
}

// What the store holds after the first `n` batches.
inline KvContent WorkloadContent(int n) {
  KvContent content;
  for (int i = 1; i <= n; ++i) {
    const KvBatch batch = WorkloadBatch(i);
    for (const KvBatch::Op& op : batch.ops()) {
      auto& table = content[static_cast<size_t>(op.table)];
      if (op.is_delete) {
        table.erase(op.key);
      } else {
        table[op.key] = op.value;
      }
    }
  }
  return content;
}

inline absl::StatusOr<KvContent> ReadAll(const KvReader& reader) {
  KvContent content;
  for (size_t i = 0; i < content.size(); ++i) {
    const auto it = reader.Iterate(static_cast<Table>(i), "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      content[i].emplace(std::string(it->key()), std::string(it->value()));
    }
    RETURN_IF_ERROR(it->status());
  }
  return content;
}

inline absl::StatusOr<std::unique_ptr<Kv>> OpenOn(FaultEnv& env) {
  return OpenRocksKv({.path = "/store", .create_if_missing = true, .env = env.env()});
}

struct WorkloadResult {
  int synced = 0;     // batches up to the last one acknowledged with kSync
  int attempted = 0;  // batches up to the last one handed over
  absl::Status status;
};

// Every batch with n % sync_every == 0 is synced. Stops at the first error; the store is closed
// when it returns.
inline WorkloadResult RunWorkload(FaultEnv& env, int sync_every) {
  WorkloadResult result;
  std::unique_ptr<Kv> kv;
  const auto open = [&] {
    kv.reset();
    absl::StatusOr<std::unique_ptr<Kv>> opened = OpenOn(env);
    result.status = opened.status();
    if (!opened.ok()) return false;
    kv = *std::move(opened);
    return true;
  };
  if (!open()) return result;
  for (int n = 1; n <= kWorkloadBatches; ++n) {
    const bool sync = n % sync_every == 0;
    result.attempted = n;
    result.status = kv->Write(WorkloadBatch(n), sync ? Durability::kSync : Durability::kMemory);
    if (!result.status.ok()) return result;
    if (sync) result.synced = n;
    if (n == kWorkloadCopyAfter) {
      result.status = kv->CopyTo("/copy", nullptr);
      if (!result.status.ok()) return result;
    }
    if (n == kWorkloadReopenAfter && !open()) return result;
  }
  return result;
}

// The number of batches that `content` is the result of, from `least` up; -1: of no number.
inline int BatchesIn(const KvContent& content, int least, int most) {
  for (int n = least; n <= most; ++n) {
    if (content == WorkloadContent(n)) return n;
  }
  return -1;
}

}  // namespace brigada

#endif  // TESTS_UNIT_STORE_KV_WORKLOAD_H_
