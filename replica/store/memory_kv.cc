#include "replica/store/memory_kv.h"

#include <array>
#include <map>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "replica/base/mutex.h"

namespace brigada {
namespace {

// Tables of keys with versions, numbered by the write that made them. A reader pins a number and
// sees for each key the newest version not above it.
class VersionedTables {
 public:
  uint64_t Pin() const {
    MutexLock lock(&mu_);
    pinned_.insert(last_write_);
    return last_write_;
  }

  void Unpin(uint64_t at) const {
    MutexLock lock(&mu_);
    pinned_.erase(pinned_.find(at));
    if (pinned_.empty()) DropOldVersions();
  }

  void Apply(const KvBatch& batch) {
    MutexLock lock(&mu_);
    ++last_write_;
    for (const KvBatch::Op& op : batch.ops()) {
      std::optional<std::string> value;
      if (!op.is_delete) value = op.value;
      Versions& versions = tables_[Index(op.table)][op.key];
      versions[last_write_] = std::move(value);
      if (versions.size() > 1 || op.is_delete) old_.emplace(op.table, op.key);
    }
    if (pinned_.empty()) DropOldVersions();
  }

  std::optional<std::string> Get(Table table, absl::string_view key,
                                 std::optional<uint64_t> at) const {
    MutexLock lock(&mu_);
    const Keys& keys = tables_[Index(table)];
    const auto found = keys.find(key);
    if (found == keys.end()) return std::nullopt;
    const std::string* value = Visible(found->second, at.value_or(last_write_));
    if (value == nullptr) return std::nullopt;
    return *value;
  }

  using Entry = std::pair<std::string, std::string>;

  // The first entry at or after `from` and before `end` (empty: none), as of `at`.
  std::optional<Entry> FirstFrom(Table table, absl::string_view from, absl::string_view end,
                                 uint64_t at) const {
    MutexLock lock(&mu_);
    const Keys& keys = tables_[Index(table)];
    for (auto it = keys.lower_bound(from); it != keys.end(); ++it) {
      if (!end.empty() && it->first >= end) break;
      if (const std::string* value = Visible(it->second, at)) return Entry(it->first, *value);
    }
    return std::nullopt;
  }

  // The last entry before `before` (empty: the end of the table) and not before `begin`.
  std::optional<Entry> LastBefore(Table table, absl::string_view begin, absl::string_view before,
                                  uint64_t at) const {
    MutexLock lock(&mu_);
    const Keys& keys = tables_[Index(table)];
    auto it = before.empty() ? keys.end() : keys.lower_bound(before);
    while (it != keys.begin()) {
      --it;
      if (it->first < begin) break;
      if (const std::string* value = Visible(it->second, at)) return Entry(it->first, *value);
    }
    return std::nullopt;
  }

  uint64_t Bytes() const {
    MutexLock lock(&mu_);
    uint64_t bytes = 0;
    for (const Keys& keys : tables_) {
      for (const auto& [key, versions] : keys) {
        const std::string* value = Visible(versions, last_write_);
        if (value != nullptr) bytes += key.size() + value->size();
      }
    }
    return bytes;
  }

 private:
  using Versions = std::map<uint64_t, std::optional<std::string>>;  // nullopt: deleted
  using Keys = std::map<std::string, Versions, std::less<>>;

  static size_t Index(Table table) { return static_cast<size_t>(table); }

  // The value as of `at`; null when there is none.
  static const std::string* Visible(const Versions& versions, uint64_t at) {
    auto it = versions.upper_bound(at);
    if (it == versions.begin()) return nullptr;
    --it;
    return it->second.has_value() ? &*it->second : nullptr;
  }

  void DropOldVersions() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    for (const auto& [table, key] : old_) {
      Keys& keys = tables_[Index(table)];
      const auto found = keys.find(key);
      if (found == keys.end()) continue;
      Versions& versions = found->second;
      versions.erase(versions.begin(), std::prev(versions.end()));
      if (!versions.begin()->second.has_value()) keys.erase(found);
    }
    old_.clear();
  }

