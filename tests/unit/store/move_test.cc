// Records that move to another state: nobody loses them, nobody has them twice, and what was
// written without knowing follows them.
#include "tests/unit/store/move_world.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr char kOaxaca[] = "MX/20";
constexpr char kJuarez[] = "MX/20/067";
constexpr char kPuebla[] = "MX/21";
constexpr char kCholula[] = "MX/21/140";
constexpr char kTlaxcala[] = "MX/29";

class MoveTest : public ::testing::Test {
 protected:
  // A person in Oaxaca that everybody who may has.
  RecordId Rosa() {
    const RecordId id = world_.Register(both_, kJuarez, "Rosa");
    SyncAll();
    return id;
  }
  void SyncAll() {
    for (int i = 0; i < 2; ++i)
      for (const auto& phone : world_.phones_) world_.Sync(phone.get());
  }
  void Move(Phone* phone, const RecordId& id, absl::string_view scope) {
    ASSERT_OK(MoveWorld::MoveTo(phone, id, scope));
    world_.PushAll(phone);
  }
  std::string PlaceAtServer(const RecordId& id) {
    const auto view = world_.GetAtServer(id);
    return view ? view->scope : "";
  }
  static std::string PlaceOn(const Phone* phone, const RecordId& id) {
    const auto view = MoveWorld::Get(*phone, id);
    return view ? view->scope : "";
  }
  std::vector<v1::Conflict> OpenConflicts(absl::string_view within = "MX") {
    std::vector<v1::Conflict> open;
    for (const auto& [id, view] : MoveWorld::All(**world_.server_->Read(), "Conflict", within)) {
      v1::Conflict conflict;
      EXPECT_TRUE(conflict.ParseFromString(view.message));
      if (conflict.state() == v1::OPEN) open.push_back(conflict);
    }
    return open;
  }

  MoveWorld world_;
  Phone* both_ = world_.AddPhone("ana", {kOaxaca, kPuebla});
  Phone* old_ = world_.AddPhone("beto", {kOaxaca});
  Phone* new_ = world_.AddPhone("carla", {kPuebla});
};

TEST_F(MoveTest, WorksOfflineAndShowsTheRecordInItsNewPlace) {
  const RecordId id = Rosa();
  ASSERT_OK(MoveWorld::MoveTo(both_, id, kCholula));

  EXPECT_EQ(PlaceOn(both_, id), kCholula);
  const auto view = *both_->store->Read();
  EXPECT_EQ(MoveWorld::All(*view, "Person", kPuebla).size(), 1u);
  EXPECT_EQ(MoveWorld::All(*view, "Person", kCholula).size(), 1u);
  EXPECT_THAT(MoveWorld::All(*view, "Person", kOaxaca), IsEmpty());
  EXPECT_EQ(*view->Count(TypeOf("Person")), 1u);
  EXPECT_EQ(both_->store->Head(kOaxaca).sequence(), 2u);
  EXPECT_EQ(both_->store->Head(kPuebla).sequence(), 0u);
}

TEST_F(MoveTest, EverybodyHasItWhereTheyMayReadItAndNobodyTwice) {
  const RecordId id = Rosa();
  Move(both_, id, kCholula);
  EXPECT_EQ(PlaceAtServer(id), kCholula);
  EXPECT_EQ(*(*world_.server_->Read())->Count(TypeOf("Person")), 1u);

  SyncAll();

  EXPECT_EQ(PlaceOn(both_, id), kCholula);
  EXPECT_EQ(PlaceOn(old_, id), "");
  EXPECT_EQ(PlaceOn(new_, id), kCholula);
  for (const Phone* phone : {both_, new_}) {
    const auto view = *phone->store->Read();
    EXPECT_EQ(MoveWorld::All(*view, "Person").size(), 1u);
    EXPECT_EQ(*view->Count(TypeOf("Person")), 1u);
    EXPECT_EQ(MoveWorld::PersonOf(MoveWorld::Get(*phone, id)).name().given_names(), "Rosa");
  }
  EXPECT_EQ(*(*old_->store->Read())->Count(TypeOf("Person")), 0u);
}

