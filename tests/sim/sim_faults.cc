// What goes wrong with clocks, disks and machines, and how they come back.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/check.h"
#include "tests/sim/sim_world.h"

namespace brigada {

// Behind what it has just told, an hour from the true time at most.
void SimWorld::SetServerClockBack(SimRandom* random) {
  const absl::Duration skew = server_->clock().Now() - absl::FromUnixMicros(true_us_);
  const auto by = absl::Milliseconds(static_cast<int64_t>(random->Uniform(3'600'000)));
  server_->clock().SetSkew(std::max(skew - by, -absl::Hours(1)));
}

void SimWorld::TakeClock(SimDevice* device, SimRandom* random) {
  if (scenario_.has(Fault::kServerClock) && random->Chance(200)) {
    server_->clock().SetSkew(
        absl::Milliseconds(static_cast<int64_t>(random->Uniform(7'200'000)) - 3'600'000));
    return;
  }
  if (scenario_.has(Fault::kFrozenClocks) && random->Chance(400)) {
    device->clock.Freeze();
  } else if (scenario_.has(Fault::kClockJumps)) {
    const int64_t most = random->Chance(300) ? int64_t{30} * 365 * 24 * 3600 : 7200;
    const auto seconds = static_cast<int64_t>(random->Uniform(static_cast<uint64_t>(2 * most)));
    device->clock.SetSkew(absl::Seconds(seconds - most));
    device->has_rebooted = true;
  }
}

void SimWorld::TakeDiskFault(SimDevice* device, SimRandom* random) {
  const bool is_server = random->Chance(250);
  SimDisk& disk = is_server ? server_->disk() : *device->disk;
  (is_server ? server_has_trouble_ : device->has_trouble) = true;
  const bool fails = scenario_.has(Fault::kDiskErrors) && random->Chance(400);
  if (fails) {
    disk.FailSoon(random->Next());
  } else if (scenario_.has(Fault::kFullDisks)) {
    const uint64_t how = random->Fork("full").Next();
    disk.SetFull(random->Chance(500), how);
  }
}

void SimWorld::StopDevice(SimDevice* device) {
  device->link.reset();
  device->store.reset();
  device->told = 0;
}

bool SimWorld::StartDevice(SimDevice* device) {
  StopDevice(device);
  if (!device->disk->has_power()) {
    device->disk->PowerLoss(
        root_.Fork(absl::StrCat("power", device->number, ".", true_us_)).Next());
    device->clock.Reboot();
    device->has_rebooted = true;
    device->shown.clear();
    ++result_.crashes;
    if (std::exchange(device->loses_database, false)) LoseDatabase(device);
  }
  if (device->may_be_damaged && !device->is_damaged) VerifyDevice(device);
  if (device->is_damaged && !RecoverDevice(device)) return false;
  auto kv = device->disk->Open();
  absl::Status status = kv.status();
  if (kv.ok()) {
    device->kv = kv->get();
    auto store = OpenDeviceStore(*std::move(kv), StoreOptionsOf(device));
    status = store.status();
    if (store.ok()) {
      device->store = *std::move(store);
      device->store->SetChangeListener(
          [this, device](absl::Span<const ChangedRecord> changed) { CheckReads(device, changed); });
    }
  }
  last_start_ = status;
  if (!status.ok()) {
    const bool is_damage = absl::IsDataLoss(status) || absl::IsFailedPrecondition(status);
    if (absl::IsDataLoss(status) && IsExcused(device, status) && device->is_damaged)
      return StartDevice(device);
    Expect(device->has_trouble && !is_damage,
           absl::StrCat("I3: a device's store does not open: ", status.ToString()));
    return false;
  }
  if (!device->replica.is_zero()) {
    if (device->replica != device->store->replica()) NoteDivision(device);
    CheckRecoveredDevice(device);
  }
  return true;
}

void SimWorld::StopServer() {
  for (const auto& device : devices_)
    if (device->link != nullptr) device->link->Break();
  late_.clear();
  server_->Stop();
  for (const auto& device : devices_)
    if (device->link != nullptr) EndLink(device.get());
  late_.clear();
}

bool SimWorld::StartServer() {
  StopServer();
  if (!server_->disk().has_power()) {
    server_->disk().PowerLoss(root_.Fork(absl::StrCat("server power", true_us_)).Next());
    server_->clock().Reboot();
    ++result_.crashes;
  }
  const absl::Status started = last_start_ = server_->Start();
  if (!started.ok()) {
    server_->Stop();
    const bool is_damage = absl::IsDataLoss(started) || absl::IsFailedPrecondition(started);
    Expect(server_has_trouble_ && !is_damage,
           absl::StrCat("I3: the server's store does not open: ", started.ToString()));
    return false;
  }
  CheckRecoveredServer();
  return true;
}

// Who lost the power is down at once; whose store refuses to go on is started again.
void SimWorld::NoticeFailures() {
  if (server_->is_up()) {
    const absl::Status health = server_->store().Health();
    if (!server_->disk().has_power() || !health.ok()) StopServer();
  }
  for (const auto& device : devices_) {
    const bool is_down = !device->disk->has_power() || device->is_damaged;
    if (device->store != nullptr && is_down) StopDevice(device.get());
  }
}

void SimWorld::Heal() {
  trace_.Add("heal");
  is_healing_ = true;
  late_.clear();
  server_->disk().Heal();
  for (const auto& device : devices_) {
    device->disk->Heal();
    if (device->link != nullptr) device->link->Break();
    if (device->link != nullptr) EndLink(device.get());
  }
  // Whatever stopped after a fault is started again; the rest goes on as it is.
  if (!server_->is_up() || server_has_trouble_)
    Expect(StartServer(), absl::StrCat("I3: the server does not start: ", last_start_.ToString()));
  for (const auto& device : devices_) {
    if (device->store != nullptr && !device->has_trouble && !device->may_be_damaged) continue;
    Expect(StartDevice(device.get()),
           absl::StrCat("I3: a device does not start: ", last_start_.ToString()));
  }
  server_has_trouble_ = false;
  for (const auto& device : devices_) device->has_trouble = false;
}

}  // namespace brigada
