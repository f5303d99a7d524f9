#include "replica/store/rocks_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <vector>

namespace brigada {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

// RocksDB's own log names files and tables in clear and nobody reads it on a phone.
class SilentLogger final : public rocksdb::Logger {
 public:
  SilentLogger() : Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char* /*format*/, va_list /*arguments*/) override {}

 protected:
  rocksdb::Status CloseImpl() override { return rocksdb::Status::OK(); }
};

struct Budget {
  size_t write_buffer_bytes;
  size_t all_write_buffers_bytes;
  size_t block_cache_bytes;
  size_t block_bytes;
  size_t log_bytes;  // of all live write-ahead logs
  int open_files;
  int background_jobs;
};

Budget BudgetOf(RocksKvOptions::Profile profile) {
  if (profile == RocksKvOptions::kServer) {
    return {32 * kMiB, 128 * kMiB, 256 * kMiB, 16 << 10, 512 * kMiB, 4096, 2};
  }
  return {2 * kMiB, 4 * kMiB, 4 * kMiB, 4 << 10, 16 * kMiB, 64, 1};
}

bool Supports(rocksdb::CompressionType type) {
  const std::vector<rocksdb::CompressionType> supported = rocksdb::GetSupportedCompressions();
  return std::find(supported.begin(), supported.end(), type) != supported.end();
}

void SetDurability(rocksdb::Options& db) {
  // The default mode drops everything after the first bad byte of the log without an error. This
  // one accepts a torn tail and refuses damage before it.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.paranoid_checks = true;
  db.force_consistency_checks = true;
  db.flush_verify_memtable_count = true;
  db.verify_sst_unique_id_in_manifest = true;
  // The high-water mark finds a missing log too, and never refuses a good store.
  db.track_and_verify_wals_in_manifest = false;
  // What recovery replayed is in synced files when open returns: the mark may be raised to it.
  db.avoid_flush_during_recovery = false;
  // These have known recovery bugs in RocksDB 7.8.
  db.wal_compression = rocksdb::kNoCompression;
  db.recycle_log_file_num = 0;
  db.manual_wal_flush = false;
  db.unordered_write = false;
  // After a background error what reached the disk is unknown: no resuming, the store is reopened.
  db.max_bgerror_resume_count = 0;
}

// Whatever can be read counts.
void SetSalvage(rocksdb::Options& db) {
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  db.paranoid_checks = false;
  db.force_consistency_checks = false;
  db.verify_sst_unique_id_in_manifest = false;
}

void SetPrivacy(rocksdb::Options& db) {
  db.info_log = std::make_shared<SilentLogger>();
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.keep_log_file_num = 1;
  // The MANIFEST tells the first and last key of each file that there ever was, and keys of an
  // index are content. So each change of the files begins a new one, with those that there are; it
  // costs some hundred bytes per file of the store, once per flush or compaction.
  db.max_manifest_file_size = 1;
}

// Fresh files that are merged together, and the size of the level they go to, in write buffers.
constexpr int kFreshFilesMerged = 4;
constexpr size_t kFirstLevelBuffers = 8;
// No other merge of two levels is larger than that one.
constexpr size_t kMergeBuffers = kFreshFilesMerged + kFirstLevelBuffers;

void SetBudget(const Budget& budget, rocksdb::Options& db) {
  db.write_buffer_size = budget.write_buffer_bytes;
  db.max_write_buffer_number = 2;
  db.db_write_buffer_size = budget.all_write_buffers_bytes;
  db.max_total_wal_size = budget.log_bytes;
  db.max_open_files = budget.open_files;
  db.max_background_jobs = budget.background_jobs;
  db.target_file_size_base = budget.write_buffer_bytes * 2;
  db.max_bytes_for_level_base = budget.write_buffer_bytes * kFirstLevelBuffers;
  db.level0_file_num_compaction_trigger = kFreshFilesMerged;
  db.max_compaction_bytes = budget.write_buffer_bytes * kMergeBuffers;
  db.level_compaction_dynamic_level_bytes = true;
  db.compaction_readahead_size = budget.background_jobs > 1 ? 2 * kMiB : 256 << 10;
  db.bytes_per_sync = kMiB;
  db.allow_mmap_reads = false;
  db.allow_mmap_writes = false;
}

void SetTables(const Budget& budget, rocksdb::Options& db) {
  rocksdb::BlockBasedTableOptions table;
  table.block_size = budget.block_bytes;
  // Not strict: a strict cache answers a read with an error when pinned blocks fill it.
  table.block_cache = rocksdb::NewLRUCache(budget.block_cache_bytes);
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.checksum = rocksdb::kXXH3;
  table.format_version = 5;
  // Whole keys only: reads are points or ranges with both bounds, and keys have no fixed prefix.
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.whole_key_filtering = true;
  table.optimize_filters_for_memory = true;
  db.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  db.compression =
      Supports(rocksdb::kLZ4Compression) ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  if (Supports(rocksdb::kZSTD)) db.bottommost_compression = rocksdb::kZSTD;
}

}  // namespace

uint64_t ReserveBytes(RocksKvOptions::Profile profile) {
  const Budget budget = BudgetOf(profile);
  return budget.all_write_buffers_bytes + budget.write_buffer_bytes * kMergeBuffers;
}

rocksdb::Options MakeRocksOptions(const RocksKvOptions& options) {
  const Budget budget = BudgetOf(options.profile);
  rocksdb::Options db;
  if (options.env != nullptr) db.env = options.env;
  db.create_if_missing = options.create_if_missing;
  // A crash while the store was being made leaves some tables out.
  db.create_missing_column_families = true;
  SetDurability(db);
  if (options.salvages) SetSalvage(db);
  SetPrivacy(db);
  SetBudget(budget, db);
  SetTables(budget, db);
  return db;
}

}  // namespace brigada
