#include "replica/store/rocks_kv.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/iterator.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "replica/base/log.h"
#include "replica/base/mutex.h"
#include "replica/base/status_macros.h"
#include "replica/store/rocks_copy.h"
#include "replica/store/rocks_database.h"
#include "replica/store/rocks_scrub.h"
#include "replica/store/rocks_status.h"

namespace brigada {
namespace {

// A group of writes stops growing here, so that one writer's wait stays bounded.
constexpr size_t kGroupBytesMax = size_t{1} << 20;
// Checked when the batch meets the memtable: memory errors on the way are refused.
constexpr size_t kBatchProtectionBytesPerKey = 8;

rocksdb::Slice ToSlice(absl::string_view bytes) { return {bytes.data(), bytes.size()}; }
absl::string_view ToView(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

class RocksIterator final : public KvIterator {
 public:
  RocksIterator(const RocksDatabase& database, const rocksdb::Snapshot* snapshot, Table table,
                absl::string_view begin, absl::string_view end)
      : begin_(begin), end_(end), begin_slice_(begin_), end_slice_(end_) {
    // RocksDB asserts that the bounds are in order.
    if (!end_.empty() && begin_ >= end_) return;
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.iterate_lower_bound = &begin_slice_;
    if (!end_.empty()) options.iterate_upper_bound = &end_slice_;
    iterator_.reset(database.db->NewIterator(options, database.table(table)));
  }

  void SeekToFirst() override {
    if (iterator_ != nullptr) iterator_->SeekToFirst();
  }
  void Seek(absl::string_view target) override {
    if (iterator_ != nullptr) iterator_->Seek(ToSlice(target));
  }
  void SeekToLast() override {
    if (iterator_ != nullptr) iterator_->SeekToLast();
  }
  bool Valid() const override { return iterator_ != nullptr && iterator_->Valid(); }
  void Next() override { iterator_->Next(); }
  void Prev() override { iterator_->Prev(); }
  absl::string_view key() const override { return ToView(iterator_->key()); }
  absl::string_view value() const override { return ToView(iterator_->value()); }
  absl::Status status() const override {
    if (iterator_ == nullptr) return absl::OkStatus();
    return ToStatus(iterator_->status(), "reading the store");
  }

 private:
  const std::string begin_;
  const std::string end_;
  const rocksdb::Slice begin_slice_;
  const rocksdb::Slice end_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;  // null: the range is empty
};

absl::StatusOr<std::optional<std::string>> GetFrom(const RocksDatabase& database,
                                                   const rocksdb::Snapshot* snapshot, Table table,
                                                   absl::string_view key) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  std::string value;
  const rocksdb::Status status =
      database.db->Get(options, database.table(table), ToSlice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  RETURN_IF_ERROR(ToStatus(status, "reading the store"));
  return value;
}

class RocksSnapshot final : public KvReader {
 public:
  explicit RocksSnapshot(const RocksDatabase* database)
      : database_(database), snapshot_(database->db->GetSnapshot()) {}
  ~RocksSnapshot() override { database_->db->ReleaseSnapshot(snapshot_); }
  RocksSnapshot(const RocksSnapshot&) = delete;
  RocksSnapshot& operator=(const RocksSnapshot&) = delete;

  absl::StatusOr<std::optional<std::string>> Get(Table table,
                                                 absl::string_view key) const override {
    return GetFrom(*database_, snapshot_, table, key);
  }
  std::unique_ptr<KvIterator> Iterate(Table table, absl::string_view begin,
                                      absl::string_view end) const override {
    return std::make_unique<RocksIterator>(*database_, snapshot_, table, begin, end);
  }

 private:
  const RocksDatabase* const database_;
  const rocksdb::Snapshot* const snapshot_;
};

// Writers queue up; the first of the queue writes for itself and those behind it, in one batch with
// one sync. One group at a time also gives the commit points their order.
class RocksKv final : public Kv {
 public:
  RocksKv(RocksKvOptions options, std::unique_ptr<RocksDatabase> database)
      : options_(std::move(options)),
        min_free_bytes_(options_.min_free_bytes.value_or(ReserveBytes(options_.profile))),
        database_(std::move(database)) {}

  absl::StatusOr<std::optional<std::string>> Get(Table table,
                                                 absl::string_view key) const override {
    return GetFrom(*database_, nullptr, table, key);
  }
  std::unique_ptr<KvIterator> Iterate(Table table, absl::string_view begin,
                                      absl::string_view end) const override {
    return std::make_unique<RocksIterator>(*database_, nullptr, table, begin, end);
  }
  absl::Status Write(const KvBatch& batch, Durability durability) override;
  std::unique_ptr<const KvReader> Snapshot() const override {
    return std::make_unique<RocksSnapshot>(database_.get());
  }
  absl::Status health() const override { return database_->health->status(); }
  absl::Status CopyTo(const std::string& path, const ContinueCopy& go_on) override {
    RETURN_IF_ERROR(database_->health->CheckWritable());
    return CopyRocksDatabase(*database_->db, path, go_on);
  }
  absl::Status Scrub(absl::Span<const KvRange> ranges, std::atomic<bool>* cancel) override;
  uint64_t ApproximateBytes() const override;

 private:
  struct Writer {
    const KvBatch* batch = nullptr;
    Durability durability = Durability::kSync;
    bool done = false;
    absl::Status status;
    CondVar turn;
  };

  std::vector<Writer*> FirstGroup() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // By the first writer of the queue only, so never by two threads.
  absl::Status CommitGroup(const std::vector<Writer*>& group);
  absl::Status WriteSynced(rocksdb::WriteBatch& batch);
  absl::Status CheckFreeSpace(uint64_t more_bytes = 0) const;

  const RocksKvOptions options_;
  const uint64_t min_free_bytes_;
  const std::unique_ptr<RocksDatabase> database_;
  Mutex mu_;
  std::deque<Writer*> queue_ ABSL_GUARDED_BY(mu_);
};

absl::Status RocksKv::Write(const KvBatch& batch, Durability durability) {
  if (options_.read_only) return absl::FailedPreconditionError("the store is open for reading");
  Writer self;
  self.batch = &batch;
  self.durability = durability;
  mu_.Lock();
  queue_.push_back(&self);
  while (!self.done && queue_.front() != &self) self.turn.Wait(&mu_);
  if (!self.done) {
    const std::vector<Writer*> group = FirstGroup();
    mu_.Unlock();
    const absl::Status status = CommitGroup(group);
    mu_.Lock();
    for (Writer* writer : group) {
      queue_.pop_front();
      writer->status = status;
      writer->done = true;
      if (writer != &self) writer->turn.Signal();
    }
    if (!queue_.empty()) queue_.front()->turn.Signal();
  }
  mu_.Unlock();
  return self.status;
}

std::vector<RocksKv::Writer*> RocksKv::FirstGroup() const {
  std::vector<Writer*> group;
  size_t bytes = 0;
  for (Writer* writer : queue_) {
    bytes += writer->batch->bytes();
    if (!group.empty() && bytes > kGroupBytesMax) break;
    // A write that needs no sync does not wait for one that does.
    if (!group.empty() && group.front()->durability == Durability::kMemory &&
        writer->durability == Durability::kSync) {
      break;
    }
    group.push_back(writer);
  }
  return group;
}

// Neighbours in a table are inserted one after the other, while the way to them is in the cache.
// Writes of one key keep their order.
std::vector<const KvBatch::Op*> InKeyOrder(const KvBatch& batch) {
  std::vector<const KvBatch::Op*> ops;
  ops.reserve(batch.ops().size());
  for (const KvBatch::Op& op : batch.ops()) ops.push_back(&op);
  std::stable_sort(ops.begin(), ops.end(), [](const KvBatch::Op* a, const KvBatch::Op* b) {
    return a->table != b->table ? a->table < b->table : a->key < b->key;
  });
  return ops;
}

absl::Status RocksKv::CommitGroup(const std::vector<Writer*>& group) {
  RETURN_IF_ERROR(database_->health->CheckWritable());
  size_t bytes = 0;
  for (const Writer* writer : group) bytes += writer->batch->bytes();
  // What only syncs earlier writes takes no room, and those are there.
  if (bytes > 0) RETURN_IF_ERROR(CheckFreeSpace());
  rocksdb::WriteBatch batch(bytes, 0, kBatchProtectionBytesPerKey, 0);
  rocksdb::Status status;
  for (const Writer* writer : group) {
    for (const KvBatch::Op* op : InKeyOrder(*writer->batch)) {
      rocksdb::ColumnFamilyHandle* table = database_->table(op->table);
      status = op->is_delete ? batch.Delete(table, op->key) : batch.Put(table, op->key, op->value);
      if (!status.ok()) return ToStatus(status, "preparing a write to the store");
    }
  }
  if (group.front()->durability == Durability::kSync) return WriteSynced(batch);
  status = database_->db->Write(rocksdb::WriteOptions(), &batch);
  absl::Status result = ToStatus(status, "writing to the store");
  if (!result.ok()) database_->health->Stop(result);
  return result;
}

absl::Status RocksKv::CheckFreeSpace(uint64_t more_bytes) const {
  if (min_free_bytes_ == 0) return absl::OkStatus();
  uint64_t free_bytes = 0;
  // A file system that cannot tell is written to until it refuses.
  if (!database_->db->GetEnv()->GetFreeSpace(options_.path, &free_bytes).ok()) {
    return absl::OkStatus();
  }
  if (free_bytes >= min_free_bytes_ + more_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the disk is almost full (", free_bytes >> 20, " MB left of the ",
                   (min_free_bytes_ + more_bytes) >> 20,
                   " MB that a write needs); free some space: nothing that was acknowledged is "
                   "lost, and writing goes on as soon as there is room"));
}

// The write at the end gives the default table something to flush, whose file the MANIFEST then
// names: anew, without the files that are gone.
absl::Status RocksKv::Scrub(absl::Span<const KvRange> ranges, std::atomic<bool>* cancel) {
  RETURN_IF_ERROR(database_->health->CheckWritable());
  RETURN_IF_ERROR(BeginScrub(*database_, cancel));
  for (const KvRange& range : ranges) {
    // A compaction that finds no room stops the store.
    RETURN_IF_ERROR(CheckFreeSpace(SpaceToScrub(*database_, range)));
    RETURN_IF_ERROR(ScrubRange(*database_, range, cancel));
  }
  RETURN_IF_ERROR(Write(KvBatch(), Durability::kSync));
  return FlushOwnTable(*database_);
}

absl::Status RocksKv::WriteSynced(rocksdb::WriteBatch& batch) {
  const CommitPoint next = database_->point.After(batch.Data());
  rocksdb::Status status = batch.Put(database_->own, ToSlice(kCommitPointKey), next.Encode());
  if (!status.ok()) return ToStatus(status, "preparing a write to the store");
  rocksdb::WriteOptions options;
  options.sync = true;
  status = database_->db->Write(options, &batch);
  absl::Status result = ToStatus(status, "writing to the store");
  if (!result.ok()) {
    database_->health->Stop(result);
    return result;
  }
  database_->point = next;
  const absl::Status marked = database_->mark->Advance(next);
  // The write itself is durable; an older mark only guards less.
  if (!marked.ok()) {
    Log(LogLevel::kWarning, "high_water_mark_not_written",
        {{"code", absl::StatusCodeToString(marked.code())}});
  }
  return absl::OkStatus();
}

uint64_t RocksKv::ApproximateBytes() const {
  rocksdb::Env& env = *database_->db->GetEnv();
  std::vector<rocksdb::Env::FileAttributes> files;
  if (!env.GetChildrenFileAttributes(options_.path, &files).ok()) return 0;
  uint64_t bytes = 0;
  for (const rocksdb::Env::FileAttributes& file : files) bytes += file.size_bytes;
  return bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Kv>> OpenRocksKv(const RocksKvOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<RocksDatabase> database, OpenRocksDatabase(options));
  return std::make_unique<RocksKv>(options, std::move(database));
}

absl::Status VerifyRocksFiles(const std::string& path, rocksdb::Env* env) {
  ASSIGN_OR_RETURN(const std::unique_ptr<RocksDatabase> database,
                   OpenRocksDatabase({.path = path, .read_only = true, .env = env}));
  return ToStatus(database->db->VerifyChecksum(), "reading the store's files");
}

}  // namespace brigada
