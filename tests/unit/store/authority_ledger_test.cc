// The ledger: nothing that lost leaves it, it is where the record is, and what was parked can be
// brought back.
#include <set>

#include "client_lib/conflict_choice.h"
#include "replica/store/conflict_ledger.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class AuthorityLedgerTest : public AuthorityFixture {
 protected:
  // Another writer's edit that has seen the record's creation alone.
  v1::Verdict ConcurrentEdit(const RecordId& id, const google::protobuf::Message& values) {
    return Concurrent(Edit(PersonType(), id, values));
  }
  v1::Verdict Concurrent(const v1::Change& edit) {
    TestReplica other(&random_, kOaxaca);
    other.epoch = store_->epoch();
    other.stamp_ms += ++writers_;
    return CommitAt(1, &other, {edit});
  }

  LedgerEntry EntryOf(const std::string& bytes) {
    const RecordId id = *RecordId::FromBytes(bytes);
    const auto view = GetConflict(id);
    EXPECT_TRUE(view.has_value());
    LedgerEntry entry{.id = id, .scope = view->scope, .conflict = ConflictOf(view->message)};
    EXPECT_OK(AddOlderValues(**store_->Read(), *Registry::BuiltIn().Find(kConflictTypeId), &entry));
    return entry;
  }

  static std::set<std::string> NamesIn(const v1::Conflict& conflict) {
    std::set<std::string> names;
    const auto add = [&](const v1::Contender& contender) {
      v1::Person person;
      EXPECT_TRUE(person.ParseFromString(contender.value()));
      names.insert(person.name().given_names());
    };
    if (conflict.has_winner()) add(conflict.winner());
    for (const v1::Contender& loser : conflict.losers()) add(loser);
    return names;
  }

  int OpenConflicts() {
    auto view = *store_->Read();
    const auto cursor = view->Scan(*Registry::BuiltIn().Find(kConflictTypeId), ScopeOf("MX"));
    int open = 0;
    while (true) {
      const auto record = cursor->Next();
      EXPECT_OK(record);
      if (!record.ok() || !record->has_value()) return open;
      open += ConflictOf((*record)->message).state() == v1::OPEN ? 1 : 0;
    }
  }

  uint64_t writers_ = 0;
};

TEST_F(AuthorityLedgerTest, EveryValueThatLostStaysInTheLedger) {
  const RecordId id = CreatePerson("Rosa");
  std::set<std::string> written;
  std::string conflict;
  for (int i = 0; i < 60; ++i) {
    written.insert("Rosa " + std::to_string(i));
    const v1::Verdict verdict = ConcurrentEdit(id, PersonNamed("Rosa " + std::to_string(i)));
    ASSERT_NE(verdict.outcome(), v1::REJECTED) << verdict.ShortDebugString();
    if (verdict.conflicts_size() > 0) conflict = verdict.conflicts(0);
  }

  const LedgerEntry entry = EntryOf(conflict);

  EXPECT_EQ(NamesIn(entry.conflict), written);
  const auto first = GetConflict(entry.id);
  EXPECT_LE(ConflictOf(first->message).losers_size(), kMaxLosers);
  EXPECT_GT(entry.conflict.continued(), 1u);
  EXPECT_EQ(OpenConflicts(), 1);
}

TEST_F(AuthorityLedgerTest, EveryParkedEditStaysInTheLedger) {
  const RecordId id = CreatePerson("Rosa");
  std::set<std::string> written;
  std::string of_the_name;
  for (int i = 0; i < 20; ++i) {
    written.insert("Rosa " + std::to_string(i));
    const v1::Verdict verdict = ConcurrentEdit(id, PersonNamed("Rosa " + std::to_string(i)));
    if (verdict.conflicts_size() > 0) of_the_name = verdict.conflicts(0);
  }
  const v1::Verdict deletion = CommitAt(1, &beto_, {Deletion(PersonType(), id)});
  std::string conflict = deletion.conflicts(deletion.conflicts_size() - 1);
  for (int i = 20; i < 60; ++i) {
    written.insert("Rosa " + std::to_string(i));
    conflict = ConcurrentEdit(id, PersonNamed("Rosa " + std::to_string(i))).conflicts(0);
  }

  std::set<std::string> kept = NamesIn(EntryOf(conflict).conflict);
  for (const std::string& value : NamesIn(EntryOf(of_the_name).conflict)) kept.insert(value);

  kept.erase("");  // the deletion
  EXPECT_EQ(kept, written);
}

