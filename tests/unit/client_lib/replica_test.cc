#include "brigada/replica.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "brigada/v1/person.pb.h"
#include "gtest/gtest.h"
#include "replica/base/check.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

// Syncs in the background with a token that lives as long as the thread.
SyncOptions Carrying(std::shared_ptr<int> token) {
  SyncOptions options;
  options.on_progress = [token = std::move(token)](const SyncState&) {};
  return options;
}

TEST(ReplicaTest, ACallbackThatRunsWhileTheReplicaGoesMayStillUseIt) {
  const ScratchDirectory scratch;
  Options options;
  options.path = scratch / "ana";
  absl::StatusOr<std::unique_ptr<Replica>> opened = Replica::Open(options);
  ASSERT_OK(opened.status());
  Replica* const replica = opened->get();
  const auto first = std::make_shared<int>(0);
  const auto later = std::make_shared<int>(0);
  std::promise<void> entered;
  replica->StartSync(Carrying(first));
  absl::StatusOr<std::unique_ptr<Subscription>> watch =
      replica->Watch("SELECT id FROM people", {}, [&](const absl::StatusOr<ResultSet>&) {
        entered.set_value();
        // The destructor has begun once it has ended the background.
        while (first.use_count() > 1) std::this_thread::yield();
        for (int i = 0; i < 1000; ++i) {
          replica->StartSync(Carrying(later));
          std::this_thread::yield();
        }
      });
  ASSERT_OK(watch.status());
  entered.get_future().wait();
  opened->reset();
  EXPECT_EQ(later.use_count(), 1) << "what the callback began ended with the replica";
}

TEST(ReplicaTest, RowsThatTheLimitLeftOutAreToldOf) {
  const ScratchDirectory scratch;
  Options options;
  options.path = scratch / "ana";
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Replica> replica, Replica::Open(options));
  for (const auto& [asked, truncated] :
       {std::pair<int64_t, bool>{1'000'000, false}, {1'000'001, true}}) {
    const SqlValue count = asked;
    uint64_t rows = 0;
    ASSERT_OK_AND_ASSIGN(
        const QuerySummary summary,
        replica->QueryRows(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "SELECT i FROM n",
            absl::MakeConstSpan(&count, 1),
            [](absl::Span<const std::string>) { return absl::OkStatus(); },
            [&](const SqlRow&) {
              ++rows;
              return absl::OkStatus();
            }));
    EXPECT_EQ(summary.truncated, truncated) << asked;
    EXPECT_EQ(summary.rows, 1'000'000u);
    EXPECT_EQ(rows, 1'000'000u);
  }
}

// As a disk that takes nothing more, to this process, while it lives.
class NothingFits {
 public:
  NothingFits() {
    std::signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit nothing{1, before_.rlim_max};
    CHECK(setrlimit(RLIMIT_FSIZE, &nothing) == 0);
  }
  ~NothingFits() { CHECK(setrlimit(RLIMIT_FSIZE, &before_) == 0); }

 private:
  rlimit before_{};
};

TEST(ReplicaTest, AReplicaWhoseDiskFailedGoesOnOnceItIsMended) {
  const ScratchDirectory scratch;
  Options options;
  options.path = scratch / "ana";
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Replica> replica, Replica::Open(options));
  v1::Person ana;
  ana.mutable_name()->set_given_names("Ana");
  const Scope scope = *Scope::Parse("MX/20/067");
  ASSERT_OK_AND_ASSIGN(const RecordId before, replica->Create(scope, ana));
  {
    const NothingFits disk;
    EXPECT_FALSE(replica->Create(scope, ana).ok());
  }

  ASSERT_OK_AND_ASSIGN(const RecordId after, replica->Create(scope, ana));

  EXPECT_OK(replica->Get<v1::Person>(before));
  EXPECT_OK(replica->Get<v1::Person>(after));
}

// Its files look as absent ones do.
TEST(ReplicaTest, ADirectoryThatIsClosedToThisUserIsNotTakenForAnEmptyOne) {
  const ScratchDirectory scratch;
  Options options;
  options.path = scratch / "ana";
  ASSERT_OK(Replica::Open(options));
  const bool is_root = geteuid() == 0;
  ASSERT_EQ(chmod(options.path.c_str(), is_root ? S_IRWXU : 0), 0);
  // Root may do anything, so it is somebody else for a moment.
  ASSERT_EQ(is_root ? seteuid(65534) : 0, 0);
  options.create_if_missing = false;
  const absl::Status status = Replica::Open(options).status();
  ASSERT_EQ(is_root ? seteuid(0) : 0, 0);
  ASSERT_EQ(chmod(options.path.c_str(), S_IRWXU), 0);

  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_NE(status.message().find("Permission denied"), absl::string_view::npos);
}

}  // namespace
}  // namespace brigada
