// What a replica reads of the feeds: everything it may, nothing else, and no more than it lacks.
#include <map>
#include <memory>
#include <set>

#include "replica/merge/apply.h"
#include "replica/store/feed_entries.h"
#include "replica/store/keys.h"
#include "replica/store/record_table.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class AuthorityFeedTest : public ::testing::Test {
 protected:
  AuthorityFeedTest() {
    Open();
    ana_.epoch = beto_.epoch = store_->epoch();
    request_.partition = kOaxaca;
    request_.replica = NewReplicaId(random_);
    request_.target_bytes = size_t{1} << 20;
    request_.feeds = {FeedOf(kOaxaca, v1::BELOW)};
  }

  void Open() {
    store_ = *OpenAuthorityStore(
        home_.Open(), {.registry = &Registry::BuiltIn(), .random = &random_, .now = now_});
  }
  // Behind the back of the store; the key is there.
  void Overwrite(Table table, const std::string& key, const std::string& value) {
    store_.reset();
    {
      const auto kv = home_.Open();
      EXPECT_TRUE(kv->Get(table, key)->has_value());
      KvBatch batch;
      batch.Put(table, key, value);
      EXPECT_OK(kv->Write(batch, Durability::kSync));
    }
    Open();
  }

  // Commits with everything seen.
  v1::Verdict Commit(TestReplica* replica, const std::vector<v1::Change>& changes) {
    replica->position = store_->Head(kOaxaca);
    auto results = store_->CommitPushes({replica->PushOf(changes)}, judge_, now_);
    EXPECT_OK(results);
    return (*results)[0].verdicts.at(0);
  }

  RecordId CreatePerson(TestReplica* replica, absl::string_view name,
                        absl::string_view scope = kJuarez) {
    const RecordId id = replica->NewId();
    Commit(replica, {Create(PersonType(), id, scope, PersonNamed(name))});
    return id;
  }

  FeedPage Read() {
    auto page = store_->ReadFeed(request_);
    EXPECT_OK(page);
    return page.ok() ? *page : FeedPage();
  }
  FeedPage Read(std::vector<v1::Feed> feeds) {
    request_.feeds = std::move(feeds);
    return Read();
  }

  v1::Person PersonIn(const v1::Entry& entry) {
    const auto record = DecodeRecord(&PersonType(), entry.state());
    v1::Person person;
    EXPECT_TRUE(record.ok() && person.ParseFromString(record->Message()));
    return person;
  }

  StoreHome home_{/*on_disk=*/false};
  SeededRandom random_{1};
  const absl::Time now_ = absl::FromUnixSeconds(1'767'225'600);
  std::unique_ptr<AuthorityStore> store_;
  TestJudge judge_;
  TestReplica ana_{&random_, kOaxaca};
  TestReplica beto_{&random_, kOaxaca};
  FeedRequest request_;
};

TEST_F(AuthorityFeedTest, HoldsOneEntryPerRecordAtItsNewestSequence) {
  const RecordId rosa = CreatePerson(&ana_, "Rosa");
  CreatePerson(&ana_, "Eva");
  for (int i = 0; i < 5; ++i) Commit(&ana_, {Edit(PersonType(), rosa, PersonNamed("Rosa"))});
  Commit(&ana_, {Edit(PersonType(), rosa, PersonNamed("Rosa M"))});

  const FeedPage page = Read();

  ASSERT_EQ(page.body.entries_size(), 2);
  EXPECT_EQ(page.body.entries(1).record_id(), rosa.AsBytes());
  EXPECT_EQ(PersonIn(page.body.entries(1)).name().given_names(), "Rosa M");
  EXPECT_TRUE(page.body.entries(1).whole());
  EXPECT_EQ(page.to, 8u);
  EXPECT_EQ(page.head, 8u);
}

