// Wall clocks that are wrong, and what that does to writes that meet: nothing for ever. Real stores
// and sessions over a loopback.
#include <memory>
#include <string>
#include <utility>

#include "brigada/v1/person.pb.h"
#include "gtest/gtest.h"
#include "replica/schema/diff.h"
#include "replica/store/device_store.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"
#include "tests/support/fake_clock.h"
#include "tests/support/lent_kv.h"
#include "tests/support/loopback.h"
#include "tests/support/permissive_judge.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_server.h"

namespace brigada {
namespace {

constexpr char kOaxaca[] = "MX/20";
constexpr absl::Duration k24Years = absl::Hours(24 * 365 * 24);

const RecordType& PersonType() { return *Registry::BuiltIn().FindByName("Person"); }

v1::Person PersonNamed(absl::string_view name) {
  v1::Person person;
  person.mutable_name()->set_given_names(std::string(name));
  return person;
}

struct Device {
  std::shared_ptr<Kv> disk = NewMemoryKv();
  std::unique_ptr<FakeClock> clock = std::make_unique<FakeClock>();
  std::unique_ptr<DeviceStore> store;
};

class ClockTest : public ::testing::Test {
 protected:
  ClockTest() {
    auto store = OpenAuthorityStore(NewMemoryKv(), {.registry = &Registry::BuiltIn(),
                                                    .random = &random_,
                                                    .now = server_clock_.Now(),
                                                    .restored = false});
    EXPECT_OK(store);
    authority_ = *std::move(store);
    server_ = std::make_unique<TestServer>(authority_.get(), &judge_, &server_clock_);
    for (Device* device : {&ana_, &beto_}) {
      Open(device);
      v1::Feed feed;
      feed.set_scope(kOaxaca);
      feed.set_kind(v1::BELOW);
      feed.set_max_class(v1::SENSITIVE);
      server_->SetPeer(
          {.replica = device->store->replica(), .user = "ana", .feeds = {feed}, .grants = {}});
      Sync(device);
    }
    id_ = NewRecordId(server_clock_.Now(), random_);
    EXPECT_OK(beto_.store->Commit(
        {*CreateChange(PersonType(), id_, *Scope::Parse("MX/20/067"), PersonNamed("Rosa"))},
        Durability::kMemory));
    Sync(&beto_);
    Sync(&ana_);
  }

  void Open(Device* device) {
    device->store.reset();
    auto store = OpenDeviceStore(
        std::make_unique<LentKv>(device->disk),
        {.registry = &Registry::BuiltIn(), .clock = device->clock.get(), .random = &random_});
    ASSERT_OK(store);
    device->store = *std::move(store);
    ASSERT_OK(device->store->SetUser("ana"));
  }
  // The machine is off for a while; then its wall clock is ahead by `lead`.
  void Restart(Device* device, absl::Duration off, absl::Duration lead = absl::ZeroDuration()) {
    Advance(off);
    device->store.reset();
    device->clock->SetWall(device->clock->Now() + lead);
    device->clock->StartAnew();
    Open(device);
  }
  void Advance(absl::Duration by) {
    for (FakeClock* clock : {&server_clock_, ana_.clock.get(), beto_.clock.get()})
      clock->Advance(by);
  }
  void Sync(Device* device) {
    Loopback loopback(server_.get(), device->store.get(), {});
    EXPECT_EQ(loopback.Run(), Loopback::End::kFinished) << loopback.device_status();
  }
  void Rename(Device* device, absl::string_view name) {
    v1::Change change;
    change.set_type_id(PersonType().type_id());
    change.set_record_id(id_.AsBytes());
    change.set_values(PersonNamed(name).SerializeAsString());
    ASSERT_OK(device->store->Commit({change}, Durability::kMemory));
  }
  // What stands when Beto's session comes before Ana's.
  std::string NameAfterSyncs() {
    Advance(absl::Hours(1));
    for (Device* device : {&beto_, &ana_, &beto_}) Sync(device);
    v1::Person person;
    const auto view = beto_.store->Read();
    EXPECT_TRUE(person.ParseFromString((*(*view)->Get(PersonType(), id_))->message));
    return person.name().given_names();
  }

