// What the authority keeps aside: that it holds up nobody else, how much of it there may be, and
// how it is listed.
#include "gmock/gmock.h"
#include "replica/store/keys.h"
#include "tests/support/lent_kv.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// One row cannot be read, for a reason that nobody has foreseen.
class OddKv final : public LentKv {
 public:
  OddKv(std::shared_ptr<Kv> kv, const std::string* odd_key)
      : LentKv(std::move(kv)), odd_(odd_key) {}
  absl::StatusOr<std::optional<std::string>> Get(Table table,
                                                 absl::string_view key) const override {
    if (key == *odd_) return absl::InternalError("odd");
    return LentKv::Get(table, key);
  }

 private:
  const std::string* const odd_;
};

class AuthorityQuarantineTest : public AuthorityFixture {
 protected:
  AuthorityQuarantineTest() { OpenOn(std::make_unique<OddKv>(disk_, &odd_key_)); }

  void OpenOn(std::unique_ptr<Kv> kv) {
    store_.reset();
    auto store =
        OpenAuthorityStore(std::move(kv), {.registry = registry_, .random = &random_, .now = now_});
    ASSERT_OK(store);
    store_ = *std::move(store);
    ana_.epoch = beto_.epoch = luis_.epoch = store_->epoch();
  }
  v1::Change NewPerson(absl::string_view scope) {
    return Create(PersonType(), ana_.NewId(), scope, PersonNamed("Rosa"));
  }
  std::vector<PushResult> CommitAll(const std::vector<PushRequest>& pushes) {
    auto results = store_->CommitPushes(pushes, judge_, now_);
    EXPECT_OK(results);
    return results.ok() ? *std::move(results) : std::vector<PushResult>(pushes.size());
  }
  static v1::Outcome OutcomeOf(const PushResult& result) {
    EXPECT_OK(result.status);
    return result.verdicts.empty() ? v1::OUTCOME_UNSPECIFIED : result.verdicts[0].outcome();
  }
  PushRequest Sealed(TestReplica* replica, size_t bytes) {
    v1::ChangeSet set;
    set.set_sealed_body(std::string(bytes, 's'));
    return replica->Push({replica->Seal(set)});
  }

  std::shared_ptr<Kv> disk_ = NewMemoryKv();
  std::string odd_key_ = "no such key";
  TestReplica luis_{&random_, "MX/07"};
};

TEST_F(AuthorityQuarantineTest, ASetThatTheServerFailsAtIsKeptAsideAloneAndItsDeviceGoesOn) {
  const RecordId id = CreatePerson("Rosa");
  odd_key_ = RecordKey(kOaxaca, PersonType().type_id(), id);
  const PushRequest odd = ana_.Push({ana_.MakeSet({Edit(PersonType(), id, PersonNamed("Eva"))}),
                                     ana_.MakeSet({NewPerson(kJuarez)})});
  const auto results = CommitAll({beto_.PushOf({NewPerson(kJuarez)}), odd});
  EXPECT_EQ(OutcomeOf(results[0]), v1::APPLIED);
  ASSERT_THAT(results[1].verdicts, SizeIs(2));
  EXPECT_EQ(results[1].verdicts[0].outcome(), v1::QUARANTINED);
  EXPECT_EQ(results[1].verdicts[0].refusals(0).reason(), v1::NOT_JUDGED);
  EXPECT_EQ(results[1].verdicts[1].outcome(), v1::APPLIED);

  odd_key_.clear();
  ana_.retry_of = 2;
  ana_.retry_stamp_ms = ana_.stamp_ms;
  EXPECT_EQ(Commit(&ana_, {Edit(PersonType(), id, PersonNamed("Eva"))}).outcome(), v1::APPLIED);
  EXPECT_THAT(store_->ListQuarantine("", 10)->sets, IsEmpty());
}

