// A server that goes back, and a replica that was copied, over real TLS: what was acknowledged is
// there again, once, and what was revoked stays revoked.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "brigada/administration.h"
#include "brigada/recovery.h"
#include "brigada/v1/event.pb.h"
#include "brigada/v1/person.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/base/clock.h"
#include "replica/base/random.h"
#include "replica/crypto/secret_file.h"
#include "server/organization.h"
#include "tests/integration/people.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_organization.h"

namespace brigada {
namespace {

constexpr char kScope[] = "MX/20/067";

class RecoveryTest : public ::testing::Test {
 protected:
  std::string Backup(const std::string& name) {
    absl::StatusOr<std::string> path = organization_.administration().Backup(name, [](uint64_t) {});
    EXPECT_OK(path);
    return path.value_or("");
  }

  void RevokeGrantsOf(absl::string_view user) {
    ASSERT_OK_AND_ASSIGN(const auto grants, organization_.administration().Grants());
    for (const v1::GrantRecord& grant : grants) {
      if (grant.user() != user) continue;
      ASSERT_OK(organization_.administration().RevokeGrant(*RecordId::FromBytes(grant.id())));
    }
  }

  void Restore(const std::string& backup) {
    organization_.StopServer();
    EXPECT_OK(RestoreOrganization(organization_.scratch() / "server", backup, SystemClock(),
                                  SystemRandom()));
    organization_.StartServer();
  }

  std::string NameOn(const Replica& replica, const RecordId& id) {
    const absl::StatusOr<v1::Person> person = replica.Get<v1::Person>(id);
    return person.ok() ? person->name().given_names() : person.status().ToString();
  }

