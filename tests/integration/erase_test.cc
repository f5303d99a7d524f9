// Erasure from the administrator's call to the files of the devices.
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/person.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/schema/registry.h"
#include "server/open_store.h"
#include "tests/integration/people.h"
#include "tests/support/status_matchers.h"
#include "tests/support/store_bytes.h"
#include "tests/support/test_organization.h"

namespace brigada {
namespace {

constexpr char kCanary[] = "Xochiquetzal";

uint32_t PersonTypeId() { return Registry::BuiltIn().FindByName("Person")->type_id(); }

TEST(EraseTest, ReachesEveryDeviceAndWhatTheyHadNotSent) {
  TestOrganization organization;
  const auto ana = organization.NewDevice("ana", "organizer", "MX/20/067");
  const auto beto = organization.NewDevice("beto", "organizer", "MX/20/067");
  ASSERT_OK_AND_ASSIGN(const RecordId id, ana->Create(At("MX/20/067"), Named(kCanary)));
  ASSERT_OK_AND_ASSIGN(const RecordId other, ana->Create(At("MX/20/067"), Named("Luz")));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(beto->Sync({}));
  ASSERT_OK(beto->Update<v1::Person>(id, [](v1::Person& p) { p.set_notes(kCanary); }));

  ASSERT_OK_AND_ASSIGN(const v1::EraseResponse erased,
                       organization.administration().Erase(PersonTypeId(), id, ""));
  EXPECT_EQ(erased.records(), 1u);
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(beto->Sync({}));

  for (const auto* device : {&ana, &beto}) {
    EXPECT_THAT((*device)->Get<v1::Person>(id), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_OK((*device)->Get<v1::Person>(other));
    EXPECT_EQ((*device)->GetSyncStatus().pending, 0u);
  }
  ASSERT_OK_AND_ASSIGN(const std::vector<Rejection> rejected, beto->Rejections());
  ASSERT_EQ(rejected.size(), 1u);
  EXPECT_EQ(rejected[0].reasons.at(0).reason(), v1::ERASED_RECORD);
  EXPECT_FALSE(absl::StrContains(rejected[0].content.SerializeAsString(), kCanary));
}

// Nobody tells it: what its purge leaves has to be enough.
TEST(EraseTest, ADeviceWhoseGrantHasEndedHasNothingOfThemInAnyFile) {
  TestOrganization organization;
  auto ana = organization.NewDevice("ana", "organizer", "MX/20/067");
  ASSERT_OK_AND_ASSIGN(const RecordId id, ana->Create(At("MX/20/067"), Named(kCanary)));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(ana->Update<v1::Person>(id, [](v1::Person& p) { p.set_notes(kCanary); }));
  ASSERT_OK(ana->Sync({}));
  const std::string lower = absl::AsciiStrToLower(kCanary);
  ana.reset();
  EXPECT_THAT(StoreBytes(organization.DevicePath("ana")), ::testing::HasSubstr(lower));
  ASSERT_OK_AND_ASSIGN(const auto grants, organization.administration().Grants());
  for (const v1::GrantRecord& grant : grants) {
    if (grant.user() != "ana") continue;
    ASSERT_OK(organization.administration().RevokeGrant(*RecordId::FromBytes(grant.id())));
  }
  ASSERT_OK(organization.administration().Erase(PersonTypeId(), id, ""));

  Options options;
  options.path = organization.DevicePath("ana");
  ASSERT_OK_AND_ASSIGN(ana, Replica::Open(options));
  ASSERT_OK(ana->Sync({}));
  ana.reset();
  EXPECT_THAT(StoreBytes(organization.DevicePath("ana")),
              ::testing::Not(::testing::HasSubstr(lower)));
}

TEST(EraseTest, OnlyWhoAdministersThePlaceMayErase) {
  TestOrganization organization;
  const auto ana = organization.NewDevice("ana", "organizer", "MX/20/067");
  ASSERT_OK_AND_ASSIGN(const RecordId id, ana->Create(At("MX/20/067"), Named("Eva")));
  ASSERT_OK(ana->Sync({}));
  const auto carla = organization.NewDevice("carla", "administrator", "MX/21");
  ASSERT_OK_AND_ASSIGN(const auto of_carla,
                       Administration::Connect(organization.DevicePath("carla")));
  EXPECT_THAT(of_carla->Erase(PersonTypeId(), id, ""), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(of_carla->Erase(PersonTypeId(), RecordId(), ""),
              StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(ana->Sync({}));
  EXPECT_OK(ana->Get<v1::Person>(id));
}

// Erases after a backup that is restored then; `has_journal`: with the journal beside the store.
void ExpectARestoreDoesNotBringItBack(bool has_journal) {
  TestOrganization organization;
  const auto ana = organization.NewDevice("ana", "organizer", "MX/20/067");
  ASSERT_OK_AND_ASSIGN(const RecordId id, ana->Create(At("MX/20/067"), Named(kCanary)));
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK_AND_ASSIGN(const std::string backup,
                       organization.administration().Backup("antes", [](uint64_t) {}));
  ASSERT_OK(organization.administration().Erase(PersonTypeId(), id, ""));
  organization.StopServer();
  if (!has_journal) {
    ASSERT_TRUE(std::filesystem::remove(
        absl::StrCat(organization.scratch() / "server", "/", kJournalName)));
  }
  ASSERT_OK(RestoreOrganization(organization.scratch() / "server", backup, SystemClock(),
                                SystemRandom()));
  organization.StartServer();

  ASSERT_OK(ana->Sync({}));

  EXPECT_THAT(ana->Get<v1::Person>(id), StatusIs(absl::StatusCode::kNotFound));
  int64_t people = -1;
  ASSERT_OK(organization.administration().Query(
      "SELECT count(*) FROM people", {}, 0,
      [](absl::Span<const std::string>) { return absl::OkStatus(); },
      [&](SqlRow row) {
        people = std::get<int64_t>(row.at(0));
        return absl::OkStatus();
      }));
  EXPECT_EQ(people, 0);
}

TEST(EraseTest, RestoredBackupDoesNotBringItBack) {
  ExpectARestoreDoesNotBringItBack(/*has_journal=*/true);
}

TEST(EraseTest, TheStoreThatARestoreReplacesKnowsWhatWasErasedToo) {
  ExpectARestoreDoesNotBringItBack(/*has_journal=*/false);
}

}  // namespace
}  // namespace brigada