TEST_F(AuthorityQuarantineTest, APushThatCannotBeWrittenHoldsUpNobodyElseInItsGroup) {
  CreatePerson("Rosa");
  store_.reset();
  KvBatch damage;
  const std::string prefix = SumPrefix(kOaxaca);
  const auto it = disk_->Iterate(Table::kMeta, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next())
    damage.Put(Table::kMeta, std::string(it->key()), "x");
  ASSERT_FALSE(damage.empty());
  ASSERT_OK(disk_->Write(damage, Durability::kSync));
  OpenOn(std::make_unique<LentKv>(disk_));
  const auto results =
      CommitAll({luis_.PushOf({NewPerson("MX/07/101")}), ana_.PushOf({NewPerson(kJuarez)}),
                 luis_.PushOf({NewPerson("MX/07/101")})});
  EXPECT_EQ(OutcomeOf(results[0]), v1::APPLIED);
  EXPECT_EQ(OutcomeOf(results[1]), v1::QUARANTINED);
  EXPECT_EQ(OutcomeOf(results[2]), v1::APPLIED);
  // Nobody has to send it again for ever.
  EXPECT_EQ(results[1].expected, 3U);
  EXPECT_THAT(store_->ListQuarantine("", 10)->sets, SizeIs(1));
  EXPECT_OK(store_->Health());
}

TEST_F(AuthorityQuarantineTest, WhatFindsNoRoomIsRefusedAndOthersHaveTheirs) {
  constexpr size_t kEach = (size_t{1} << 20) - 1024;
  for (size_t i = 0; i < kMaxQuarantinedBytesPerReplica >> 20; ++i)
    ASSERT_EQ(OutcomeOf(CommitPush(Sealed(&ana_, kEach))), v1::QUARANTINED) << i;
  EXPECT_EQ(OutcomeOf(CommitPush(Sealed(&ana_, kEach))), v1::REJECTED);
  OpenOn(std::make_unique<LentKv>(disk_));
  const PushResult full = CommitPush(Sealed(&ana_, kEach));
  EXPECT_EQ(OutcomeOf(full), v1::REJECTED);
  EXPECT_EQ(full.verdicts.at(0).refusals(0).detail(),
            "the server holds too many change sets in quarantine");
  EXPECT_EQ(OutcomeOf(CommitPush(Sealed(&beto_, kEach))), v1::QUARANTINED);
}

// It may be nowhere else any more, and yet no device fills the disk with it.
TEST_F(AuthorityQuarantineTest, WhatWasAcceptedOnceHasABoundOfItsOwn) {
  constexpr auto kOfReplica = static_cast<int64_t>(kMaxQuarantinedBytesSetBack);
  QuarantineCensus census;
  census.Add(ana_.id().bytes(), {kMaxQuarantinedPerReplica, kOfReplica - 100});
  census.Add(beto_.id().bytes(), {kMaxQuarantined, int64_t{kMaxQuarantinedBytes}});
  const Quarantine quarantine(disk_.get(), &census);
  EXPECT_FALSE(quarantine.HasRoom(ana_.id(), 1));
  EXPECT_FALSE(quarantine.HasRoom(luis_.id(), 1));
  EXPECT_TRUE(quarantine.HasRoomSetBack(luis_.id(), kMaxQuarantinedBytesSetBack));
  EXPECT_TRUE(quarantine.HasRoomSetBack(ana_.id(), 100));
  EXPECT_FALSE(quarantine.HasRoomSetBack(ana_.id(), 101));
}

TEST_F(AuthorityQuarantineTest, PagesListEachSetOnceWithItsPlaces) {
  const RecordId id = CreatePerson("Rosa");
  odd_key_ = RecordKey(kOaxaca, PersonType().type_id(), id);
  CommitAll({luis_.PushOf({NewPerson("MX/07/101")}), Sealed(&luis_, 40)});
  ana_.user = "ana";
  CommitPush(ana_.PushOf({Edit(PersonType(), id, PersonNamed("Eva")), NewPerson(kTlacolula)}));
  odd_key_.clear();
  std::vector<std::vector<std::string>> scopes;
  std::vector<std::string> users;
  std::string after;
  do {
    ASSERT_OK_AND_ASSIGN(QuarantinePage page, store_->ListQuarantine(after, 1));
    ASSERT_LE(page.sets.size(), 1U);
    for (const QuarantinedSet& set : page.sets) {
      scopes.push_back(set.scopes);
      users.push_back(set.kept.user());
    }
    after = page.next;
  } while (!after.empty());
  EXPECT_THAT(scopes, ElementsAre(ElementsAre("MX/07"), ElementsAre(kJuarez, kTlacolula)));
  EXPECT_THAT(users, ElementsAre("ana", "ana"));
}

}  // namespace
}  // namespace brigada