  TestOrganization organization_;
};

TEST_F(RecoveryTest, WhatARestoredServerLostComesBackFromTheDevices) {
  const auto ana = organization_.NewDevice("ana", "organizer", kScope);
  const auto beto = organization_.NewDevice("beto", "organizer", kScope);
  ASSERT_OK_AND_ASSIGN(const RecordId before, ana->Create(At(kScope), Named("Rosa")));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(beto->Sync({}));
  const std::string backup = Backup("before");

  // Lost with the restore, and known to the devices: a person, and edits of both.
  ASSERT_OK_AND_ASSIGN(const RecordId after, ana->Create(At(kScope), Named("Eva")));
  ASSERT_OK(ana->Update<v1::Person>(
      before, [](v1::Person& person) { person.mutable_name()->set_given_names("Rosalba"); }));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(beto->Sync({}));
  ASSERT_OK(beto->Update<v1::Person>(
      after, [](v1::Person& person) { person.mutable_name()->set_given_names("Evangelina"); }));
  ASSERT_OK(beto->Sync({}));
  ASSERT_OK(ana->Sync({}));

  Restore(backup);
  // The edit comes before the create that it needs.
  ASSERT_OK(beto->Sync({}));
  EXPECT_EQ(NameOn(*beto, after), "Evangelina");
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(beto->Sync({}));
  for (const Replica* const replica : {ana.get(), beto.get()}) {
    EXPECT_EQ(NameOn(*replica, before), "Rosalba");
    EXPECT_EQ(NameOn(*replica, after), "Evangelina");
    EXPECT_EQ(replica->GetSyncStatus().pending, 0u);
    EXPECT_EQ(replica->GetSyncStatus().rejected, 0u);
    EXPECT_EQ(replica->GetSyncStatus().open_conflicts, 0u);
  }
  int64_t people = 0;
  ASSERT_OK(organization_.administration().Query(
      "SELECT count(*) FROM people", {}, 0,
      [](absl::Span<const std::string>) { return absl::OkStatus(); },
      [&](const SqlRow& row) {
        people = std::get<int64_t>(row.at(0));
        return absl::OkStatus();
      }));
  EXPECT_EQ(people, 2);
}

// What it delivered there it keeps sealed.
TEST_F(RecoveryTest, WorkOfALostScopeComesBackFromADeviceThatCanNoLongerReadIt) {
  const auto ana = organization_.NewDevice("ana", "organizer", kScope);
  ASSERT_OK(ana->Sync({}));
  const std::string backup = Backup("before");
  ASSERT_OK_AND_ASSIGN(const RecordId id, ana->Create(At(kScope), Named("Rosa")));
  ASSERT_OK(ana->Sync({}));
  RevokeGrantsOf("ana");
  ASSERT_OK(ana->Sync({}));
  ASSERT_FALSE(ana->Get<v1::Person>(id).ok());

  Restore(backup);
  ASSERT_OK(ana->Sync({}));
  const auto beto = organization_.NewDevice("beto", "organizer", kScope);
  ASSERT_OK(beto->Sync({}));
  EXPECT_EQ(NameOn(*beto, id), "Rosa");
  EXPECT_FALSE(ana->Get<v1::Person>(id).ok());
  EXPECT_EQ(ana->GetSyncStatus().rejected, 0u);
}

// Nobody can open it; it is kept for who finds the old key, and nothing else suffers.
TEST_F(RecoveryTest, WithAnotherCursorKeySealedWorkIsKeptUnopened) {
  const auto ana = organization_.NewDevice("ana", "organizer", kScope);
  const auto beto = organization_.NewDevice("beto", "organizer", kScope);
  ASSERT_OK(ana->Sync({}));
  const std::string backup = Backup("before");
  ASSERT_OK_AND_ASSIGN(const RecordId clear, beto->Create(At(kScope), Named("Eva")));
  ASSERT_OK(beto->Sync({}));
  // Nobody else has read it before.
  ASSERT_OK_AND_ASSIGN(const RecordId sealed, ana->Create(At(kScope), Named("Rosa")));
  ASSERT_OK(ana->Sync({}));
  RevokeGrantsOf("ana");
  ASSERT_OK(ana->Sync({}));

  organization_.StopServer();
  ASSERT_OK(RestoreOrganization(organization_.scratch() / "server", backup, SystemClock(),
                                SystemRandom()));
  ASSERT_OK(WriteSecretFile(organization_.scratch() / "server/cursor.key", std::string(32, 'k'),
                            IfFileExists::kReplace));
  organization_.StartServer();
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(beto->Sync({}));

  EXPECT_EQ(NameOn(*beto, clear), "Eva");
  EXPECT_FALSE(beto->Get<v1::Person>(sealed).ok());
  EXPECT_EQ(ana->GetSyncStatus().pending, 0u);
  const auto quarantined = organization_.server().organization().store->ListQuarantine("", 10);
  ASSERT_OK(quarantined);
  ASSERT_EQ(quarantined->sets.size(), 1u);
  const v1::RejectedChangeSet& kept = quarantined->sets[0].kept;
  EXPECT_EQ(kept.verdict().refusals(0).reason(), v1::UNREADABLE_BODY);
  EXPECT_TRUE(kept.change_set().has_sealed_body());
  EXPECT_EQ(kept.user(), "ana");
}

// The machine was set back, journal and all, behind a grant: what was accepted under it waits for
// somebody who answers for it.
TEST_F(RecoveryTest, WhatASetBackServerKeepsInQuarantineIsReleased) {
  namespace fs = std::filesystem;
  constexpr char kOther[] = "MX/20/208";
  const auto ana = organization_.NewDevice("ana", "organizer", kScope);
  ASSERT_OK(ana->Sync({}));
  organization_.StopServer();
  const fs::path server = organization_.scratch() / "server";
  fs::copy(server, organization_.scratch() / "then", fs::copy_options::recursive);
  organization_.StartServer();
  const std::vector<std::string> scopes = {kOther};
  ASSERT_OK(organization_.administration().Grant("ana", "organizer", scopes, absl::UnixEpoch(),
                                                 absl::InfiniteFuture()));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK_AND_ASSIGN(const RecordId id, ana->Create(At(kOther), Named("Rosa")));
  ASSERT_OK(ana->Sync({}));
  organization_.StopServer();
  fs::remove_all(server);
  fs::rename(organization_.scratch() / "then", server);
  organization_.StartServer();
  // A session that finds the server set back begins again.
  if (!ana->Sync({}).ok()) {
    ASSERT_OK(ana->Sync({}));
  }
  EXPECT_EQ(ana->GetSyncStatus().rejected, 1u);

  Administration& administration = organization_.administration();
  ASSERT_OK_AND_ASSIGN(const auto kept, administration.Quarantine());
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].refusals(0).reason(), v1::NOT_GRANTED);
  v1::ReleaseQuarantinedRequest request;
  request.set_partition(kept[0].partition());
  request.set_replica(kept[0].replica());
  request.set_sequence(kept[0].sequence());
  ASSERT_OK_AND_ASSIGN(const auto released, administration.ReleaseQuarantined(request));
  EXPECT_EQ(released.outcome(), v1::APPLIED);
  EXPECT_FALSE(released.was_released());
  EXPECT_FALSE(released.released_by().empty());
  ASSERT_OK_AND_ASSIGN(const auto again, administration.ReleaseQuarantined(request));
  EXPECT_TRUE(again.was_released());
  EXPECT_EQ(again.released_ms(), released.released_ms());