  mutable Mutex mu_;
  mutable std::array<Keys, kTableCount> tables_ ABSL_GUARDED_BY(mu_);
  mutable std::multiset<uint64_t> pinned_ ABSL_GUARDED_BY(mu_);
  // Keys that hold more than what a new reader would see.
  mutable std::set<std::pair<Table, std::string>> old_ ABSL_GUARDED_BY(mu_);
  uint64_t last_write_ ABSL_GUARDED_BY(mu_) = 0;
};

class Pinned {
 public:
  explicit Pinned(const VersionedTables* tables) : tables_(tables), at_(tables->Pin()) {}
  ~Pinned() { tables_->Unpin(at_); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  uint64_t at() const { return at_; }

 private:
  const VersionedTables* const tables_;
  const uint64_t at_;
};

class MemoryIterator final : public KvIterator {
 public:
  MemoryIterator(const VersionedTables* tables, std::shared_ptr<const Pinned> pinned, Table table,
                 absl::string_view begin, absl::string_view end)
      : tables_(tables), pinned_(std::move(pinned)), table_(table), begin_(begin), end_(end) {}

  void SeekToFirst() override { Seek(begin_); }
  void Seek(absl::string_view target) override {
    const std::string from(target < begin_ ? absl::string_view(begin_) : target);
    current_ = tables_->FirstFrom(table_, from, end_, pinned_->at());
  }
  void SeekToLast() override {
    current_ = tables_->LastBefore(table_, begin_, end_, pinned_->at());
  }
  bool Valid() const override { return current_.has_value(); }
  void Next() override { Seek(current_->first + '\0'); }
  void Prev() override {
    // Nothing sorts before the empty key, and an empty bound would mean the end of the table.
    if (current_->first.empty()) {
      current_.reset();
      return;
    }
    const std::string before = current_->first;
    current_ = tables_->LastBefore(table_, begin_, before, pinned_->at());
  }
  absl::string_view key() const override { return current_->first; }
  absl::string_view value() const override { return current_->second; }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  const VersionedTables* const tables_;
  const std::shared_ptr<const Pinned> pinned_;
  const Table table_;
  const std::string begin_;
  const std::string end_;
  std::optional<VersionedTables::Entry> current_;
};

class MemorySnapshot final : public KvReader {
 public:
  explicit MemorySnapshot(const VersionedTables* tables)
      : tables_(tables), pinned_(std::make_shared<const Pinned>(tables)) {}

  absl::StatusOr<std::optional<std::string>> Get(Table table,
                                                 absl::string_view key) const override {
    return tables_->Get(table, key, pinned_->at());
  }
  std::unique_ptr<KvIterator> Iterate(Table table, absl::string_view begin,
                                      absl::string_view end) const override {
    return std::make_unique<MemoryIterator>(tables_, pinned_, table, begin, end);
  }

 private:
  const VersionedTables* const tables_;
  const std::shared_ptr<const Pinned> pinned_;
};

class MemoryKv final : public Kv {
 public:
  absl::StatusOr<std::optional<std::string>> Get(Table table,
                                                 absl::string_view key) const override {
    return tables_.Get(table, key, std::nullopt);
  }
  std::unique_ptr<KvIterator> Iterate(Table table, absl::string_view begin,
                                      absl::string_view end) const override {
    return std::make_unique<MemoryIterator>(&tables_, std::make_shared<const Pinned>(&tables_),
                                            table, begin, end);
  }
  absl::Status Write(const KvBatch& batch, Durability /*durability*/) override {
    tables_.Apply(batch);
    return absl::OkStatus();
  }
  std::unique_ptr<const KvReader> Snapshot() const override {
    return std::make_unique<MemorySnapshot>(&tables_);
  }
  absl::Status CopyTo(const std::string& /*path*/, const ContinueCopy& /*go_on*/) override {
    return absl::UnimplementedError("a store in memory cannot be copied to disk");
  }
  uint64_t ApproximateBytes() const override { return tables_.Bytes(); }

 private:
  VersionedTables tables_;
};

}  // namespace

std::unique_ptr<Kv> NewMemoryKv() { return std::make_unique<MemoryKv>(); }

}  // namespace brigada
