// Goal: nothing acknowledged is lost and nothing counts twice when the server goes back, announced
// (a backup restored) or not (a copied directory), in the middle of random work. Method: real
// stores and sessions over loopbacks; one seed draws commits, cut sessions, backups and restores;
// then every link heals, and what the server and the devices hold is compared with what was
// committed.
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "replica/base/check.h"
#include "replica/base/random.h"
#include "replica/schema/diff.h"
#include "replica/store/device_store.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"
#include "tests/sim/sim_device.h"
#include "tests/support/fake_clock.h"
#include "tests/support/lent_kv.h"
#include "tests/support/loopback.h"
#include "tests/support/permissive_judge.h"
#include "tests/support/test_server.h"
#include "tests/support/testing.pb.h"

namespace brigada {
namespace {

constexpr char kScope[] = "MX/20/067";
constexpr int kDevices = 3;

std::shared_ptr<Kv> Clone(const Kv& from) {
  std::shared_ptr<Kv> to = NewMemoryKv();
  KvBatch all;
  for (int t = 0; t < kTableCount; ++t) {
    const auto it = from.Iterate(static_cast<Table>(t), "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next())
      all.Put(static_cast<Table>(t), std::string(it->key()), std::string(it->value()));
  }
  CHECK(to->Write(all, Durability::kSync).ok());
  return to;
}

const RecordType& SampleType() { return *SimRegistry().FindByName("Sample"); }

struct Device {
  std::shared_ptr<Kv> disk;
  std::unique_ptr<DeviceStore> store;
  std::unique_ptr<Loopback> link;
};

class EpochWorld {
 public:
  explicit EpochWorld(uint64_t seed) : random_(seed) {
    server_disk_ = NewMemoryKv();
    OpenServer(/*restored=*/false);
    for (int i = 0; i < kDevices; ++i) {
      Device& device = devices_.emplace_back();
      device.disk = NewMemoryKv();
      OpenDevice(&device);
      CHECK(device.store->SetUser(absl::StrCat("user", i)).ok());
      AddPeer(device, i);
    }
    backup_ = Clone(*server_disk_);
  }
  ~EpochWorld() {
    for (Device& device : devices_) device.link.reset();
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) Step();
    for (Device& device : devices_) device.link.reset();
    for (int round = 0; round < 4; ++round) {
      for (Device& device : devices_) SyncToTheEnd(&device);
    }
  }

  const std::vector<std::string>& failures() const { return failures_; }

  void Check() {
    const auto at_server = SamplesOf(*authority_->Read());
    for (const auto& [id, tally] : tally_) {
      const auto found = at_server.find(id);
      if (found == at_server.end()) {
        failures_.push_back("a record that was acknowledged is gone");
      } else if (found->second.tally() != tally) {
        failures_.push_back(absl::StrCat("a counter is ", found->second.tally(), ", not ", tally));
      } else {
        CheckTitle(id, found->second);
      }
    }
    for (const Device& device : devices_) {
      const auto counts = device.store->Counts();
      CHECK(counts.ok());
      if (counts->pending != 0) failures_.push_back("an outbox is not empty");
      const auto rejected = device.store->Rejected();
      CHECK(rejected.ok());
      for (const v1::RejectedChangeSet& set : *rejected) {
        failures_.push_back(absl::StrCat("accepted work is in the rejected list: ",
                                         set.verdict().ShortDebugString()));
      }
      const auto held = SamplesOf(*device.store->Read());
      if (held.size() != at_server.size()) failures_.push_back("a device holds other records");
      for (const auto& [id, sample] : at_server) {
        const auto own = held.find(id);
        if (own != held.end() && own->second.SerializeAsString() != sample.SerializeAsString()) {
          failures_.push_back(absl::StrCat("a device differs: ", own->second.ShortDebugString(),
                                           " | ", sample.ShortDebugString()));
        }
      }
    }
  }

 private:
  static std::map<RecordId, testing::Sample> SamplesOf(const std::unique_ptr<ReadView>& view) {
    std::map<RecordId, testing::Sample> samples;
    const auto cursor = view->Scan(SampleType(), *Scope::Parse("MX"));
    while (true) {
      const auto next = cursor->Next();
      CHECK(next.ok());
      if (!next->has_value()) return samples;
      CHECK(samples[(*next)->id].ParseFromString((*next)->message));
    }
  }

  void CheckTitle(const RecordId& id, const testing::Sample& sample) {
    const auto& titles = titles_[id];
    if (!titles.empty() && !titles.contains(sample.title()))
      failures_.push_back("a title that nobody wrote");
  }

  void AddPeer(const Device& device, int i) {
    v1::Feed feed;
    feed.set_scope("MX/20");
    feed.set_kind(v1::BELOW);
    feed.set_max_class(v1::INCIDENT);
    server_->SetPeer({.replica = device.store->replica(),
                      .user = absl::StrCat("user", i),
                      .feeds = {feed},
                      .grants = {}});
  }

  void OpenDevice(Device* device) {
    device->store.reset();
    auto store =
        OpenDeviceStore(std::make_unique<LentKv>(device->disk),
                        {.registry = &SimRegistry(), .clock = &clock_, .random = &random_});
    CHECK(store.ok());
    device->store = *std::move(store);
  }

  void OpenServer(bool restored) {
    authority_.reset();
    AuthorityStoreOptions options;
    options.registry = &SimRegistry();
    options.random = &random_;
    options.now = clock_.Now();
    options.restored = restored;
    auto store = OpenAuthorityStore(std::make_unique<LentKv>(server_disk_), options);
    CHECK(store.ok());
    authority_ = *std::move(store);
    if (server_ == nullptr) {
      server_ = std::make_unique<TestServer>(authority_.get(), &judge_, &clock_);
    } else {
      server_->Restart(authority_.get());
    }
  }

  void Step() {
    clock_.Advance(absl::Milliseconds(1 + random_.Uniform(5000)));
    Device& device = devices_[random_.Uniform(devices_.size())];
    const uint64_t draw = random_.Uniform(100);
    if (draw < 30) {
      Commit(&device);
    } else if (draw < 32) {
      device.link.reset();
      OpenDevice(&device);
    } else if (draw < 34) {
      backup_ = Clone(*server_disk_);
    } else if (draw < 36) {
      for (Device& other : devices_) other.link.reset();
      server_disk_ = Clone(*backup_);
      OpenServer(/*restored=*/random_.Uniform(2) == 0);
    } else if (draw < 37) {
      for (Device& other : devices_) other.link.reset();
      OpenServer(/*restored=*/false);
    } else if (device.link == nullptr) {
      Connect(&device, /*may_cut=*/true);
    } else {
      for (uint64_t moves = 1 + random_.Uniform(12); moves > 0 && !device.link->is_over(); --moves)
        device.link->Step();
      if (device.link->is_over()) device.link.reset();
    }
  }

  void Connect(Device* device, bool may_cut) {
    LoopbackOptions options;
    options.server.batch_target_bytes = 1 + random_.Uniform(600);
    if (may_cut) {
      options.device.live = random_.Uniform(4) == 0;
      options.random = &random_;
      if (random_.Uniform(2) == 0) options.cut_after_bytes = 1 + random_.Uniform(4000);
      options.drops_answers = random_.Uniform(10) == 0;
    }
    device->link = std::make_unique<Loopback>(server_.get(), device->store.get(), options);
  }

  void SyncToTheEnd(Device* device) {
    clock_.Advance(absl::Seconds(1));
    Connect(device, /*may_cut=*/false);
    Loopback::End end = device->link->Run();
    if (absl::IsUnavailable(device->link->device_status())) {
      // It gave up its cursor and reads from zero.
      Connect(device, /*may_cut=*/false);
      end = device->link->Run();
    }
    if (end != Loopback::End::kFinished) {
      failures_.push_back(absl::StrCat("a session with a working link did not finish: ",
                                       device->link->device_status().ToString()));
    }
    device->link.reset();
  }

  void Commit(Device* device) {
    const auto held = SamplesOf(*device->store->Read());
    testing::Sample after;
    absl::StatusOr<v1::Change> change = absl::UnknownError("");
    RecordId id;
    if (held.empty() || random_.Uniform(5) == 0) {
      id = NewRecordId(clock_.Now(), random_);
      after.set_title(absl::StrCat("t", random_.Uniform(1000)));
      after.set_tally(static_cast<int64_t>(random_.Uniform(5)));
      change = CreateChange(SampleType(), id, *Scope::Parse(kScope), after);
    } else {
      auto at = held.begin();
      std::advance(at, static_cast<int64_t>(random_.Uniform(held.size())));
      id = at->first;
      after = at->second;
      if (random_.Uniform(2) == 0) {
        after.set_tally(after.tally() + 1 + static_cast<int64_t>(random_.Uniform(5)));
      } else {
        after.set_title(absl::StrCat("t", random_.Uniform(1000)));
      }
      change = DiffMessages(SampleType(), at->second, after);
    }
    CHECK(change.ok());
    if (IsEmpty(*change)) return;
    change->set_type_id(SampleType().type_id());
    change->set_record_id(id.AsBytes());
    const int64_t before = held.contains(id) ? held.at(id).tally() : 0;
    if (!device->store->Commit({*change}, Durability::kSync).ok()) return;
    tally_[id] += after.tally() - before;
    titles_[id].insert(after.title());
    if (device->link != nullptr) device->link->device().OnCommit();
  }

  SeededRandom random_;
  FakeClock clock_;
  PermissiveJudge judge_;
  std::shared_ptr<Kv> server_disk_;
  std::shared_ptr<Kv> backup_;
  std::unique_ptr<AuthorityStore> authority_;
  std::unique_ptr<TestServer> server_;
  std::vector<Device> devices_;
  std::map<RecordId, int64_t> tally_;
  std::map<RecordId, std::set<std::string>> titles_;
  std::vector<std::string> failures_;
};

TEST(EpochHistoryTest, NothingAcknowledgedIsLostAndNothingCountsTwice) {
  for (uint64_t seed = 1; seed <= 100 && !HasFailure(); ++seed) {
    EpochWorld world(seed);
    world.Run(/*steps=*/200);
    world.Check();
    for (const std::string& failure : world.failures())
      ADD_FAILURE() << failure << ", seed " << seed;
  }
}

}  // namespace
}  // namespace brigada
