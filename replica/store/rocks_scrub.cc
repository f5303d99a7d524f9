#include "replica/store/rocks_scrub.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <vector>

#include "replica/base/status_macros.h"
#include "replica/store/rocks_status.h"

namespace brigada {
namespace {

constexpr char kScrubbing[] = "scrubbing the store";
// Readers are done within moments; whoever keeps a snapshot longer is waited for by trying again.
constexpr uint64_t kSnapshotPollMicros = 10'000;
constexpr int kSnapshotPolls = 200;
constexpr uint64_t kFilesOfMargin = 4;

rocksdb::Slice ToSlice(absl::string_view bytes) { return {bytes.data(), bytes.size()}; }

bool IsCancelled(const std::atomic<bool>* cancel) { return cancel != nullptr && cancel->load(); }

absl::Status Cancelled() { return absl::CancelledError("scrubbing the store was cancelled"); }

// What a snapshot still shows is kept by a compaction.
absl::Status WaitForSnapshots(const RocksDatabase& database, const std::atomic<bool>* cancel) {
  rocksdb::DB& db = *database.db;
  const uint64_t last = db.GetLatestSequenceNumber();
  for (int poll = 0; poll < kSnapshotPolls; ++poll) {
    uint64_t oldest = 0;
    uint64_t count = 0;
    if (!db.GetIntProperty(rocksdb::DB::Properties::kNumSnapshots, &count) ||
        !db.GetIntProperty(rocksdb::DB::Properties::kOldestSnapshotSequence, &oldest))
      return absl::InternalError("the store cannot tell of its snapshots");
    if (count == 0 || oldest >= last) return absl::OkStatus();
    if (IsCancelled(cancel)) return Cancelled();
    db.GetEnv()->SleepForMicroseconds(kSnapshotPollMicros);
  }
  return absl::DeadlineExceededError(
      "the store is still read as it was before: its files are rewritten when that is over");
}

// A log is let go when nothing in it is in memory alone, of whichever table.
absl::Status FlushTables(RocksDatabase& database) {
  std::vector<rocksdb::ColumnFamilyHandle*> tables(database.tables.begin(), database.tables.end());
  tables.push_back(database.own);
  return ToStatus(database.db->Flush(rocksdb::FlushOptions(), tables), kScrubbing);
}

}  // namespace

absl::Status BeginScrub(RocksDatabase& database, const std::atomic<bool>* cancel) {
  RETURN_IF_ERROR(WaitForSnapshots(database, cancel));
  return FlushTables(database);
}

// The files at the ends of the range hold neighbours too, and commits go on.
uint64_t SpaceToScrub(const RocksDatabase& database, const KvRange& range) {
  // Past every key: partitions and names are text.
  const rocksdb::Range asked(ToSlice(range.begin),
                             range.end.empty() ? rocksdb::Slice("\xff") : ToSlice(range.end));
  rocksdb::ColumnFamilyHandle* const table = database.table(range.table);
  uint64_t bytes = 0;
  database.db->GetApproximateSizes(table, &asked, 1, &bytes);
  return bytes + bytes / 4 + kFilesOfMargin * database.db->GetOptions(table).target_file_size_base;
}

absl::Status ScrubRange(RocksDatabase& database, const KvRange& range, std::atomic<bool>* cancel) {
  if (IsCancelled(cancel)) return Cancelled();
  rocksdb::CompactRangeOptions options;
  options.canceled = cancel;
  // The lowest level too: there a deleted value may lie with nothing above it to push it out.
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  const rocksdb::Slice begin = ToSlice(range.begin);
  const rocksdb::Slice end = ToSlice(range.end);
  const rocksdb::Status status = database.db->CompactRange(
      options, database.table(range.table), &begin, range.end.empty() ? nullptr : &end);
  if (!status.ok() && IsCancelled(cancel)) return Cancelled();
  return ToStatus(status, kScrubbing);
}

absl::Status FlushOwnTable(RocksDatabase& database) {
  return ToStatus(database.db->Flush(rocksdb::FlushOptions(), database.own), kScrubbing);
}

}  // namespace brigada
