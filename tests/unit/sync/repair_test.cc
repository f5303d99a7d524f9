// Differences between a device and the server, made on purpose: found at the next checkpoint and
// repaired by ranges, at a cost that follows the difference. Real stores and sessions over a
// loopback.
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
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using End = Loopback::End;

constexpr char kOaxaca[] = "MX/20";
constexpr char kJuarez[] = "MX/20/067";

const RecordType& PersonType() { return *Registry::BuiltIn().FindByName("Person"); }

v1::Person PersonNamed(absl::string_view name) {
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

TEST_F(RepairTest, CheckpointsAgreeWhateverHappensToRecords) {
  RegisterMany(&ana_, 40);
  EXPECT_EQ(Sync(&ana_).mismatches, 0U);
  EXPECT_EQ(Sync(&beto_).mismatches, 0U);
  for (int round = 0; round < 40; ++round) {
    Device* const writer = random_.Uniform(2) == 0 ? &ana_ : &beto_;
    const RecordId& id = ids_[random_.Uniform(ids_.size())];
    if (NameOf(*writer, id) != "(absent)") {
      random_.Uniform(5) == 0 ? Delete(writer, id) : Edit(writer, id, absl::StrCat("R", round));
    }
    const SyncProgress progress = random_.Uniform(2) == 0 ? Sync(writer) : SyncProgress();
    EXPECT_EQ(progress.mismatches, 0U);
  }
  for (Device* device : {&ana_, &beto_, &ana_}) EXPECT_EQ(Sync(device).mismatches, 0U);
  ExpectSumsAreRight(&ana_);
  ExpectSumsAreRight(&beto_);
}

TEST_F(RepairTest, ADeviceThatReadsLessAgreesOnWhatItReads) {
  RegisterMany(&ana_, 10);
  Sync(&ana_);
  Enrol(&beto_, v1::PERSONAL);
  EXPECT_EQ(Sync(&beto_).mismatches, 0U);
  Edit(&beto_, ids_[3], "Otra");
  EXPECT_EQ(Sync(&beto_).mismatches, 0U);
}

TEST_F(RepairTest, ADamagedRecordIsRepairedAtACostThatFollowsTheDifference) {
  uint64_t bytes[2] = {};
  int frames[2] = {};
  int turn = 0;
  for (const int count : {400, 3200}) {
    RegisterMany(&ana_, count);
    Sync(&ana_);
    Sync(&beto_);
    const RecordId& hurt = ids_[ids_.size() / 2];
    Damage(&beto_, hurt);
    EXPECT_NE(NameOf(beto_, hurt).substr(0, 4), "Rosa");
    ASSERT_OK_AND_ASSIGN(const bool were_wrong, beto_.store->RecomputeSums(kOaxaca));
    EXPECT_TRUE(were_wrong);
    Register(&ana_, "Nueva");
    Sync(&ana_);
    EXPECT_EQ(Sync(&beto_).mismatches, 1U);
    const SyncProgress repaired = Sync(&beto_);
    EXPECT_EQ(repaired.partitions_repaired, 1U);
    EXPECT_EQ(repaired.records_repaired, 1U);
    EXPECT_EQ(NameOf(beto_, hurt).substr(0, 4), "Rosa");
    bytes[turn] = bytes_;
    frames[turn++] = frames_up_;
    ExpectSumsAreRight(&beto_);
    EXPECT_THAT(beto_.store->Repairs().due(), IsEmpty());
  }
  // Nine times the records: one more level of ranges, each of about 1 KiB.
  EXPECT_LE(frames[1], frames[0] + 1);
  EXPECT_LT(bytes[1], bytes[0] + 3000);
  EXPECT_LT(bytes[1], 8000U);
}

TEST_F(RepairTest, AQuestionThatIsNeverAnsweredIsAStallThoughPingsAreAnswered) {
  v1::ServerFrame welcome;
  FindADifference(&welcome);
  DeviceSession session(beto_.store.get(), {}, clock_.Now(), absl::ZeroDuration());
  bool asks = false;
  const auto drain = [&] {
    while (true) {
      const absl::StatusOr<std::optional<v1::ClientFrame>> frame = session.NextFrame();
      if (!frame.ok() || !frame->has_value()) return;
      asks = asks || (*frame)->has_range_check() || (*frame)->has_range_items();
    }
  };
  drain();
  ASSERT_OK(session.OnFrame(welcome, absl::ZeroDuration()));
  v1::ServerFrame done;
  done.mutable_done();
  ASSERT_OK(session.OnFrame(done, absl::ZeroDuration()));
  drain();
  ASSERT_TRUE(asks);
  v1::ServerFrame pong;
  pong.mutable_pong();
  absl::Status status;
  for (int second = 1; second < 1000 && status.ok(); ++second) {
    ASSERT_OK(session.OnFrame(pong, absl::Seconds(second)));
    status = session.OnTick(absl::Seconds(second));
    drain();
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no answer to a repair")));
}

TEST_F(RepairTest, AServerThatDoesNotKnowTheFeatureIsAskedNothing) {
  v1::ServerFrame welcome;
  FindADifference(&welcome);
  DeviceSession session(beto_.store.get(), {}, clock_.Now(), absl::ZeroDuration());
  const auto drain = [&] {
    while (true) {
      const absl::StatusOr<std::optional<v1::ClientFrame>> frame = session.NextFrame();
      ASSERT_OK(frame);
      if (!frame->has_value()) return;
      EXPECT_FALSE((*frame)->has_range_check());
    }
  };
  drain();
  welcome.mutable_welcome()->clear_features();
  ASSERT_OK(session.OnFrame(welcome, absl::ZeroDuration()));
  v1::ServerFrame done;
  done.mutable_done();
  ASSERT_OK(session.OnFrame(done, absl::ZeroDuration()));
  drain();
  EXPECT_TRUE(session.finished());
  EXPECT_EQ(beto_.store->Repairs().due_size(), 1) << "for a server that knows it";
}

// Of many ranges the outermost are the ones that a count which is off by one leaves out.
TEST_F(RepairTest, TheFirstAndTheLastRecordAreRepairedToo) {
  RegisterMany(&ana_, 300);
  Sync(&ana_);
  Sync(&beto_);
  const auto [first, last] = std::minmax_element(
      ids_.begin(), ids_.end(), [](auto& a, auto& b) { return a.bytes() < b.bytes(); });
  Damage(&beto_, *first);
  Damage(&beto_, *last);
  ASSERT_OK(beto_.store->RecomputeSums(kOaxaca));
  Register(&ana_, "Nueva");
  Sync(&ana_);
  Sync(&beto_);

  EXPECT_EQ(Sync(&beto_).records_repaired, 2U);

  EXPECT_EQ(NameOf(beto_, *first).substr(0, 4), "Rosa");
  EXPECT_EQ(NameOf(beto_, *last).substr(0, 4), "Rosa");
}

TEST_F(RepairTest, NothingAboveTheClassOfItsReaderIsRepaired) {
  v1::Person person = PersonNamed("Rosa");
  person.set_gender("mujer");
  const RecordId id = NewRecordId(clock_.Now(), random_);
  ASSERT_OK(ana_.store->Commit({*CreateChange(PersonType(), id, *Scope::Parse(kJuarez), person)},
                               Durability::kMemory));
  Sync(&ana_);
  Enrol(&beto_, v1::PERSONAL);
  Sync(&beto_);
  Damage(&beto_, id);
  ASSERT_OK(beto_.store->RecomputeSums(kOaxaca));
  Register(&ana_, "Nueva");
  Sync(&ana_);
  Sync(&beto_);

  EXPECT_EQ(Sync(&beto_).records_repaired, 1U);

  EXPECT_EQ(NameOf(beto_, id), "Rosa");
  ASSERT_OK_AND_ASSIGN(
      const auto bytes,
      beto_.disk->Get(Table::kRecords, RecordKey(kOaxaca, PersonType().type_id(), id)));
  EXPECT_THAT(*bytes, Not(HasSubstr("mujer")));
}

TEST_F(RepairTest, LostAndAddedRecordsAreFoundAndUnsentWorkStays) {
  RegisterMany(&ana_, 300);
  Sync(&ana_);
  Sync(&beto_);
  Lose(&beto_, ids_[7]);
  Lose(&beto_, ids_[207]);
  Damage(&beto_, ids_[100]);
  Edit(&beto_, ids_[100], "Mía");
  Register(&ana_, "Nueva");
  Sync(&ana_);
  Sync(&beto_);
  Edit(&beto_, ids_[50], "Sin enviar");
  Sync(&beto_);
  EXPECT_EQ(NameOf(beto_, ids_[7]), "Rosa 7");
  EXPECT_EQ(NameOf(beto_, ids_[207]), "Rosa 207");
  EXPECT_EQ(NameOf(beto_, ids_[50]), "Sin enviar");
  Register(&ana_, "Otra");
  Sync(&ana_);
  EXPECT_EQ(Sync(&beto_).mismatches, 0U);
  EXPECT_EQ(NameOf(beto_, ids_[100]), "Mía");
}

TEST_F(RepairTest, ADifferenceIsLoggedWithItsCause) {
  RegisterMany(&ana_, 40);
  Sync(&ana_);
  Sync(&beto_);
  Damage(&beto_, ids_[5]);
  Lose(&beto_, ids_[6]);
  ASSERT_OK(beto_.store->RecomputeSums(kOaxaca));
  Register(&ana_, "Nueva");
  Sync(&ana_);
  std::string lines;
  SetLogSink([&](absl::string_view line) { lines.append(line.data(), line.size()); });
  Sync(&beto_);
  Sync(&beto_);
  SetLogSink(nullptr);
  const std::string line_of_server = absl::StrCat(R"("run":")", authority_->run().ToString(),
                                                  R"(","epoch":")", authority_->epoch().ToString());
  EXPECT_THAT(lines, HasSubstr(R"("event":"scope_mismatch","scope":"MX/20","feed":"BELOW",)"
                               R"("records_here":"40","records_there":"41")"));
  EXPECT_THAT(lines, HasSubstr(R"("cause":"records","missing":"1","different":"1","extra":"0")"));
  EXPECT_EQ(std::vector<std::string>(absl::StrSplit(lines, line_of_server)).size(), 3U);
}

TEST_F(RepairTest, APartitionThatIsNoLongerReadIsNotCompared) {
  RegisterMany(&ana_, 3);
  Sync(&ana_);
  Sync(&beto_);
  Lose(&beto_, ids_[1]);
  ASSERT_OK(beto_.store->RecomputeSums(kOaxaca));
  Register(&beto_, "Suya");
  EXPECT_EQ(Sync(&beto_).mismatches, 1U);
  Enrol(&beto_, v1::INCIDENT, "MX/09");
  EXPECT_EQ(Sync(&beto_).partitions_repaired, 0U);
  EXPECT_THAT(beto_.store->Repairs().due(), IsEmpty());
  Enrol(&beto_, v1::INCIDENT);
  EXPECT_EQ(Sync(&beto_).mismatches, 0U);
  EXPECT_EQ(NameOf(beto_, ids_[1]), "Rosa 1");
}

TEST_F(RepairTest, ADeviceBackAfterTwoYearsReconcilesAndNothingComesBack) {
  RegisterMany(&ana_, 200);
  Sync(&ana_);
  Sync(&beto_);
  for (int i = 0; i < 20; ++i) Delete(&ana_, ids_[static_cast<size_t>(i) * 10]);
  Edit(&ana_, ids_[1], "Cambiada");
  Sync(&ana_);
  clock_.Advance(absl::Hours(24 * 730));
  CollectAll(authority_->Head(kOaxaca));
  ASSERT_OK_AND_ASSIGN(const uint64_t collected, authority_->CollectedUpTo(kOaxaca));
  EXPECT_GT(collected, 0U);
  // Its outbox of two years: a new record, an edit of one that lives and one of a deleted one.
  const RecordId own = Register(&beto_, "Suya");
  Edit(&beto_, ids_[5], "Editada");
  Edit(&beto_, ids_[10], "De la borrada");
  Sync(&beto_);
  EXPECT_TRUE(told_to_compare_);
  EXPECT_FALSE(beto_.store->Repairs().due().empty());
  const SyncProgress repaired = Sync(&beto_);
  EXPECT_FALSE(told_to_compare_);
  EXPECT_EQ(repaired.records_repaired, 20U);
  EXPECT_EQ(NameOf(beto_, ids_[10]), "(absent)");
  EXPECT_EQ(NameOf(beto_, ids_[20]), "(absent)");
  EXPECT_EQ(NameOf(beto_, ids_[1]), "Cambiada");
  EXPECT_EQ(NameOf(beto_, own), "Suya");
  ASSERT_OK_AND_ASSIGN(const auto rejected, beto_.store->Rejected());
  ASSERT_EQ(rejected.size(), 1U);
  EXPECT_THAT(rejected[0].change_set().body(), HasSubstr("De la borrada"));
  EXPECT_EQ(rejected[0].verdict().refusals(0).reason(), v1::UNKNOWN_RECORD);
  // Nobody sees the deleted ones again.
  Sync(&ana_);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(NameOf(ana_, ids_[static_cast<size_t>(i) * 10]), "(absent)");
  EXPECT_EQ(NameOf(ana_, ids_[5]), "Editada");
  EXPECT_EQ(Sync(&beto_).mismatches, 0U);
}

TEST_F(RepairTest, AWriterThatReadsNothingThereIsNotAskedToCompare) {
  Enrol(&beto_, v1::INCIDENT, "MX/21");
  Register(&beto_, "Primera");
  Sync(&beto_);
  RegisterMany(&ana_, 20);
  Sync(&ana_);
  for (int i = 0; i < 10; ++i) Delete(&ana_, ids_[static_cast<size_t>(i)]);
  Sync(&ana_);
  CollectAll(authority_->Head(kOaxaca));
  ASSERT_OK_AND_ASSIGN(const uint64_t collected, authority_->CollectedUpTo(kOaxaca));
  ASSERT_GT(collected, 0U);

  const RecordId own = Register(&beto_, "Segunda");
  Sync(&beto_);

  EXPECT_FALSE(told_to_compare_);
  EXPECT_EQ(beto_.store->Counts()->pending, 0U);
  Sync(&ana_);
  EXPECT_EQ(NameOf(ana_, own), "Segunda");
}

TEST_F(RepairTest, WhatARestoredServerLostStaysUntilItsWriterBringsItAgain) {
  RegisterMany(&ana_, 5);
  Sync(&ana_);
  Sync(&beto_);
  const std::shared_ptr<Kv> backup = NewMemoryKv();
  KvBatch all;
  for (int t = 0; t < kTableCount; ++t) {
    const auto it = server_disk_->Iterate(static_cast<Table>(t), "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next())
      all.Put(static_cast<Table>(t), std::string(it->key()), std::string(it->value()));
  }
  ASSERT_OK(backup->Write(all, Durability::kSync));
  const RecordId lost = Register(&ana_, "Perdida");
  Sync(&ana_);
  Sync(&beto_);
  clock_.Advance(absl::Hours(1));
  authority_.reset();
  server_disk_ = backup;
  OpenServer(/*restored=*/true);
  Register(&beto_, "Nueva");
  for (int i = 0; i < 3; ++i) Sync(&beto_);
  EXPECT_EQ(NameOf(beto_, lost), "Perdida");
  EXPECT_THAT(beto_.store->Repairs().due(), IsEmpty());
  Register(&beto_, "Otra");
  EXPECT_EQ(Sync(&beto_).mismatches, 0U) << "what is kept does not count";
  Sync(&ana_);
  EXPECT_EQ(Sync(&beto_).mismatches, 0U);
  EXPECT_EQ(NameOf(beto_, lost), "Perdida");
  Edit(&ana_, lost, "Vuelta");
  Sync(&ana_);
  EXPECT_EQ(Sync(&beto_).mismatches, 0U);
  EXPECT_EQ(NameOf(beto_, lost), "Vuelta");
  ExpectSumsAreRight(&beto_);
}

TEST_F(RepairTest, TombstonesAboveTheFloorStay) {
  RegisterMany(&ana_, 2);
  Delete(&ana_, ids_[0]);
  Sync(&ana_);
  const uint64_t floor = authority_->Head(kOaxaca);
  Delete(&ana_, ids_[1]);
  Sync(&ana_);

  CollectAll(floor);

  const auto stored = [&](const RecordId& id) {
    return (*server_disk_->Get(Table::kRecords, RecordKey(kOaxaca, PersonType().type_id(), id)))
        .has_value();
  };
  EXPECT_FALSE(stored(ids_[0]));
  EXPECT_TRUE(stored(ids_[1])) << "not every device has read of it";
}

TEST_F(RepairTest, TombstonesOfErasedRecordsStay) {
  RegisterMany(&ana_, 3);
  Sync(&ana_);
  Delete(&ana_, ids_[0]);
  Sync(&ana_);
  ASSERT_OK(authority_->Erase(
      {.type_id = PersonType().type_id(), .id = ids_[1], .scope = "", .user = "root"},
      clock_.Now()));
  CollectAll(authority_->Head(kOaxaca));
  const auto stored = [&](const RecordId& id) {
    return (*server_disk_->Get(Table::kRecords, RecordKey(kOaxaca, PersonType().type_id(), id)))
        .has_value();
  };
  EXPECT_FALSE(stored(ids_[0]));
  EXPECT_TRUE(stored(ids_[1]));
  EXPECT_TRUE(stored(ids_[2]));
}

TEST_F(RepairTest, DamagedSumsOfTheServerAreDoubtedOnceARepairFindsNothing) {
  RegisterMany(&ana_, 40);
  Sync(&ana_);
  Sync(&beto_);
  authority_.reset();
  KvBatch damage;
  const auto it = server_disk_->Iterate(Table::kMeta, "sum", "sun");
  it->SeekToFirst();
  ASSERT_TRUE(it->Valid());
  for (; it->Valid(); it->Next()) {
    std::string value(it->value());
    value.back() = static_cast<char>(value.back() ^ 1);
    damage.Put(Table::kMeta, std::string(it->key()), value);
  }
  ASSERT_OK(server_disk_->Write(damage, Durability::kSync));
  OpenServer();
  Register(&ana_, "Nueva");
  EXPECT_EQ(Sync(&ana_).mismatches, 1U);
  EXPECT_THAT(server_->doubted_sums(), IsEmpty());
  std::string lines;
  SetLogSink([&](absl::string_view line) { lines.append(line.data(), line.size()); });
  EXPECT_EQ(Sync(&ana_).records_repaired, 0U);
  SetLogSink(nullptr);
  EXPECT_THAT(lines, HasSubstr(R"("cause":"sums_there")"));
  EXPECT_THAT(server_->doubted_sums(), ElementsAre(kOaxaca));

  EXPECT_THAT(authority_->RecomputeSums(kOaxaca), IsOkAndHolds(true));

  EXPECT_THAT(authority_->RecomputeSums(kOaxaca), IsOkAndHolds(false));
  for (Device* device : {&ana_, &beto_}) {
    Register(device, "Otra");
    EXPECT_EQ(Sync(device).mismatches, 0U);
  }
}

// A session after its hello, fed by hand.
class HostileRepairTest : public RepairTest {
 protected:
  HostileRepairTest() {
    RegisterMany(&ana_, 50);
    Sync(&ana_);
    Connect(ana_);
    GetDone();
  }
  void Connect(const Device& device, const ServerSessionOptions& options = {},
               bool knows_fingerprints = true) {
    session_.reset();
    peer_ = std::make_unique<TestServer::Peer>(server_.get());
    session_ = std::make_unique<ServerSession>(authority_.get(), peer_.get(), options);
    peer_->Attach(session_.get());
    v1::ClientFrame frame;
    frame.mutable_hello()->set_protocol_version(1);
    frame.mutable_hello()->set_replica(device.store->replica().AsBytes());
    if (knows_fingerprints) frame.mutable_hello()->add_features("fingerprints");
    frame.mutable_hello()->set_live(true);
    session_->OnFrame(frame, clock_.Now());
  }
  // The device says that it has pushed all; the session tells all and says Done.
  void GetDone() {
    v1::ClientFrame frame;
    frame.mutable_push_end();
    session_->OnFrame(frame, clock_.Now());
    while (session_->NextFrame(clock_.Now()).has_value()) continue;
  }
  static v1::ClientFrame Check(uint64_t number) {
    v1::ClientFrame frame;
    frame.mutable_range_check()->set_partition(kOaxaca);
    frame.mutable_range_check()->set_number(number);
    AddRange(&frame, "", "");
    return frame;
  }
  static void AddRange(v1::ClientFrame* frame, const std::string& begin, const std::string& end) {
    v1::RecordRange& range = *frame->mutable_range_check()->add_ranges();
    range.set_begin(begin);
    range.set_end(end);
    range.set_fingerprint(std::string(16, 'f'));
  }
  absl::Status Answer(const v1::ClientFrame& frame) {
    session_->OnFrame(frame, clock_.Now());
    return session_->outcome();
  }

  // The device reads what comes, up to an end or a pause.
  std::optional<v1::ServerFrame> LastFrame() {
    std::optional<v1::ServerFrame> last;
    while (auto frame = session_->NextFrame(clock_.Now())) last = std::move(frame);
    return last;
  }

  std::unique_ptr<TestServer::Peer> peer_;
  std::unique_ptr<ServerSession> session_;
};

TEST_F(HostileRepairTest, ADeviceThatDoesNotKnowTheFeatureIsToldNoSums) {
  for (const bool knows : {true, false}) {
    Connect(ana_, {}, knows);
    v1::ClientFrame end;
    end.mutable_push_end();
    session_->OnFrame(end, clock_.Now());
    int checkpoints = 0;
    while (const auto frame = session_->NextFrame(clock_.Now())) {
      if (!frame->batch().checkpoint()) continue;
      ++checkpoints;
      EXPECT_EQ(frame->batch().sums_size(), knows ? 1 : 0);
    }
    EXPECT_EQ(checkpoints, 1);
    EXPECT_EQ(Answer(Check(1)).ok(), knows);
  }
}

TEST_F(HostileRepairTest, AQuestionBeforeDoneIsRefused) {
  Connect(ana_);
  EXPECT_EQ(Answer(Check(1)).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepairTest, WhatQuestionsReadInASessionIsBounded) {
  ServerSessionOptions options;
  options.repair_budget = {.times_first = 2, .besides = 10};
  Connect(ana_, options);
  GetDone();
  uint64_t number = 1;
  while (Answer(Check(number)).ok()) {
    LastFrame();
    ++number;
  }
  // The first read 50 records, and others may read 110 in all before the next is refused.
  EXPECT_EQ(number, 4U);
  EXPECT_EQ(session_->outcome().code(), absl::StatusCode::kResourceExhausted);
  const auto refused = LastFrame();
  ASSERT_TRUE(refused.has_value() && refused->has_refused());
  EXPECT_EQ(refused->refused().reason(), v1::Refused::BUSY);
  EXPECT_GT(refused->refused().retry_after_ms(), 0U);
}

TEST_F(HostileRepairTest, AGoodQuestionIsAnswered) {
  EXPECT_OK(Answer(Check(1)));
  bool answered = false;
  while (const auto frame = session_->NextFrame(clock_.Now())) {
    if (!frame->has_range_answer()) continue;
    answered = true;
    EXPECT_EQ(frame->range_answer().counts(0), 50U);
    EXPECT_FALSE(frame->range_answer().same(0));
  }
  EXPECT_TRUE(answered);
  EXPECT_OK(Answer(Check(2)));
}

TEST_F(HostileRepairTest, AnAnswerWaitsForNoMoreThanOneBatchWhereOthersCommitAllTheTime) {
  EXPECT_OK(Answer(Check(1)));
  int answers = 0;
  for (int i = 0; i < 2; ++i) {
    Register(&ana_, "Nueva");
    Sync(&ana_);
    const auto frame = session_->NextFrame(clock_.Now());
    answers += frame.has_value() && frame->has_range_answer() ? 1 : 0;
  }
  EXPECT_EQ(answers, 1);
}

TEST_F(HostileRepairTest, QuestionsOutOfOrderAreRefused) {
  EXPECT_EQ(Answer(Check(2)).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepairTest, TwoQuestionsAtOnceAreRefused) {
  EXPECT_OK(Answer(Check(1)));
  EXPECT_EQ(Answer(Check(2)).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepairTest, RangesThatOverlapAreRefused) {
  v1::ClientFrame frame = Check(1);
  AddRange(&frame, "", "");
  EXPECT_EQ(Answer(frame).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepairTest, BoundsThatAreNoKeysAreRefused) {
  v1::ClientFrame frame = Check(1);
  frame.mutable_range_check()->mutable_ranges(0)->set_begin("short");
  EXPECT_EQ(Answer(frame).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepairTest, TooManyRangesAreRefused) {
  v1::ClientFrame frame = Check(1);
  for (size_t i = 0; i < kMaxRangesPerCheck; ++i) AddRange(&frame, "", "");
  EXPECT_EQ(Answer(frame).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepairTest, APartitionThatIsNotReadIsRefused) {
  v1::ClientFrame frame = Check(1);
  frame.mutable_range_check()->set_partition("MX/09");
  EXPECT_EQ(Answer(frame).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostileRepairTest, ItemsOutOfPlaceAreRefused) {
  v1::ClientFrame frame;
  v1::RangeItems& items = *frame.mutable_range_items();
  items.set_partition(kOaxaca);
  items.set_number(1);
  items.add_items()->set_key(std::string(kRangeKeyBytes, 'b'));
  items.add_items()->set_key(std::string(kRangeKeyBytes, 'a'));
  EXPECT_EQ(Answer(frame).code(), absl::StatusCode::kInvalidArgument);
}

// Who may not read a record tries its id: beto, of another municipality, and as one who may read
// nothing that personal.
TEST_F(HostileRepairTest, RecordsThatMayNotBeReadAreAnsweredAsThoseThatAreNotThere) {
  v1::Feed elsewhere;
  elsewhere.set_scope("MX/20/551");
  elsewhere.set_kind(v1::BELOW);
  elsewhere.set_max_class(v1::INCIDENT);
  v1::Feed lower = elsewhere;
  lower.set_scope(kOaxaca);
  lower.set_max_class(v1::OPERATIONAL);
  for (const v1::Feed& feed : {elsewhere, lower}) {
    server_->SetPeer(
        {.replica = beto_.store->replica(), .user = "beto", .feeds = {feed}, .grants = {}});
    Connect(beto_);
    GetDone();
    v1::ClientFrame frame;
    v1::RangeItems& items = *frame.mutable_range_items();
    items.set_partition(kOaxaca);
    items.set_number(1);
    std::vector<std::string> keys = {RangeKey(PersonType().type_id(), ids_[0]),
                                     RangeKey(PersonType().type_id(), RecordId())};
    std::sort(keys.begin(), keys.end());
    for (const std::string& key : keys) {
      v1::RangeItems::Item& item = *items.add_items();
      item.set_key(key);
      item.set_fingerprint(std::string(16, 'f'));
      item.set_created(1);
      item.set_sequence(1);
    }
    EXPECT_OK(Answer(frame));
    v1::RepairBody body;
    while (const auto answer = session_->NextFrame(clock_.Now())) {
      if (!answer->has_range_repair()) continue;
      const v1::RangeRepair& repair = answer->range_repair();
      ASSERT_OK(UnpackBody(repair.body(), repair.inflated_bytes(), 1 << 20, &body));
    }
    EXPECT_THAT(body.gone(), ElementsAreArray(keys));
    EXPECT_THAT(body.kept(), IsEmpty());
    EXPECT_THAT(body.entries(), IsEmpty());
  }
}

}  // namespace
}  // namespace brigada
