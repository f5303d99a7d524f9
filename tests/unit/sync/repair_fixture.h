// What the tests of repairs share: two devices and a server, and records that are changed behind
// the engine's back.
#ifndef TESTS_UNIT_SYNC_REPAIR_FIXTURE_H_
#define TESTS_UNIT_SYNC_REPAIR_FIXTURE_H_

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "brigada/v1/person.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/base/log.h"
#include "replica/schema/diff.h"
#include "replica/store/device_store.h"
#include "replica/store/keys.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"
#include "replica/store/record_ranges.h"
#include "replica/store/scope_sums.h"
#include "replica/sync/codec.h"
#include "replica/sync/device_repair.h"
#include "tests/support/fake_clock.h"
#include "tests/support/lent_kv.h"
#include "tests/support/loopback.h"
#include "tests/support/permissive_judge.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_server.h"

namespace brigada {

using End = Loopback::End;

inline constexpr char kOaxaca[] = "MX/20";
inline constexpr char kJuarez[] = "MX/20/067";

inline const RecordType& PersonType() { return *Registry::BuiltIn().FindByName("Person"); }

inline v1::Person PersonNamed(absl::string_view name) {
  v1::Person person;
  person.mutable_name()->set_given_names(std::string(name));
  return person;
}

struct Device {
  std::shared_ptr<Kv> disk = NewMemoryKv();
  std::unique_ptr<DeviceStore> store;
};

class RepairTest : public ::testing::Test {
 protected:
  RepairTest() {
    OpenServer();
    for (Device* device : {&ana_, &beto_}) {
      Open(device);
      Enrol(device, v1::INCIDENT);
    }
  }

  void OpenServer(bool restored = false) {
    auto store = OpenAuthorityStore(std::make_unique<LentKv>(server_disk_),
                                    {.registry = &Registry::BuiltIn(),
                                     .random = &random_,
                                     .now = clock_.Now(),
                                     .restored = restored});
    ASSERT_OK(store);
    authority_ = *std::move(store);
    if (server_ == nullptr) {
      server_ = std::make_unique<TestServer>(authority_.get(), &judge_, &clock_);
    } else {
      server_->Restart(authority_.get());
    }
  }
  void Open(Device* device) {
    device->store.reset();
    auto store =
        OpenDeviceStore(std::make_unique<LentKv>(device->disk),
                        {.registry = &Registry::BuiltIn(), .clock = &clock_, .random = &random_});
    ASSERT_OK(store);
    device->store = *std::move(store);
    ASSERT_OK(device->store->SetUser("ana"));
  }
  void Enrol(Device* device, v1::DataClass max_class, absl::string_view scope = kOaxaca) {
    v1::Feed feed;
    feed.set_scope(std::string(scope));
    feed.set_kind(v1::BELOW);
    feed.set_max_class(max_class);
    server_->SetPeer(
        {.replica = device->store->replica(), .user = "ana", .feeds = {feed}, .grants = {}});
  }

  SyncProgress Sync(Device* device) {
    frames_up_ = 0;
    LoopbackOptions options;
    options.on_client_frame = [this](const v1::ClientFrame& frame) {
      if (frame.has_range_check() || frame.has_range_items()) ++frames_up_;
    };
    told_to_compare_ = false;
    options.on_server_frame = [this](const v1::ServerFrame& frame) {
      for (const v1::CursorReset& reset : frame.welcome().resets())
        told_to_compare_ = told_to_compare_ || reset.reason() == v1::CursorReset::BELOW_FLOOR;
    };
    Loopback loopback(server_.get(), device->store.get(), std::move(options));
    EXPECT_EQ(loopback.Run(), End::kFinished) << loopback.device_status();
    bytes_ = loopback.bytes_moved();
    return loopback.device().progress();
  }

