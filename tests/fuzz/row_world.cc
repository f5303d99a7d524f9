#include "tests/fuzz/row_world.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "brigada/v1/administration_service.pb.h"
#include "replica/base/check.h"
#include "replica/crypto/hash_chain.h"
#include "replica/schema/diff.h"
#include "replica/store/device_store.h"
#include "replica/store/keys.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"
#include "replica/store/sealed_body.h"
#include "tests/fuzz/fuzz_world.h"
#include "tests/support/fake_clock.h"
#include "tests/support/lent_kv.h"
#include "tests/support/loopback.h"
#include "tests/support/test_server.h"
#include "tests/support/testing.pb.h"

namespace brigada {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kMaxDamages = 8;
constexpr int kMaxDamagedReads = 64;

testing::Sample Titled(const std::string& title) {
  testing::Sample sample;
  sample.set_title(title);
  return sample;
}

// A server and two devices that write, meet, are refused and erased.
class RowMaker {
 public:
  RowMaker() {
    auto opened =
        OpenAuthorityStore(std::make_unique<LentKv>(server_disk_),
                           {.registry = &FuzzRegistry(), .random = &random_, .now = clock_.Now()});
    CHECK(opened.ok());
    authority_ = *std::move(opened);
    server_ = std::make_unique<TestServer>(authority_.get(), &judge_, &clock_);
    for (Device* device : {&ana_, &beto_}) Enrol(device);
    Write();
  }

  RowWorld Take() {
    RowWorld world{NewMemoryKv(), NewMemoryKv(), NewMemoryKv()};
    CopyDisk(server_disk_, world.server);
    CopyDisk(ana_.disk, world.device);
    CHECK(ana_.store->GiveUpCursor(kFuzzPartition).ok());
    v1::Welcome less;
    less.set_epoch(authority_->epoch().AsBytes());
    *less.add_feeds() = FuzzFeeds()[0];
    CHECK(ana_.store->NoteWelcome(less).ok());
    CopyDisk(ana_.disk, world.purging);
    return world;
  }

 private:
  struct Device {
    std::shared_ptr<Kv> disk = NewMemoryKv();
    std::unique_ptr<DeviceStore> store = nullptr;
  };

  void Enrol(Device* device) {
    auto opened = OpenDeviceStore(std::make_unique<LentKv>(device->disk),
                                  {&FuzzRegistry(), &clock_, &random_});
    CHECK(opened.ok());
    device->store = *std::move(opened);
    CHECK(device->store->SetUser("ana").ok());
    server_->SetPeer(
        {.replica = device->store->replica(), .user = "ana", .feeds = FuzzFeeds(), .grants = {}});
  }
  void Sync(Device* device) {
    clock_.Advance(absl::Seconds(1));
    Loopback loopback(server_.get(), device->store.get(), {});
    CHECK(loopback.Run() == Loopback::End::kFinished);
  }
  RecordId Create(Device* device, const std::string& title) {
    const RecordId id = NewRecordId(clock_.Now(), random_);
    CHECK(device->store
              ->Commit({*CreateChange(Type(), id, *Scope::Parse("MX/20/067"), Titled(title))},
                       Durability::kSync)
              .ok());
    return id;
  }
  void Change(Device* device, const RecordId& id, const testing::Sample& values,
              v1::Change::Kind kind = v1::Change::EDIT) {
    v1::Change change;
    change.set_type_id(Type().type_id());
    change.set_record_id(id.AsBytes());
    change.set_kind(kind);
    change.set_values(values.SerializeAsString());
    CHECK(device->store->Commit({change}, Durability::kSync).ok());
  }
  static const RecordType& Type() { return *FuzzRegistry().FindByName("Sample"); }

  void Write();
  void WriteDirectory();
  void PushSealed();

