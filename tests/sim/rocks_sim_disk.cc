#include <utility>

#include "replica/store/rocks_kv.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_random.h"
#include "tests/support/fault_env.h"

namespace brigada {
namespace {

constexpr char kStorePath[] = "/store";
constexpr uint64_t kPlenty = uint64_t{1} << 40;

class RocksSimDisk final : public SimDisk {
 public:
  absl::StatusOr<std::unique_ptr<Kv>> Open() override {
    RocksKvOptions options;
    options.path = kStorePath;
    options.create_if_missing = true;
    options.env = env_.env();
    return OpenRocksKv(options);
  }

  void CutPowerSoon(uint64_t draw) override {
    if (!has_power()) return;
    cut_at_ = env_.disk().mutating_ops() + 1 + draw % 12;
    env_.disk().CrashAt(cut_at_);
  }
  bool has_power() const override { return cut_at_ == 0 || env_.disk().mutating_ops() < cut_at_; }
  void PowerLoss(uint64_t draw) override {
    env_.disk().PowerLoss(draw, /*torn=*/draw % 2 == 0);
    cut_at_ = 0;
  }
  void FailSoon(uint64_t draw) override {
    const uint64_t nth = 1 + (draw >> 8) % 3;
    if (draw % 2 == 0) {
      env_.disk().FailWrite(nth);
    } else {
      env_.disk().FailSync(nth, draw % 4 == 1 ? SyncFailure::kKeeps : SyncFailure::kForgets);
    }
  }
  void SetFull(bool full, uint64_t draw) override {
    const bool fails_writes = full && draw % 2 == 0;
    env_.disk().SetFull(fails_writes);
    env_.disk().SetFreeBytes(full && !fails_writes ? 0 : kPlenty);
  }
  void Heal() override {
    env_.disk().TakePendingFailure();
    env_.disk().SetFull(false);
    env_.disk().SetFreeBytes(kPlenty);
    env_.disk().CrashAt(0);
    if (has_power()) cut_at_ = 0;
  }

 private:
  mutable FaultEnv env_;  // asking it is no change
  uint64_t cut_at_ = 0;   // 0: no cut is coming
};

}  // namespace

std::unique_ptr<SimDisk> NewRocksSimDisk() { return std::make_unique<RocksSimDisk>(); }

}  // namespace brigada
