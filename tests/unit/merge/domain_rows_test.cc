// The required results when two people work offline, row by row, at the authority that both sync
// with. A row whose record type comes with a later issue runs on a type made for it
// (tests/support/domain_types.proto). Rows 7 to 12, which are about what each of the two has in the
// end, are in domain_phones_test.cc. docs/merge-semantics.md has the table.
#include <algorithm>

#include "brigada/v1/person.pb.h"
#include "client_lib/conflict_choice.h"
#include "server/grant_judge.h"
#include "tests/support/domain_types.pb.h"
#include "tests/unit/merge/domain_registry.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class DomainRowsTest : public AuthorityFixture {
 protected:
  DomainRowsTest() : AuthorityFixture(&DomainRegistry()) {
    // Ana writes last by the clock, Beto is committed last.
    now_ += absl::Hours(1);
    ana_.stamp_ms += 60'000;
  }

  static const RecordType& Type(absl::string_view name) {
    return *DomainRegistry().FindByName(name);
  }

  // What ana and beto had both seen when they went offline.
  void BothHaveSeenAll() { seen_ = store_->Head(kOaxaca); }
  v1::Verdict Ana(const v1::Change& change) { return CommitAt(seen_, &ana_, {change}); }
  v1::Verdict Beto(const v1::Change& change) { return CommitAt(seen_, &beto_, {change}); }

  template <typename Message>
  RecordId New(const Message& message) {
    const RecordType& type = Type(Message::descriptor()->name());
    const RecordId id = ana_.NewId();
    EXPECT_EQ(Commit(&ana_, {Create(type, id, kJuarez, message)}).outcome(), v1::APPLIED);
    BothHaveSeenAll();
    return id;
  }
  template <typename Message>
  Message Now(const RecordId& id) {
    const auto view = Get(Type(Message::descriptor()->name()), id);
    EXPECT_TRUE(view.has_value());
    Message message;
    EXPECT_TRUE(view.has_value() && message.ParseFromString(view->message));
    return message;
  }
  size_t OpenConflictsOf(const RecordType& type, const RecordId& id) {
    const auto view = Get(type, id);
    return view.has_value() ? view->conflicts.size() : 0;
  }
  LedgerEntry EntryOf(const v1::Verdict& verdict) {
    LedgerEntry entry;
    if (verdict.conflicts_size() == 0) return entry;
    entry.id = *RecordId::FromBytes(verdict.conflicts(0));
    const auto view = GetConflict(entry.id);
    EXPECT_TRUE(view.has_value());
    entry.scope = view->scope;
    entry.conflict = ConflictOf(view->message);
    return entry;
  }

  uint64_t seen_ = 0;
};

v1::Person FullName(absl::string_view given, absl::string_view surname) {
  v1::Person person = PersonNamed(given);
  person.mutable_name()->set_first_surname(std::string(surname));
  return person;
}

TEST_F(DomainRowsTest, Row01TwoCorrectionsOfANameAreTwoWholeNames) {
  const RecordId id = New(FullName("Jose", "Perez"));
  Ana(Edit(PersonType(), id, FullName("Jose", "Pérez")));
  const v1::Verdict verdict = Beto(Edit(PersonType(), id, FullName("María José", "Perez")));

  const std::string standing = Now<v1::Person>(id).name().ShortDebugString();
  const v1::Conflict conflict = EntryOf(verdict).conflict;
  v1::Person winner;
  v1::Person loser;
  ASSERT_EQ(conflict.losers_size(), 1);
  ASSERT_TRUE(winner.ParseFromString(conflict.winner().value()));
  ASSERT_TRUE(loser.ParseFromString(conflict.losers(0).value()));
  EXPECT_EQ(winner.name().ShortDebugString(), standing);
  EXPECT_EQ(standing, FullName("Jose", "Pérez").name().ShortDebugString());
  EXPECT_EQ(loser.name().ShortDebugString(),
            FullName("María José", "Perez").name().ShortDebugString());
  EXPECT_EQ(conflict.state(), v1::OPEN);
}

