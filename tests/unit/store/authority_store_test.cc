// The authority's commit: exactly once, in order, all or nothing, and never blocked; its runs and
// its directory. Every test runs on the store in memory and on disk.
#include <memory>

#include "brigada/v1/conflict.pb.h"
#include "replica/store/format.h"
#include "replica/store/keys.h"
#include "replica/store/record_table.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kOpaque[] = "32 bytes in place of the hash, then opaque";

class AuthorityStoreTest : public ::testing::TestWithParam<bool> {
 protected:
  AuthorityStoreTest() { Reopen(); }

  void Reopen(bool restored = false) {
    store_.reset();
    now_ += absl::Seconds(1);
    auto store = OpenAuthorityStore(
        home_.Open(),
        {.registry = &Registry::BuiltIn(), .random = &random_, .now = now_, .restored = restored});
    ASSERT_OK(store);
    store_ = *std::move(store);
    ana_.epoch = beto_.epoch = store_->epoch();
  }

  PushResult Commit(const PushRequest& push) {
    auto results = store_->CommitPushes({push}, judge_, now_);
    EXPECT_OK(results);
    return results.ok() ? (*results)[0] : PushResult();
  }

  RecordId CreatePerson(TestReplica* replica, absl::string_view name,
                        absl::string_view scope = kJuarez) {
    const RecordId id = replica->NewId();
    const PushResult result =
        Commit(replica->PushOf({Create(PersonType(), id, scope, PersonNamed(name))}));
    EXPECT_EQ(result.verdicts.at(0).outcome(), v1::APPLIED);
    return id;
  }

  v1::RefusalReason RefusalOf(const PushRequest& push) {
    const PushResult result = Commit(push);
    if (result.verdicts.empty() || result.verdicts[0].refusals().empty())
      return v1::REFUSAL_REASON_UNSPECIFIED;
    EXPECT_EQ(result.verdicts[0].outcome(), v1::REJECTED);
    return result.verdicts[0].refusals(0).reason();
  }

  std::optional<RecordView> Get(const RecordType& type, const RecordId& id) {
    auto view = *store_->Read();
    auto record = view->Get(type, id);
    EXPECT_OK(record);
    return record.ok() ? *record : std::nullopt;
  }

  std::string NameOf(const RecordId& id) {
    const auto view = Get(PersonType(), id);
    v1::Person person;
    if (!view.has_value() || !person.ParseFromString(view->message)) return "";
    return person.name().given_names();
  }

