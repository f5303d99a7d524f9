// A person who moves to another state, with the real server: over real TLS, offline, back again,
// and over a restart.
#include <memory>
#include <string>
#include <vector>

#include "brigada/v1/person.pb.h"
#include "brigada/v1/visit.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/people.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_organization.h"

namespace brigada {
namespace {

constexpr char kJuarez[] = "MX/20/067";
constexpr char kCholula[] = "MX/21/140";

std::string Ask(const Replica& replica, const std::string& sql) {
  const absl::StatusOr<ResultSet> result = replica.Query(sql);
  EXPECT_OK(result);
  if (!result.ok() || result->rows.empty()) return "";
  const auto& value = result->rows[0][0];
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? "" : *text;
}

class MovesTest : public ::testing::Test {
 protected:
  MovesTest() {
    both_ = organization_.NewDevice("ana", "coordinator", "MX/20");
    EXPECT_OK(organization_.administration().Grant("ana", "coordinator", {"MX/21"},
                                                   absl::InfinitePast(), absl::InfiniteFuture()));
    old_ = organization_.NewDevice("beto", "organizer", kJuarez);
    new_ = organization_.NewDevice("carla", "organizer", kCholula);
  }
  void SyncAll() {
    for (int i = 0; i < 2; ++i)
      for (Replica* replica : {both_.get(), old_.get(), new_.get()}) EXPECT_OK(replica->Sync({}));
  }
  absl::Status Move(const RecordId& id, absl::string_view place) {
    return both_->Move(v1::Person::descriptor(), id, *Scope::Parse(place));
  }

  TestOrganization organization_;
  std::unique_ptr<Replica> both_;
  std::unique_ptr<Replica> old_;
  std::unique_ptr<Replica> new_;
};

TEST_F(MovesTest, APersonMovesLateWorkFollowsAndVisitsStayValid) {
  ASSERT_OK_AND_ASSIGN(const RecordId rosa, both_->Create(*Scope::Parse(kJuarez), Named("Rosa")));
  SyncAll();
  v1::Visit visit;
  visit.set_person(rosa.AsBytes());
  visit.set_outcome(v1::CONTACT);
  visit.mutable_at()->set_seconds(1'767'225'600);
  ASSERT_OK(old_->Create(*Scope::Parse(kJuarez), visit));
  ASSERT_OK(old_->Update<v1::Person>(rosa, [](v1::Person& p) { p.set_notes("tarde"); }));

  ASSERT_OK(Move(rosa, kCholula));
  EXPECT_EQ(Ask(*both_, "SELECT scope FROM people"), kCholula);
  SyncAll();

  EXPECT_EQ(Ask(*both_, "SELECT count(*) FROM people"), "1");
  EXPECT_EQ(Ask(*both_, "SELECT scope FROM people"), kCholula);
  EXPECT_EQ(Ask(*new_, "SELECT notes FROM people"), "tarde");
  EXPECT_EQ(Ask(*old_, "SELECT count(*) FROM people"), "0");
  EXPECT_EQ(Ask(*both_, "SELECT p.scope FROM visits v JOIN people p ON p.id = v.person"), kCholula);
  EXPECT_EQ(old_->GetSyncStatus().pending, 0U);
  EXPECT_EQ(old_->GetSyncStatus().rejected, 0U);

  ASSERT_OK(Move(rosa, kJuarez));
  SyncAll();
  EXPECT_EQ(Ask(*old_, "SELECT notes FROM people"), "tarde");
  EXPECT_EQ(Ask(*new_, "SELECT count(*) FROM people"), "0");
  EXPECT_EQ(Ask(*both_, "SELECT count(*) FROM people"), "1");
}

}  // namespace
}  // namespace brigada