TEST_F(DomainRowsTest, Row02PhoneAndAddressBothApply) {
  const RecordId id = New(FullName("Rosa", "Ruiz"));
  v1::Person phone;
  phone.add_phones("+529511234567");
  v1::Person address;
  address.mutable_address()->set_street("Reforma 5");
  EXPECT_EQ(Ana(Edit(PersonType(), id, phone)).outcome(), v1::APPLIED);
  EXPECT_EQ(Beto(Edit(PersonType(), id, address)).outcome(), v1::APPLIED);
  EXPECT_THAT(Now<v1::Person>(id).phones(), ElementsAre("+529511234567"));
  EXPECT_EQ(Now<v1::Person>(id).address().street(), "Reforma 5");
}

TEST_F(DomainRowsTest, Row03ResignationStandsAndTheAddressIsStored) {
  testing::Membership captured;
  captured.set_state(testing::CAPTURED);
  testing::Membership resigned;
  resigned.set_state(testing::WITHDRAWN);
  testing::Membership elsewhere;
  elsewhere.set_address("Reforma 5");
  elsewhere.set_state(testing::REVIEWED);
  for (const bool resigns_first : {true, false}) {
    const RecordId id = New(captured);
    if (resigns_first) Ana(Edit(Type("Membership"), id, resigned));
    Beto(Edit(Type("Membership"), id, elsewhere));
    if (!resigns_first) Ana(Edit(Type("Membership"), id, resigned));
    EXPECT_EQ(Now<testing::Membership>(id).state(), testing::WITHDRAWN);
    EXPECT_EQ(Now<testing::Membership>(id).address(), "Reforma 5");
  }
}

TEST_F(DomainRowsTest, Row04RevocationBeatsAConcurrentGrant) {
  testing::ConsentStanding granted;
  granted.set_state(testing::GRANTED);
  testing::ConsentStanding revoked;
  revoked.set_state(testing::CONSENT_REVOKED);
  const RecordType& type = Type("ConsentStanding");
  for (const bool revoked_first : {true, false}) {
    const RecordId id = New(testing::ConsentStanding());
    if (revoked_first) Ana(Edit(type, id, revoked));
    Beto(Edit(type, id, granted));
    if (!revoked_first) Ana(Edit(type, id, revoked));
    EXPECT_EQ(Now<testing::ConsentStanding>(id).state(), testing::CONSENT_REVOKED);
    BothHaveSeenAll();
    Beto(Edit(type, id, granted));
    EXPECT_EQ(Now<testing::ConsentStanding>(id).state(), testing::GRANTED) << "it had seen it";
  }
}

TEST_F(DomainRowsTest, Row05TwoCheckInsAreOneAttendanceWithTwoMarks) {
  v1::Attendance seat;
  seat.set_event(std::string(16, 'e'));
  seat.set_person(std::string(16, 'p'));
  seat.set_state(v1::ATTENDED);
  seat.add_marks(v1::QR);
  seat.set_folio("OAX-AAAA-000012");
  const RecordType& type = Type("Attendance");
  const RecordId id = *DeriveId(type, seat);
  EXPECT_EQ(Ana(Create(type, id, kJuarez, seat)).outcome(), v1::APPLIED);
  seat.clear_marks();
  seat.add_marks(v1::LIST);
  seat.set_folio("OAX-BBBB-000003");
  const v1::Verdict verdict = Beto(Create(type, id, kJuarez, seat));
  EXPECT_NE(verdict.outcome(), v1::REJECTED);
  EXPECT_THAT(Now<v1::Attendance>(id).marks(), SizeIs(2));
  EXPECT_EQ(Now<v1::Attendance>(id).folio(), "OAX-AAAA-000012");
  EXPECT_EQ(EntryOf(verdict).conflict.state(), v1::SETTLED);
  EXPECT_EQ(OpenConflictsOf(type, id), 0u);
}

v1::Event StartingAt(absl::string_view time) {
  v1::Event event;
  event.mutable_when()->set_start(std::string(time));
  return event;
}

v1::Event InState(v1::EventState state) {
  v1::Event event;
  event.set_state(state);
  return event;
}