TEST_F(MoveTest, IsNeverMissingOrTwiceWhicheverPartitionIsReadFirst) {
  for (const bool new_first : {false, true}) {
    const RecordId id = Rosa();
    Phone* const reader = world_.AddPhone(new_first ? "dora" : "elsa", {kOaxaca, kPuebla});
    world_.Sync(reader);
    Move(both_, id, kCholula);
    const size_t known = MoveWorld::All(**reader->store->Read(), "Person").size();

    world_.Pull(reader, new_first ? kPuebla : kOaxaca);
    EXPECT_EQ(MoveWorld::All(**reader->store->Read(), "Person").size(), known);
    EXPECT_EQ(PlaceOn(reader, id), kCholula);
    world_.Pull(reader, new_first ? kOaxaca : kPuebla);
    EXPECT_EQ(MoveWorld::All(**reader->store->Read(), "Person").size(), known);
    EXPECT_EQ(PlaceOn(reader, id), kCholula);
  }
}

TEST_F(MoveTest, NeedsAGrantOnBothSides) {
  const RecordId id = Rosa();
  ASSERT_OK(MoveWorld::MoveTo(old_, id, kCholula));
  const auto verdicts = world_.PushAll(old_);
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].outcome(), v1::REJECTED);
  EXPECT_EQ(verdicts[0].refusals(0).reason(), v1::NOT_GRANTED);
  EXPECT_EQ(PlaceAtServer(id), kJuarez);

  world_.Sync(old_);
  EXPECT_EQ(PlaceOn(old_, id), kJuarez);
  EXPECT_EQ(MoveWorld::RejectedBy(*old_).size(), 1u);
}

TEST_F(MoveTest, ALateEditOfADeviceOfTheOldStateFollows) {
  const RecordId id = Rosa();
  ASSERT_OK(MoveWorld::SetNotes(old_, id, "visitada"));
  Move(both_, id, kCholula);

  const auto verdicts = world_.PushAll(old_);

  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].outcome(), v1::APPLIED);
  EXPECT_EQ(PlaceAtServer(id), kCholula);
  EXPECT_EQ(MoveWorld::PersonOf(world_.GetAtServer(id)).notes(), "visitada");
  EXPECT_THAT(OpenConflicts(), IsEmpty());
  SyncAll();
  EXPECT_EQ(MoveWorld::PersonOf(MoveWorld::Get(*new_, id)).notes(), "visitada");
  EXPECT_EQ(PlaceOn(old_, id), "");
  EXPECT_EQ(old_->store->Head(kOaxaca).confirmed(), old_->store->Head(kOaxaca).sequence());
  EXPECT_THAT(MoveWorld::RejectedBy(*old_), IsEmpty());
}

TEST_F(MoveTest, ALateEditReplacesWhatItsWriterHadSeenAndNothingElse) {
  const RecordId id = Rosa();
  v1::Person two;
  two.add_phones("+525500000001");
  two.add_phones("+525500000002");
  two.set_notes("antes");
  ASSERT_OK(MoveWorld::Edit(both_, id, two));
  SyncAll();
  // Without knowing of the move: takes one number away, writes the notes.
  v1::Change removal;
  removal.set_type_id(TypeOf("Person").type_id());
  removal.set_record_id(id.AsBytes());
  v1::Person gone;
  gone.add_phones("+525500000001");
  removal.set_removed(gone.SerializeAsString());
  ASSERT_OK(old_->store->Commit({removal}, Durability::kMemory));
  ASSERT_OK(MoveWorld::SetNotes(old_, id, "del viejo"));
  Move(both_, id, kCholula);
  world_.Sync(new_);
  ASSERT_OK(MoveWorld::AddPhoneNumber(new_, id, "+525500000003"));
  world_.PushAll(new_);

  world_.PushAll(old_);

  const v1::Person person = MoveWorld::PersonOf(world_.GetAtServer(id));
  EXPECT_THAT(person.phones(), UnorderedElementsAre("+525500000002", "+525500000003"));
  EXPECT_EQ(person.notes(), "del viejo");
  EXPECT_THAT(OpenConflicts(), IsEmpty());
}

TEST_F(MoveTest, ALateEditMeetsWhatWasWrittenAfterTheMoveAsAConflictInTheNewState) {
  const RecordId id = Rosa();
  ASSERT_OK(MoveWorld::SetNotes(old_, id, "del viejo"));
  Move(both_, id, kCholula);
  world_.Sync(new_);
  ASSERT_OK(MoveWorld::SetNotes(new_, id, "del nuevo"));
  world_.PushAll(new_);

  const auto verdicts = world_.PushAll(old_);

  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].outcome(), v1::MERGED);
  EXPECT_EQ(OpenConflicts(kPuebla).size(), 1u);
  EXPECT_THAT(OpenConflicts(kOaxaca), IsEmpty());
  SyncAll();
  EXPECT_EQ(new_->store->Counts()->open_conflicts, 1u);
  EXPECT_EQ(old_->store->Counts()->open_conflicts, 0u);
}

