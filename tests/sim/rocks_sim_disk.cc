#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "replica/store/mirrored_kv.h"
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
  explicit RocksSimDisk(StoreKind kind) : kind_(kind) {}

  absl::StatusOr<std::unique_ptr<Kv>> Open() override {
    RocksKvOptions options;
    options.path = kStorePath;
    options.create_if_missing = true;
    options.env = env_.env();
    return kind_ == StoreKind::kDevice ? OpenMirroredKv(options) : OpenRocksKv(options);
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
  bool FlipBit(uint64_t draw, bool is_open) override;
  void LoseDatabase() override {
    env_.disk().Remove(std::string(kStorePath) + "/CURRENT");
    env_.disk().SyncDirectory(kStorePath);
  }
  absl::Status Verify() override { return VerifyRocksFiles(kStorePath, env_.env()); }
  absl::StatusOr<RecoveredStore> Recover(const DeviceStoreOptions& options) override {
    return RecoverDeviceStore(kStorePath, options, env_.env());
  }

 private:
  const StoreKind kind_;
  mutable FaultEnv env_;  // asking it is no change
  uint64_t cut_at_ = 0;   // 0: no cut is coming
};

bool RocksSimDisk::FlipBit(uint64_t draw, bool is_open) {
  SimRandom random(draw);
  std::vector<std::string> paths;
  for (const std::string& path : env_.disk().Files(kStorePath)) {
    // The settings that RocksDB writes beside the store nobody reads.
    const bool is_hit =
        is_open ? absl::EndsWith(path, ".sst") : !absl::StrContains(path, "OPTIONS");
    if (is_hit && env_.disk().Size(path) > 0) paths.push_back(path);
  }
  if (paths.empty()) return false;
  const std::string& path = paths[random.Uniform(paths.size())];
  env_.disk().FlipBit(path, random.Uniform(env_.disk().Size(path)),
                      static_cast<int>(random.Uniform(8)));
  return true;
}

}  // namespace

std::unique_ptr<SimDisk> NewRocksSimDisk(StoreKind kind) {
  return std::make_unique<RocksSimDisk>(kind);
}

}  // namespace brigada
