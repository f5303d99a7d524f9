// Peers of different versions: what an older program does not know (fields of a record, whole
// record types) goes through its stores, its sessions and its edits byte for byte.
#include <memory>
#include <string>

#include "brigada/v1/conflict.pb.h"
#include "gtest/gtest.h"
#include "replica/schema/diff.h"
#include "replica/store/device_store.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"
#include "tests/compat/filled_message.h"
#include "tests/support/fake_clock.h"
#include "tests/support/lent_kv.h"
#include "tests/support/loopback.h"
#include "tests/support/permissive_judge.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_server.h"
#include "tests/support/testing.pb.h"
#include "tests/support/testing_v2.pb.h"

namespace brigada {
namespace {

constexpr char kScope[] = "MX/20/067";

const Registry& RegistryOf(std::initializer_list<const google::protobuf::Descriptor*> types) {
  auto built = Registry::Build(types);
  EXPECT_OK(built);
  return *std::move(built).value().release();
}

const Registry& Older() {
  static const Registry& registry =
      RegistryOf({testing::Sample::descriptor(), v1::Conflict::descriptor()});
  return registry;
}

const Registry& Newer() {
  static const Registry& registry =
      RegistryOf({testing::v2::Sample::descriptor(), testing::v2::Novelty::descriptor(),
                  v1::Conflict::descriptor()});
  return registry;
}

// A device of one of the versions.
struct Device {
  const Registry* registry;
  std::unique_ptr<DeviceStore> store;

  const RecordType& type(absl::string_view name) const { return *registry->FindByName(name); }
  void Commit(v1::Change change) {
    ASSERT_OK(store->Commit({std::move(change)}, Durability::kSync));
  }
  // The bytes of a record; empty when it is not here.
  std::string Bytes(absl::string_view name, const RecordId& id) const {
    const auto view = store->Read();
    EXPECT_OK(view);
    const auto record = (*view)->Get(type(name), id);
    EXPECT_OK(record);
    return record->has_value() ? (*record)->message : "";
  }
};

class UnknownTest : public ::testing::Test {
 protected:
  UnknownTest() {
    auto opened = OpenAuthorityStore(
        NewMemoryKv(), {.registry = &Older(), .random = &random_, .now = clock_.Now()});
    EXPECT_OK(opened);
    authority_ = *std::move(opened);
    server_ = std::make_unique<TestServer>(authority_.get(), &judge_, &clock_);
  }

  Device NewDevice(const Registry& registry) { return DeviceOn(NewMemoryKv(), registry); }
  Device DeviceOn(const std::shared_ptr<Kv>& disk, const Registry& registry,
                  v1::DataClass max_class = v1::INCIDENT) {
    auto opened = OpenDeviceStore(std::make_unique<LentKv>(disk), {&registry, &clock_, &random_});
    EXPECT_OK(opened);
    Device device{&registry, *std::move(opened)};
    EXPECT_OK(device.store->SetUser("ana"));
    Introduce(device, max_class);
    return device;
  }

  // The server knows it by the id that it has now.
  void Introduce(const Device& device, v1::DataClass max_class) {
    PeerIdentity identity{
        .replica = device.store->replica(), .user = "ana", .feeds = {}, .grants = {}};
    v1::Feed& feed = identity.feeds.emplace_back();
    feed.set_scope("MX/20");
    feed.set_kind(v1::BELOW);
    feed.set_max_class(max_class);
    server_->SetPeer(identity);
  }

  void Sync(Device* device) {
    clock_.Advance(absl::Seconds(1));
    Loopback loopback(server_.get(), device->store.get(), {});
    ASSERT_EQ(loopback.Run(), Loopback::End::kFinished) << loopback.device_status();
    EXPECT_EQ(loopback.device().progress().change_sets_refused, 0U);
  }

  RecordId NewId() { return NewRecordId(clock_.Now(), random_); }

