// Erasure at the authority: nothing of the content is left in the store, everybody who may hold
// some of it is told, and the tombstone wins over whatever comes later.
#include "replica/store/authority_erase.h"

#include "absl/strings/str_cat.h"
#include "replica/store/keys.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kCanary[] = "Xochiquetzal";

class AuthorityEraseTest : public AuthorityFixture {
 protected:
  ErasureReport Erase(const RecordId& id, absl::string_view scope = "") {
    auto report = store_->Erase({.type_id = PersonType().type_id(),
                                 .id = id,
                                 .scope = std::string(scope),
                                 .user = "administradora"},
                                now_);
    EXPECT_OK(report);
    return report.ok() ? *report : ErasureReport();
  }

  // Every byte of the store, whatever it is for.
  std::string Everything() {
    store_.reset();
    std::string all;
    const auto kv = home_.Open();
    for (int table = 0; table < kTableCount; ++table) {
      const auto it = kv->Iterate(static_cast<Table>(table), "", "");
      for (it->SeekToFirst(); it->Valid(); it->Next())
        absl::StrAppend(&all, it->key(), " ", it->value(), "\n");
    }
    Reopen();
    return all;
  }

  v1::Person Named(absl::string_view name) {
    return PersonNamed(std::string(kCanary) + std::string(name));
  }

  // What a replica that has seen nothing is told of the record.
  std::vector<v1::Entry> Told(const RecordId& id, const v1::Feed& feed,
                              const ReplicaId& replica = ReplicaId()) {
    FeedRequest request;
    request.partition = kOaxaca;
    request.replica = replica;
    request.feeds = {feed};
    request.target_bytes = kBatchTargetBytes;
    std::vector<v1::Entry> told;
    const auto page = store_->ReadFeed(request);
    EXPECT_OK(page);
    for (const v1::Entry& entry : page->body.entries())
      if (entry.record_id() == id.bytes()) told.push_back(entry);
    return told;
  }
};

TEST_F(AuthorityEraseTest, NothingOfTheContentIsLeftInTheStore) {
  const RecordId id = ana_.NewId();
  Commit(&ana_, {Create(PersonType(), id, kJuarez, Named("A"))});
  const uint64_t seen = store_->Head(kOaxaca);
  CommitAt(seen, &ana_, {Edit(PersonType(), id, Named("B"))});
  CommitAt(seen, &beto_, {Edit(PersonType(), id, Named("C"))});
  ASSERT_THAT(Everything(), HasSubstr(kCanary));

  const ErasureReport report = Erase(id);

  EXPECT_EQ(report.records, 1u);
  EXPECT_EQ(report.conflicts, 1u);
  EXPECT_THAT(Everything(), Not(HasSubstr(kCanary)));
  EXPECT_FALSE(Get(PersonType(), id).has_value());
}

TEST_F(AuthorityEraseTest, WhatWasDeletedOrParkedBeforeIsErasedToo) {
  const RecordId id = ana_.NewId();
  Commit(&ana_, {Create(PersonType(), id, kJuarez, Named("A"))});
  const uint64_t seen = store_->Head(kOaxaca);
  Commit(&ana_, {Deletion(PersonType(), id)});
  CommitAt(seen, &beto_, {Edit(PersonType(), id, Named("B"))});
  ASSERT_THAT(Everything(), HasSubstr(kCanary));

  Erase(id);

  EXPECT_THAT(Everything(), Not(HasSubstr(kCanary)));
}

TEST_F(AuthorityEraseTest, QuarantinedContentGoesAndTheRestOfItStays) {
  const RecordId id = CreatePerson("Eva");
  const RecordId other = CreatePerson("Luz");
  store_.reset();
  const PushRequest push = ana_.PushOf(
      {Edit(PersonType(), id, Named("A")), Edit(PersonType(), other, PersonNamed("Lucía"))});
  v1::RejectedChangeSet kept;
  *kept.mutable_change_set() = push.change_sets[0];
  KvBatch batch;
  batch.Put(Table::kRejected, QuarantineKey(kOaxaca, ana_.id(), 9), kept.SerializeAsString());
  ASSERT_OK(home_.Open()->Write(batch, Durability::kSync));
  Reopen();

  EXPECT_EQ(Erase(id).change_sets, 1u);

  const std::string all = Everything();
  EXPECT_THAT(all, Not(HasSubstr(kCanary)));
  EXPECT_THAT(all, HasSubstr("Lucía"));
}

// There it waits for a record that nobody brought.
TEST_F(AuthorityEraseTest, QuarantinedContentGoesAlsoWhereTheRecordHasNeverBeen) {
  const RecordId id = CreatePerson("Eva");
  TestReplica puebla(&random_, "MX/21");
  puebla.epoch = store_->epoch();
  CommitPush(puebla.PushOf({Create(PersonType(), puebla.NewId(), "MX/21", PersonNamed("Luz"))}));
  store_.reset();
  v1::RejectedChangeSet kept;
  *kept.mutable_change_set() = puebla.PushOf({Edit(PersonType(), id, Named("A"))}).change_sets[0];
  KvBatch batch;
  batch.Put(Table::kRejected, QuarantineKey("MX/21", puebla.id(), 9), kept.SerializeAsString());
  ASSERT_OK(home_.Open()->Write(batch, Durability::kSync));
  Reopen();

  EXPECT_EQ(Erase(id).change_sets, 1u);

  EXPECT_THAT(Everything(), Not(HasSubstr(kCanary)));
}

