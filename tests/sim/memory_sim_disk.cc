// The contract of Kv with the faults of a disk, without one. Writes that were not synced are undone
// from the end when the power goes, so that what stays is a beginning of their order. A value in
// which a bit has turned cannot be read; the outbox mirror is what a disk would keep in a second
// file.
#include <set>
#include <utility>
#include <vector>

#include "replica/base/check.h"
#include "replica/base/status_macros.h"
#include "replica/store/kv_device_store.h"
#include "replica/store/memory_kv.h"
#include "replica/store/outbox_mirror.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_random.h"

namespace brigada {
namespace {

class MemorySimDisk final : public SimDisk {
 public:
  MemorySimDisk() : kv_(NewMemoryKv()) {}

  absl::StatusOr<std::unique_ptr<Kv>> Open() override;
  void CutPowerSoon(uint64_t draw) override { writes_until_cut_ = 1 + draw % 4; }
  bool has_power() const override { return has_power_; }
  void PowerLoss(uint64_t draw) override;
  void FailSoon(uint64_t draw) override {
    writes_until_failure_ = 1 + draw % 3;
    limbo_lands_ = (draw >> 8) % 2 == 0;
  }
  void SetFull(bool full, uint64_t /*draw*/) override { is_full_ = full; }
  void Heal() override { writes_until_cut_ = writes_until_failure_ = is_full_ = 0; }

  bool FlipBit(uint64_t draw, bool is_open) override;
  void LoseDatabase() override { is_lost_ = true; }
  absl::Status Verify() override;
  absl::StatusOr<RecoveredStore> Recover(const DeviceStoreOptions& options) override;

  const Kv& kv() const { return *kv_; }
  bool IsDamaged(Table table, absl::string_view key) const {
    return !damaged_.empty() && damaged_.contains({table, std::string(key)});
  }
  absl::Status Write(const KvBatch& batch, Durability durability);
  absl::Status health() const;

 private:
  KvBatch InverseOf(const KvBatch& batch) const;

  std::unique_ptr<Kv> kv_;
  std::set<std::pair<Table, std::string>> damaged_;  // keys
  bool is_lost_ = false;                             // but for the mirror
  std::vector<KvBatch> undo_;                        // of each write since the last sync
  KvBatch limbo_;                                    // a write that failed half way
  bool limbo_lands_ = false;
  bool has_power_ = true;
  bool is_stopped_ = false;
  bool is_full_ = false;
  uint64_t writes_until_cut_ = 0;
  uint64_t writes_until_failure_ = 0;
};

absl::Status Unreadable() { return absl::DataLossError("a checksum does not match"); }

// Ends at what cannot be read.
class CheckedIterator final : public KvIterator {
 public:
  CheckedIterator(const MemorySimDisk* disk, Table table, std::unique_ptr<KvIterator> it)
      : disk_(disk), table_(table), it_(std::move(it)) {}
  void SeekToFirst() override { it_->SeekToFirst(); }
  void Seek(absl::string_view target) override { it_->Seek(target); }
  void SeekToLast() override { it_->SeekToLast(); }
  bool Valid() const override { return it_->Valid() && !IsDamaged(); }
  void Next() override { it_->Next(); }
  void Prev() override { it_->Prev(); }
  absl::string_view key() const override { return it_->key(); }
  absl::string_view value() const override { return it_->value(); }
  absl::Status status() const override {
    return it_->Valid() && IsDamaged() ? Unreadable() : it_->status();
  }

 private:
  bool IsDamaged() const { return disk_->IsDamaged(table_, it_->key()); }