v1::Event Circle() {
  v1::Event event = StartingAt("2026-01-02T17:00");
  event.set_kind(v1::CIRCLE);
  event.set_title("Círculo");
  event.set_state(v1::PLANNED);
  return event;
}

TEST_F(DomainRowsTest, Row06MovingAndCancellingAreUnderReview) {
  const RecordType& type = Type("Event");
  for (const bool moves_first : {true, false}) {
    const RecordId id = New(Circle());
    v1::Verdict verdict;
    if (moves_first) Ana(Edit(type, id, StartingAt("2026-01-02T18:00")));
    verdict = Beto(Edit(type, id, InState(v1::CANCELLED)));
    if (!moves_first) verdict = Ana(Edit(type, id, StartingAt("2026-01-02T18:00")));

    EXPECT_EQ(Now<v1::Event>(id).when().start(), "2026-01-02T18:00") << "both stand";
    EXPECT_EQ(Now<v1::Event>(id).state(), v1::CANCELLED);
    EXPECT_EQ(OpenConflictsOf(type, id), 1U);
    const LedgerEntry entry = EntryOf(verdict);
    EXPECT_EQ(entry.conflict.state(), v1::OPEN);
    EXPECT_EQ(entry.conflict.winner().user(), "beto");
    ASSERT_EQ(entry.conflict.losers_size(), 1);
    EXPECT_EQ(entry.conflict.losers(0).user(), "ana");
    v1::Event before_her;
    ASSERT_TRUE(before_her.ParseFromString(entry.conflict.losers(0).value()));
    EXPECT_EQ(before_her.state(), v1::PLANNED);

    BothHaveSeenAll();
    ASSERT_OK_AND_ASSIGN(const v1::Change decision, ChangeThatDecides(&type, entry, 0));
    EXPECT_EQ(Commit(&ana_, {decision}).outcome(), v1::APPLIED);
    EXPECT_EQ(Now<v1::Event>(id).state(), v1::PLANNED);
    EXPECT_EQ(Now<v1::Event>(id).when().start(), "2026-01-02T18:00");
    EXPECT_EQ(OpenConflictsOf(type, id), 0U);
  }
}

TEST_F(DomainRowsTest, Row06WhoHadSeenTheMoveCancelsWithoutAConflict) {
  const RecordType& type = Type("Event");
  const RecordId id = New(Circle());
  Ana(Edit(type, id, StartingAt("2026-01-02T18:00")));
  BothHaveSeenAll();
  EXPECT_EQ(Beto(Edit(type, id, InState(v1::CANCELLED))).conflicts_size(), 0);
}

TEST_F(DomainRowsTest, Row06AnEventThatWasHeldMayBeMovedInTheCalendar) {
  const RecordType& type = Type("Event");
  const RecordId id = New(Circle());
  Ana(Edit(type, id, InState(v1::HELD)));
  EXPECT_EQ(Beto(Edit(type, id, StartingAt("2026-01-02T18:00"))).conflicts_size(), 0);
}

TEST_F(DomainRowsTest, Row13WorkFromBeforeARevocationIsAcceptedLaterWorkIsNot) {
  constexpr int64_t kTuesday = 1'767'000'000'000;
  v1::GrantRecord grant;
  grant.set_user("ana");
  grant.set_role("organizer");
  grant.add_scopes(kJuarez);
  grant.set_revoked_ms(kTuesday);
  const GrantJudge judge({{"ana", {grant}}}, absl::FromUnixMillis(kTuesday) + absl::Hours(96));
  const auto refusals_at = [&](int64_t server_time_ms, int64_t elapsed_ms) {
    v1::ChangeSetHeader header;
    header.mutable_position()->set_server_time_ms(server_time_ms);
    header.mutable_position()->set_elapsed_ms(elapsed_ms);
    // The wall clock says something else: it decides nothing.
    header.set_stamp(uint64_t{1} << 40);
    PushRequest push;
    push.user = "ana";
    const v1::Change change = Create(PersonType(), ana_.NewId(), kJuarez, FullName("Eva", "Luna"));
    std::vector<v1::Refusal> refusals;
    judge.Examine({.push = push, .header = header, .change = change, .type = &PersonType()},
                  &refusals);
    return refusals;
  };
  EXPECT_THAT(refusals_at(kTuesday - 5000, 1000), SizeIs(0));
  ASSERT_THAT(refusals_at(kTuesday - 5000, 3'600'000), SizeIs(1));
  EXPECT_EQ(refusals_at(kTuesday - 5000, 3'600'000)[0].reason(), v1::LATE_AFTER_REVOCATION);
}

