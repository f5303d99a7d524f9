// A Kv that outlives the store on it: stores come and go on one disk. What a test does otherwise
// than the disk it overrides.
#ifndef TESTS_SUPPORT_LENT_KV_H_
#define TESTS_SUPPORT_LENT_KV_H_

#include <memory>
#include <string>
#include <utility>

#include "replica/store/kv.h"

namespace brigada {

class LentKv : public Kv {
 public:
  explicit LentKv(std::shared_ptr<Kv> kv) : kv_(std::move(kv)) {}

  absl::StatusOr<std::optional<std::string>> Get(Table table,
                                                 absl::string_view key) const override {
    return kv_->Get(table, key);
  }
  std::unique_ptr<KvIterator> Iterate(Table table, absl::string_view begin,
                                      absl::string_view end) const override {
    return kv_->Iterate(table, begin, end);
  }
  absl::Status Write(const KvBatch& batch, Durability durability) override {
    return kv_->Write(batch, durability);
  }
  std::unique_ptr<const KvReader> Snapshot() const override { return kv_->Snapshot(); }
  absl::Status CopyTo(const std::string& path, const ContinueCopy& go_on) override {
    return kv_->CopyTo(path, go_on);
  }
  absl::Status Scrub(absl::Span<const KvRange> ranges, std::atomic<bool>* cancel) override {
    return kv_->Scrub(ranges, cancel);
  }
  absl::Status health() const override { return kv_->health(); }
  uint64_t ApproximateBytes() const override { return kv_->ApproximateBytes(); }

 private:
  const std::shared_ptr<Kv> kv_;
};

}  // namespace brigada

#endif  // TESTS_SUPPORT_LENT_KV_H_