TEST_F(AuthorityFeedTest, HereHoldsTheScopeAndBelowItsSubtree) {
  CreatePerson(&ana_, "State", kOaxaca);
  CreatePerson(&ana_, "Juarez", kJuarez);
  CreatePerson(&ana_, "Tlacolula", kTlacolula);
  EXPECT_THAT(Read({FeedOf(kOaxaca, v1::HERE)}).body.entries(), SizeIs(1));
  EXPECT_THAT(Read({FeedOf(kOaxaca, v1::BELOW)}).body.entries(), SizeIs(3));
  EXPECT_THAT(Read({FeedOf(kJuarez, v1::HERE)}).body.entries(), SizeIs(1));
  EXPECT_THAT(Read({FeedOf(kJuarez, v1::BELOW)}).body.entries(), SizeIs(1));
  // In two feeds, told once.
  EXPECT_THAT(Read({FeedOf(kOaxaca, v1::BELOW), FeedOf(kJuarez, v1::HERE)}).body.entries(),
              SizeIs(3));
}

TEST_F(AuthorityFeedTest, NoByteOfAnotherScopeIsInAPage) {
  CreatePerson(&ana_, "Rosa", kJuarez);
  const RecordId secret = CreatePerson(&ana_, "Tlacolulense", kTlacolula);
  const std::string page =
      Read({FeedOf(kJuarez, v1::BELOW), FeedOf(kOaxaca, v1::HERE)}).body.SerializeAsString();
  EXPECT_THAT(page, HasSubstr("Rosa"));
  EXPECT_THAT(page, Not(HasSubstr("Tlacolulense")));
  EXPECT_THAT(page, Not(HasSubstr("551")));
  EXPECT_THAT(page, Not(HasSubstr(secret.AsBytes())));
}

TEST_F(AuthorityFeedTest, LeavesOutRecordsAndFieldsAboveTheReadersClass) {
  v1::Person person = PersonNamed("Rosa");
  person.set_gender("secretgender");
  v1::Change change = Create(PersonType(), ana_.NewId(), kJuarez, person);
  change.mutable_values()->append("\xa2\x06\x03new", 6);  // field 100, from a newer program
  Commit(&ana_, {change});

  const FeedPage personal = Read({FeedOf(kJuarez, v1::BELOW, v1::PERSONAL)});
  ASSERT_THAT(personal.body.entries(), SizeIs(1));
  EXPECT_THAT(personal.body.SerializeAsString(), Not(HasSubstr("secretgender")));
  EXPECT_THAT(personal.body.SerializeAsString(), Not(HasSubstr("new")));
  const std::string sensitive =
      Read({FeedOf(kJuarez, v1::BELOW, v1::SENSITIVE)}).body.SerializeAsString();
  EXPECT_THAT(sensitive, HasSubstr("secretgender"));
  EXPECT_THAT(sensitive, Not(HasSubstr("new")));
  EXPECT_THAT(Read({FeedOf(kJuarez, v1::BELOW)}).body.SerializeAsString(), HasSubstr("new"));
  const FeedPage operational = Read({FeedOf(kJuarez, v1::BELOW, v1::OPERATIONAL)});
  EXPECT_THAT(operational.body.entries(), SizeIs(0));
  EXPECT_EQ(operational.to, operational.head);
}

TEST_F(AuthorityFeedTest, ConflictOfASensitiveFieldIsAsSensitive) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  v1::Person values;
  values.set_gender("secretgender");
  beto_.position = ana_.position = store_->Head(kOaxaca);
  const PushRequest a = ana_.PushOf({Edit(PersonType(), id, values)});
  values.set_gender("othergender");
  const PushRequest b = beto_.PushOf({Edit(PersonType(), id, values)});
  ASSERT_OK_AND_ASSIGN(const auto results, store_->CommitPushes({a, b}, judge_, now_));
  ASSERT_EQ(results[1].verdicts.at(0).conflicts_size(), 1);
  const std::string page =
      Read({FeedOf(kJuarez, v1::BELOW, v1::PERSONAL)}).body.SerializeAsString();
  EXPECT_THAT(page, Not(HasSubstr("gender")));
  EXPECT_THAT(page, Not(HasSubstr(results[1].verdicts[0].conflicts(0))));
  EXPECT_THAT(Read({FeedOf(kJuarez, v1::BELOW, v1::SENSITIVE)}).body.entries(), SizeIs(2));
}

