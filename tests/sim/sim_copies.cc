// A device's disk is copied and both go on: who comes second becomes a device of its own.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/check.h"
#include "server/directory.h"
#include "server/divide.h"
#include "tests/sim/sim_world.h"

namespace brigada {
namespace {

constexpr size_t kMaxDevices = 12;
constexpr int kMaxMoves = 5'000;

}  // namespace

void SimWorld::TakeCopy(SimDevice* device) {
  if (device->store == nullptr || device->has_trouble || device->may_be_damaged ||
      devices_.size() >= kMaxDevices)
    return;
  const auto content = ContentOf(*device->kv);
  Expect(content.ok() || IsExcused(device, content.status()), "a device's store does not read");
  if (!content.ok()) return;
  // What was not yet on the disk becomes common knowledge here.
  device->is_lazy = false;
  device->is_copied = true;
  NotePending(device);
  const int number = static_cast<int>(devices_.size());
  auto copy = std::make_unique<SimDevice>(number, NewDisk(StoreKind::kDevice), &true_us_,
                                          root_.Fork(absl::StrCat("device", number)).Next());
  FillDisk(*content, copy->disk.get());
  copy->replica = device->replica;
  copy->user = device->user;
  copy->scopes = device->scopes;
  copy->is_newer = device->is_newer;
  copy->is_focused = device->is_focused;
  copy->is_revoked = device->is_revoked;
  copy->is_copied = true;
  copy->has_rebooted = true;
  copy->confirmed = device->confirmed;
  copy->drafts = device->drafts;
  copy->forms = device->forms;
  copy->discarded = device->discarded;
  copy->given_up = device->given_up;
  copy->former = device->former;
  devices_.push_back(std::move(copy));
  ++result_.copies;
  StartDevice(devices_.back().get());
}

// What is pending on the device, under the id it has now.
void SimWorld::NotePending(SimDevice* device) {
  if (!is_modelled()) return;
  for (const std::string& partition : device->store->Partitions()) {
    const v1::OutboxHead head = device->store->Head(partition);
    for (uint64_t sequence = head.confirmed() + 1; sequence <= head.sequence(); ++sequence) {
      const auto page = device->store->ReadOutbox(partition, sequence, 1);
      if (!page.ok() && IsExcused(device, page.status())) return;
      CHECK(page.ok() && page->last_sequence == sequence);
      const SetName name{device->replica.AsBytes(), partition, sequence};
      WrittenSet set = SetOf(*page, device->number);
      if (device->is_copied) {
        device->drafts[name] = std::move(set);
      } else if (oracle_.Find(name) == nullptr) {
        oracle_.Write(name, std::move(set));
      }
    }
  }
}

WrittenSet SimWorld::SetOf(const OutboxPage& page, int writer) {
  WrittenSet set;
  set.header_bytes = page.change_sets[0].header();
  set.chain = page.chain_after;
  set.writer = writer;
  set.is_stub = !page.change_sets[0].has_body();
  set.is_durable = true;
  CHECK(set.header.ParseFromString(set.header_bytes));
  CHECK(set.body.ParseFromString(page.change_sets[0].body()));
  return set;
}

// The server judged a change set of an id that two share: the chain says whose.
void SimWorld::Adopt(const SetName& name) {
  if (oracle_.Find(name) != nullptr || !server_->is_up()) return;
  const auto stored = server_->store().FindVerdict(*ReplicaId::FromBytes(name.replica),
                                                   name.partition, name.sequence);
  if (!stored.ok() || !stored->has_value()) return;
  for (const auto& device : devices_) {
    const auto draft = device->drafts.find(name);
    if (draft == device->drafts.end() || draft->second.chain != (*stored)->chain()) continue;
    oracle_.Write(name, draft->second);
    return;
  }
}

// What the server can still take under the shared id goes first, as the client does it. False: it
// is tried again at the next session.
bool SimWorld::Settle(SimDevice* device) {
  device->is_settling = true;
  const bool settled = SyncAsFarAsItGoes(device);
  device->is_settling = false;
  return settled;
}

// True when the session ended well.
bool SimWorld::SyncAsFarAsItGoes(SimDevice* device) {
  SimLinkOptions options;
  options.window = 4;
  Connect(device, options);
  for (int i = 0; i < kMaxMoves && device->link != nullptr && !device->link->is_over(); ++i) {
    const bool moved = device->link->MoveAll();
    SimRandom random(1);
    const bool has_work = server_->is_up() && server_->queued() > 0;
    if (has_work) TakeServerWork(&random);
    NoticeFailures();
    if (!moved && !has_work && device->link != nullptr) Pass(absl::Seconds(1));
  }
  const bool finished = device->link != nullptr && device->link->is_finished();
  if (device->link != nullptr) EndLink(device);
  return finished;
}

// As Enrollment/Divide does it; any step may be repeated.
void SimWorld::Divide(SimDevice* device) {
  if (!server_->is_up() || device->store == nullptr || !Settle(device)) return;
  // What it pushed before it knew, the server has committed by now or never will.
  server_->OnReplicaChanged(device->replica);
  std::erase_if(late_,
                [&](const LateFrames& late) { return late.stream->replica() == device->replica; });
  SimRandom random(1);
  while (server_->is_up() && server_->queued() > 0) {
    TakeServerWork(&random);
    NoticeFailures();
  }
  if (!server_->is_up() || device->store == nullptr) return;
  AuthorityStore& store = server_->store();
  const auto unsent = device->store->UnsentChains();
  Expect(unsent.ok() || IsExcused(device, unsent.status()),
         "I12: a copy cannot say what it has not sent");
  if (!unsent.ok()) return;
  const auto shared = FindSharedWork(store, device->replica, *unsent);
  if (!shared.ok()) return;
  const auto original = store.GetEntry(DirectoryKind::kDevice, device->replica.bytes());
  if (!original.ok() || !original->has_value()) return;
  v1::DeviceRecord enrolled =
      SimDeviceRecord(NewReplicaId(server_->random()), device->user, LeaseEnd());
  enrolled.set_copied_from(device->replica.AsBytes());
  const absl::Status noted = EnrolCopy(store, **original, enrolled);
  AfterAdministration(noted);
  if (!noted.ok()) return;
  ++enrolments_;
  oracle_.PutDevice(enrolled.replica(), device->user);
  NoteLeftBehind(*device, *shared);
  const absl::Status divided =
      device->store->BecomeReplica(*ReplicaId::FromBytes(enrolled.replica()), *shared);
  Expect(divided.ok() || IsExcused(device, divided),
         absl::StrCat("I12: a copy cannot become a device: ", divided.ToString()));
  if (divided.ok()) {
    NoteDivision(device);
  } else if (!absl::IsResourceExhausted(divided)) {
    StopDevice(device);
  }
}

// What the server has under the shared id is left to the copy that keeps it, which need not hold it
// (docs/protocol.md).
void SimWorld::NoteLeftBehind(const SimDevice& device, const std::vector<v1::SharedWork>& shared) {
  for (const v1::SharedWork& work : shared) {
    for (uint64_t sequence = 1; sequence <= work.last(); ++sequence) {
      const auto page = device.store->ReadOutbox(work.partition(), sequence, 1);
      if (page.ok() && page->last_sequence == sequence)
        NoteOneWay(SetOf(*page, device.number).body);
    }
  }
}

// Work that the server could have taken under the shared id goes on nowhere else.
void SimWorld::CheckUnshared(const SimDevice& device, const SetName& name) {
  const auto own = device.drafts.find(name);
  if (own == device.drafts.end() || !server_->is_up()) return;
  const auto stored = server_->store().FindVerdict(device.replica, name.partition, name.sequence);
  const bool has_parted =
      stored.ok() && stored->has_value() && (*stored)->chain() != own->second.chain;
  Expect(has_parted, "I12: a copy takes work along that it should have sent");
}

// The store has another id than before: its unsent work goes on under that.
void SimWorld::NoteDivision(SimDevice* device) {
  for (const std::string& partition : device->store->Partitions()) {
    const v1::OutboxHead head = device->store->Head(partition);
    if (head.confirmed() == head.sequence()) continue;
    // All that is behind it has parted with it.
    CheckUnshared(*device, {device->replica.AsBytes(), partition, head.confirmed() + 1});
  }
  device->former.insert(device->replica);
  device->replica = device->store->replica();
  device->is_copied = false;
  device->is_revoked = false;
  device->drafts.clear();
  device->discarded.clear();
  for (const std::string& partition : device->store->Partitions()) {
    const uint64_t last = device->store->Head(partition).confirmed();
    oracle_.StartChain(device->replica.AsBytes(), partition, last);
    device->confirmed[partition] = last;
  }
  NotePending(device);
}

}  // namespace brigada