  EXPECT_TRUE(administration.Quarantine()->empty());
  ASSERT_OK(ana->Sync({}));
  EXPECT_EQ(ana->GetSyncStatus().rejected, 0u);
  const auto beto = organization_.NewDevice("beto", "organizer", kOther);
  ASSERT_OK(beto->Sync({}));
  EXPECT_EQ(NameOn(*beto, id), "Rosa");
}

TEST_F(RecoveryTest, WhatWasRevokedOrGrantedAfterTheBackupStaysSo) {
  const auto ana = organization_.NewDevice("ana", "organizer", kScope);
  ASSERT_OK(ana->Sync({}));
  const std::string backup = Backup("before");
  ASSERT_OK(organization_.administration().RevokeDevice(ana->replica_id()));
  const auto beto = organization_.NewDevice("beto", "organizer", kScope);
  ASSERT_OK(beto->Create(At(kScope), Named("Rosa")));
  ASSERT_OK(beto->Sync({}));

  Restore(backup);
  EXPECT_FALSE(ana->Sync({}).ok());
  // Enrolled after the backup, and still known.
  ASSERT_OK(beto->Sync({}));
  EXPECT_EQ(beto->GetSyncStatus().rejected, 0u);
}

TEST_F(RecoveryTest, AJournalThatWasLostIsWrittenAnewFromTheStore) {
  const auto ana = organization_.NewDevice("ana", "organizer", kScope);
  ASSERT_OK(ana->Sync({}));
  const std::string backup = Backup("before");
  ASSERT_OK(organization_.administration().RevokeDevice(ana->replica_id()));
  organization_.StopServer();
  std::filesystem::remove(organization_.scratch() / "server/journal");
  organization_.StartServer();
  Restore(backup);
  EXPECT_FALSE(ana->Sync({}).ok());
}

// The disk kept from the journal what came last: a revocation, and the epoch that a device made
// necessary while the server ran.
TEST_F(RecoveryTest, ALiveEpochThatTheJournalMissedBringsNothingRevokedBack) {
  namespace fs = std::filesystem;
  const auto ana = organization_.NewDevice("ana", "organizer", kScope);
  ASSERT_OK(ana->Sync({}));
  const fs::path journal = organization_.scratch() / "server/journal";
  fs::copy(journal, organization_.scratch() / "journal");
  AuthorityStore& store = *organization_.server().organization().store;
  ASSERT_OK(store.BeginEpoch(NewRandomId<Epoch>(SystemRandom()), store.run(), SystemClock().Now()));
  ASSERT_OK(organization_.administration().RevokeDevice(ana->replica_id()));
  organization_.StopServer();
  fs::rename(organization_.scratch() / "journal", journal);
  organization_.StartServer();
  EXPECT_FALSE(ana->Sync({}).ok());
}

// Somebody copied the store's directory back without a word.
TEST_F(RecoveryTest, AStoreSetBackByHandIsFoundOutAtItsStart) {
  namespace fs = std::filesystem;
  const auto ana = organization_.NewDevice("ana", "organizer", kScope);
  ASSERT_OK(ana->Sync({}));
  organization_.StopServer();
  const std::string store = organization_.scratch() / "server/store";
  fs::copy(store, organization_.scratch() / "copy", fs::copy_options::recursive);
  organization_.StartServer();
  ASSERT_OK_AND_ASSIGN(const RecordId id, ana->Create(At(kScope), Named("Rosa")));
  ASSERT_OK(ana->Sync({}));
  const Epoch epoch = organization_.server().organization().store->epoch();
  organization_.StopServer();
  fs::remove_all(store);
  fs::rename(organization_.scratch() / "copy", store);

  organization_.StartServer();
  EXPECT_NE(organization_.server().organization().store->epoch(), epoch);
  ASSERT_OK(ana->Sync({}));
  const auto beto = organization_.NewDevice("beto", "organizer", kScope);
  ASSERT_OK(beto->Sync({}));
  EXPECT_EQ(NameOn(*beto, id), "Rosa");
}