TEST_F(AuthorityFeedTest, TellsOnlyWhatChangedAfterComplete) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  v1::Person values;
  values.set_notes("first");
  Commit(&ana_, {Edit(PersonType(), id, values)});
  request_.complete = request_.scanned = 2;
  values.set_notes("second");
  Commit(&ana_, {Edit(PersonType(), id, values)});

  const FeedPage page = Read();

  ASSERT_THAT(page.body.entries(), SizeIs(1));
  EXPECT_FALSE(page.body.entries(0).whole());
  EXPECT_EQ(PersonIn(page.body.entries(0)).notes(), "second");
  EXPECT_FALSE(PersonIn(page.body.entries(0)).has_name());
}

TEST_F(AuthorityFeedTest, DeltaCountsFromCompleteNotFromScanned) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  request_.complete = request_.scanned = 1;
  v1::Person values;
  values.set_notes("noted");
  Commit(&ana_, {Edit(PersonType(), id, values)});
  request_.scanned = 2;  // the pull was cut after this edit was scanned
  v1::Person folio;
  folio.set_folio("OAX-1");
  Commit(&ana_, {Edit(PersonType(), id, folio)});
  const FeedPage page = Read();
  ASSERT_THAT(page.body.entries(), SizeIs(1));
  EXPECT_EQ(PersonIn(page.body.entries(0)).notes(), "noted");
  EXPECT_EQ(PersonIn(page.body.entries(0)).folio(), "OAX-1");
}

TEST_F(AuthorityFeedTest, OnlyAnAddedScopeIsReadFromZero) {
  CreatePerson(&ana_, "Known", kJuarez);
  const RecordId added = CreatePerson(&ana_, "Added", kTlacolula);
  const RecordId changed = CreatePerson(&ana_, "Changed", kJuarez);
  request_.held = HeldPoint{{FeedOf(kJuarez, v1::BELOW)}, 3, 3};
  Commit(&ana_, {Edit(PersonType(), changed, PersonNamed("Changed again"))});

  const FeedPage page = Read();

  ASSERT_THAT(page.body.entries(), SizeIs(2));
  EXPECT_EQ(page.body.entries(0).record_id(), added.AsBytes());
  EXPECT_TRUE(page.body.entries(0).whole());
  EXPECT_EQ(page.body.entries(1).record_id(), changed.AsBytes());
  EXPECT_FALSE(page.body.entries(1).whole());
  EXPECT_EQ(page.to, 4U);
}

TEST_F(AuthorityFeedTest, ARecordThatChangesWhileItsScopeIsAddedComesWhole) {
  const RecordId id = CreatePerson(&ana_, "Eva", kTlacolula);
  request_.held = HeldPoint{{FeedOf(kJuarez, v1::BELOW)}, 1, 1};
  v1::Person values;
  values.set_notes("later");
  Commit(&ana_, {Edit(PersonType(), id, values)});
  const FeedPage page = Read();
  ASSERT_THAT(page.body.entries(), SizeIs(1));
  EXPECT_TRUE(page.body.entries(0).whole());
  EXPECT_EQ(PersonIn(page.body.entries(0)).name().given_names(), "Eva");
}

TEST_F(AuthorityFeedTest, ARecordThatLeftAnAddedScopeForAHeldOneIsNotToldToHaveLeft) {
  const RecordId id = CreatePerson(&ana_, "Rosa", kJuarez);
  Commit(&ana_, {Move(PersonType(), id, kTlacolula)});
  Commit(&ana_, {Move(PersonType(), id, kOaxaca)});
  request_.held = HeldPoint{{FeedOf(kOaxaca, v1::HERE)}, 3, 3};
  EXPECT_THAT(Read({FeedOf(kOaxaca, v1::HERE), FeedOf(kJuarez, v1::BELOW)}).body.entries(),
              SizeIs(0));
}

TEST_F(AuthorityFeedTest, ARaisedClassBringsTheRecordsWhole) {
  v1::Person person = PersonNamed("Rosa");
  person.set_gender("f");
  Commit(&ana_, {Create(PersonType(), ana_.NewId(), kJuarez, person)});
  request_.held = HeldPoint{{FeedOf(kOaxaca, v1::BELOW, v1::PERSONAL)}, 1, 1};
  const FeedPage page = Read({FeedOf(kOaxaca, v1::BELOW, v1::SENSITIVE)});
  ASSERT_THAT(page.body.entries(), SizeIs(1));
  EXPECT_EQ(PersonIn(page.body.entries(0)).gender(), "f");
}