TEST_F(AuthorityLedgerTest, EveryParkedEditOfOneTransactionStaysInTheLedger) {
  const RecordId id = CreatePerson("Rosa");
  Commit(&ana_, {Deletion(PersonType(), id)});
  const v1::Verdict parked = CommitAt(1, &beto_,
                                      {Edit(PersonType(), id, PersonNamed("Rosa A")),
                                       Edit(PersonType(), id, PersonNamed("Rosa B"))});
  ASSERT_EQ(parked.conflicts_size(), 1);
  EXPECT_THAT(EntryOf(parked.conflicts(0)).conflict.losers(), SizeIs(2));
}

TEST_F(AuthorityLedgerTest, LargeValuesGoOnInFurtherEntries) {
  const RecordId id = CreatePerson("Rosa");
  CommitAt(1, &beto_, {Deletion(PersonType(), id)});
  std::string conflict;
  for (int i = 0; i < 8; ++i) {
    v1::Change edit = Edit(PersonType(), id, PersonNamed("R" + std::to_string(i)));
    edit.mutable_values()->append(UnknownField(100, 200'000));
    TestReplica other(&random_, kOaxaca);
    other.epoch = store_->epoch();
    const v1::Verdict verdict = CommitAt(1, &other, {edit});
    ASSERT_EQ(verdict.outcome(), v1::MERGED) << verdict.ShortDebugString();
    conflict = verdict.conflicts(0);
  }
  EXPECT_THAT(EntryOf(conflict).conflict.losers(), SizeIs(8));
}

TEST_F(AuthorityLedgerTest, OneDecisionDecidesAllOfAConflict) {
  const RecordId id = CreatePerson("Rosa");
  std::string conflict;
  for (int i = 0; i < 40; ++i) {
    const v1::Verdict verdict = ConcurrentEdit(id, PersonNamed("Rosa " + std::to_string(i)));
    if (verdict.conflicts_size() > 0) conflict = verdict.conflicts(0);
  }
  const LedgerEntry entry = EntryOf(conflict);
  const int oldest = entry.conflict.losers_size() - 1;
  ASSERT_OK_AND_ASSIGN(const v1::Change decision, ChangeThatDecides(&PersonType(), entry, oldest));

  EXPECT_EQ(Commit(&ana_, {decision}).outcome(), v1::APPLIED);

  EXPECT_THAT(Get(PersonType(), id)->conflicts, SizeIs(0));
  EXPECT_EQ(ConflictOf(GetConflict(entry.id)->message).state(), v1::RESOLVED);
  EXPECT_EQ(OpenConflicts(), 0);
}

TEST_F(AuthorityLedgerTest, ConflictsFollowARecordThatMoves) {
  const RecordId id = CreatePerson("Rosa");
  std::string conflict;
  for (int i = 0; i < 20; ++i) {
    const v1::Verdict verdict = ConcurrentEdit(id, PersonNamed("Rosa " + std::to_string(i)));
    if (verdict.conflicts_size() > 0) conflict = verdict.conflicts(0);
  }

  ASSERT_EQ(Commit(&ana_, {Move(PersonType(), id, kTlacolula)}).outcome(), v1::APPLIED);

  const LedgerEntry entry = EntryOf(conflict);
  EXPECT_EQ(entry.scope, kTlacolula);
  EXPECT_EQ(GetConflict(ContinuationId(entry.id, 0))->scope, kTlacolula);
  int here = 0;
  int departed = 0;
  for (const FeedPage& page : ReadAll({FeedOf(kTlacolula, v1::BELOW)})) {
    for (const v1::Entry& told : page.body.entries()) here += told.type_id() == kConflictTypeId;
  }
  for (const FeedPage& page : ReadAll({FeedOf(kJuarez, v1::BELOW)})) {
    for (const v1::Entry& told : page.body.entries()) {
      if (told.type_id() != kConflictTypeId) continue;
      EXPECT_EQ(told.moved_to(), kTlacolula);
      ++departed;
    }
  }
  EXPECT_EQ(here, 2);
  EXPECT_EQ(departed, 2);
}

TEST_F(AuthorityLedgerTest, DecidedAndSettledConflictsFollowToo) {
  const RecordId id = CreatePerson("Rosa");
  ConcurrentEdit(id, PersonNamed("Rosa A"));
  const std::string conflict = ConcurrentEdit(id, PersonNamed("Rosa B")).conflicts(0);
  ASSERT_OK_AND_ASSIGN(const v1::Change decision,
                       ChangeThatDecides(&PersonType(), EntryOf(conflict), -1));
  Commit(&ana_, {decision});

  Commit(&ana_, {Move(PersonType(), id, kTlacolula)});

  EXPECT_EQ(EntryOf(conflict).scope, kTlacolula);
}

TEST_F(AuthorityLedgerTest, ParkedEditIsRestoredOverWhatTheRecordLastSaid) {
  v1::Person rosa = PersonNamed("Rosa");
  rosa.set_gender("mujer");
  rosa.add_phones("+525512345678");
  rosa.add_phones("+525511111111");
  const RecordId id = ana_.NewId();
  Commit(&ana_, {Create(PersonType(), id, kJuarez, rosa)});
  Commit(&ana_, {Deletion(PersonType(), id)});
  v1::Person values;
  values.set_notes("vive en la colonia Reforma");
  values.add_phones("+525587654321");
  v1::Change edit = Edit(PersonType(), id, values);
  v1::Person removed;
  removed.add_phones("+525511111111");
  edit.set_removed(removed.SerializeAsString());
  edit.add_cleared(v1::Person::kGenderFieldNumber);
  const v1::Verdict parked = Concurrent(edit);
  ASSERT_EQ(parked.conflicts_size(), 1);
  ASSERT_OK_AND_ASSIGN(const v1::Change restore,
                       ChangeThatDecides(&PersonType(), EntryOf(parked.conflicts(0)), 0));

  const v1::Verdict verdict = Commit(&ana_, {restore});

  EXPECT_EQ(verdict.outcome(), v1::APPLIED) << verdict.ShortDebugString();
  v1::Person restored;
  ASSERT_TRUE(restored.ParseFromString(Get(PersonType(), id)->message));
  EXPECT_EQ(restored.name().given_names(), "Rosa");
  EXPECT_EQ(restored.notes(), "vive en la colonia Reforma");
  EXPECT_THAT(restored.phones(), UnorderedElementsAre("+525512345678", "+525587654321"));
  EXPECT_EQ(restored.gender(), "");
}

TEST_F(AuthorityLedgerTest, EditThatTheDeletionMetIsRestoredWithTheRest) {
  const RecordId id = CreatePerson("Rosa");
  v1::Person edit;
  edit.set_notes("vive en la colonia Reforma");
  ConcurrentEdit(id, edit);
  const v1::Verdict deletion = CommitAt(1, &beto_, {Deletion(PersonType(), id)});
  ASSERT_OK_AND_ASSIGN(const v1::Change restore,
                       ChangeThatDecides(&PersonType(), EntryOf(deletion.conflicts(0)), 0));
  EXPECT_EQ(Commit(&ana_, {restore}).outcome(), v1::APPLIED);
  EXPECT_TRUE(Get(PersonType(), id).has_value());
}

TEST_F(AuthorityLedgerTest, WhatIsRestoredGoesOnInTheStateItHad) {
  v1::Event event;
  event.set_title("Mesa");
  event.set_kind(v1::TABLE);
  event.set_state(v1::PLANNED);
  const RecordId id = ana_.NewId();
  ASSERT_EQ(Commit(&ana_, {Create(EventType(), id, kJuarez, event)}).outcome(), v1::APPLIED);
  v1::Event held;
  held.set_state(v1::HELD);
  ASSERT_EQ(Commit(&ana_, {Edit(EventType(), id, held)}).outcome(), v1::APPLIED);
  Commit(&ana_, {Deletion(EventType(), id)});
  v1::Event edit;
  edit.set_place("Casa de cultura");
  TestReplica other(&random_, kOaxaca);
  other.epoch = store_->epoch();
  const v1::Verdict parked = CommitAt(2, &other, {Edit(EventType(), id, edit)});
  ASSERT_EQ(parked.conflicts_size(), 1);
  ASSERT_OK_AND_ASSIGN(const v1::Change restore,
                       ChangeThatDecides(&EventType(), EntryOf(parked.conflicts(0)), 0));

  const v1::Verdict verdict = Commit(&ana_, {restore});

  EXPECT_EQ(verdict.outcome(), v1::APPLIED) << verdict.ShortDebugString();
  v1::Event restored;
  ASSERT_TRUE(restored.ParseFromString(Get(EventType(), id)->message));
  EXPECT_EQ(restored.state(), v1::HELD);
  EXPECT_EQ(restored.place(), "Casa de cultura");
}

}  // namespace
}  // namespace brigada