TEST_F(MoveTest, OpenConflictsGoAlong) {
  const RecordId id = Rosa();
  ASSERT_OK(MoveWorld::SetNotes(old_, id, "una"));
  ASSERT_OK(MoveWorld::SetNotes(both_, id, "otra"));
  SyncAll();
  ASSERT_EQ(OpenConflicts(kOaxaca).size(), 1u);

  Move(both_, id, kCholula);

  EXPECT_EQ(OpenConflicts(kPuebla).size(), 1u);
  EXPECT_THAT(OpenConflicts(kOaxaca), IsEmpty());
  SyncAll();
  EXPECT_EQ(new_->store->Counts()->open_conflicts, 1u);
  EXPECT_EQ(old_->store->Counts()->open_conflicts, 0u);
  EXPECT_EQ(both_->store->Counts()->open_conflicts, 1u);
  // It is decided there.
  const auto view = MoveWorld::Get(*new_, id);
  ASSERT_EQ(view->conflicts.size(), 1u);
  v1::Person decided;
  decided.set_notes("decidida");
  ASSERT_OK(MoveWorld::Edit(new_, id, decided, "", view->conflicts[0].id.bytes()));
  SyncAll();
  EXPECT_THAT(OpenConflicts(), IsEmpty());
}

TEST_F(MoveTest, TwoMovesAreAConflictInTheWinnersPlace) {
  const RecordId id = Rosa();
  Phone* const far = world_.AddPhone("dora", {kOaxaca, kTlaxcala});
  world_.Sync(far);
  far->clock.Advance(absl::Seconds(5));
  ASSERT_OK(MoveWorld::MoveTo(both_, id, kCholula));
  ASSERT_OK(MoveWorld::MoveTo(far, id, "MX/29/001"));

  world_.PushAll(both_);
  world_.PushAll(far);

  const std::string place = PlaceAtServer(id);
  EXPECT_TRUE(place == kCholula || place == "MX/29/001") << place;
  EXPECT_EQ(*(*world_.server_->Read())->Count(TypeOf("Person")), 1u);
  EXPECT_EQ(OpenConflicts(place).size(), 1u);
  SyncAll();
  EXPECT_EQ(PlaceOn(new_, id), place == kCholula ? place : "");
  EXPECT_EQ(PlaceOn(old_, id), "");
}

TEST_F(MoveTest, MovesBackAndLateEditsOfTheFirstStayFindIt) {
  const RecordId id = Rosa();
  ASSERT_OK(MoveWorld::SetNotes(old_, id, "del primer tiempo"));
  Move(both_, id, kCholula);
  world_.Sync(both_);
  Move(both_, id, "MX/20/551");
  EXPECT_EQ(PlaceAtServer(id), "MX/20/551");

  const auto verdicts = world_.PushAll(old_);

  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].outcome(), v1::APPLIED);
  EXPECT_EQ(MoveWorld::PersonOf(world_.GetAtServer(id)).notes(), "del primer tiempo");
  EXPECT_THAT(OpenConflicts(), IsEmpty());
  SyncAll();
  EXPECT_EQ(PlaceOn(old_, id), "MX/20/551");
  EXPECT_EQ(PlaceOn(both_, id), "MX/20/551");
  EXPECT_EQ(PlaceOn(new_, id), "");
  EXPECT_EQ(MoveWorld::PersonOf(MoveWorld::Get(*old_, id)).notes(), "del primer tiempo");
}

TEST_F(MoveTest, FollowsThroughTwoMoves) {
  const RecordId id = Rosa();
  Phone* const far = world_.AddPhone("dora", {kPuebla, kTlaxcala});
  ASSERT_OK(MoveWorld::SetNotes(old_, id, "tarde"));
  Move(both_, id, kCholula);
  world_.Sync(far);
  Move(far, id, "MX/29/001");

  const auto verdicts = world_.PushAll(old_);

  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].outcome(), v1::APPLIED);
  EXPECT_EQ(MoveWorld::PersonOf(world_.GetAtServer(id)).notes(), "tarde");
  SyncAll();
  EXPECT_EQ(PlaceOn(far, id), "MX/29/001");
  EXPECT_EQ(PlaceOn(both_, id), "");
  EXPECT_EQ(PlaceOn(new_, id), "");
}

