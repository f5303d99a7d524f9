#include "tests/compat/golden_world.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "brigada/v1/person.pb.h"
#include "gtest/gtest.h"
#include "replica/schema/diff.h"
#include "replica/store/rocks_kv.h"
#include "tests/support/loopback.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

v1::Person PersonOf(const DeviceStore& store, const RecordId& id) {
  v1::Person person;
  const auto view = store.Read();
  EXPECT_OK(view);
  const auto record = (*view)->Get(PersonType(), id);
  EXPECT_OK(record);
  EXPECT_TRUE(record->has_value() && person.ParseFromString((*record)->message));
  return person;
}

std::unique_ptr<Kv> OpenDisk(const std::string& path) {
  auto kv = OpenRocksKv({.path = path, .create_if_missing = true});
  EXPECT_OK(kv);
  return *std::move(kv);
}

}  // namespace

void GoldenJudge::Examine(const ChangeInQuestion& question,
                          std::vector<v1::Refusal>* refusals) const {
  v1::Person person;
  if (!person.ParseFromString(question.change.values()) || person.notes() != kRefusedNotes) return;
  v1::Refusal& refusal = refusals->emplace_back();
  refusal.set_reason(v1::NOT_GRANTED);
  refusal.set_change(question.index);
  refusal.set_detail("no grant");
}

PeerIdentity GoldenWorld::Identity(const ReplicaId& replica, const std::string& user) {
  PeerIdentity identity{.replica = replica, .user = user, .feeds = {}, .grants = {}};
  for (const auto& [scope, kind] : {std::pair("MX", v1::HERE), std::pair("MX/20", v1::BELOW)}) {
    v1::Feed& feed = identity.feeds.emplace_back();
    feed.set_scope(scope);
    feed.set_kind(kind);
    feed.set_max_class(v1::INCIDENT);
  }
  v1::GrantInfo& grant = identity.grants.emplace_back();
  grant.set_id(std::string(16, 'g'));
  grant.set_role("organizer");
  grant.add_scopes("MX/20");
  grant.set_from_ms(1'767'225'600'000);
  return identity;
}

GoldenWorld::GoldenWorld(const std::string& directory) : directory_(directory) {
  OpenServer();
  OpenDevices();
  EXPECT_OK(ana_->SetUser("ana"));
  EXPECT_OK(luis_->SetUser("luis"));
  Live();
}

void GoldenWorld::OpenServer() {
  authority_.reset();
  auto opened = OpenAuthorityStore(
      OpenDisk(absl::StrCat(directory_, "/server")),
      {.registry = &Registry::BuiltIn(), .random = &random_, .now = clock_.Now()});
  ASSERT_OK(opened);
  authority_ = *std::move(opened);
  if (server_ == nullptr) {
    server_ = std::make_unique<TestServer>(authority_.get(), &judge_, &clock_);
  } else {
    server_->Restart(authority_.get());
  }
}

void GoldenWorld::OpenDevices() {
  for (auto* store : {&ana_, &luis_}) {
    store->reset();
    const std::string user = store == &ana_ ? "ana" : "luis";
    auto opened = OpenDeviceStore(OpenDisk(absl::StrCat(directory_, "/", user)),
                                  {&Registry::BuiltIn(), &clock_, &random_});
    ASSERT_OK(opened);
    *store = *std::move(opened);
    server_->SetPeer(Identity((*store)->replica(), user));
  }
}

void GoldenWorld::Live() {
  MakePeople();
  Meet();
  // What was written so far goes into tables, the rest stays in the logs.
  OpenDevices();
  OpenServer();
  Refuse();
  Quarantine();
  FillDirectory();
  LeavePending();
}

void GoldenWorld::MakePeople() {
  for (const char* name : {"Rosa", "José", "Íñigo"})
    people_.push_back(Register(luis_.get(), kJuarez, name));
  people_.push_back(Register(luis_.get(), kTlacolula, "Ana María"));
  Sync(luis_.get());
  Sync(ana_.get());
}

void GoldenWorld::Meet() {
  SetNotes(ana_.get(), people_[0], "de Ana");
  SetNotes(luis_.get(), people_[0], "de Luis");
  Sync(luis_.get());
  Sync(ana_.get());
  ASSERT_OK(ana_->Commit({Move(PersonType(), people_[1], kTlacolula)}, Durability::kSync));
  ASSERT_OK(ana_->Commit({Deletion(PersonType(), people_[2])}, Durability::kSync));
  Sync(ana_.get());
  Sync(luis_.get());
}

void GoldenWorld::Refuse() {
  SetNotes(ana_.get(), people_[3], kRefusedNotes);
  Sync(ana_.get());
}

void GoldenWorld::Quarantine() {
  TestReplica stranger(&random_, kOaxaca);
  v1::ChangeSet unreadable;
  unreadable.set_sealed_body("32 bytes in place of the hash, then sealed to nobody");
  const PushRequest push = stranger.Push({stranger.Seal(unreadable)});
  ASSERT_OK_AND_ASSIGN(const auto results, authority_->CommitPushes({push}, judge_, clock_.Now()));
  ASSERT_EQ(results[0].verdicts[0].outcome(), v1::QUARANTINED);
}

void GoldenWorld::FillDirectory() {
  std::vector<DirectoryWrite> writes;
  for (const DirectoryKind kind : {DirectoryKind::kDevice, DirectoryKind::kInvitation,
                                   DirectoryKind::kSetting, DirectoryKind::kUser})
    writes.push_back({kind, "key", "value", std::nullopt});
  ASSERT_OK(authority_->WriteEntries(writes));
}

void GoldenWorld::LeavePending() {
  Sync(ana_.get());
  SetNotes(ana_.get(), people_[1], "pendiente");
  people_.push_back(Register(ana_.get(), kJuarez, "Sin enviar"));
  ASSERT_OK(ana_->PutSetting("server", "brigada.example.mx:7443"));
}

RecordId GoldenWorld::Register(DeviceStore* store, const std::string& scope,
                               const std::string& name) {
  clock_.Advance(absl::Minutes(1));
  v1::Person person;
  person.mutable_name()->set_given_names(name);
  const RecordId id = NewRecordId(clock_.Now(), random_);
  EXPECT_OK(store->Commit({Create(PersonType(), id, scope, person)}, Durability::kSync));
  return id;
}

void GoldenWorld::SetNotes(DeviceStore* store, const RecordId& id, const std::string& notes) {
  clock_.Advance(absl::Minutes(1));
  const v1::Person before = PersonOf(*store, id);
  v1::Person after = before;
  after.set_notes(notes);
  v1::Change change = *DiffMessages(PersonType(), before, after);
  change.set_type_id(PersonType().type_id());
  change.set_record_id(id.AsBytes());
  ASSERT_OK(store->Commit({change}, Durability::kSync));
}

void GoldenWorld::Sync(DeviceStore* store) {
  clock_.Advance(absl::Minutes(1));
  LoopbackOptions options;
  options.on_client_frame = [&](const v1::ClientFrame& frame) { client_frames_.push_back(frame); };
  options.on_server_frame = [&](const v1::ServerFrame& frame) { server_frames_.push_back(frame); };
  Loopback loopback(server_.get(), store, options);
  ASSERT_EQ(loopback.Run(), Loopback::End::kFinished) << loopback.device_status();
}

}  // namespace brigada