// Whom it names nobody here can tell, and nobody ever opens it.
TEST_F(AuthorityEraseTest, SealedContentInQuarantineGoesForItMayNameTheRecord) {
  const RecordId id = CreatePerson("Eva");
  v1::ChangeSet sealed;
  sealed.set_sealed_body(std::string(32, 'h') + kCanary);
  const PushResult kept = CommitPush(ana_.Push({ana_.Seal(sealed)}));
  ASSERT_EQ(kept.verdicts.at(0).outcome(), v1::QUARANTINED);
  ASSERT_THAT(Everything(), HasSubstr(kCanary));

  EXPECT_EQ(Erase(id).change_sets, 1u);

  EXPECT_THAT(Everything(), Not(HasSubstr(kCanary)));
  ASSERT_OK_AND_ASSIGN(const auto left,
                       store_->FindQuarantined(kOaxaca, ana_.id(), kept.verdicts.at(0).sequence()));
  ASSERT_TRUE(left.has_value());
  EXPECT_EQ(left->kept.change_set().stub().body_hash(), std::string(32, 'h'));
  EXPECT_EQ(Erase(id).change_sets, 0u);
}

TEST_F(AuthorityEraseTest, AgainFindsNothingLeft) {
  const RecordId id = CreatePerson("Eva");
  Erase(id);
  const uint64_t head = store_->Head(kOaxaca);
  EXPECT_EQ(Erase(id).records, 0u);
  EXPECT_EQ(store_->Head(kOaxaca), head);
}

TEST_F(AuthorityEraseTest, LateChangesAreRefusedAndNotKept) {
  const RecordId id = CreatePerson("Eva");
  const uint64_t seen = store_->Head(kOaxaca);
  Erase(id);
  // Whoever still says something of it is told, whatever it may otherwise read or write.
  judge_.refuses = [](const ChangeInQuestion&) { return true; };
  for (const v1::Change& change :
       {Edit(PersonType(), id, Named("A")), Create(PersonType(), id, kJuarez, Named("B")),
        Deletion(PersonType(), id)}) {
    const v1::Verdict verdict = CommitAt(seen, &beto_, {change});
    EXPECT_EQ(verdict.outcome(), v1::REJECTED);
    ASSERT_EQ(verdict.refusals_size(), 1);
    EXPECT_EQ(verdict.refusals(0).reason(), v1::ERASED_RECORD);
  }
  EXPECT_THAT(Everything(), Not(HasSubstr(kCanary)));
}

TEST_F(AuthorityEraseTest, StubOfAnErasedBodyIsRefusedAndTheQueueGoesOn) {
  v1::ChangeSet stub;
  stub.mutable_stub()->set_reason(v1::ChangeSet::Stub::ERASED);
  stub.mutable_stub()->set_body_hash(std::string(32, 'h'));
  const v1::ChangeSet sealed = ana_.Seal(stub);
  const v1::ChangeSet next =
      ana_.MakeSet({Create(PersonType(), ana_.NewId(), kJuarez, PersonNamed("Luz"))});
  const PushResult result = CommitPush(ana_.Push({sealed, next}));
  ASSERT_THAT(result.verdicts, SizeIs(2));
  EXPECT_EQ(result.verdicts[0].refusals(0).reason(), v1::ERASED_RECORD);
  EXPECT_EQ(result.verdicts[1].outcome(), v1::APPLIED);
}

TEST_F(AuthorityEraseTest, ReadersAreToldTheBareTombstone) {
  const RecordId id = ana_.NewId();
  Commit(&ana_, {Create(PersonType(), id, kJuarez, Named("A"))});
  Erase(id);
  const std::vector<v1::Entry> told = Told(id, FeedOf(kJuarez, v1::BELOW));
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_TRUE(told[0].state().erased());
  EXPECT_TRUE(told[0].whole());
  EXPECT_THAT(told[0].SerializeAsString(), Not(HasSubstr(kCanary)));
  EXPECT_THAT(Told(id, FeedOf(kTlacolula, v1::BELOW)), IsEmpty());
}

TEST_F(AuthorityEraseTest, WhoMadeTheRecordWithoutReadingItIsTold) {
  const RecordId id = CreatePerson("Eva");
  Erase(id);
  const v1::Feed operational = FeedOf(kJuarez, v1::BELOW, v1::OPERATIONAL);
  EXPECT_THAT(Told(id, operational, ana_.id()), SizeIs(1));
  EXPECT_THAT(Told(id, operational, beto_.id()), IsEmpty());
}

TEST_F(AuthorityEraseTest, PlacesThatTheRecordHasLeftAreTold) {
  const RecordId id = CreatePerson("Eva");
  Commit(&ana_, {Move(PersonType(), id, kTlacolula)});
  Erase(id);
  const std::vector<v1::Entry> told = Told(id, FeedOf(kJuarez, v1::BELOW));
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_TRUE(told[0].state().erased());
}

TEST_F(AuthorityEraseTest, RecordThatTheServerDoesNotKnowYetIsRefusedFromThenOn) {
  const RecordId id = ana_.NewId();
  EXPECT_THAT(
      store_->Erase({.type_id = PersonType().type_id(), .id = id, .scope = "", .user = ""}, now_),
      StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Erase(id, kJuarez).records, 1u);
  const v1::Verdict verdict = Commit(&ana_, {Create(PersonType(), id, kJuarez, Named("A"))});
  EXPECT_EQ(verdict.refusals(0).reason(), v1::ERASED_RECORD);
  EXPECT_THAT(Told(id, FeedOf(kJuarez, v1::BELOW)), SizeIs(1));
}

TEST_F(AuthorityEraseTest, TombstoneSurvivesItsBytesAndAReopening) {
  const RecordId id = CreatePerson("Eva");
  Erase(id);
  Reopen();
  const v1::Verdict verdict = Commit(&beto_, {Edit(PersonType(), id, Named("A"))});
  EXPECT_EQ(verdict.refusals(0).reason(), v1::ERASED_RECORD);
}

}  // namespace
}  // namespace brigada
