// Devices and a server over real TLS in one process: what the library promises, seen from outside.
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "brigada/v1/event.pb.h"
#include "brigada/v1/person.pb.h"
#include "brigada/v1/visit.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/people.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_organization.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;

int64_t CountOf(const Replica& replica, absl::string_view sql) {
  const absl::StatusOr<ResultSet> result = replica.Query(sql);
  EXPECT_OK(result);
  return result.ok() ? std::get<int64_t>(result->rows.at(0).at(0)) : -1;
}

class FieldTest : public ::testing::Test {
 protected:
  TestOrganization organization_;
};

TEST_F(FieldTest, WorkDoneOfflineReachesTheColleagueAndTheAdministrator) {
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  const auto beto = organization_.NewDevice("beto", "organizer", "MX/20/067");
  organization_.StopServer();
  ASSERT_OK_AND_ASSIGN(const RecordId id,
                       ana->Create(At("MX/20/067"), Named("María José", "Ñeco")));
  EXPECT_THAT(ana->Sync({}), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(ana->GetSyncStatus().pending, 1u);

  organization_.StartServer();
  ASSERT_OK_AND_ASSIGN(const SyncReport report, ana->Sync({}));
  EXPECT_EQ(report.totals.change_sets_confirmed, 1u);
  ASSERT_OK(beto->Sync({}));

  EXPECT_EQ(ana->GetSyncStatus().pending, 0u);
  ASSERT_OK_AND_ASSIGN(const v1::Person seen, beto->Get<v1::Person>(id));
  EXPECT_EQ(seen.name().given_names(), "María José");
  int64_t people = 0;
  ASSERT_OK(organization_.administration().Query(
      "SELECT count(*) FROM people", {}, 0,
      [](absl::Span<const std::string>) { return absl::OkStatus(); },
      [&](SqlRow row) {
        people = std::get<int64_t>(row.at(0));
        return absl::OkStatus();
      }));
  EXPECT_EQ(people, 1);
}

TEST_F(FieldTest, AnotherMunicipalityNeverReceivesThePeople) {
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  const auto carla = organization_.NewDevice("carla", "organizer", "MX/20/208");
  ASSERT_OK(ana->Create(At("MX/20/067"), Named("Ana", "Ruiz")));
  v1::Event circle;
  circle.set_kind(v1::CIRCLE);
  circle.set_title("Círculo del viernes");
  const auto diego = organization_.NewDevice("diego", "coordinator", "MX/20");
  ASSERT_OK(diego->Create(At("MX/20"), circle));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(diego->Sync({}));
  ASSERT_OK(carla->Sync({}));
  EXPECT_EQ(CountOf(*carla, "SELECT count(*) FROM people"), 0);
  EXPECT_EQ(CountOf(*carla, "SELECT count(*) FROM events"), 1);
  EXPECT_EQ(CountOf(*diego, "SELECT count(*) FROM people"), 1);
}

TEST_F(FieldTest, SameFieldEditedByTwoIsOneConflictThatBothSeeAndOneDecides) {
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  const auto beto = organization_.NewDevice("beto", "organizer", "MX/20/067");
  ASSERT_OK_AND_ASSIGN(const RecordId id, ana->Create(At("MX/20/067"), Named("Jose", "Perez")));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(beto->Sync({}));
  ASSERT_OK(ana->Update<v1::Person>(
      id, [](v1::Person& p) { p.mutable_name()->set_first_surname("Pérez"); }));
  ASSERT_OK(beto->Update<v1::Person>(
      id, [](v1::Person& p) { p.mutable_name()->set_given_names("María José"); }));
  ASSERT_OK(ana->Update<v1::Person>(id, [](v1::Person& p) { p.add_phones("+529511234567"); }));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(beto->Sync({}));
  ASSERT_OK(ana->Sync({}));

  ASSERT_OK_AND_ASSIGN(const v1::Person at_ana, ana->Get<v1::Person>(id));
  ASSERT_OK_AND_ASSIGN(const v1::Person at_beto, beto->Get<v1::Person>(id));
  EXPECT_EQ(at_ana.SerializeAsString(), at_beto.SerializeAsString());
  EXPECT_EQ(at_ana.phones_size(), 1);
  ASSERT_OK_AND_ASSIGN(const std::vector<ConflictInfo> conflicts, ana->Conflicts());
  ASSERT_EQ(conflicts.size(), 1u);
  EXPECT_EQ(conflicts[0].entry.losers_size(), 1);

  EXPECT_FALSE(conflicts[0].decided_here);
  ASSERT_OK(ana->Resolve(conflicts[0], 0));
  EXPECT_THAT(ana->Resolve(conflicts[0]), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK_AND_ASSIGN(const std::vector<ConflictInfo> decided, ana->Conflicts());
  ASSERT_EQ(decided.size(), 1u);
  EXPECT_TRUE(decided[0].decided_here);
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(beto->Sync({}));
  ASSERT_OK_AND_ASSIGN(const std::vector<ConflictInfo> left, beto->Conflicts());
  EXPECT_TRUE(left.empty());
}

TEST_F(FieldTest, NobodyDecidesAConflictByWhatItWasBeforeAnotherValueCame) {
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  const auto beto = organization_.NewDevice("beto", "organizer", "MX/20/067");
  const auto carla = organization_.NewDevice("carla", "organizer", "MX/20/067");
  ASSERT_OK_AND_ASSIGN(const RecordId id, ana->Create(At("MX/20/067"), Named("Sol", "Perez")));
  for (const auto* const device : {&ana, &beto, &carla}) ASSERT_OK((*device)->Sync({}));
  for (const auto* const device : {&ana, &beto, &carla}) {
    ASSERT_OK((*device)->Update<v1::Person>(
        id, [&](v1::Person& p) { p.mutable_name()->set_given_names((*device)->user()); }));
  }
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(beto->Sync({}));
  ASSERT_OK_AND_ASSIGN(const std::vector<ConflictInfo> shown, beto->Conflicts());
  ASSERT_EQ(shown.size(), 1u);
  ASSERT_OK(carla->Sync({}));
  ASSERT_OK(beto->Sync({}));

  EXPECT_THAT(beto->Resolve(shown[0], 0), StatusIs(absl::StatusCode::kAborted));

  ASSERT_OK_AND_ASSIGN(const std::vector<ConflictInfo> again, beto->Conflicts());
  ASSERT_EQ(again.size(), 1u);
  ASSERT_EQ(again[0].entry.losers_size(), 2);
  ASSERT_OK(beto->Resolve(again[0], 1));
  ASSERT_OK(beto->Sync({}));
  ASSERT_OK_AND_ASSIGN(const std::vector<ConflictInfo> left, beto->Conflicts());
  EXPECT_TRUE(left.empty());
}

TEST_F(FieldTest, WriteOutsideTheGrantComesBackWithReasonAndContent) {
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  ASSERT_OK(ana->Create(At("MX/20/208"), Named("Fuera", "Lugar")));
  ASSERT_OK(ana->Create(At("MX/20/067"), Named("Dentro", "Lugar")));
  ASSERT_OK(ana->Sync({}));
  EXPECT_EQ(CountOf(*ana, "SELECT count(*) FROM people"), 1);
  ASSERT_OK_AND_ASSIGN(const std::vector<Rejection> rejected, ana->Rejections());
  ASSERT_EQ(rejected.size(), 1u);
  ASSERT_EQ(rejected[0].reasons.size(), 1u);
  EXPECT_EQ(rejected[0].reasons[0].reason(), v1::NOT_GRANTED);
  EXPECT_TRUE(absl::StrContains(rejected[0].content.SerializeAsString(), "Fuera"));
}

TEST_F(FieldTest, SameCheckInTwiceIsOneAttendance) {
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  const auto beto = organization_.NewDevice("beto", "organizer", "MX/20/067");
  v1::Event table;
  table.set_kind(v1::TABLE);
  table.set_title("Mesa semanal");
  ASSERT_OK_AND_ASSIGN(const RecordId event, ana->Create(At("MX/20/067"), table));
  ASSERT_OK_AND_ASSIGN(const RecordId person, ana->Create(At("MX/20/067"), Named("Eva", "Luna")));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(beto->Sync({}));
  v1::Attendance seat;
  seat.set_event(event.AsBytes());
  seat.set_person(person.AsBytes());
  seat.set_state(v1::ATTENDED);
  seat.add_marks(v1::QR);
  ASSERT_OK(ana->Create(At("MX/20/067"), seat));
  seat.set_state(v1::REGISTERED);
  seat.set_marks(0, v1::LIST);
  ASSERT_OK_AND_ASSIGN(const RecordId id, beto->Create(At("MX/20/067"), seat));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(beto->Sync({}));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK_AND_ASSIGN(const v1::Attendance merged, ana->Get<v1::Attendance>(id));
  EXPECT_EQ(merged.state(), v1::ATTENDED);
  EXPECT_EQ(merged.marks_size(), 2);
  EXPECT_EQ(CountOf(*beto, "SELECT count(*) FROM attendances"), 1);
}

TEST_F(FieldTest, LiveWriteReachesAWatchOnAnotherDevice) {
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  const auto beto = organization_.NewDevice("beto", "organizer", "MX/20/067");
  std::promise<void> arrived;
  ASSERT_OK_AND_ASSIGN(
      const auto watch,
      beto->Watch("SELECT count(*) FROM people", {},
                  [&, done = false](absl::StatusOr<ResultSet> rows) mutable {
                    if (!done && rows.ok() && std::get<int64_t>(rows->rows.at(0).at(0)) == 1) {
                      done = true;
                      arrived.set_value();
                    }
                  }));
  SyncOptions live;
  live.initial_spread = absl::ZeroDuration();
  beto->StartSync(live);
  ana->StartSync(live);
  ASSERT_OK(ana->Create(At("MX/20/067"), Named("Viva", "Voz")));
  EXPECT_EQ(arrived.get_future().wait_for(std::chrono::seconds(60)), std::future_status::ready);
  ana->StopSync();
  beto->StopSync();
}

TEST_F(FieldTest, RevokedDeviceIsToldSoAndKeepsItsWork) {
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  ASSERT_OK(ana->Create(At("MX/20/067"), Named("Ana", "Ruiz")));
  ASSERT_OK(organization_.administration().RevokeDevice(ana->replica_id()));
  EXPECT_THAT(ana->Sync({}), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("revoked")));
  EXPECT_EQ(ana->GetSyncStatus().pending, 1u);
  EXPECT_EQ(CountOf(*ana, "SELECT count(*) FROM people"), 1);
}

TEST_F(FieldTest, GrantGivenLaterBringsWhatWasThereBefore) {
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  const auto carla = organization_.NewDevice("carla", "organizer", "MX/20/208");
  ASSERT_OK(ana->Create(At("MX/20/067"), Named("Ana", "Ruiz")));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(carla->Sync({}));
  const std::string scopes[] = {"MX/20/067"};
  ASSERT_OK(organization_.administration().Grant("carla", "organizer", scopes, absl::InfinitePast(),
                                                 absl::InfiniteFuture()));
  ASSERT_OK(carla->Sync({}));
  EXPECT_EQ(CountOf(*carla, "SELECT count(*) FROM people"), 1);
}

TEST_F(FieldTest, WorkWrittenBeforeARevocationIsAcceptedAfterIt) {
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(ana->Create(At("MX/20/067"), Named("Martes", "Temprano")));
  ASSERT_OK_AND_ASSIGN(const std::vector<v1::GrantRecord> grants,
                       organization_.administration().Grants());
  for (const v1::GrantRecord& grant : grants) {
    if (grant.user() != "ana") continue;
    ASSERT_OK_AND_ASSIGN(const RecordId id, RecordId::FromBytes(grant.id()));
    ASSERT_OK(organization_.administration().RevokeGrant(id));
  }
  ASSERT_OK(ana->Sync({}));
  EXPECT_EQ(ana->GetSyncStatus().rejected, 0u);
  EXPECT_EQ(ana->GetSyncStatus().pending, 0u);
  ASSERT_OK(ana->Create(At("MX/20/067"), Named("Miércoles", "Tarde")));
  ASSERT_OK(ana->Sync({}));
  EXPECT_EQ(ana->GetSyncStatus().rejected, 1u);
}

TEST_F(FieldTest, WorkFromBeforeTheEnrolmentIsTheEnrolledUsers) {
  Options options;
  options.path = organization_.DevicePath("ana");
  ASSERT_OK_AND_ASSIGN(const auto ana, Replica::Open(options));
  ASSERT_OK_AND_ASSIGN(const RecordId id, ana->Create(At("MX/20/067"), Named("Antes", "Alta")));
  ASSERT_OK(ana->Enroll(organization_.Invite("ana", "organizer", "MX/20/067"), "phone"));
  const auto beto = organization_.NewDevice("beto", "organizer", "MX/20/067");
  ASSERT_OK(ana->Sync({}));
  EXPECT_EQ(ana->GetSyncStatus().rejected, 0u);
  ASSERT_OK(beto->Sync({}));
  ASSERT_OK(beto->Update<v1::Person>(id, [](v1::Person& p) { p.set_notes("vista"); }));
  ASSERT_OK(beto->Sync({}));
  ASSERT_OK(ana->Sync({}));
  v1::Person person;
  RecordInfo info;
  ASSERT_OK(ana->ReadMessage(id, &person, &info));
  EXPECT_EQ(person.name().given_names(), "Antes");
  EXPECT_EQ(person.notes(), "vista");
  EXPECT_EQ(info.created_by, "ana");
}

TEST_F(FieldTest, InvitationIsGoodOnce) {
  const std::string invitation = organization_.Invite("ana", "organizer", "MX/20/067");
  Options options;
  options.path = organization_.DevicePath("first");
  ASSERT_OK_AND_ASSIGN(const auto first, Replica::Open(options));
  ASSERT_OK(first->Enroll(invitation, "first"));
  options.path = organization_.DevicePath("second");
  ASSERT_OK_AND_ASSIGN(const auto second, Replica::Open(options));
  EXPECT_THAT(second->Enroll(invitation, "second"), StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(FieldTest, ServerOfAnotherOrganizationIsRefused) {
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  TestOrganization other;
  SyncOptions options;
  options.server = "127.0.0.1:" + std::to_string(other.port());
  EXPECT_THAT(ana->Sync(options), StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(FieldTest, OrganizerMayNotAdminister) {
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  ASSERT_OK_AND_ASSIGN(const auto administration,
                       Administration::Connect(organization_.DevicePath("ana")));
  const std::string scopes[] = {"MX/20/067"};
  EXPECT_THAT(administration->Invite("eva", "administrator", scopes, absl::Hours(1)),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(administration->RevokeDevice(ana->replica_id()),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(FieldTest, RestoredBackupGetsANewEpochAndTheDevicesGoOn) {
  const auto ana = organization_.NewDevice("ana", "organizer", "MX/20/067");
  ASSERT_OK(ana->Create(At("MX/20/067"), Named("Antes", "Respaldo")));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK_AND_ASSIGN(const std::string backup,
                       organization_.administration().Backup("first", [](uint64_t) {}));
  const std::string epoch = ana->last_welcome().epoch();
  organization_.StopServer();
  ASSERT_OK(RestoreOrganization(organization_.scratch() / "server", backup, SystemClock(),
                                SystemRandom()));
  organization_.StartServer();
  ASSERT_OK(ana->Create(At("MX/20/067"), Named("Después", "Respaldo")));
  ASSERT_OK(ana->Sync({}));
  EXPECT_NE(ana->last_welcome().epoch(), epoch);
  EXPECT_EQ(CountOf(*ana, "SELECT count(*) FROM people"), 2);
}

}  // namespace
}  // namespace brigada
