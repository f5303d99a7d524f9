// A device that comes back after two years, when the server has forgotten what was deleted
// meanwhile: the real server, its store on the disk, real TLS.
#include <memory>
#include <string>
#include <vector>

#include "brigada/v1/person.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/base/clock.h"
#include "server/organization.h"
#include "server/tombstone_job.h"
#include "tests/integration/people.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_organization.h"

namespace brigada {
namespace {

constexpr char kScope[] = "MX/20/067";
constexpr char kOaxaca[] = "MX/20";

class LongAbsenceTest : public ::testing::Test {
 protected:
  void StartServerTwoYearsLater() {
    organization_.StopServer();
    organization_.StartServer(nullptr, later_);
  }
  AuthorityStore& store() { return *organization_.server().organization().store; }
  // The server's own first pass is an hour away.
  void ForgetDeletions() {
    TombstoneJob job(&store(), later_.Now());
    for (int piece = 0; piece < 100; ++piece) ASSERT_OK(job.RunSome(later_.Now()));
    ASSERT_OK_AND_ASSIGN(const uint64_t collected, store().CollectedUpTo(kOaxaca));
    ASSERT_GT(collected, 0u);
  }
  static void Rename(Replica& replica, const RecordId& id, const std::string& name) {
    ASSERT_OK(replica.Update<v1::Person>(
        id, [&](v1::Person& person) { person.mutable_name()->set_given_names(name); }));
  }
  static std::string NameOn(const Replica& replica, const RecordId& id) {
    const absl::StatusOr<v1::Person> person = replica.Get<v1::Person>(id);
    return person.ok() ? person->name().given_names() : "(absent)";
  }

  TestOrganization organization_;
  FakeClock later_{SystemClock().Now() + absl::Hours(24 * 730)};
};

TEST_F(LongAbsenceTest, ItsWorkArrivesAndNothingDeletedComesBack) {
  const auto ana = organization_.NewDevice("ana", "organizer", kScope);
  const auto beto = organization_.NewDevice("beto", "organizer", kScope);
  std::vector<RecordId> ids;
  for (int i = 0; i < 12; ++i) {
    ASSERT_OK_AND_ASSIGN(const RecordId id, ana->Create(At(kScope), Named("Rosa")));
    ids.push_back(id);
  }
  ASSERT_OK(ana->Sync({}));
  ASSERT_OK(beto->Sync({}));
  for (size_t i = 0; i < 4; ++i) ASSERT_OK(ana->Delete<v1::Person>(ids[i]));
  ASSERT_OK(ana->Sync({}));
  // Made in the two years: of a record that is gone, of one that lives, and a new one.
  Rename(*beto, ids[0], "De la borrada");
  Rename(*beto, ids[5], "Editada");
  ASSERT_OK_AND_ASSIGN(const RecordId own, beto->Create(At(kScope), Named("Suya")));

  StartServerTwoYearsLater();
  // What Ana's next hello says she has reached is stored when the server stops.
  ASSERT_OK(ana->Sync({}));
  StartServerTwoYearsLater();
  ForgetDeletions();

  // It pulls and learns that it has to compare; then it compares.
  ASSERT_OK(beto->Sync({}));
  ASSERT_OK(beto->Sync({}));
  ASSERT_OK(ana->Sync({}));
  for (const Replica* const replica : {ana.get(), beto.get()}) {
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(NameOn(*replica, ids[i]), "(absent)") << i;
    EXPECT_EQ(NameOn(*replica, ids[5]), "Editada");
    EXPECT_EQ(NameOn(*replica, ids[6]), "Rosa");
    EXPECT_EQ(NameOn(*replica, own), "Suya");
    EXPECT_EQ(replica->GetSyncStatus().pending, 0u);
  }
  ASSERT_OK_AND_ASSIGN(const std::vector<Rejection> rejected, beto->Rejections());
  ASSERT_EQ(rejected.size(), 1u);
  EXPECT_EQ(rejected[0].reasons.at(0).reason(), v1::UNKNOWN_RECORD);
  EXPECT_NE(rejected[0].content.SerializeAsString().find("De la borrada"), std::string::npos);
}

}  // namespace
}  // namespace brigada