  const MemorySimDisk* const disk_;
  const Table table_;
  const std::unique_ptr<KvIterator> it_;
};

absl::StatusOr<std::optional<std::string>> CheckedGet(const MemorySimDisk& disk,
                                                      const KvReader& reader, Table table,
                                                      absl::string_view key) {
  if (disk.IsDamaged(table, key)) return Unreadable();
  return reader.Get(table, key);
}

class CheckedReader final : public KvReader {
 public:
  CheckedReader(const MemorySimDisk* disk, std::unique_ptr<const KvReader> reader)
      : disk_(disk), reader_(std::move(reader)) {}
  absl::StatusOr<std::optional<std::string>> Get(Table table,
                                                 absl::string_view key) const override {
    return CheckedGet(*disk_, *reader_, table, key);
  }
  std::unique_ptr<KvIterator> Iterate(Table table, absl::string_view begin,
                                      absl::string_view end) const override {
    return std::make_unique<CheckedIterator>(disk_, table, reader_->Iterate(table, begin, end));
  }

 private:
  const MemorySimDisk* const disk_;
  const std::unique_ptr<const KvReader> reader_;
};

// What a store holds: it may go, the disk stays.
class OpenedKv final : public Kv {
 public:
  explicit OpenedKv(MemorySimDisk* disk) : disk_(disk) {}
  absl::StatusOr<std::optional<std::string>> Get(Table table,
                                                 absl::string_view key) const override {
    return CheckedGet(*disk_, disk_->kv(), table, key);
  }
  std::unique_ptr<KvIterator> Iterate(Table table, absl::string_view begin,
                                      absl::string_view end) const override {
    return std::make_unique<CheckedIterator>(disk_, table, disk_->kv().Iterate(table, begin, end));
  }
  absl::Status Write(const KvBatch& batch, Durability durability) override {
    return disk_->Write(batch, durability);
  }
  std::unique_ptr<const KvReader> Snapshot() const override {
    return std::make_unique<CheckedReader>(disk_, disk_->kv().Snapshot());
  }
  absl::Status health() const override { return disk_->health(); }
  absl::Status CopyTo(const std::string& /*path*/, const ContinueCopy& /*go_on*/) override {
    return absl::UnimplementedError("nothing copies a simulated store yet");
  }
  uint64_t ApproximateBytes() const override { return disk_->kv().ApproximateBytes(); }

