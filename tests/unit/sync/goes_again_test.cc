// Refused work that goes again by itself once what stood against it is gone: a missing grant, a
// record out of its writer's reach, a server too old for it.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "brigada/v1/person.pb.h"
#include "gtest/gtest.h"
#include "replica/schema/diff.h"
#include "replica/store/device_store.h"
#include "replica/store/feed_entries.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"
#include "tests/support/fake_clock.h"
#include "tests/support/lent_kv.h"
#include "tests/support/loopback.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_server.h"

namespace brigada {
namespace {

constexpr char kOaxaca[] = "MX/20";
constexpr char kJuarez[] = "MX/20/067";
constexpr char kZimatlan[] = "MX/20/551";

const RecordType& PersonType() { return *Registry::BuiltIn().FindByName("Person"); }

// Beto writes in `scopes`; of a record elsewhere he is told what he is told of one that is not
// there. Everybody else writes everywhere.
class MaskingJudge final : public Judge {
 public:
  std::vector<std::string> scopes;
  v1::RefusalReason reason = v1::UNKNOWN_RECORD;

  void Examine(const ChangeInQuestion& question,
               std::vector<v1::Refusal>* refusals) const override {
    if (question.push.user != "beto") return;
    const bool is_here = question.current != nullptr && question.current->exists();
    const std::string place = is_here ? question.current->scope() : question.change.scope();
    for (const std::string& scope : scopes)
      if (FeedCovers(scope, v1::BELOW, place)) return;
    v1::Refusal& refusal = refusals->emplace_back();
    refusal.set_reason(reason);
    refusal.set_change(question.index);
  }
};

class GoesAgainTest : public ::testing::Test {
 protected:
  GoesAgainTest() {
    OpenServer(kSchemaVersion);
    server_ = std::make_unique<TestServer>(authority_.get(), &judge_, &clock_);
    ana_ = Open("ana");
    beto_ = Open("beto");
    Let(*ana_, "ana", {kOaxaca});
    LetBeto({kJuarez});
  }

  // The server's program judges change sets up to this version from now on.
  void OpenServer(uint32_t schema_version) {
    authority_.reset();
    schema_version_ = schema_version;
    auto store =
        OpenAuthorityStore(std::make_unique<LentKv>(disk_), {.registry = &Registry::BuiltIn(),
                                                             .random = &random_,
                                                             .now = clock_.Now(),
                                                             .schema_version = schema_version});
    ASSERT_OK(store);
    authority_ = *std::move(store);
    if (server_ != nullptr) server_->Restart(authority_.get());
  }
  std::unique_ptr<DeviceStore> Open(absl::string_view user,
                                    uint32_t schema_version = kSchemaVersion) {
    DeviceStoreOptions options;
    options.registry = &Registry::BuiltIn();
    options.clock = &clock_;
    options.random = &random_;
    options.schema_version = schema_version;
    auto store = OpenDeviceStore(NewMemoryKv(), options);
    EXPECT_OK(store);
    EXPECT_OK((*store)->SetUser(user));
    return *std::move(store);
  }
  void Let(const DeviceStore& device, const std::string& user,
           const std::vector<std::string>& scopes) {
    PeerIdentity identity{.replica = device.replica(), .user = user, .feeds = {}, .grants = {}};
    v1::GrantInfo& grant = identity.grants.emplace_back();
    grant.set_writes_any_type(true);
    for (const std::string& scope : scopes) {
      grant.add_scopes(scope);
      v1::Feed& feed = identity.feeds.emplace_back();
      feed.set_scope(scope);
      feed.set_kind(v1::BELOW);
      feed.set_max_class(v1::INCIDENT);
    }
    server_->SetPeer(identity);
  }
  // Beto reads and writes there, from his next session on.
  void LetBeto(const std::vector<std::string>& scopes) {
    Let(*beto_, "beto", scopes);
    judge_.scopes = scopes;
  }
  // Returns how many change sets went up.
  uint64_t Sync(DeviceStore* device) {
    clock_.Advance(absl::Seconds(1));
    LoopbackOptions options;
    options.server.schema_version = schema_version_;
    Loopback link(server_.get(), device, options);
    EXPECT_EQ(link.Run(), Loopback::End::kFinished) << link.device_status();
    return link.device().progress().change_sets_sent;
  }
  RecordId Register(DeviceStore* device, absl::string_view scope) {
    const RecordId id = NewRecordId(clock_.Now(), random_);
    v1::Person person;
    person.mutable_name()->set_given_names("Rosa");
    EXPECT_OK(device->Commit({*CreateChange(PersonType(), id, *Scope::Parse(scope), person)},
                             Durability::kMemory));
    return id;
  }
  void Edit(DeviceStore* device, const RecordId& id, absl::string_view notes,
            absl::string_view scope = "") {
    v1::Person values;
    values.set_notes(std::string(notes));
    v1::Change change;
    change.set_type_id(PersonType().type_id());
    change.set_record_id(id.AsBytes());
    change.set_values(values.SerializeAsString());
    change.set_scope(std::string(scope));
    EXPECT_OK(device->Commit({change}, Durability::kMemory));
  }
  template <typename Store>
  static std::string NotesIn(const Store& store, const RecordId& id) {
    const auto view = store.Read();
    const auto record = (*view)->Get(PersonType(), id);
    EXPECT_OK(record);
    if (!record.ok() || !record->has_value()) return "(absent)";
    v1::Person person;
    EXPECT_TRUE(person.ParseFromString((*record)->message));
    return person.notes();
  }
  // Beto's edit meets a record that Ana has moved out of his reach.
  RecordId WriteWhatIsOutOfReach() {
    const RecordId id = Register(ana_.get(), kJuarez);
    Sync(ana_.get());
    Sync(beto_.get());
    Edit(ana_.get(), id, "", kZimatlan);
    Sync(ana_.get());
    Edit(beto_.get(), id, "de Beto");
    Sync(beto_.get());
    EXPECT_EQ(beto_->Counts()->rejected, 1U);
    EXPECT_EQ(NotesIn(*beto_, id), "(absent)");
    return id;
  }