TEST_F(MoveTest, ACopyOfTheFirstStateGoesAlthoughTheSecondWasNeverRead) {
  const RecordId id = Rosa();
  Phone* const reader = world_.AddPhone("dora", {kOaxaca, kPuebla});
  Phone* const far = world_.AddPhone("elsa", {kPuebla, kTlaxcala});
  world_.Sync(reader);
  Move(both_, id, kCholula);
  world_.Pull(reader, kOaxaca);
  EXPECT_EQ(PlaceOn(reader, id), kCholula);
  world_.Sync(far);
  Move(far, id, "MX/29/001");

  world_.Pull(reader, kPuebla);

  EXPECT_EQ(PlaceOn(reader, id), "");
}

TEST_F(MoveTest, ACopyGoesWhenTheRecordWentOnInsideTheNewState) {
  const RecordId id = Rosa();
  Phone* const reader = world_.AddPhone("dora", {kOaxaca, kCholula});
  world_.Sync(reader);
  Move(both_, id, kCholula);
  world_.Pull(reader, kOaxaca);
  ASSERT_EQ(PlaceOn(reader, id), kCholula);
  world_.Sync(both_);
  Move(both_, id, "MX/21/114");

  world_.Pull(reader, kPuebla);

  EXPECT_EQ(PlaceOn(reader, id), "");
}

TEST_F(MoveTest, OwnUnsentWorkIsSeenInTheNewPlaceUntilItHasItsVerdict) {
  const RecordId id = Rosa();
  Phone* const reader = world_.AddPhone("dora", {kOaxaca, kPuebla});
  world_.Sync(reader);
  ASSERT_OK(MoveWorld::SetNotes(reader, id, "sin enviar"));
  Move(both_, id, kCholula);
  for (const char* partition : {kPuebla, kOaxaca}) {
    world_.Pull(reader, partition);
    const auto view = MoveWorld::Get(*reader, id);
    ASSERT_TRUE(view.has_value());
    EXPECT_EQ(view->scope, kCholula);
    EXPECT_TRUE(view->pending);
    EXPECT_EQ(MoveWorld::PersonOf(view).notes(), "sin enviar");
  }
  world_.PushAll(reader);
  world_.Pull(reader, kOaxaca);
  world_.Pull(reader, kPuebla);
  const auto view = MoveWorld::Get(*reader, id);
  EXPECT_EQ(MoveWorld::PersonOf(view).notes(), "sin enviar");
  EXPECT_FALSE(view->pending);
}

TEST_F(MoveTest, OwnWorkInBothStatesKeepsItsOrderWhicheverIsSentFirst) {
  for (const bool new_first : {false, true}) {
    const RecordId id = Rosa();
    Phone* const writer = world_.AddPhone(new_first ? "dora" : "elsa", {kOaxaca, kPuebla});
    world_.Sync(writer);
    ASSERT_OK(MoveWorld::SetNotes(writer, id, "primero"));
    Move(both_, id, kCholula);
    world_.PullAll(writer);
    writer->clock.Advance(absl::Seconds(1));
    ASSERT_OK(MoveWorld::SetNotes(writer, id, "despues"));
    ASSERT_EQ(writer->store->Head(kPuebla).sequence(), 1u);

    world_.Push(writer, new_first ? kPuebla : kOaxaca);
    world_.Push(writer, new_first ? kOaxaca : kPuebla);

    EXPECT_EQ(MoveWorld::PersonOf(world_.GetAtServer(id)).notes(), "despues") << new_first;
    world_.PullAll(writer);
    EXPECT_EQ(MoveWorld::PersonOf(MoveWorld::Get(*writer, id)).notes(), "despues") << new_first;
  }
}

TEST_F(MoveTest, ACopyOnItsWayIntoALostScopeIsPurged) {
  const RecordId id = Rosa();
  Phone* const reader = world_.AddPhone("dora", {kOaxaca, kPuebla});
  world_.Sync(reader);
  Move(both_, id, kCholula);
  world_.Pull(reader, kOaxaca);
  ASSERT_EQ(PlaceOn(reader, id), kCholula);
  v1::Welcome welcome;
  for (const v1::Feed& feed : MoveWorld::FeedsIn(*reader, kOaxaca)) *welcome.add_feeds() = feed;
  for (const v1::Feed& feed : MoveWorld::FeedsIn(*reader, kPuebla)) *welcome.add_feeds() = feed;
  ASSERT_OK(reader->store->NoteWelcome(welcome));
  welcome.mutable_feeds()->RemoveLast();
  ASSERT_OK(reader->store->NoteWelcome(welcome));
  ASSERT_OK(reader->store->RunPurge());
  EXPECT_EQ(PlaceOn(reader, id), "");
}