TEST_F(RecoveryTest, BothCopiesOfAReplicaDeliverTheirWorkOnce) {
  namespace fs = std::filesystem;
  auto ana = organization_.NewDevice("ana", "organizer", kScope);
  ASSERT_OK(ana->Create(At(kScope), Named("Rosa")));
  ASSERT_OK(ana->Sync({}));
  // Made before the copy and sent by neither yet.
  ASSERT_OK_AND_ASSIGN(const RecordId shared, ana->Create(At(kScope), Named("Eva")));
  ana.reset();
  fs::copy(organization_.DevicePath("ana"), organization_.scratch() / "copied",
           fs::copy_options::recursive);
  Options options;
  options.path = organization_.DevicePath("ana");
  ASSERT_OK_AND_ASSIGN(ana, Replica::Open(options));
  options.path = organization_.scratch() / "copied";
  ASSERT_OK_AND_ASSIGN(const auto copy, Replica::Open(options));
  ASSERT_EQ(copy->replica_id(), ana->replica_id());
  ASSERT_OK_AND_ASSIGN(const RecordId own, ana->Create(At(kScope), Named("Ines")));
  ASSERT_OK_AND_ASSIGN(const RecordId other, copy->Create(At(kScope), Named("Luz")));
  ASSERT_OK(copy->Update<v1::Person>(
      shared, [](v1::Person& person) { person.mutable_name()->set_given_names("Evita"); }));

  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(copy->Sync({}));
  EXPECT_NE(copy->replica_id(), ana->replica_id());
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(copy->Sync({}));
  for (const Replica* const replica : {ana.get(), copy.get()}) {
    EXPECT_EQ(NameOn(*replica, own), "Ines");
    EXPECT_EQ(NameOn(*replica, other), "Luz");
    EXPECT_EQ(NameOn(*replica, shared), "Evita");
    EXPECT_EQ(replica->GetSyncStatus().pending, 0u);
    EXPECT_EQ(replica->GetSyncStatus().rejected, 0u);
    EXPECT_EQ(replica->GetSyncStatus().open_conflicts, 0u);
  }
}

TEST_F(RecoveryTest, TheUnsentWorkOfADamagedStoreArrivesOnce) {
  auto ana = organization_.NewDevice("ana", "organizer", kScope);
  const auto beto = organization_.NewDevice("beto", "organizer", kScope);
  ASSERT_OK_AND_ASSIGN(const RecordId sent, ana->Create(At(kScope), Named("Rosa")));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(ana->Update<v1::Person>(
      sent, [](v1::Person& person) { person.mutable_name()->set_given_names("Rosalba"); }));
  ASSERT_OK_AND_ASSIGN(const RecordId unsent, ana->Create(At(kScope), Named("Eva")));
  const ReplicaId replica = ana->replica_id();
  Options options;
  options.path = organization_.DevicePath("ana");
  ana.reset();
  std::filesystem::remove(options.path + "/store/CURRENT");

  EXPECT_THAT(Replica::Open(options),
              StatusIs(absl::StatusCode::kDataLoss, ::testing::HasSubstr("brigada recover")));
  ASSERT_OK_AND_ASSIGN(const RecoveryReport report, RecoverReplica(options));
  EXPECT_TRUE(report.is_whole);
  EXPECT_EQ(report.unsent, 2U);
  EXPECT_EQ(report.lost, 0U);
  EXPECT_TRUE(std::filesystem::exists(report.damaged_path));
  ASSERT_OK_AND_ASSIGN(ana, Replica::Open(options));
  EXPECT_EQ(ana->replica_id(), replica);
  EXPECT_EQ(NameOn(*ana, unsent), "Eva");
  // The records have to come again.
  EXPECT_EQ(ana->GetSyncStatus().last_success, absl::InfinitePast());
  EXPECT_FALSE(ana->GetSyncStatus().consistent);
  ASSERT_OK_AND_ASSIGN(const SyncReport synced, ana->Sync({}));
  EXPECT_EQ(synced.totals.change_sets_refused, 0U);
  EXPECT_EQ(ana->GetSyncStatus().pending, 0U);
  for (Replica* const device : {ana.get(), beto.get()}) {
    ASSERT_OK(device->Sync({}));
    EXPECT_EQ(NameOn(*device, sent), "Rosalba");
    EXPECT_EQ(NameOn(*device, unsent), "Eva");
    EXPECT_EQ(device->Query("SELECT id FROM people", {})->rows.size(), 2U);
  }
  EXPECT_TRUE(ana->GetSyncStatus().consistent);
  EXPECT_THAT(RecoverReplica(options), StatusIs(absl::StatusCode::kUnavailable));
  ana.reset();
  EXPECT_THAT(RecoverReplica(options), StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace brigada
