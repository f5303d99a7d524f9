// Links on which every connection breaks after so many bytes, over real TLS: rounds and background
// sync get everything across all the same.
#include <unistd.h>

#include <climits>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "replica/base/check.h"
#include "replica/base/random.h"
#include "tests/integration/people.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_organization.h"
#include "tools/linkcut/relay.h"

namespace brigada {
namespace {

constexpr char kScope[] = "MX/20/067";
constexpr int kPeople = 800;

// Stands before a server and resets every connection once it has carried so many bytes.
class BreakingLink {
 public:
  BreakingLink(int port, uint64_t cut_after_bytes)
      : relay_(*Relay::Listen({.listen_port = 0,
                               .to_host = "127.0.0.1",
                               .to_port = absl::StrCat(port),
                               .cut_after_bytes = cut_after_bytes,
                               .cuts = INT_MAX})) {
    CHECK(pipe(stop_) == 0);
    thread_ = std::thread([this] { EXPECT_OK(relay_.Run(stop_[0])); });
  }
  ~BreakingLink() {
    close(stop_[1]);
    thread_.join();
    close(stop_[0]);
  }
  SyncOptions Through() const {
    SyncOptions options;
    options.server = absl::StrCat("127.0.0.1:", relay_.port());
    options.deadline = absl::Minutes(4);
    options.initial_spread = absl::ZeroDuration();
    options.backoff_min = absl::Milliseconds(50);
    options.backoff_max = absl::Milliseconds(200);
    return options;
  }

 private:
  Relay relay_;
  int stop_[2] = {-1, -1};
  std::thread thread_;
};

class BrokenLinkTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  // That need not sync each write to the disk: there are many.
  std::unique_ptr<Replica> Device(absl::string_view user) {
    organization_.NewDevice(user, "organizer", kScope).reset();
    Options options;
    options.path = organization_.DevicePath(user);
    options.durability = DurabilityLevel::kProcess;
    return *Replica::Open(options);
  }
  // Names that do not compress: what is cut is what travels.
  void Register(Replica* replica) {
    for (int i = 0; i < kPeople; ++i) {
      const std::string name =
          absl::StrFormat("%016x%016x", random_.NextUint64(), random_.NextUint64());
      ASSERT_OK(replica->Create(At(kScope), Named(name, "Ruiz")));
    }
  }
  // In the background; `is_done` is asked as it goes on.
  static void SyncUntil(Replica* replica, SyncOptions options,
                        const std::function<bool()>& is_done) {
    std::promise<void> done;
    bool told = false;
    options.on_progress = [&](const SyncState&) {
      if (told || !is_done()) return;
      told = true;
      done.set_value();
    };
    replica->StartSync(options);
    done.get_future().wait();
    replica->StopSync();
  }
  // Until a Sync is through; the connections that it took. How much of what a connection carried
  // its reader gets to see before the reset is up to the machine: a call may give up after some
  // that brought nothing, the next goes on where it stood.
  static int64_t ConnectionsToSync(Replica* replica, const SyncOptions& options) {
    constexpr int kMaxCalls = 10;
    int64_t connections = 0;
    for (int call = 0; call < kMaxCalls; ++call) {
      const absl::StatusOr<SyncReport> report = replica->Sync(options);
      if (report.ok()) return connections + report->connections;
      EXPECT_EQ(report.status().code(), absl::StatusCode::kUnavailable) << report.status();
      ++connections;
    }
    ADD_FAILURE() << "no sync got through in " << kMaxCalls << " calls";
    return connections;
  }
  static int64_t CountOn(const Replica& replica) {
    const absl::StatusOr<ResultSet> result = replica.Query("SELECT count(*) FROM people");
    EXPECT_OK(result.status());
    return result.ok() ? std::get<int64_t>(result->rows.at(0).at(0)) : -1;
  }

  SeededRandom random_{11};
  TestOrganization organization_;
};

TEST_P(BrokenLinkTest, APushGetsAcross) {
  const auto ana = Device("ana");
  Register(ana.get());
  const BreakingLink link(organization_.port(), GetParam());
  EXPECT_GT(ConnectionsToSync(ana.get(), link.Through()), 1);
  EXPECT_EQ(ana->GetSyncStatus().pending, 0u);
  const auto beto = Device("beto");
  ASSERT_OK(beto->Sync({}));
  EXPECT_EQ(CountOn(*beto), kPeople);
}

TEST_P(BrokenLinkTest, APullGetsAcross) {
  const auto ana = Device("ana");
  Register(ana.get());
  ASSERT_OK(ana->Sync({}));
  const auto beto = Device("beto");
  const BreakingLink link(organization_.port(), GetParam());
  EXPECT_GT(ConnectionsToSync(beto.get(), link.Through()), 1);
  EXPECT_EQ(CountOn(*beto), kPeople);
  EXPECT_TRUE(beto->GetSyncStatus().consistent);
}

TEST_P(BrokenLinkTest, BackgroundSyncGetsAcross) {
  const auto ana = Device("ana");
  Register(ana.get());
  const BreakingLink link(organization_.port(), GetParam());
  SyncUntil(ana.get(), link.Through(), [&] { return ana->GetSyncStatus().pending == 0; });
  const auto beto = Device("beto");
  SyncUntil(beto.get(), link.Through(), [&] { return CountOn(*beto) == kPeople; });
}

INSTANTIATE_TEST_SUITE_P(Bytes, BrokenLinkTest, ::testing::Values(15'000, 22'000, 30'000));

}  // namespace
}  // namespace brigada