TEST_F(AuthorityFeedTest, VerdictsThatWereToldAreNotToldAgain) {
  CreatePerson(&ana_, "Rosa", kTlacolula);
  request_.replica = ana_.id();
  request_.held = HeldPoint{{FeedOf(kJuarez, v1::BELOW)}, 1, 1};
  EXPECT_THAT(Read().body.verdicts(), SizeIs(0));
  CreatePerson(&ana_, "Eva", kTlacolula);
  EXPECT_THAT(Read().body.verdicts(), SizeIs(1));
}

TEST_F(AuthorityFeedTest, OwnRegistersAreNotEchoed) {
  v1::Person person = PersonNamed("Rosa");
  const RecordId plain = ana_.NewId();
  Commit(&ana_, {Create(PersonType(), plain, kJuarez, person)});
  person.add_phones("+525512345678");
  const RecordId with_set = ana_.NewId();
  Commit(&ana_, {Create(PersonType(), with_set, kJuarez, person)});
  request_.replica = ana_.id();
  request_.own_head = 2;

  const FeedPage page = Read();

  EXPECT_THAT(page.body.verdicts(), SizeIs(2));
  ASSERT_THAT(page.body.entries(), SizeIs(1));
  EXPECT_EQ(page.body.entries(0).record_id(), with_set.AsBytes());
  EXPECT_FALSE(page.body.entries(0).whole());
  EXPECT_FALSE(PersonIn(page.body.entries(0)).has_name());
  EXPECT_THAT(PersonIn(page.body.entries(0)).phones(), SizeIs(1));

  // A store that was set back below its own head is told everything.
  request_.own_head = 0;
  EXPECT_TRUE(Read().body.entries(0).whole());
}

TEST_F(AuthorityFeedTest, AnothersWriteOfAnOwnRecordIsTold) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  v1::Person values;
  values.set_notes("from beto");
  Commit(&beto_, {Edit(PersonType(), id, values)});
  request_.replica = ana_.id();
  request_.own_head = 1;
  const FeedPage page = Read();
  ASSERT_THAT(page.body.entries(), SizeIs(1));
  EXPECT_EQ(PersonIn(page.body.entries(0)).notes(), "from beto");
  EXPECT_FALSE(PersonIn(page.body.entries(0)).has_name());
}

TEST_F(AuthorityFeedTest, MoveLeavesAWordOnlyWhereTheRecordIsNoLonger) {
  const RecordId id = CreatePerson(&ana_, "Rosa", kJuarez);
  request_.complete = request_.scanned = 1;
  Commit(&ana_, {Move(PersonType(), id, kTlacolula)});

  const FeedPage left = Read({FeedOf(kJuarez, v1::BELOW)});
  ASSERT_THAT(left.body.entries(), SizeIs(1));
  EXPECT_EQ(left.body.entries(0).moved_to(), kTlacolula);
  EXPECT_FALSE(left.body.entries(0).has_state());
  const FeedPage entered = Read({FeedOf(kTlacolula, v1::BELOW)});
  ASSERT_THAT(entered.body.entries(), SizeIs(1));
  EXPECT_TRUE(entered.body.entries(0).whole());
  const FeedPage stayed = Read({FeedOf(kOaxaca, v1::BELOW)});
  ASSERT_THAT(stayed.body.entries(), SizeIs(1));
  EXPECT_FALSE(stayed.body.entries(0).whole());
  EXPECT_EQ(stayed.body.entries(0).scope(), kTlacolula);
  const FeedPage both = Read({FeedOf(kJuarez, v1::BELOW), FeedOf(kTlacolula, v1::BELOW)});
  ASSERT_THAT(both.body.entries(), SizeIs(1));
  EXPECT_TRUE(both.body.entries(0).moved_to().empty());
}