  RecordId Register(Device* device, absl::string_view name) {
    const RecordId id = NewRecordId(clock_.Now(), random_);
    EXPECT_OK(device->store->Commit(
        {*CreateChange(PersonType(), id, *Scope::Parse(kJuarez), PersonNamed(name))},
        Durability::kMemory));
    return id;
  }
  void RegisterMany(Device* device, int count) {
    for (int done = 0; done < count;) {
      std::vector<v1::Change> changes;
      for (int i = 0; i < 100 && done < count; ++i, ++done) {
        const RecordId id = NewRecordId(clock_.Now(), random_);
        ids_.push_back(id);
        changes.push_back(*CreateChange(PersonType(), id, *Scope::Parse(kJuarez),
                                        PersonNamed(absl::StrCat("Rosa ", done))));
      }
      EXPECT_OK(device->store->Commit(std::move(changes), Durability::kMemory));
    }
  }
  void Edit(Device* device, const RecordId& id, absl::string_view name) {
    v1::Change change;
    change.set_type_id(PersonType().type_id());
    change.set_record_id(id.AsBytes());
    change.set_values(PersonNamed(name).SerializeAsString());
    EXPECT_OK(device->store->Commit({change}, Durability::kMemory));
  }
  void Delete(Device* device, const RecordId& id) {
    v1::Change change;
    change.set_kind(v1::Change::DELETE);
    change.set_type_id(PersonType().type_id());
    change.set_record_id(id.AsBytes());
    EXPECT_OK(device->store->Commit({change}, Durability::kMemory));
  }
  std::string NameOf(const Device& device, const RecordId& id) {
    const auto view = device.store->Read();
    const auto record = (*view)->Get(PersonType(), id);
    if (!record.ok()) return "(damaged)";
    if (!record->has_value()) return "(absent)";
    v1::Person person;
    EXPECT_TRUE(person.ParseFromString((*record)->message));
    return person.name().given_names();
  }

  // The stored base of the record says another name, behind the back of the store; and its sums.
  void Damage(Device* device, const RecordId& id) {
    const std::string key = RecordKey(kOaxaca, PersonType().type_id(), id);
    std::string bytes = **device->disk->Get(Table::kRecords, key);
    const size_t at = bytes.find("Rosa");
    ASSERT_NE(at, std::string::npos);
    bytes[at] = 'X';
    KvBatch batch;
    batch.Put(Table::kRecords, key, bytes);
    ASSERT_OK(device->disk->Write(batch, Durability::kSync));
    Open(device);
  }
  void Lose(Device* device, const RecordId& id) {
    KvBatch batch;
    batch.Delete(Table::kRecords, RecordKey(kOaxaca, PersonType().type_id(), id));
    ASSERT_OK(device->disk->Write(batch, Durability::kSync));
    Open(device);
  }
  void CollectAll(uint64_t floor) {
    CollectRequest request{.partition = kOaxaca, .floor = floor, .from = {}, .max_records = 3};
    do {
      ASSERT_OK_AND_ASSIGN(const CollectReport report, authority_->CollectTombstones(request));
      request.from = report.next;
    } while (!request.from.empty());
  }
  void ExpectSumsAreRight(Device* device) {
    ASSERT_OK_AND_ASSIGN(const bool were_wrong, device->store->RecomputeSums(kOaxaca));
    EXPECT_FALSE(were_wrong);
  }

  // Beto's copy lacks a record, and one session found that it does; `welcome` began that session.
  void FindADifference(v1::ServerFrame* welcome) {
    RegisterMany(&ana_, 10);
    Sync(&ana_);
    Sync(&beto_);
    Lose(&beto_, ids_[5]);
    ASSERT_OK(beto_.store->RecomputeSums(kOaxaca));
    Register(&ana_, "Nueva");
    Sync(&ana_);
    LoopbackOptions options;
    options.on_server_frame = [&](const v1::ServerFrame& frame) {
      if (frame.has_welcome()) *welcome = frame;
    };
    Loopback finds(server_.get(), beto_.store.get(), std::move(options));
    ASSERT_EQ(finds.Run(), End::kFinished) << finds.device_status();
    ASSERT_EQ(beto_.store->Repairs().due_size(), 1);
  }

  FakeClock clock_;
  SeededRandom random_{11};
  PermissiveJudge judge_;
  std::shared_ptr<Kv> server_disk_ = NewMemoryKv();
  std::unique_ptr<AuthorityStore> authority_;
  std::unique_ptr<TestServer> server_;
  Device ana_, beto_;
  std::vector<RecordId> ids_;
  uint64_t bytes_ = 0;
  int frames_up_ = 0;
  bool told_to_compare_ = false;
};

}  // namespace brigada

#endif  // TESTS_UNIT_SYNC_REPAIR_FIXTURE_H_