  StoreHome home_{GetParam()};
  SeededRandom random_{1};
  absl::Time now_ = absl::FromUnixSeconds(1'767'225'600);
  std::unique_ptr<AuthorityStore> store_;
  TestJudge judge_;
  TestReplica ana_{&random_, kOaxaca};
  TestReplica beto_{&random_, kOaxaca};
};

INSTANTIATE_TEST_SUITE_P(Kv, AuthorityStoreTest, ::testing::Bool(),
                         [](const auto& p) { return p.param ? "Disk" : "Memory"; });

// Of its files, found while it was open.
class DamagedKv final : public LentKv {
 public:
  using LentKv::LentKv;
  absl::Status health() const override { return absl::DataLossError("a bad checksum"); }
};

TEST(AuthorityHealthTest, DamageIsToldFromAWriteThatFailed) {
  SeededRandom random(1);
  const auto store = OpenAuthorityStore(
      std::make_unique<DamagedKv>(std::shared_ptr<Kv>(NewMemoryKv())),
      {.registry = &Registry::BuiltIn(), .random = &random, .now = absl::FromUnixSeconds(1)});
  ASSERT_OK(store);
  EXPECT_THAT((*store)->Health(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_P(AuthorityStoreTest, CommitsARecordAndItsVerdict) {
  const RecordId id = ana_.NewId();
  const PushResult result =
      Commit(ana_.PushOf({Create(PersonType(), id, kJuarez, PersonNamed("Rosa"))}));

  EXPECT_OK(result.status);
  EXPECT_EQ(result.expected, 2u);
  ASSERT_THAT(result.verdicts, SizeIs(1));
  EXPECT_EQ(result.verdicts[0].outcome(), v1::APPLIED);
  EXPECT_EQ(result.verdicts[0].commit_sequence(), 1u);
  EXPECT_EQ(store_->Head(kOaxaca), 1u);
  EXPECT_THAT(store_->LastSequence(ana_.id(), kOaxaca), IsOkAndHolds(1u));
  EXPECT_THAT(store_->Partitions(), ElementsAre(kOaxaca));
  const auto view = Get(PersonType(), id);
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->scope, kJuarez);
  EXPECT_EQ(view->created.user, "ana");
  EXPECT_EQ(view->seen, 1u);
}

TEST_P(AuthorityStoreTest, RepeatGetsTheFirstVerdict) {
  const PushRequest push =
      ana_.PushOf({Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Rosa"))});
  const PushResult first = Commit(push);
  CreatePerson(&beto_, "Luis");
  Reopen();

  const PushResult again = Commit(push);

  ASSERT_THAT(again.verdicts, SizeIs(1));
  EXPECT_EQ(again.verdicts[0].SerializeAsString(), first.verdicts[0].SerializeAsString());
  EXPECT_EQ(store_->Head(kOaxaca), 2u);
}

TEST_P(AuthorityStoreTest, RepeatInsideOneGroupCountsOnce) {
  const PushRequest push =
      ana_.PushOf({Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Rosa"))});
  ASSERT_OK_AND_ASSIGN(const auto results, store_->CommitPushes({push, push}, judge_, now_));
  EXPECT_EQ(results[1].verdicts.at(0).commit_sequence(), 1u);
  EXPECT_EQ(store_->Head(kOaxaca), 1u);
}

TEST_P(AuthorityStoreTest, RepeatAndNewSetsMayComeTogether) {
  const v1::ChangeSet first =
      ana_.MakeSet({Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Rosa"))});
  Commit(ana_.Push({first}));
  const v1::ChangeSet second =
      ana_.MakeSet({Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Eva"))});

  const PushResult result = Commit(ana_.Push({first, second}));

  ASSERT_THAT(result.verdicts, SizeIs(2));
  EXPECT_EQ(result.verdicts[0].commit_sequence(), 1u);
  EXPECT_EQ(result.verdicts[1].commit_sequence(), 2u);
}

TEST_P(AuthorityStoreTest, GapIsAnsweredWithWhatIsExpected) {
  ana_.MakeSet({});
  const PushResult result =
      Commit(ana_.PushOf({Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Rosa"))}));
  EXPECT_OK(result.status);
  EXPECT_EQ(result.expected, 1u);
  EXPECT_TRUE(result.verdicts.empty());
  EXPECT_EQ(store_->Head(kOaxaca), 0u);
}

TEST_P(AuthorityStoreTest, AnotherContentUnderAKnownSequenceIsAFork) {
  TestReplica copy = ana_;
  CreatePerson(&ana_, "Rosa");
  const PushResult result =
      Commit(copy.PushOf({Create(PersonType(), copy.NewId(), kJuarez, PersonNamed("Eva"))}));
  EXPECT_TRUE(result.forked);
  EXPECT_TRUE(result.verdicts.empty());
  EXPECT_EQ(store_->Head(kOaxaca), 1u);
}

// The copy's was judged on a line that the server has left since.
TEST_P(AuthorityStoreTest, WorkThatGoesOnFromAnotherContentIsAFork) {
  TestReplica copy = ana_;
  CreatePerson(&ana_, "Rosa");
  copy.MakeSet({Create(PersonType(), copy.NewId(), kJuarez, PersonNamed("Eva"))});
  const PushResult result =
      Commit(copy.PushOf({Create(PersonType(), copy.NewId(), kJuarez, PersonNamed("Luz"))}));
  EXPECT_OK(result.status);
  EXPECT_TRUE(result.forked);
  EXPECT_TRUE(result.verdicts.empty());
  EXPECT_EQ(store_->Head(kOaxaca), 1u);
}

TEST_P(AuthorityStoreTest, ChainThatDoesNotMatchCommitsNothing) {
  PushRequest push =
      ana_.PushOf({Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Rosa"))});
  push.chain_after[0] = static_cast<char>(push.chain_after[0] ^ 1);
  EXPECT_THAT(Commit(push).status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(store_->Head(kOaxaca), 0u);
}

TEST_P(AuthorityStoreTest, HeaderOfAnotherReplicaOrPartitionCommitsNothing) {
  PushRequest push = ana_.PushOf({});
  push.replica = beto_.id();
  EXPECT_THAT(Commit(push).status, StatusIs(absl::StatusCode::kInvalidArgument));
  push.replica = ana_.id();
  push.partition = "MX/21";
  EXPECT_THAT(Commit(push).status, StatusIs(absl::StatusCode::kInvalidArgument));
  push.partition = kJuarez;
  EXPECT_THAT(Commit(push).status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(store_->Partitions(), SizeIs(0));
}

TEST_P(AuthorityStoreTest, PoisonSetsDoNotBlockTheQueue) {
  std::vector<v1::ChangeSet> sets;
  v1::ChangeSet garbage;
  garbage.set_body("\xff\xff");
  sets.push_back(ana_.Seal(garbage));
  v1::ChangeSet sealed;
  sealed.set_sealed_body(kOpaque);
  sets.push_back(ana_.Seal(sealed));
  v1::ChangeSet stub;
  stub.mutable_stub()->set_body_hash(std::string(32, 'h'));
  sets.push_back(ana_.Seal(stub));
  sets.push_back(ana_.MakeSet({v1::Change()}));
  const RecordId id = ana_.NewId();
  sets.push_back(ana_.MakeSet({Create(PersonType(), id, kJuarez, PersonNamed("Rosa"))}));

  const PushResult result = Commit(ana_.Push(sets));

  std::vector<v1::Outcome> outcomes;
  for (const v1::Verdict& verdict : result.verdicts) outcomes.push_back(verdict.outcome());
  EXPECT_THAT(outcomes,
              ElementsAre(v1::REJECTED, v1::QUARANTINED, v1::REJECTED, v1::REJECTED, v1::APPLIED));
  EXPECT_EQ(store_->Head(kOaxaca), 5u);
  EXPECT_EQ(NameOf(id), "Rosa");
}

// Opening is the dearest thing that can be asked of a push.
TEST_P(AuthorityStoreTest, SealedWorkIsOpenedOnceAndOnlyWhereItIsJudged) {
  int opened = 0;
  const RecordId id = ana_.NewId();
  const v1::ChangeSet clear =
      ana_.MakeSet({Create(PersonType(), id, kJuarez, PersonNamed("Rosa"))});
  v1::ChangeSet sealed = clear;
  sealed.clear_salt();
  sealed.set_sealed_body(absl::StrCat(AsView(BodyHash(clear.salt(), clear.body())), kOpaque));
  PushRequest push = ana_.Push({sealed});
  push.open_sealed = [&](v1::ChangeSet* set) {
    ++opened;
    *set = clear;
    return true;
  };
  PushRequest other_chain = push;
  other_chain.chain_after = std::string(32, 'c');
  EXPECT_THAT(Commit(other_chain).status, StatusIs(absl::StatusCode::kInvalidArgument));
  TestReplica beto(&random_, kOaxaca);
  beto.SkipTo(1);
  v1::ChangeSet beyond;
  beyond.set_sealed_body(std::string(64, 'h'));
  PushRequest gap = beto.Push({beto.Seal(beyond)});
  gap.open_sealed = push.open_sealed;
  EXPECT_EQ(Commit(gap).expected, 1u);
  EXPECT_EQ(opened, 0);

  EXPECT_EQ(Commit(push).verdicts.at(0).outcome(), v1::APPLIED);
  EXPECT_EQ(opened, 1);
  EXPECT_EQ(NameOf(id), "Rosa");
  EXPECT_EQ(Commit(push).verdicts.at(0).outcome(), v1::APPLIED) << "what it said the first time";
  EXPECT_EQ(opened, 1);
}

TEST_P(AuthorityStoreTest, QuarantinedContentIsKept) {
  v1::ChangeSet sealed;
  sealed.set_sealed_body(kOpaque);
  Commit(ana_.Push({ana_.Seal(sealed)}));
  store_.reset();
  const auto kv = home_.Open();
  ASSERT_OK_AND_ASSIGN(const auto bytes,
                       kv->Get(Table::kRejected, QuarantineKey(kOaxaca, ana_.id(), 1)));
  v1::RejectedChangeSet kept;
  ASSERT_TRUE(bytes.has_value() && kept.ParseFromString(*bytes));
  EXPECT_EQ(kept.change_set().sealed_body(), kOpaque);
}

TEST_P(AuthorityStoreTest, OneRefusedChangeRefusesTheWholeSet) {
  const RecordId good = ana_.NewId();
  const RecordId bad = ana_.NewId();
  const PushResult result =
      Commit(ana_.PushOf({Create(PersonType(), good, kJuarez, PersonNamed("Rosa")),
                          Create(PersonType(), bad, kJuarez, v1::Person())}));

  EXPECT_EQ(result.verdicts.at(0).outcome(), v1::REJECTED);
  EXPECT_EQ(result.verdicts[0].refusals(0).change(), 1u);
  EXPECT_EQ(result.verdicts[0].refusals(0).reason(), v1::INVALID_VALUE);
  EXPECT_FALSE(Get(PersonType(), good).has_value());
  auto view = *store_->Read();
  EXPECT_THAT(view->Count(PersonType()), IsOkAndHolds(0u));
}

TEST_P(AuthorityStoreTest, LaterChangesOfASetSeeEarlierOnes) {
  const RecordId id = ana_.NewId();
  const PushResult result =
      Commit(ana_.PushOf({Create(PersonType(), id, kJuarez, PersonNamed("Rosa")),
                          Edit(PersonType(), id, PersonNamed("Rosa María"))}));
  EXPECT_EQ(result.verdicts.at(0).outcome(), v1::APPLIED);
  EXPECT_EQ(NameOf(id), "Rosa María");
}

TEST_P(AuthorityStoreTest, ConcurrentEditsInOneGroupOpenOneConflict) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  ana_.position = beto_.position = 1;
  beto_.user = "beto";
  const PushRequest first = ana_.PushOf({Edit(PersonType(), id, PersonNamed("Rosa A"))});
  const PushRequest second = beto_.PushOf({Edit(PersonType(), id, PersonNamed("Rosa B"))});

  ASSERT_OK_AND_ASSIGN(const auto results, store_->CommitPushes({first, second}, judge_, now_));

  EXPECT_EQ(results[0].verdicts.at(0).outcome(), v1::APPLIED);
  const v1::Verdict& verdict = results[1].verdicts.at(0);
  EXPECT_EQ(verdict.outcome(), v1::MERGED);
  ASSERT_EQ(verdict.conflicts_size(), 1);
  const RecordType& type = *Registry::BuiltIn().Find(kConflictTypeId);
  auto view = *store_->Read();
  EXPECT_THAT(view->Count(type), IsOkAndHolds(1u));
  ASSERT_OK_AND_ASSIGN(const auto entry,
                       view->Get(type, *RecordId::FromBytes(verdict.conflicts(0))));
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->scope, kJuarez);
  v1::Conflict conflict;
  ASSERT_TRUE(conflict.ParseFromString(entry->message));
  EXPECT_EQ(conflict.about_record(), id.AsBytes());
  EXPECT_EQ(conflict.state(), v1::OPEN);
  ASSERT_EQ(conflict.losers_size(), 1);
  EXPECT_NE(conflict.winner().value(), conflict.losers(0).value());
  EXPECT_THAT(Get(PersonType(), id)->conflicts, SizeIs(1));
}

TEST_P(AuthorityStoreTest, ResolvingClosesTheConflict) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  ana_.position = beto_.position = 1;
  Commit(ana_.PushOf({Edit(PersonType(), id, PersonNamed("Rosa A"))}));
  const PushResult met = Commit(beto_.PushOf({Edit(PersonType(), id, PersonNamed("Rosa B"))}));
  ana_.position = store_->Head(kOaxaca);
  v1::Change decision = Edit(PersonType(), id, PersonNamed("Rosa C"));
  decision.add_resolves(met.verdicts.at(0).conflicts(0));

  const PushResult result = Commit(ana_.PushOf({decision}));

  EXPECT_EQ(result.verdicts.at(0).outcome(), v1::APPLIED);
  EXPECT_EQ(NameOf(id), "Rosa C");
  EXPECT_THAT(Get(PersonType(), id)->conflicts, SizeIs(0));
  const auto entry = Get(*Registry::BuiltIn().Find(kConflictTypeId),
                         *RecordId::FromBytes(met.verdicts[0].conflicts(0)));
  v1::Conflict conflict;
  ASSERT_TRUE(entry.has_value() && conflict.ParseFromString(entry->message));
  EXPECT_EQ(conflict.state(), v1::RESOLVED);
}

TEST_P(AuthorityStoreTest, ARetryDoesNotReplaceItsOwnReplicasLaterWork) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  ana_.position = 1;
  ana_.retry_stamp_ms = ana_.stamp_ms + 1;
  judge_.refuses = [](const ChangeInQuestion&) { return true; };
  Commit(ana_.PushOf({Edit(PersonType(), id, PersonNamed("first try"))}));
  judge_.refuses = nullptr;
  const PushResult later = Commit(ana_.PushOf({Edit(PersonType(), id, PersonNamed("later"))}));
  ana_.retry_of = 2;
  const PushResult retry = Commit(ana_.PushOf({Edit(PersonType(), id, PersonNamed("first try"))}));
  ana_.retry_of = 0;
  EXPECT_EQ(retry.verdicts.at(0).outcome(), v1::MERGED);
  EXPECT_EQ(retry.verdicts[0].conflicts_size(), 1);
  EXPECT_EQ(NameOf(id), "later");
  // Its place in time is an earlier one, but the replica's stamps do not go back with it.
  EXPECT_LT(retry.verdicts[0].stamp(), later.verdicts.at(0).stamp());
  ana_.stamp_ms = 1;
  const PushResult next = Commit(ana_.PushOf({Edit(PersonType(), id, PersonNamed("next"))}));
  EXPECT_GT(next.verdicts.at(0).stamp(), later.verdicts[0].stamp());
}

TEST_P(AuthorityStoreTest, ARetryHasSeenItsOwnReplicasEarlierWork) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  judge_.refuses = [](const ChangeInQuestion&) { return true; };
  Commit(ana_.PushOf({Edit(PersonType(), id, PersonNamed("Eva"))}));
  judge_.refuses = nullptr;
  ana_.retry_of = 2;
  ana_.retry_stamp_ms = ana_.stamp_ms;
  const PushResult retry = Commit(ana_.PushOf({Edit(PersonType(), id, PersonNamed("Eva"))}));
  EXPECT_EQ(retry.verdicts.at(0).outcome(), v1::APPLIED);
  EXPECT_EQ(NameOf(id), "Eva");
}

TEST_P(AuthorityStoreTest, PositionOfAnotherEpochHasSeenNothing) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  Reopen(/*restored=*/true);
  beto_.epoch = Epoch();
  beto_.position = 1;
  const PushResult result = Commit(beto_.PushOf({Edit(PersonType(), id, PersonNamed("Eva"))}));
  EXPECT_EQ(result.verdicts.at(0).outcome(), v1::MERGED);
}

TEST_P(AuthorityStoreTest, AStampLiesAboveTheServersTimeThatItsWriterKnew) {
  ana_.stamp_ms = 1;
  const absl::Time known = now_ - absl::Hours(1);
  ana_.server_time_ms = absl::ToUnixMillis(known);
  const PushResult result =
      Commit(ana_.PushOf({Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Rosa"))}));
  EXPECT_GT(Hlc{result.verdicts.at(0).stamp()}.ToTime(), known);
}

TEST_P(AuthorityStoreTest, ClockOfTheFarFutureIsLoweredToServerTime) {
  const RecordId id = ana_.NewId();
  ana_.stamp_ms = 32'000'000'000'000;
  const PushResult result =
      Commit(ana_.PushOf({Create(PersonType(), id, kJuarez, PersonNamed("Rosa"))}));
  const absl::Time stamped = Hlc{result.verdicts.at(0).stamp()}.ToTime();
  EXPECT_LE(stamped, now_ + absl::Seconds(1));
  Reopen();
  beto_.stamp_ms = 1;
  beto_.position = store_->Head(kOaxaca);
  now_ -= absl::Hours(100);
  const PushResult edit = Commit(beto_.PushOf({Edit(PersonType(), id, PersonNamed("Eva"))}));
  EXPECT_GT(edit.verdicts.at(0).stamp(), result.verdicts[0].stamp());
  EXPECT_EQ(NameOf(id), "Eva");
}

TEST_P(AuthorityStoreTest, TheJudgeRefusesByChange) {
  judge_.refuses = [](const ChangeInQuestion& q) { return q.change.scope() == kTlacolula; };
  EXPECT_EQ(
      RefusalOf(ana_.PushOf({Create(PersonType(), ana_.NewId(), kTlacolula, PersonNamed("Rosa"))})),
      v1::NOT_GRANTED);
  judge_.refuses = nullptr;
  ana_.user = "ana";
  PushRequest push =
      ana_.PushOf({Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Rosa"))});
  push.user = "beto";
  EXPECT_EQ(RefusalOf(push), v1::NOT_GRANTED);
}

TEST_P(AuthorityStoreTest, TheJudgeLearnsWhereTheWriterSawARecordThatMoved) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  std::string former;
  judge_.refuses = [&](const ChangeInQuestion& question) {
    former = question.former_scope;
    return false;
  };
  beto_.position = 1;
  Commit(ana_.PushOf({Move(PersonType(), id, kTlacolula)}));
  EXPECT_EQ(former, "");
  Commit(ana_.PushOf({Move(PersonType(), id, kOaxaca)}));
  Commit(beto_.PushOf({Edit(PersonType(), id, PersonNamed("Rosa B"))}));
  EXPECT_EQ(former, kJuarez);
  beto_.position = store_->Head(kOaxaca);
  Commit(beto_.PushOf({Edit(PersonType(), id, PersonNamed("Rosa C"))}));
  EXPECT_EQ(former, "");
  // In one group.
  const std::vector<PushRequest> group = {
      ana_.PushOf({Move(PersonType(), id, kJuarez)}),
      beto_.PushOf({Edit(PersonType(), id, PersonNamed("Rosa D"))})};
  ASSERT_OK(store_->CommitPushes(group, judge_, now_));
  EXPECT_EQ(former, kOaxaca);
}

TEST_P(AuthorityStoreTest, RefusesWhatTheSchemaForbids) {
  const RecordId visit = ana_.NewId();
  v1::Visit values;
  values.mutable_at()->set_seconds(1);
  values.set_outcome(v1::CONTACT);
  Commit(ana_.PushOf({Create(VisitType(), visit, kJuarez, values)}));
  ana_.position = 1;
  EXPECT_EQ(RefusalOf(ana_.PushOf({Edit(VisitType(), visit, values)})), v1::ALREADY_SET);
  EXPECT_EQ(RefusalOf(ana_.PushOf({Deletion(VisitType(), visit)})), v1::ALREADY_SET);
  EXPECT_EQ(RefusalOf(ana_.PushOf({Edit(PersonType(), ana_.NewId(), PersonNamed("Eva"))})),
            v1::UNKNOWN_RECORD);
  EXPECT_EQ(
      RefusalOf(ana_.PushOf({Create(PersonType(), ana_.NewId(), "MX/21/114", PersonNamed("Eva"))})),
      v1::WRONG_SCOPE);
  const RecordType& ledger = *Registry::BuiltIn().Find(kConflictTypeId);
  EXPECT_EQ(RefusalOf(ana_.PushOf({Create(ledger, ana_.NewId(), kJuarez, v1::Conflict())})),
            v1::SERVER_WRITTEN);
  v1::Attendance attendance;
  attendance.set_event(std::string(16, 'e'));
  attendance.set_person(std::string(16, 'p'));
  attendance.set_state(v1::ATTENDED);
  v1::Change wrong =
      Create(*Registry::BuiltIn().FindByName("Attendance"), RecordId(), kJuarez, attendance);
  wrong.set_record_id(std::string(16, 'x'));
  EXPECT_EQ(RefusalOf(ana_.PushOf({wrong})), v1::WRONG_ID);
}

TEST_P(AuthorityStoreTest, ClearingARequiredFieldIsRefused) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  ana_.position = 1;
  v1::Change change = Edit(PersonType(), id, v1::Person());
  change.add_cleared(v1::Person::kNameFieldNumber);
  EXPECT_EQ(RefusalOf(ana_.PushOf({change})), v1::INVALID_VALUE);
}

TEST_P(AuthorityStoreTest, ScopeCannotBeWrittenAsAField) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  v1::Change change = Edit(PersonType(), id, v1::Person());
  change.set_values(ScopeFragment("MX/21/114"));
  EXPECT_EQ(RefusalOf(ana_.PushOf({change})), v1::UNREADABLE_BODY);
}

TEST_P(AuthorityStoreTest, TooLargeSetIsRefused) {
  v1::Person person = PersonNamed("Rosa");
  person.set_notes(std::string(kMaxChangeSetBytes, 'n'));
  EXPECT_EQ(RefusalOf(ana_.PushOf({Create(PersonType(), ana_.NewId(), kJuarez, person)})),
            v1::TOO_LARGE);
}

TEST_P(AuthorityStoreTest, CountsAndLookupsFollowDeletions) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  CreatePerson(&ana_, "Eva", kTlacolula);
  ana_.position = 2;
  Commit(ana_.PushOf({Deletion(PersonType(), id)}));
  Reopen();
  auto view = *store_->Read();
  EXPECT_THAT(view->Count(PersonType()), IsOkAndHolds(1u));
  EXPECT_FALSE(Get(PersonType(), id).has_value());
  const auto cursor = view->Scan(PersonType(), ScopeOf(kJuarez));
  ASSERT_OK_AND_ASSIGN(const auto none, cursor->Next());
  EXPECT_FALSE(none.has_value());
}

TEST_P(AuthorityStoreTest, KnowsThePointsOfItsPast) {
  const brigada::Run first_run = store_->run();
  CreatePerson(&ana_, "Rosa");
  EXPECT_TRUE(store_->IsKnownPoint(first_run, kOaxaca, 1));
  EXPECT_FALSE(store_->IsKnownPoint(first_run, kOaxaca, 2));
  Reopen();
  CreatePerson(&ana_, "Eva");
  EXPECT_TRUE(store_->IsKnownPoint(first_run, kOaxaca, 1));
  EXPECT_FALSE(store_->IsKnownPoint(first_run, kOaxaca, 2));
  EXPECT_TRUE(store_->IsKnownPoint(store_->run(), kOaxaca, 2));
  EXPECT_FALSE(store_->IsKnownPoint(brigada::Run(), kOaxaca, 1));
  const Epoch before = store_->epoch();
  EXPECT_FALSE(store_->IsPastEpoch(before));
  Reopen(/*restored=*/true);
  EXPECT_NE(store_->epoch(), before);
  EXPECT_TRUE(store_->IsPastEpoch(before));
  EXPECT_TRUE(store_->IsKnownPoint(first_run, kOaxaca, 1));
}

TEST_P(AuthorityStoreTest, NumbersOfANewEpochLieAboveAllEarlierOnes) {
  CreatePerson(&ana_, "Rosa");
  Reopen(/*restored=*/true);
  CreatePerson(&ana_, "Eva");
  const uint64_t second = store_->Head(kOaxaca);
  EXPECT_GT(second, uint64_t{1} << 32);
  // Another state was not written yet, but a lost epoch may have given numbers there.
  TestReplica luis(&random_, "MX/07");
  Commit(luis.PushOf({Create(PersonType(), luis.NewId(), "MX/07/101", PersonNamed("Luz"))}));
  EXPECT_GT(store_->Head("MX/07"), uint64_t{1} << 32);
  now_ += absl::Milliseconds(1);
  Reopen(/*restored=*/true);
  CreatePerson(&ana_, "Ines");
  EXPECT_GT(store_->Head(kOaxaca), second + 1);
}

TEST_P(AuthorityStoreTest, AMoveSaysInWhichOtherStateItCommitted) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  const PushResult edited = Commit(ana_.PushOf({Edit(PersonType(), id, PersonNamed("Rosa"))}));
  const PushResult moved = Commit(ana_.PushOf({Move(PersonType(), id, "MX/21/114")}));

  EXPECT_THAT(edited.also_changed, IsEmpty());
  EXPECT_THAT(moved.also_changed, ElementsAre("MX/21"));
}

// The judge may know more by now; but it was acknowledged, so a person decides.
TEST_P(AuthorityStoreTest, WhatALostLineAcceptedIsSetAsideAndNotThrownOut) {
  const Epoch lost = store_->epoch();
  Reopen(/*restored=*/true);
  judge_.refuses = [](const ChangeInQuestion&) { return true; };
  PushRequest again =
      ana_.PushOf({Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Rosa"))});
  v1::Redelivered& before = again.redelivered.emplace_back();
  before.mutable_verdict()->set_sequence(1);
  before.mutable_verdict()->set_commit_sequence(1);
  before.mutable_verdict()->set_outcome(v1::APPLIED);
  before.set_epoch(lost.AsBytes());

  const PushResult result = Commit(again);
  const PushResult fresh =
      Commit(beto_.PushOf({Create(PersonType(), beto_.NewId(), kJuarez, PersonNamed("Luis"))}));

  ASSERT_THAT(result.verdicts, SizeIs(1));
  EXPECT_EQ(result.verdicts[0].outcome(), v1::QUARANTINED);
  EXPECT_EQ(result.verdicts[0].refusals(0).reason(), v1::NOT_GRANTED);
  EXPECT_EQ(fresh.verdicts.at(0).outcome(), v1::REJECTED);
}

TEST_P(AuthorityStoreTest, NumbersOfANewEpochLieAboveThoseOfOneBegunWithALaterClock) {
  Reopen(/*restored=*/true);
  CreatePerson(&ana_, "Eva");
  const uint64_t second = store_->Head(kOaxaca);
  now_ -= absl::Hours(1);
  Reopen(/*restored=*/true);
  // Another state knows the floor alone.
  TestReplica luis(&random_, "MX/07");
  Commit(luis.PushOf({Create(PersonType(), luis.NewId(), "MX/07/101", PersonNamed("Luz"))}));
  EXPECT_GT(store_->Head("MX/07"), second);
}

// It may have been accepted in an epoch before.
TEST_P(AuthorityStoreTest, WhatWasQuarantinedInALostEpochIsNotThrownOut) {
  const Epoch lost = store_->epoch();
  Reopen(/*restored=*/true);
  judge_.refuses = [](const ChangeInQuestion&) { return true; };
  const auto create = [&] { return Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("E")); };
  PushRequest push = ana_.PushOf({create()});
  v1::Redelivered& before = push.redelivered.emplace_back();
  before.set_epoch(lost.AsBytes());
  before.mutable_verdict()->set_sequence(1);
  before.mutable_verdict()->set_outcome(v1::QUARANTINED);
  EXPECT_EQ(Commit(push).verdicts.at(0).outcome(), v1::QUARANTINED);
  EXPECT_EQ(Commit(ana_.PushOf({create()})).verdicts.at(0).outcome(), v1::REJECTED);
}

// A copy that was made while the server ran knows its run, and not what was written in it since.
TEST_P(AuthorityStoreTest, ACopyOfTheSameRunIsKnownByItsMissingDirectoryWrites) {
  std::shared_ptr<Kv> kv = NewMemoryKv();
  uint64_t last = 0;
  AuthorityStoreOptions options;
  options.registry = &Registry::BuiltIn();
  options.random = &random_;
  options.now = now_;
  options.on_directory_write = [&](absl::Span<const DirectoryWrite>, uint64_t number) {
    last = number;
    return absl::OkStatus();
  };
  const auto open = [&] { return OpenAuthorityStore(std::make_unique<BorrowedKv>(kv), options); };
  const DirectoryWrite write{DirectoryKind::kUser, "ana", "one", std::nullopt};
  ASSERT_OK_AND_ASSIGN(auto store, open());
  ASSERT_OK(store->WriteEntries({&write, 1}));
  const Epoch before = store->epoch();
  options.expected_run = store->run().AsBytes();
  options.expected_directory_writes = last;
  ASSERT_OK_AND_ASSIGN(store, open());
  EXPECT_EQ(store->epoch(), before);
  options.expected_directory_writes = last + 1;  // lost
  ASSERT_OK_AND_ASSIGN(store, open());
  EXPECT_NE(store->epoch(), before);
  EXPECT_TRUE(store->CurrentEpoch().is_unannounced());
  // Found once, not at each start.
  const Epoch after = store->epoch();
  ASSERT_OK_AND_ASSIGN(store, open());
  EXPECT_EQ(store->epoch(), after);
}

// The device had synced after the backup: what it claims to have seen in lost numbers is nothing
// that the restored store's later commits could hide behind.
TEST_P(AuthorityStoreTest, APositionOfALostPastHasNotSeenWhatCameAfterIt) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  const Epoch before = store_->epoch();
  Reopen(/*restored=*/true);
  ana_.epoch = beto_.epoch = before;
  ana_.position = 1;
  Commit(ana_.PushOf({Edit(PersonType(), id, PersonNamed("Rosalba"))}));
  beto_.position = 900;  // lost
  const v1::Verdict verdict =
      Commit(beto_.PushOf({Edit(PersonType(), id, PersonNamed("Rosario"))})).verdicts.at(0);
  EXPECT_EQ(verdict.outcome(), v1::MERGED);
  EXPECT_EQ(verdict.conflicts_size(), 1);
}

TEST_P(AuthorityStoreTest, APositionOfALostPastHasSeenWhatIsShared) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  const Epoch before = store_->epoch();
  Reopen(/*restored=*/true);
  beto_.epoch = before;
  beto_.position = 900;
  const v1::Verdict verdict =
      Commit(beto_.PushOf({Edit(PersonType(), id, PersonNamed("Rosario"))})).verdicts.at(0);
  EXPECT_EQ(verdict.outcome(), v1::APPLIED);
}

TEST_P(AuthorityStoreTest, APositionOfAnUnknownRunOfASilentRollbackHasSeenNothing) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  beto_.run = std::string(16, 'u');
  const Epoch before = store_->epoch();
  ASSERT_OK(store_->BeginEpoch(before, *brigada::Run::FromBytes(beto_.run), now_));
  EXPECT_NE(store_->epoch(), before);
  beto_.position = 900;
  const v1::Verdict verdict =
      Commit(beto_.PushOf({Edit(PersonType(), id, PersonNamed("Rosario"))})).verdicts.at(0);
  EXPECT_EQ(verdict.outcome(), v1::MERGED);
}

TEST_P(AuthorityStoreTest, AnEpochOfALostPointBeginsOnceAndForGood) {
  CreatePerson(&ana_, "Rosa");
  const Epoch before = store_->epoch();
  const brigada::Run run = store_->run();
  ASSERT_OK(store_->BeginEpoch(before, run, now_));
  const Epoch after = store_->epoch();
  EXPECT_NE(store_->run(), run);
  // Two lines of that run exist: what is certain is what it found.
  EXPECT_FALSE(store_->IsKnownPoint(run, kOaxaca, 1));
  ASSERT_OK(store_->BeginEpoch(before, run, now_));
  EXPECT_EQ(store_->epoch(), after);
  Reopen();
  EXPECT_EQ(store_->epoch(), after);
  EXPECT_TRUE(store_->IsPastEpoch(before));
}

TEST_P(AuthorityStoreTest, DirectoryWritesHoldTheirExpectations) {
  const auto kind = DirectoryKind::kInvitation;
  EXPECT_OK(store_->WriteEntries({{kind, "code", "fresh", std::optional<std::string>()}}));
  EXPECT_THAT(store_->WriteEntries({{kind, "code", "again", std::optional<std::string>()}}),
              StatusIs(absl::StatusCode::kAborted));
  const std::vector<DirectoryWrite> writes = {
      {DirectoryKind::kDevice, "d", "device", std::nullopt},
      {kind, "code", std::nullopt, std::optional<std::string>("stale")}};
  EXPECT_THAT(store_->WriteEntries(writes), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(store_->GetEntry(DirectoryKind::kDevice, "d"),
              IsOkAndHolds(std::optional<std::string>()));
  EXPECT_OK(
      store_->WriteEntries({{kind, "code", std::nullopt, std::optional<std::string>("fresh")}}));
  ASSERT_OK_AND_ASSIGN(const auto entries, store_->ListEntries(kind));
  EXPECT_THAT(entries, SizeIs(0));
}

TEST(AuthorityStoreFailureTest, FailedWriteAcknowledgesNothing) {
  StoreHome home(/*on_disk=*/false);
  SeededRandom random(1);
  const absl::Time now = absl::FromUnixSeconds(1'767'225'600);
  ASSERT_OK_AND_ASSIGN(
      const auto store,
      OpenAuthorityStore(home.Open(),
                         {.registry = &Registry::BuiltIn(), .random = &random, .now = now}));
  TestReplica ana(&random, kOaxaca);
  const PushRequest push =
      ana.PushOf({Create(PersonType(), ana.NewId(), kJuarez, PersonNamed("Rosa"))});

  home.failure = absl::ResourceExhaustedError("disk full");
  EXPECT_THAT(store->CommitPushes({push}, TestJudge(), now),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(store->Head(kOaxaca), 0u);
  EXPECT_OK(store->Health());
  home.failure = absl::OkStatus();
  ASSERT_OK(store->CommitPushes({push}, TestJudge(), now));
  EXPECT_EQ(store->Head(kOaxaca), 1u);
  home.failure = absl::UnavailableError("fsync");
  EXPECT_FALSE(store->WriteEntries({{DirectoryKind::kUser, "u", "v", std::nullopt}}).ok());
  EXPECT_THAT(store->Health(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(StoreFormatTest, RefusesANewerFormatAndTheStoreOfADevice) {
  const auto kv = NewMemoryKv();
  EXPECT_THAT(CheckFormat(*kv, StoreKind::kAuthority), IsOkAndHolds(false));
  KvBatch device;
  PutFormat(StoreKind::kDevice, &device);
  ASSERT_OK(kv->Write(device, Durability::kSync));
  EXPECT_THAT(CheckFormat(*kv, StoreKind::kDevice), IsOkAndHolds(true));
  EXPECT_THAT(CheckFormat(*kv, StoreKind::kAuthority),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("a device")));
  KvBatch newer;
  newer.Put(Table::kMeta, std::string(kFormatKey), "d99");
  ASSERT_OK(kv->Write(newer, Durability::kSync));
  EXPECT_THAT(CheckFormat(*kv, StoreKind::kDevice),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("99")));
  KvBatch none;
  none.Delete(Table::kMeta, std::string(kFormatKey));
  none.Put(Table::kMeta, "x", "y");
  ASSERT_OK(kv->Write(none, Durability::kSync));
  EXPECT_THAT(CheckFormat(*kv, StoreKind::kDevice), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace brigada