TEST_F(AuthorityFeedTest, RecordThatComesBackLeavesNoWordBehind) {
  const RecordId id = CreatePerson(&ana_, "Rosa", kJuarez);
  Commit(&ana_, {Move(PersonType(), id, kTlacolula)});
  Commit(&ana_, {Move(PersonType(), id, kJuarez)});
  const FeedPage page = Read({FeedOf(kJuarez, v1::BELOW)});
  ASSERT_THAT(page.body.entries(), SizeIs(1));
  EXPECT_TRUE(page.body.entries(0).moved_to().empty());
  EXPECT_THAT(Read({FeedOf(kTlacolula, v1::BELOW)}).body.entries(), SizeIs(1));
}

TEST_F(AuthorityFeedTest, CreatorLearnsOfAMoveInsideTheSameGroup) {
  const RecordId id = ana_.NewId();
  const PushRequest create = ana_.PushOf({Create(PersonType(), id, kJuarez, PersonNamed("Rosa"))});
  beto_.position = 1;
  const PushRequest move = beto_.PushOf({Move(PersonType(), id, kTlacolula)});
  ASSERT_OK(store_->CommitPushes({create, move}, judge_, now_));
  const FeedPage page = Read({FeedOf(kJuarez, v1::BELOW)});
  ASSERT_THAT(page.body.entries(), SizeIs(1));
  EXPECT_EQ(page.body.entries(0).moved_to(), kTlacolula);
}

TEST_F(AuthorityFeedTest, OwnRecordThatWentAndCameBackIsToldWhole) {
  const RecordId id = CreatePerson(&ana_, "Rosa", kJuarez);
  Commit(&beto_, {Move(PersonType(), id, kTlacolula)});
  Commit(&beto_, {Move(PersonType(), id, kJuarez)});
  request_.replica = ana_.id();
  request_.own_head = 1;
  request_.complete = 1;
  request_.scanned = 2;
  const FeedPage page = Read({FeedOf(kJuarez, v1::BELOW)});
  ASSERT_THAT(page.body.entries(), SizeIs(1));
  EXPECT_TRUE(page.body.entries(0).whole());
}

TEST_F(AuthorityFeedTest, ComingUpFromBelowEntersTheScopesOwnFeed) {
  const RecordId id = CreatePerson(&ana_, "Rosa", kJuarez);
  request_.complete = request_.scanned = 1;
  Commit(&ana_, {Move(PersonType(), id, kOaxaca)});
  const FeedPage page = Read({FeedOf(kOaxaca, v1::HERE)});
  ASSERT_THAT(page.body.entries(), SizeIs(1));
  EXPECT_TRUE(page.body.entries(0).whole());
  EXPECT_EQ(PersonIn(page.body.entries(0)).name().given_names(), "Rosa");
}

TEST_F(AuthorityFeedTest, TombstoneKeepsItsEntry) {
  const RecordId id = CreatePerson(&ana_, "Rosa");
  Commit(&ana_, {Deletion(PersonType(), id)});
  const FeedPage page = Read();
  ASSERT_THAT(page.body.entries(), SizeIs(1));
  EXPECT_TRUE(page.body.entries(0).state().deleted());
  EXPECT_THAT(page.body.SerializeAsString(), Not(HasSubstr("Rosa")));
}

TEST_F(AuthorityFeedTest, PagesMeetWithoutGapOrOverlap) {
  std::set<std::string> ids;
  for (int i = 0; i < 20; ++i) ids.insert(CreatePerson(&ana_, "Rosa").AsBytes());
  request_.target_bytes = 1;
  std::set<std::string> seen;
  int pages = 0;
  for (; request_.scanned < store_->Head(kOaxaca); ++pages) {
    const FeedPage page = Read();
    ASSERT_GT(page.to, request_.scanned);
    for (const v1::Entry& entry : page.body.entries())
      EXPECT_TRUE(seen.insert(entry.record_id()).second);
    request_.scanned = page.to;
  }
  EXPECT_EQ(seen, ids);
  EXPECT_EQ(pages, 20);
}

