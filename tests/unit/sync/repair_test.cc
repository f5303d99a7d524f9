// Differences between a device and the server, made on purpose: found at the next checkpoint and
// repaired by ranges, at a cost that follows the difference. Real stores and sessions over a
// loopback.
#include "tests/support/faulty_authority_store.h"
#include "tests/unit/sync/repair_fixture.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

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

TEST_F(RepairTest, ARecordThatTheServerCannotReadStaysWithWhoHasItAndIsNotRepairedForEver) {
  RegisterMany(&ana_, 40);
  Sync(&ana_);
  authority_.reset();
  KvBatch damage;
  damage.Put(Table::kRecords, RecordKey(kOaxaca, PersonType().type_id(), ids_[5]), "damaged");
  ASSERT_OK(server_disk_->Write(damage, Durability::kSync));
  OpenServer();
  std::string lines;
  SetLogSink([&](absl::string_view line) { lines.append(line.data(), line.size()); });
  const uint64_t mismatches = Sync(&beto_).mismatches;
  SetLogSink(nullptr);
  // Beto has the others, and both ends see that one is missing.
  EXPECT_EQ(NameOf(beto_, ids_[4]), "Rosa 4");
  EXPECT_EQ(NameOf(beto_, ids_[5]), "(absent)");
  EXPECT_EQ(mismatches, 1U);
  EXPECT_THAT(lines, HasSubstr(R"("event":"record_damaged")"));
  EXPECT_THAT(lines, HasSubstr(ids_[5].ToString()));
  EXPECT_THAT(lines, Not(HasSubstr("Rosa")));
  EXPECT_EQ(Sync(&beto_).records_repaired, 0U);
  ASSERT_THAT(server_->doubted_sums(), ElementsAre(kOaxaca));

  ASSERT_THAT(authority_->RecomputeSums(kOaxaca), IsOkAndHolds(true));

  // Ana's copy is the last one: it is not taken away, and counts no more.
  Register(&beto_, "Otra");
  EXPECT_EQ(Sync(&beto_).mismatches, 0U);
  EXPECT_EQ(Sync(&ana_).mismatches, 1U);
  Sync(&ana_);
  EXPECT_EQ(NameOf(ana_, ids_[5]), "Rosa 5");
  for (Device* device : {&beto_, &ana_}) {
    Register(device, "Nueva");
    EXPECT_EQ(Sync(device).mismatches, 0U);
  }
  EXPECT_EQ(NameOf(ana_, ids_[5]), "Rosa 5");
}

TEST_F(RepairTest, AReaderWhoMayKnowOfNothingCrossesALongFeedInManyBatches) {
  for (int i = 0; i < 20; ++i) Register(&ana_, "Rosa");
  Sync(&ana_);
  FaultyAuthorityStore store(std::move(authority_));
  store.LimitFeedEntries(6);
  server_->Restart(&store);
  Enrol(&beto_, v1::OPERATIONAL);
  // Where the batches of a session end.
  const auto ends_of_session = [&] {
    std::vector<uint64_t> ends;
    LoopbackOptions options;
    options.on_server_frame = [&](const v1::ServerFrame& frame) {
      if (frame.has_batch()) ends.push_back(frame.batch().to());
    };
    Loopback loopback(server_.get(), beto_.store.get(), std::move(options));
    EXPECT_EQ(loopback.Run(), End::kFinished) << loopback.device_status();
    EXPECT_EQ(loopback.device().progress().mismatches, 0U);
    return ends;
  };
  EXPECT_THAT(ends_of_session(), ElementsAre(6, 12, 18, 20));
  // What was not read yet when others wrote goes the same way.
  for (int i = 0; i < 9; ++i) Register(&ana_, "Eva");
  Sync(&ana_);
  EXPECT_THAT(ends_of_session(), ElementsAre(26, 29));
  server_.reset();
}

}  // namespace
}  // namespace brigada