 private:
  MemorySimDisk* const disk_;
};

absl::StatusOr<std::unique_ptr<Kv>> MemorySimDisk::Open() {
  if (!has_power_) return absl::UnavailableError("the power is off");
  if (is_full_) return absl::ResourceExhaustedError("the disk is full");
  if (is_lost_) return absl::DataLossError("the database is gone");
  is_stopped_ = false;
  if (!limbo_.empty() && limbo_lands_) {
    undo_.push_back(InverseOf(limbo_));
    CHECK(kv_->Write(limbo_, Durability::kMemory).ok());
  }
  limbo_ = KvBatch();
  return std::make_unique<OpenedKv>(this);
}

absl::Status MemorySimDisk::health() const {
  if (!has_power_) return absl::UnavailableError("the power is off");
  if (is_stopped_) return absl::FailedPreconditionError("a write failed: reopen the store");
  return absl::OkStatus();
}

absl::Status MemorySimDisk::Write(const KvBatch& batch, Durability durability) {
  const absl::Status usable = health();
  if (!usable.ok()) return usable;
  if (is_full_) return absl::ResourceExhaustedError("the disk is full");
  if (writes_until_cut_ > 0 && --writes_until_cut_ == 0) {
    has_power_ = false;
    limbo_ = batch;
    return absl::UnavailableError("the power is off");
  }
  if (writes_until_failure_ > 0 && --writes_until_failure_ == 0) {
    is_stopped_ = true;
    limbo_ = batch;
    return absl::UnavailableError("the disk failed");
  }
  if (durability == Durability::kSync) {
    undo_.clear();
  } else {
    undo_.push_back(InverseOf(batch));
  }
  for (const KvBatch::Op& op : batch.ops()) damaged_.erase({op.table, op.key});
  return kv_->Write(batch, durability);
}

bool MemorySimDisk::FlipBit(uint64_t draw, bool /*is_open*/) {
  SimRandom random(draw);
  const KvBatch content = *ContentOf(*kv_);
  // Each table is hit as often, whatever it holds.
  std::vector<const KvBatch::Op*> hit;
  for (int tries = 0; tries < kTableCount && hit.empty(); ++tries) {
    const auto table = static_cast<Table>(random.Uniform(kTableCount));
    for (const KvBatch::Op& op : content.ops())
      if (op.table == table) hit.push_back(&op);
  }
  if (hit.empty()) return false;
  const KvBatch::Op& op = *hit[random.Uniform(hit.size())];
  damaged_.emplace(op.table, op.key);
  return true;
}

absl::Status MemorySimDisk::Verify() {
  return damaged_.empty() && !is_lost_ ? absl::OkStatus() : Unreadable();
}

// The mirror is read alone, as where nothing of the database can be.
absl::StatusOr<RecoveredStore> MemorySimDisk::Recover(const DeviceStoreOptions& options) {
  if (!has_power_) return absl::UnavailableError("the power is off");
  if (is_full_) return absl::ResourceExhaustedError("the disk is full");
  if (limbo_lands_ && !limbo_.empty()) CHECK(kv_->Write(limbo_, Durability::kMemory).ok());
  limbo_ = KvBatch();
  ASSIGN_OR_RETURN(const KvBatch all, ContentOf(*kv_));
  KvBatch mirrored;
  for (const KvBatch::Op& op : all.ops())
    if (IsMirrored(op.table, op.key)) mirrored.Put(op.table, op.key, op.value);
  auto fresh = NewMemoryKv();
  const Kv& made = *fresh;
  RETURN_IF_ERROR(fresh->Write(mirrored, Durability::kSync));
  KvDeviceStore store(std::move(fresh), options);
  RETURN_IF_ERROR(store.Open());
  RecoveredStore recovered;
  RETURN_IF_ERROR(store.RestoreOutbox(&recovered.outbox));
  recovered.replica = store.replica();
  recovered.is_whole = true;
  ASSIGN_OR_RETURN(const KvBatch content, ContentOf(made));
  kv_ = NewMemoryKv();
  RETURN_IF_ERROR(kv_->Write(content, Durability::kSync));
  undo_.clear();
  damaged_.clear();
  is_lost_ = is_stopped_ = false;
  return recovered;
}

void MemorySimDisk::PowerLoss(uint64_t draw) {
  SimRandom random(draw);
  size_t kept = random.Uniform(undo_.size() + 1);
  // Only after everything before it can a write that was cut be there.
  const bool whole = kept == undo_.size();
  for (; undo_.size() > kept; undo_.pop_back())
    CHECK(kv_->Write(undo_.back(), Durability::kMemory).ok());
  undo_.clear();
  limbo_lands_ = whole && random.Chance(500);
  if (limbo_lands_ && !limbo_.empty()) CHECK(kv_->Write(limbo_, Durability::kMemory).ok());
  limbo_ = KvBatch();
  has_power_ = true;
  is_stopped_ = false;
  writes_until_cut_ = writes_until_failure_ = 0;
}

KvBatch MemorySimDisk::InverseOf(const KvBatch& batch) const {
  KvBatch inverse;
  for (const KvBatch::Op& op : batch.ops()) {
    const auto value = kv_->Get(op.table, op.key);
    CHECK(value.ok());
    if (value->has_value()) {
      inverse.Put(op.table, op.key, **value);
    } else {
      inverse.Delete(op.table, op.key);
    }
  }
  return inverse;
}

}  // namespace

absl::StatusOr<KvBatch> ContentOf(const KvReader& store) {
  KvBatch content;
  for (int t = 0; t < kTableCount; ++t) {
    const auto table = static_cast<Table>(t);
    const auto it = store.Iterate(table, "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next())
      content.Put(table, std::string(it->key()), std::string(it->value()));
    RETURN_IF_ERROR(it->status());
  }
  return content;
}

void FillDisk(const KvBatch& content, SimDisk* disk) {
  auto kv = disk->Open();
  CHECK(kv.ok());
  CHECK((*kv)->Write(content, Durability::kSync).ok());
}

std::unique_ptr<SimDisk> NewMemorySimDisk(StoreKind /*kind*/) {
  return std::make_unique<MemorySimDisk>();
}

}  // namespace brigada