TEST_F(AuthorityFeedTest, RecordsOfOneSetAreNotTornApart) {
  Commit(&ana_, {Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Rosa")),
                 Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Eva"))});
  request_.target_bytes = 1;
  const FeedPage page = Read();
  EXPECT_THAT(page.body.entries(), SizeIs(2));
  EXPECT_EQ(page.to, 1u);
}

TEST_F(AuthorityFeedTest, VerdictsAreOnlyTheReplicasOwn) {
  CreatePerson(&ana_, "Rosa");
  CreatePerson(&beto_, "Eva");
  request_.replica = beto_.id();
  const FeedPage page = Read({});
  ASSERT_THAT(page.body.verdicts(), SizeIs(1));
  EXPECT_EQ(page.body.verdicts(0).commit_sequence(), 2u);
  EXPECT_THAT(page.body.entries(), SizeIs(0));
}

TEST_F(AuthorityFeedTest, OneDamagedRecordHoldsUpNobodyAndIsNamed) {
  const RecordId rosa = CreatePerson(&ana_, "Rosa");
  const RecordId eva = CreatePerson(&ana_, "Eva");
  const RecordId luz = CreatePerson(&ana_, "Luz");
  Overwrite(Table::kRecords, RecordKey(kOaxaca, PersonType().type_id(), eva), "damaged");

  const FeedPage page = Read();

  EXPECT_EQ(page.to, page.head);
  ASSERT_THAT(page.body.entries(), SizeIs(2));
  EXPECT_EQ(page.body.entries(0).record_id(), rosa.AsBytes());
  EXPECT_EQ(page.body.entries(1).record_id(), luz.AsBytes());
  ASSERT_THAT(page.damaged, SizeIs(1));
  EXPECT_EQ(page.damaged[0].id, eva);
  EXPECT_EQ(page.damaged[0].sequence, 2u);
}

TEST_F(AuthorityFeedTest, ThatADamagedRecordLeftIsStillTold) {
  const RecordId id = CreatePerson(&ana_, "Rosa", kJuarez);
  Commit(&ana_, {Move(PersonType(), id, kTlacolula)});
  Overwrite(Table::kRecords, RecordKey(kOaxaca, PersonType().type_id(), id), "damaged");

  const FeedPage page = Read({FeedOf(kJuarez, v1::BELOW)});

  ASSERT_THAT(page.body.entries(), SizeIs(1));
  EXPECT_EQ(page.body.entries(0).moved_to(), kTlacolula);
  EXPECT_THAT(page.damaged, SizeIs(1));
}

TEST_F(AuthorityFeedTest, OneDamagedEntryHoldsUpNobody) {
  const RecordId rosa = CreatePerson(&ana_, "Rosa");
  CreatePerson(&ana_, "Eva");
  Overwrite(Table::kFeeds, FeedKey(kOaxaca, kOaxaca, v1::BELOW, 1, PersonType().type_id(), rosa),
            "\xff");
  const FeedPage page = Read();
  EXPECT_EQ(page.to, page.head);
  EXPECT_THAT(page.body.entries(), SizeIs(1));
  EXPECT_THAT(page.damaged, SizeIs(1));
}

TEST_F(AuthorityFeedTest, APageLooksAtSoManyEntriesThoughItsReaderMayKnowOfNone) {
  for (int i = 0; i < 10; ++i) CreatePerson(&ana_, "Rosa");
  request_.max_entries = 4;
  request_.feeds = {FeedOf(kOaxaca, v1::BELOW, v1::OPERATIONAL)};
  std::vector<uint64_t> ends;
  do {
    const FeedPage page = Read();
    EXPECT_THAT(page.body.entries(), SizeIs(0));
    request_.scanned = page.to;
    ends.push_back(page.to);
  } while (ends.back() < 10 && ends.size() < 10);
  EXPECT_EQ(ends, (std::vector<uint64_t>{4, 8, 10}));
}

TEST_F(AuthorityFeedTest, TheEntriesOfOneChangeSetAreInOnePageWhateverItMayLookAt) {
  std::vector<v1::Change> changes;
  changes.reserve(5);
  for (int i = 0; i < 5; ++i)
    changes.push_back(Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Rosa")));
  Commit(&ana_, changes);
  CreatePerson(&ana_, "Eva");
  request_.max_entries = 2;
  const FeedPage page = Read();
  EXPECT_THAT(page.body.entries(), SizeIs(5));
  EXPECT_EQ(page.to, 1u);
}

}  // namespace
}  // namespace brigada