  FakeClock clock_;
  SeededRandom random_{5};
  MaskingJudge judge_;
  const std::shared_ptr<Kv> disk_ = NewMemoryKv();
  uint32_t schema_version_ = kSchemaVersion;
  std::unique_ptr<AuthorityStore> authority_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<DeviceStore> ana_, beto_;
};

TEST_F(GoesAgainTest, WhatWasOutOfReachGoesInTheSessionThatBringsItsRecord) {
  const RecordId id = WriteWhatIsOutOfReach();
  EXPECT_EQ(Sync(beto_.get()), 0U);

  LetBeto({kJuarez, kZimatlan});
  EXPECT_EQ(Sync(beto_.get()), 1U);

  EXPECT_EQ(beto_->Counts()->rejected, 0U);
  EXPECT_EQ(beto_->Counts()->pending, 0U);
  EXPECT_EQ(NotesIn(*authority_, id), "de Beto");
  EXPECT_EQ(NotesIn(*beto_, id), "de Beto");
}

// What the grants that a device is told of allow and what the server makes of them may differ.
TEST_F(GoesAgainTest, WhatWasOutOfReachIsTriedOnceForEachTimeGrantsComeToCoverIt) {
  WriteWhatIsOutOfReach();
  LetBeto({kJuarez, kZimatlan});
  judge_.scopes.clear();
  EXPECT_EQ(Sync(beto_.get()), 1U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Sync(beto_.get()), 0U);
  EXPECT_EQ(beto_->Counts()->rejected, 1U);

  LetBeto({kJuarez});
  EXPECT_EQ(Sync(beto_.get()), 0U);
  LetBeto({kJuarez, kZimatlan});
  EXPECT_EQ(Sync(beto_.get()), 1U);
  EXPECT_EQ(beto_->Counts()->rejected, 0U);
}

// Nothing of the pull has to arrive first: on a slow link that may take hours.
TEST_F(GoesAgainTest, WhatLacksOnlyAGrantGoesAsSoonAsTheWelcomeTellsOfOne) {
  const RecordId id = Register(beto_.get(), kJuarez);
  judge_.reason = v1::NOT_GRANTED;
  LetBeto({});
  Sync(beto_.get());
  ASSERT_EQ(beto_->Counts()->rejected, 1U);

  DeviceSession session(beto_.get(), {}, clock_.Now(), clock_.Monotonic());
  while (session.NextFrame()->has_value()) continue;
  v1::ServerFrame frame;
  frame.mutable_welcome()->set_protocol_version(1);
  v1::GrantInfo& grant = *frame.mutable_welcome()->add_grants();
  grant.set_writes_any_type(true);
  grant.add_scopes(kJuarez);
  ASSERT_OK(session.OnFrame(frame, clock_.Monotonic()));

  ASSERT_OK_AND_ASSIGN(const auto sent, session.NextFrame());
  ASSERT_TRUE(sent.has_value());
  EXPECT_TRUE(sent->has_push());
  EXPECT_EQ(NotesIn(*beto_, id), "");
}

// What a newer program meant an older server cannot know: nothing of it is applied, nothing lost.
TEST_F(GoesAgainTest, WhatIsOfANewerSchemaIsKeptAsideUntilTheServerIsUpdated) {
  const std::unique_ptr<DeviceStore> newer = Open("ana", kSchemaVersion + 1);
  Let(*newer, "ana", {kOaxaca});
  const RecordId id = Register(newer.get(), kJuarez);
  Edit(newer.get(), id, "nueva");
  EXPECT_EQ(Sync(newer.get()), 2U);
  ASSERT_OK_AND_ASSIGN(const auto listed, newer->Rejected());
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].verdict().outcome(), v1::QUARANTINED);
  EXPECT_EQ(listed[0].verdict().refusals(0).reason(), v1::NOT_JUDGED);
  EXPECT_NE(listed[0].change_set().body(), "");
  EXPECT_EQ(NotesIn(*authority_, id), "(absent)");
  // The queue goes on, and nothing goes in vain.
  EXPECT_EQ(Sync(newer.get()), 0U);

  OpenServer(kSchemaVersion + 1);
  EXPECT_EQ(Sync(newer.get()), 2U);
  EXPECT_EQ(newer->Counts()->rejected, 0U);
  EXPECT_EQ(newer->Counts()->pending, 0U);
  EXPECT_EQ(NotesIn(*authority_, id), "nueva");
  // What the server had kept aside went with the retry.
  EXPECT_TRUE(authority_->ListQuarantine("", 10)->sets.empty());
}

TEST_F(GoesAgainTest, WorkOfAnOlderSchemaIsJudgedAsEver) {
  OpenServer(kSchemaVersion + 1);
  const RecordId id = Register(ana_.get(), kJuarez);
  Sync(ana_.get());
  EXPECT_EQ(ana_->Counts()->rejected, 0U);
  EXPECT_EQ(NotesIn(*authority_, id), "");
}

}  // namespace
}  // namespace brigada
