// Files that lose what they held: a bit turns, or a power cut takes a device's database. Whatever
// shows of it is kDataLoss, never less than there was; a device is then recovered from its outbox
// mirror, a server restored from its newest backup.
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/backups.h"
#include "tests/sim/sim_world.h"

namespace brigada {

DeviceStoreOptions SimWorld::StoreOptionsOf(SimDevice* device) const {
  DeviceStoreOptions options{&SimRegistry(), &device->clock, &device->random};
  if (scenario_.has(Fault::kFolios))
    options.folio_place = [](absl::string_view /*scope*/) -> std::string { return "SIM"; };
  return options;
}

bool SimWorld::IsAnswer(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status) ||
         absl::IsAlreadyExists(status) || absl::IsFailedPrecondition(status);
}

bool SimWorld::IsExcused(SimDevice* device, const absl::Status& status) {
  // What the database finds by itself stops it, and its health says why.
  const bool says_so = absl::IsDataLoss(status) ||
                       (device->store != nullptr && absl::IsDataLoss(device->kv->health()));
  if (!device->may_be_damaged || !says_so) return device->has_trouble;
  device->is_damaged = true;
  return true;
}

void SimWorld::TakeFlip(SimDevice* device, SimRandom* random) {
  if (scenario_.has(Fault::kRestores) && random->Chance(250)) return FlipServer(random);
  const uint64_t where = random->Next();
  if (!scenario_.has(Fault::kBitFlips) || device->may_be_damaged) return;
  const bool is_open = device->store != nullptr;
  // What a power cut may have taken from the end of a log looks the same as what a bit did there.
  if (!is_open && (device->has_trouble || !device->disk->has_power())) return;
  device->may_be_damaged = device->disk->FlipBit(where, is_open);
  if (!is_open) StartDevice(device);
}

// The operator has the files verified before it serves again.
void SimWorld::FlipServer(SimRandom* random) {
  const uint64_t where = random->Next();
  if (!scenario_.has(Fault::kBitFlips) || !server_->is_up() || server_has_trouble_ ||
      is_directory_unsure_ || backups_.empty())
    return;
  const SimBackup& backup = backups_.back();
  if (server_->clock().Now() - backup.made >= kBackupKeptFor) return;
  StopServer();
  server_->disk().FlipBit(where, /*is_open=*/false);
  absl::Status whole = server_->Start();
  server_->Stop();
  if (whole.ok()) whole = server_->disk().Verify();
  Expect(whole.ok() || absl::IsDataLoss(whole),
         absl::StrCat("I3: a damaged server says ", whole.ToString()));
  if (whole.ok()) {
    StartServer();
  } else {
    PutBack(backup, /*how=*/0);
  }
}

void SimWorld::LoseDatabase(SimDevice* device) {
  // The mirror may be what the bit has turned in.
  if (device->may_be_damaged) return;
  device->disk->LoseDatabase();
  device->may_be_damaged = true;
  auto kv = device->disk->Open();
  Expect(absl::IsDataLoss(kv.status()) || (device->has_trouble && !kv.ok()),
         absl::StrCat("I3: a device whose database is gone says ", kv.status().ToString()));
  device->is_damaged = true;
}

// Its user may ask `brigada verify`, and in the end does.
void SimWorld::VerifyDevice(SimDevice* device) {
  const SimRandom random = root_.Fork(absl::StrCat("verify", device->number, ".", true_us_));
  if (!is_healing_ && !SimRandom(random).Chance(300)) return;
  const absl::Status whole = device->disk->Verify();
  device->may_be_damaged = !whole.ok();
  device->is_damaged = absl::IsDataLoss(whole);
  Expect(whole.ok() || device->is_damaged || device->has_trouble,
         absl::StrCat("I3: a damaged device says ", whole.ToString()));
}

bool SimWorld::RecoverDevice(SimDevice* device) {
  const auto recovered = device->disk->Recover(StoreOptionsOf(device));
  last_start_ = recovered.status();
  Expect(recovered.ok() || (device->has_trouble && !absl::IsDataLoss(recovered.status())),
         absl::StrCat("I1: a device is not recovered: ", recovered.status().ToString()));
  if (!recovered.ok()) return false;
  // A write that failed, or that a power cut met, is in the database and not in the mirror. Nobody
  // was told that it is kept; but a mirror that damage has cut short looks the same.
  Expect((recovered->is_whole || device->has_trouble) && recovered->outbox.lost == 0,
         absl::StrCat("I1: a recovery lost ", recovered->outbox.lost,
                      " change sets of which one copy was whole; the outbox is ",
                      recovered->is_whole ? "" : "not ", "known to be whole"));
  trace_.Add("recovered");
  trace_.Add(recovered->outbox.unsent);
  device->may_be_damaged = device->is_damaged = false;
  device->shown.clear();
  device->forms.clear();
  ++result_.recoveries;
  return true;
}

}  // namespace brigada