  FakeClock clock_;
  SeededRandom random_{7};
  FuzzJudge judge_;
  std::shared_ptr<Kv> server_disk_ = NewMemoryKv();
  std::unique_ptr<AuthorityStore> authority_;
  std::unique_ptr<TestServer> server_;
  Device ana_, beto_;
};

void RowMaker::Write() {
  const RecordId met = Create(&ana_, "met");
  const RecordId deleted = Create(&ana_, "deleted");
  const RecordId erased = Create(&ana_, "erased");
  Sync(&ana_);
  Sync(&beto_);
  Change(&ana_, met, Titled("by ana"));
  Change(&beto_, met, Titled("by beto"));
  Change(&beto_, deleted, testing::Sample(), v1::Change::DELETE);
  Create(&ana_, "unwelcome");
  PushSealed();
  WriteDirectory();
  CHECK(authority_
            ->Erase({.type_id = Type().type_id(), .id = erased, .scope = "", .user = "ana"},
                    clock_.Now())
            .ok());
  for (Device* device : {&ana_, &beto_, &ana_}) Sync(device);
  testing::Sample unsent;
  unsent.set_tally(3);
  Change(&ana_, met, unsent);
  Create(&ana_, "unsent");
  CHECK(ana_.store->PutSetting("server", "brigada.example.mx").ok());
  Sync(&beto_);
}

// What nobody here can open is kept in quarantine.
void RowMaker::PushSealed() {
  const ReplicaId other = FuzzReplica('S');
  v1::ChangeSetHeader header;
  header.set_replica(other.AsBytes());
  header.set_sequence(1);
  header.set_partition(kFuzzPartition);
  header.set_user("ana");
  header.set_stamp(uint64_t{1'767'225'600'000} << 16);
  header.mutable_position()->set_epoch(authority_->epoch().AsBytes());
  v1::ChangeSet set;
  set.set_header(header.SerializeAsString());
  set.set_sealed_body(std::string(96, 's'));
  const ChainValue chain =
      NextChain(ChainStart(other.bytes(), kFuzzPartition), set.header(), *BodyHashOf(set));
  const auto result = authority_->CommitPushes(
      {{other, "ana", kFuzzPartition, {set}, std::string(AsView(chain))}}, judge_, clock_.Now());
  CHECK(result.ok() && (*result)[0].verdicts.size() == 1);
}

void RowMaker::WriteDirectory() {
  v1::DeviceRecord device;
  device.set_replica(ana_.store->replica().AsBytes());
  device.set_user("ana");
  v1::UserRecord user;
  user.set_user("ana");
  user.add_grants()->set_user("ana");
  user.mutable_grants(0)->set_role("organizer");
  user.mutable_grants(0)->add_scopes("MX/20");
  v1::InvitationRecord invitation;
  invitation.set_user("ana");
  v1::BackupRecord backup;
  backup.set_made_ms(absl::ToUnixMillis(clock_.Now()));
  backup.set_complete(true);
  (*backup.mutable_heads())[kFuzzPartition] = 2;
  v1::EraseRequest erasure;
  erasure.set_type_id(Type().type_id());
  erasure.set_record_id(std::string(16, 'e'));
  erasure.set_scope("MX/20/067");
  const std::vector<DirectoryWrite> writes = {
      {DirectoryKind::kDevice, device.replica(), device.SerializeAsString(), std::nullopt},
      {DirectoryKind::kUser, "ana", user.SerializeAsString(), std::nullopt},
      {DirectoryKind::kInvitation, std::string(32, 'i'), invitation.SerializeAsString(),
       std::nullopt},
      {DirectoryKind::kBackup, NumberValue(1), backup.SerializeAsString(), std::nullopt},
      {DirectoryKind::kSetting, "erasure/0000eeeeeeeeeeeeeeee", erasure.SerializeAsString(),
       std::nullopt}};
  CHECK(authority_->WriteEntries(writes).ok());
}

std::string BytesOf(const fuzz::StoredSums& sums) {
  std::string bytes;
  for (const fuzz::StoredSums::OfClass& of : sums.classes()) {
    bytes.push_back(static_cast<char>(of.data_class()));
    AppendBigEndian64(of.count(), &bytes);
    bytes.append(of.sum());
  }
  return bytes;
}

// `over` laid over what `stored` says.
std::string Laid(const Message& over, const fuzz::RowDamage& damage, const std::string& stored) {
  const std::unique_ptr<Message> message(over.New());
  if (!message->ParseFromString(stored)) message->Clear();
  for (const uint32_t number : damage.cleared()) {
    const FieldDescriptor* const field =
        message->GetDescriptor()->FindFieldByNumber(static_cast<int>(number & 0xffff));
    if (field != nullptr) message->GetReflection()->ClearField(message.get(), field);
  }
  message->MergeFrom(over);
  return message->SerializeAsString();
}

std::string DamagedValue(const fuzz::RowDamage& damage, const std::string& stored) {
  switch (damage.over_case()) {
    case fuzz::RowDamage::kSums:
      return BytesOf(damage.sums());
    case fuzz::RowDamage::kNumber:
      return NumberValue(damage.number());
    case fuzz::RowDamage::kRaw:
      return damage.raw();
    case fuzz::RowDamage::kGone:
    case fuzz::RowDamage::OVER_NOT_SET:
      return stored;
    default:
      break;
  }
  const google::protobuf::Reflection& reflection = *damage.GetReflection();
  const FieldDescriptor* const field = reflection.GetOneofFieldDescriptor(
      damage, fuzz::RowDamage::descriptor()->FindOneofByName("over"));
  return Laid(reflection.GetMessage(damage, field), damage, stored);
}

}  // namespace