  FakeClock server_clock_;
  SeededRandom random_{11};
  PermissiveJudge judge_;
  std::unique_ptr<AuthorityStore> authority_;
  std::unique_ptr<TestServer> server_;
  Device ana_, beto_;
  RecordId id_;
};

TEST_F(ClockTest, AClockThatStoodIn2050OnceWinsNoLaterWrite) {
  ana_.clock->SetWall(ana_.clock->Now() + k24Years);
  Rename(&ana_, "Rosa en 2050");
  ana_.clock->SetWall(server_clock_.Now());
  Sync(&ana_);
  Sync(&beto_);
  Rename(&ana_, "Rosa de Ana");
  Advance(absl::Hours(1));
  Rename(&beto_, "Rosa de Beto");
  EXPECT_EQ(NameAfterSyncs(), "Rosa de Beto");
}

TEST_F(ClockTest, AClockThatStandsIn2050WinsNotBecauseItComesLate) {
  ana_.clock->SetWall(ana_.clock->Now() + k24Years);
  Rename(&ana_, "Rosa de Ana");
  Advance(absl::Hours(1));
  Rename(&beto_, "Rosa de Beto");
  EXPECT_EQ(NameAfterSyncs(), "Rosa de Beto");
}

TEST_F(ClockTest, AClockThatStandsIn1970LosesNotWhatItWroteLater) {
  ana_.clock->SetWall(absl::UnixEpoch());
  Rename(&beto_, "Rosa de Beto");
  Advance(absl::Hours(1));
  Rename(&ana_, "Rosa de Ana");
  EXPECT_EQ(NameAfterSyncs(), "Rosa de Ana");
}

TEST_F(ClockTest, AMachineThatWasOffForWeeksWritesInThePresent) {
  Rename(&beto_, "Rosa de Beto");
  Restart(&ana_, absl::Hours(24 * 21));
  Rename(&ana_, "Rosa de Ana");
  EXPECT_EQ(NameAfterSyncs(), "Rosa de Ana");
}

TEST_F(ClockTest, AMachineWhoseWallClockIsWrongByAsMuchAsEverWritesInThePresent) {
  ana_.clock->SetWall(ana_.clock->Now() + k24Years);
  Sync(&ana_);
  Rename(&beto_, "Rosa de Beto");
  Restart(&ana_, absl::Hours(24 * 21));
  Rename(&ana_, "Rosa de Ana");
  EXPECT_EQ(NameAfterSyncs(), "Rosa de Ana");
}

TEST_F(ClockTest, AClockThatIsSetRightAgainOfflineWritesInThePresent) {
  ana_.clock->SetWall(ana_.clock->Now() + k24Years);
  Rename(&ana_, "Rosa en 2050");
  Advance(absl::Hours(1));
  ana_.clock->SetWall(server_clock_.Now());
  Rename(&beto_, "Rosa de Beto");
  Advance(absl::Hours(1));
  Rename(&ana_, "Rosa de Ana");
  Advance(absl::Hours(1));
  EXPECT_EQ(NameAfterSyncs(), "Rosa de Ana");
}

// The device cannot tell how long it was off; the server sees that the stamp is of the future.
TEST_F(ClockTest, AMachineThatStartsIn2050WinsNotBecauseItComesLate) {
  Restart(&ana_, absl::Hours(1), k24Years);
  Rename(&ana_, "Rosa de Ana");
  Advance(absl::Hours(1));
  Rename(&beto_, "Rosa de Beto");
  EXPECT_EQ(NameAfterSyncs(), "Rosa de Beto");
}

TEST_F(ClockTest, AServerThatStoodIn2050OnceLeavesNoWinner) {
  server_clock_.SetWall(server_clock_.Now() + k24Years);
  Sync(&ana_);
  v1::Person other = PersonNamed("Otra");
  ASSERT_OK(
      ana_.store->Commit({*CreateChange(PersonType(), NewRecordId(beto_.clock->Now(), random_),
                                        *Scope::Parse("MX/20/067"), other)},
                         Durability::kMemory));
  Sync(&ana_);
  server_clock_.SetWall(ana_.clock->Now());
  Sync(&ana_);
  Sync(&beto_);
  Rename(&ana_, "Rosa de Ana");
  Advance(absl::Hours(1));
  Rename(&beto_, "Rosa de Beto");
  EXPECT_EQ(NameAfterSyncs(), "Rosa de Beto");
}

}  // namespace
}  // namespace brigada