  FakeClock clock_;
  SeededRandom random_{5};
  PermissiveJudge judge_;
  std::unique_ptr<AuthorityStore> authority_;
  std::unique_ptr<TestServer> server_;
};

testing::v2::Sample NewerSample() {
  testing::v2::Sample sample;
  sample.set_title("antes");
  sample.set_nickname("apodo");
  sample.set_level(-3);
  sample.mutable_cover()->set_head("portada");
  sample.add_mottos("uno");
  sample.add_mottos("dos");
  sample.add_numbers(7);
  sample.add_numbers(-7);
  sample.set_weight(1.5);
  sample.set_seal(0xfeedbeef);
  return sample;
}

TEST_F(UnknownTest, FieldsSurviveAnOlderServerAndAnEditOnAnOlderDevice) {
  Device newer = NewDevice(Newer());
  Device older = NewDevice(Older());
  const RecordId id = NewId();
  newer.Commit(*CreateChange(newer.type("Sample"), id, *Scope::Parse(kScope), NewerSample()));
  const std::string written = newer.Bytes("Sample", id);
  Sync(&newer);
  Sync(&older);
  EXPECT_EQ(older.Bytes("Sample", id), written);
  // The older program edits what it read, and writes back all of it.
  testing::Sample before, after;
  ASSERT_TRUE(before.ParseFromString(older.Bytes("Sample", id)));
  after = before;
  after.set_title("después");
  v1::Change edit = *DiffMessages(older.type("Sample"), before, after);
  edit.set_type_id(older.type("Sample").type_id());
  edit.set_record_id(id.AsBytes());
  older.Commit(edit);
  Sync(&older);
  Sync(&newer);
  testing::v2::Sample expected = NewerSample();
  expected.set_title("después");
  EXPECT_EQ(newer.Bytes("Sample", id), DeterministicBytes(expected));
  EXPECT_EQ(older.Bytes("Sample", id), newer.Bytes("Sample", id));
}

TEST_F(UnknownTest, FieldsSurviveWhileAnOlderDevicesEditIsPending) {
  Device newer = NewDevice(Newer());
  Device older = NewDevice(Older());
  const RecordId id = NewId();
  newer.Commit(*CreateChange(newer.type("Sample"), id, *Scope::Parse(kScope), NewerSample()));
  Sync(&newer);
  Sync(&older);
  testing::Sample before, after;
  ASSERT_TRUE(before.ParseFromString(older.Bytes("Sample", id)));
  after = before;
  after.set_title("pendiente");
  v1::Change edit = *DiffMessages(older.type("Sample"), before, after);
  edit.set_type_id(older.type("Sample").type_id());
  edit.set_record_id(id.AsBytes());
  older.Commit(edit);
  testing::v2::Sample expected = NewerSample();
  expected.set_title("pendiente");
  EXPECT_EQ(older.Bytes("Sample", id), DeterministicBytes(expected));
  // A newer edit of an unknown field meets the pending one.
  testing::v2::Sample changed = NewerSample();
  changed.set_nickname("otro");
  v1::Change newer_edit = *DiffMessages(newer.type("Sample"), NewerSample(), changed);
  newer_edit.set_type_id(newer.type("Sample").type_id());
  newer_edit.set_record_id(id.AsBytes());
  newer.Commit(newer_edit);
  Sync(&newer);
  Sync(&older);
  Sync(&newer);
  expected.set_nickname("otro");
  EXPECT_EQ(newer.Bytes("Sample", id), DeterministicBytes(expected));
  EXPECT_EQ(older.Bytes("Sample", id), DeterministicBytes(expected));
}

// Of a field without words for it the server says only that it is of the most sensitive class.
TEST_F(UnknownTest, OwnFieldsThatAnOlderServerTellsNobodyBelowStayWhereTheyWereWritten) {
  Device newer = DeviceOn(NewMemoryKv(), Newer(), v1::PERSONAL);
  Device other = DeviceOn(NewMemoryKv(), Newer(), v1::PERSONAL);
  const RecordId id = NewId();
  newer.Commit(*CreateChange(newer.type("Sample"), id, *Scope::Parse(kScope), NewerSample()));
  const std::string written = newer.Bytes("Sample", id);
  Sync(&newer);
  Sync(&newer);
  ASSERT_EQ(newer.Bytes("Sample", id), written);

  // Everything is told anew, each record whole.
  ASSERT_OK(newer.store->GiveUpCursor("MX/20"));
  Sync(&newer);
  EXPECT_EQ(newer.Bytes("Sample", id), written);

  // What somebody else changes comes all the same, and both agree with the server.
  Sync(&other);
  testing::v2::Sample before, after;
  ASSERT_TRUE(before.ParseFromString(other.Bytes("Sample", id)));
  EXPECT_EQ(before.nickname(), "");
  after = before;
  after.set_title("después");
  v1::Change edit = *DiffMessages(other.type("Sample"), before, after);
  edit.set_type_id(other.type("Sample").type_id());
  edit.set_record_id(id.AsBytes());
  other.Commit(edit);
  Sync(&other);
  ASSERT_OK(newer.store->GiveUpCursor("MX/20"));
  Sync(&newer);
  testing::v2::Sample expected = NewerSample();
  expected.set_title("después");
  EXPECT_EQ(newer.Bytes("Sample", id), DeterministicBytes(expected));
  EXPECT_EQ(newer.store->Repairs().due_size(), 0);
}

TEST_F(UnknownTest, OwnFieldsThatAnOlderServerTellsNobodyBelowStayOnACopyThatIsDivided) {
  Device newer = DeviceOn(NewMemoryKv(), Newer(), v1::PERSONAL);
  const RecordId id = NewId();
  newer.Commit(*CreateChange(newer.type("Sample"), id, *Scope::Parse(kScope), NewerSample()));
  const std::string written = newer.Bytes("Sample", id);
  Sync(&newer);
  v1::SharedWork shared;
  shared.set_partition("MX/20");
  shared.set_last(1);

  ASSERT_OK(newer.store->BecomeReplica(NewReplicaId(random_), {&shared, 1}));
  Introduce(newer, v1::PERSONAL);
  ASSERT_OK(newer.store->GiveUpCursor("MX/20"));
  Sync(&newer);
  EXPECT_EQ(newer.Bytes("Sample", id), written);

  // Divided once more.
  ASSERT_OK(newer.store->BecomeReplica(NewReplicaId(random_), {&shared, 1}));
  Introduce(newer, v1::PERSONAL);
  ASSERT_OK(newer.store->GiveUpCursor("MX/20"));
  Sync(&newer);
  EXPECT_EQ(newer.Bytes("Sample", id), written);
  EXPECT_EQ(newer.store->Repairs().due_size(), 0);
}

TEST_F(UnknownTest, TypesGoThroughAnOlderServerAndBack) {
  Device newer = NewDevice(Newer());
  Device other = NewDevice(Newer());
  testing::v2::Novelty novelty;
  novelty.set_text("nuevo");
  novelty.add_tags("b");
  novelty.add_tags("a");
  const RecordId id = NewId();
  newer.Commit(*CreateChange(newer.type("Novelty"), id, *Scope::Parse(kScope), novelty));
  const std::string written = newer.Bytes("Novelty", id);
  Sync(&newer);
  Sync(&other);
  EXPECT_EQ(other.Bytes("Novelty", id), written);
  // Both add to the set; to the server it is a register that it does not know.
  testing::v2::Novelty edited = novelty;
  edited.set_text("editado");
  v1::Change edit = *DiffMessages(other.type("Novelty"), novelty, edited);
  edit.set_type_id(other.type("Novelty").type_id());
  edit.set_record_id(id.AsBytes());
  other.Commit(edit);
  Sync(&other);
  Sync(&newer);
  EXPECT_EQ(newer.Bytes("Novelty", id), other.Bytes("Novelty", id));
  testing::v2::Novelty read;
  ASSERT_TRUE(read.ParseFromString(newer.Bytes("Novelty", id)));
  EXPECT_EQ(read.text(), "editado");
  EXPECT_EQ(read.tags_size(), 2);
}

TEST_F(UnknownTest, ADeviceThatIsUpdatedReadsWhatItCarriedForOthers) {
  Device newer = NewDevice(Newer());
  const std::shared_ptr<Kv> disk = NewMemoryKv();
  Device device = DeviceOn(disk, Older());
  testing::v2::Novelty novelty;
  novelty.set_text("nuevo");
  const RecordId of_type = NewId();
  const RecordId of_fields = NewId();
  newer.Commit(*CreateChange(newer.type("Novelty"), of_type, *Scope::Parse(kScope), novelty));
  newer.Commit(
      *CreateChange(newer.type("Sample"), of_fields, *Scope::Parse(kScope), NewerSample()));
  Sync(&newer);
  Sync(&device);
  device.store.reset();
  device = DeviceOn(disk, Newer());
  EXPECT_EQ(device.Bytes("Novelty", of_type), DeterministicBytes(novelty));
  EXPECT_EQ(device.Bytes("Sample", of_fields), DeterministicBytes(NewerSample()));
}

}  // namespace
}  // namespace brigada