const RowWorld& TheRowWorld() {
  static const RowWorld& world = *std::make_unique<RowWorld>(RowMaker().Take()).release();
  return world;
}

void DamageRows(const google::protobuf::RepeatedPtrField<fuzz::RowDamage>& damages, Kv* disk) {
  for (int i = 0; i < std::min(damages.size(), kMaxDamages); ++i) {
    const fuzz::RowDamage& damage = damages[i];
    const Table table{static_cast<uint8_t>(static_cast<uint32_t>(damage.table()) % kTableCount)};
    std::vector<std::pair<std::string, std::string>> rows;
    const auto it = disk->Iterate(table, damage.prefix(), "");
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      if (it->key().substr(0, damage.prefix().size()) != damage.prefix()) break;
      rows.emplace_back(it->key(), it->value());
    }
    if (rows.empty()) continue;
    const auto& [key, stored] = rows[damage.row() % rows.size()];
    KvBatch batch;
    if (damage.gone() || !damage.key().empty()) batch.Delete(table, key);
    if (!damage.gone())
      batch.Put(table, damage.key().empty() ? key : damage.key(), DamagedValue(damage, stored));
    CHECK(disk->Write(batch, Durability::kSync).ok());
  }
}

bool Answers(const absl::Status& status) {
  CHECK(status.code() != absl::StatusCode::kUnknown);
  CHECK(!absl::IsInternal(status) && !absl::IsUnimplemented(status));
  CHECK(!absl::IsDataLoss(status) || !status.message().empty());
  return status.ok();
}

void ReadRecords(const absl::StatusOr<std::unique_ptr<ReadView>>& view,
                 absl::FunctionRef<void(const RecordType&, const RecordId&)> also) {
  if (!Answers(view.status())) return;
  for (const RecordType* type : FuzzRegistry().types()) {
    Answers((*view)->Count(*type).status());
    const auto cursor = (*view)->Scan(*type, *Scope::Parse("MX"));
    for (int damaged = 0; damaged < kMaxDamagedReads;) {
      const auto record = cursor->Next();
      if (!Answers(record.status())) {
        ++damaged;
        continue;
      }
      if (!record->has_value()) break;
      Answers((*view)->Get(*type, (*record)->id).status());
      also(*type, (*record)->id);
    }
  }
}

}  // namespace brigada