TEST_F(DomainRowsTest, Row14TwoMovesAreAConflictInTheWinnersPlace) {
  const RecordId id = New(FullName("Eva", "Luna"));
  Ana(Move(PersonType(), id, "MX/20/551"));
  const v1::Verdict verdict = Beto(Move(PersonType(), id, "MX/20/208"));
  const std::string scope = Get(PersonType(), id)->scope;
  EXPECT_EQ(scope, "MX/20/551");
  EXPECT_EQ(EntryOf(verdict).scope, scope);
  EXPECT_EQ(EntryOf(verdict).conflict.state(), v1::OPEN);
}

TEST_F(DomainRowsTest, Row15SentAgainIsTheSameAnswerAndNoSecondEffect) {
  const PushRequest push =
      ana_.PushOf({Create(PersonType(), ana_.NewId(), kJuarez, FullName("Eva", "Luna"))});
  const PushResult first = CommitPush(push);
  const PushResult again = CommitPush(push);
  ASSERT_THAT(again.verdicts, SizeIs(1));
  EXPECT_EQ(again.verdicts[0].SerializeAsString(), first.verdicts[0].SerializeAsString());
  EXPECT_EQ(store_->Head(kOaxaca), 1u);
}

TEST_F(DomainRowsTest, Row16CopyOfAPhoneIsAForkAndItsWorkArrivesOnceUnderItsOwnId) {
  New(FullName("Eva", "Luna"));
  TestReplica copy = ana_;
  const v1::Change of_original =
      Create(PersonType(), ana_.NewId(), kJuarez, FullName("Ana", "Ruiz"));
  const v1::Change of_copy = Create(PersonType(), ana_.NewId(), kJuarez, FullName("Luz", "Paz"));
  EXPECT_FALSE(CommitPush(ana_.PushOf({of_original})).forked);
  EXPECT_TRUE(CommitPush(copy.PushOf({of_copy})).forked);
  TestReplica renamed(&random_, kOaxaca);
  renamed.epoch = store_->epoch();
  EXPECT_EQ(CommitPush(renamed.PushOf({of_copy})).verdicts.at(0).outcome(), v1::APPLIED);
  EXPECT_THAT((*store_->Read())->Count(PersonType()), IsOkAndHolds(3u));
}

TEST_F(DomainRowsTest, Row17DoneStandsOverCancelledAndTheConflictIsOpen) {
  testing::TaskSheet done;
  done.set_state(testing::TASK_DONE);
  testing::TaskSheet cancelled;
  cancelled.set_state(testing::TASK_CANCELLED);
  for (const bool done_first : {true, false}) {
    const RecordId id = New(testing::TaskSheet());
    if (done_first) Ana(Edit(Type("TaskSheet"), id, done));
    Beto(Edit(Type("TaskSheet"), id, cancelled));
    if (!done_first) Ana(Edit(Type("TaskSheet"), id, done));
    EXPECT_EQ(Now<testing::TaskSheet>(id).state(), testing::TASK_DONE);
    EXPECT_EQ(OpenConflictsOf(Type("TaskSheet"), id), 1u);
  }
}

TEST_F(DomainRowsTest, ANewRecordStartsInAnInitialStateThatNoTransitionLeadsTo) {
  testing::PersonMerge merge;
  merge.set_survivor(std::string(16, 's'));
  merge.set_alias(std::string(16, 'a'));
  merge.set_decision(testing::MERGE_DECISION_PROPOSED);
  const RecordId id = New(merge);
  EXPECT_EQ(Now<testing::PersonMerge>(id).decision(), testing::MERGE_DECISION_PROPOSED);
  merge.set_decision(testing::MERGE_DECISION_MERGED);
  EXPECT_EQ(Ana(Create(Type("PersonMerge"), ana_.NewId(), kJuarez, merge)).refusals(0).reason(),
            v1::ILLEGAL_TRANSITION);
}