TEST_F(MoveTest, AConcurrentDeletionWinsAndParksTheMove) {
  const RecordId id = Rosa();
  ASSERT_OK(MoveWorld::Delete(old_, id));
  ASSERT_OK(MoveWorld::MoveTo(both_, id, kCholula));
  world_.PushAll(old_);
  world_.PushAll(both_);
  EXPECT_EQ(PlaceAtServer(id), "");
  EXPECT_EQ(OpenConflicts(kOaxaca).size(), 1u);
  SyncAll();
  EXPECT_EQ(PlaceOn(both_, id), "");
}

TEST_F(MoveTest, ALateDeletionFollowsAndParksWhatItDidNotKnow) {
  const RecordId id = Rosa();
  ASSERT_OK(MoveWorld::Delete(old_, id));
  Move(both_, id, kCholula);
  world_.Sync(new_);
  world_.PushAll(old_);
  EXPECT_EQ(PlaceAtServer(id), "");
  EXPECT_EQ(OpenConflicts(kPuebla).size(), 1u);
  SyncAll();
  for (const Phone* phone : {both_, old_, new_}) EXPECT_EQ(PlaceOn(phone, id), "");
}

TEST_F(MoveTest, AKioskThatReadsNothingKeepsItsRegistrationOnce) {
  Phone* const kiosk = world_.AddPhone("kiosco", {}, {kOaxaca, kPuebla});
  const RecordId id = world_.Register(kiosk, kJuarez, "Rosa");
  ASSERT_OK(MoveWorld::MoveTo(kiosk, id, kCholula));
  world_.Sync(kiosk);
  EXPECT_EQ(PlaceAtServer(id), kCholula);
  EXPECT_EQ(PlaceOn(kiosk, id), kCholula);
  ASSERT_OK(MoveWorld::SetNotes(kiosk, id, "mas tarde"));
  world_.Sync(kiosk);
  EXPECT_EQ(MoveWorld::PersonOf(world_.GetAtServer(id)).notes(), "mas tarde");
}

TEST_F(MoveTest, AnErasureReachesBothStates) {
  const RecordId id = Rosa();
  ASSERT_OK(MoveWorld::SetNotes(old_, id, "dato personal"));
  Move(both_, id, kCholula);
  world_.Sync(new_);
  EXPECT_THAT(*world_.server_->PlacesOf(TypeOf("Person").type_id(), id), ElementsAre(kCholula));

  ASSERT_OK(world_.server_->Erase(
      {.type_id = TypeOf("Person").type_id(), .id = id, .scope = "", .user = "admin"},
      world_.now_));

  const auto verdicts = world_.PushAll(old_);
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].refusals(0).reason(), v1::ERASED_RECORD);
  SyncAll();
  for (const Phone* phone : {both_, old_, new_}) {
    EXPECT_EQ(PlaceOn(phone, id), "");
    for (const v1::RejectedChangeSet& rejected : MoveWorld::RejectedBy(*phone))
      EXPECT_EQ(rejected.SerializeAsString().find("dato personal"), std::string::npos);
  }
}

TEST_F(MoveTest, IsRefusedWhereTheIdIsTaken) {
  const RecordId id = Rosa();
  v1::Person other;
  other.mutable_name()->set_given_names("Otra");
  ASSERT_OK(new_->store->Commit(
      {*CreateChange(TypeOf("Person"), id, *Scope::Parse(kCholula), other)}, Durability::kMemory));
  world_.PushAll(new_);
  ASSERT_OK(MoveWorld::MoveTo(both_, id, kCholula));
  const auto verdicts = world_.PushAll(both_);
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].outcome(), v1::REJECTED);
  EXPECT_EQ(verdicts[0].refusals(0).reason(), v1::WRONG_SCOPE);
}

TEST_F(MoveTest, ARepeatedPushHasTheFirstAnswerAndNoSecondEffect) {
  const RecordId id = Rosa();
  ASSERT_OK(MoveWorld::MoveTo(both_, id, kCholula));
  const auto first = world_.Push(both_, kOaxaca);
  const uint64_t head = world_.server_->Head(kPuebla);
  const auto again = world_.Push(both_, kOaxaca);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].SerializeAsString(), first[0].SerializeAsString());
  EXPECT_EQ(world_.server_->Head(kPuebla), head);
}

}  // namespace
}  // namespace brigada
