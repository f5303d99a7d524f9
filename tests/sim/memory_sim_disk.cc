// The contract of Kv with the faults of a disk, without one. Writes that were not synced are undone
// from the end when the power goes, so that what stays is a beginning of their order.
#include <utility>
#include <vector>

#include "replica/base/check.h"
#include "replica/store/memory_kv.h"
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

  const Kv& kv() const { return *kv_; }
  absl::Status Write(const KvBatch& batch, Durability durability);
  absl::Status health() const;

 private:
  KvBatch InverseOf(const KvBatch& batch) const;

  std::unique_ptr<Kv> kv_;
  std::vector<KvBatch> undo_;  // of each write since the last sync
  KvBatch limbo_;              // a write that failed half way
  bool limbo_lands_ = false;
  bool has_power_ = true;
  bool is_stopped_ = false;
  bool is_full_ = false;
  uint64_t writes_until_cut_ = 0;
  uint64_t writes_until_failure_ = 0;
};

// What a store holds: it may go, the disk stays.
class OpenedKv final : public Kv {
 public:
  explicit OpenedKv(MemorySimDisk* disk) : disk_(disk) {}
  absl::StatusOr<std::optional<std::string>> Get(Table table,
                                                 absl::string_view key) const override {
    return disk_->kv().Get(table, key);
  }
  std::unique_ptr<KvIterator> Iterate(Table table, absl::string_view begin,
                                      absl::string_view end) const override {
    return disk_->kv().Iterate(table, begin, end);
  }
  absl::Status Write(const KvBatch& batch, Durability durability) override {
    return disk_->Write(batch, durability);
  }
  std::unique_ptr<const KvReader> Snapshot() const override { return disk_->kv().Snapshot(); }
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
  return kv_->Write(batch, durability);
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

KvBatch ContentOf(const KvReader& store) {
  KvBatch content;
  for (int t = 0; t < kTableCount; ++t) {
    const auto table = static_cast<Table>(t);
    const auto it = store.Iterate(table, "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next())
      content.Put(table, std::string(it->key()), std::string(it->value()));
    CHECK(it->status().ok());
  }
  return content;
}

void FillDisk(const KvBatch& content, SimDisk* disk) {
  auto kv = disk->Open();
  CHECK(kv.ok());
  CHECK((*kv)->Write(content, Durability::kSync).ok());
}

std::unique_ptr<SimDisk> NewMemorySimDisk() { return std::make_unique<MemorySimDisk>(); }

}  // namespace brigada