// No transition leads from done to cancelled, nor from revoked to granted in the rows where a
// conflict waits: a coordinator decides all the same.
TEST_F(DomainRowsTest, ConflictOnAStateIsDecidedForTheLoserThroughTheLedger) {
  testing::TaskSheet done;
  done.set_state(testing::TASK_DONE);
  testing::TaskSheet cancelled;
  cancelled.set_state(testing::TASK_CANCELLED);
  const RecordType& type = Type("TaskSheet");
  const RecordId id = New(testing::TaskSheet());
  Ana(Edit(type, id, done));
  const LedgerEntry entry = EntryOf(Beto(Edit(type, id, cancelled)));
  BothHaveSeenAll();

  EXPECT_EQ(Beto(Edit(type, id, cancelled)).refusals(0).reason(), v1::ILLEGAL_TRANSITION);
  EXPECT_EQ(Beto(*ChangeThatDecides(&type, entry, 0)).outcome(), v1::APPLIED);

  EXPECT_EQ(Now<testing::TaskSheet>(id).state(), testing::TASK_CANCELLED);
  EXPECT_EQ(OpenConflictsOf(type, id), 0u);
  EXPECT_EQ(ConflictOf(GetConflict(entry.id)->message).state(), v1::RESOLVED);
}

TEST_F(DomainRowsTest, ConflictOnAFirstValueIsDecidedForTheLoserThroughTheLedger) {
  const auto said = [](const char* text) {
    testing::ProposalVersion version;
    version.set_text(text);
    return version;
  };
  const RecordType& type = Type("ProposalVersion");
  const RecordId id = New(testing::ProposalVersion());
  Ana(Edit(type, id, said("one")));
  const LedgerEntry entry = EntryOf(Beto(Edit(type, id, said("two"))));
  BothHaveSeenAll();

  v1::Change neither = Edit(type, id, said("three"));
  neither.add_resolves(entry.id.AsBytes());
  EXPECT_EQ(Beto(neither).refusals(0).reason(), v1::ALREADY_SET);
  EXPECT_EQ(Now<testing::ProposalVersion>(id).text(), "one");
  EXPECT_EQ(Beto(*ChangeThatDecides(&type, entry, 0)).outcome(), v1::APPLIED);

  EXPECT_EQ(Now<testing::ProposalVersion>(id).text(), "two");
  EXPECT_EQ(OpenConflictsOf(type, id), 0u);
}

TEST_F(DomainRowsTest, DecisionOfWhoeverMayNotWriteThereIsRefused) {
  testing::ProposalVersion one;
  one.set_text("one");
  testing::ProposalVersion two;
  two.set_text("two");
  const RecordType& type = Type("ProposalVersion");
  const RecordId id = New(testing::ProposalVersion());
  Ana(Edit(type, id, one));
  const LedgerEntry entry = EntryOf(Beto(Edit(type, id, two)));
  BothHaveSeenAll();
  judge_.refuses = [](const ChangeInQuestion&) { return true; };
  EXPECT_EQ(Beto(*ChangeThatDecides(&type, entry, 0)).refusals(0).reason(), v1::NOT_GRANTED);
  EXPECT_EQ(OpenConflictsOf(type, id), 1u);
}

TEST_F(DomainRowsTest, RemovedKeyThatIsChosenTakesNoOtherKeyAlong) {
  v1::Conflict conflict;
  conflict.set_about_field(7);
  conflict.set_policy(v1::MAP);
  conflict.set_state(v1::OPEN);
  conflict.mutable_winner();
  conflict.add_losers()->set_value("key and value");
  LedgerEntry entry;
  entry.conflict = conflict;
  const auto change = ChangeThatDecides(nullptr, entry, -1);
  ASSERT_OK(change);
  EXPECT_EQ(change->removed(), "key and value");
  EXPECT_EQ(change->cleared_size(), 0);
}

}  // namespace
}  // namespace brigada
