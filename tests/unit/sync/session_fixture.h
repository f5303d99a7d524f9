// What the session suites share: a server and two devices with fake stores, enrolled for the nation
// and one state.
#ifndef TESTS_UNIT_SYNC_SESSION_FIXTURE_H_
#define TESTS_UNIT_SYNC_SESSION_FIXTURE_H_

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "replica/sync/device_session.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loopback.h"
#include "tests/support/permissive_judge.h"
#include "tests/support/test_server.h"
#include "tests/unit/sync/fake_stores.h"

namespace brigada {

using End = Loopback::End;

inline constexpr char kOaxaca[] = "MX/20";
inline constexpr char kNation[] = "MX";

inline v1::Feed BelowFeed(const std::string& scope) {
  v1::Feed feed;
  feed.set_scope(scope);
  feed.set_kind(v1::BELOW);
  feed.set_max_class(v1::PERSONAL);
  return feed;
}

class SessionTest : public testing::Test {
 protected:
  SessionTest() {
    Enrol(first_, {kNation, kOaxaca});
    Enrol(second_, {kNation, kOaxaca});
  }

  void Enrol(const FakeDeviceStore& device, const std::vector<std::string>& scopes) {
    PeerIdentity identity{.replica = device.replica(), .user = "user", .feeds = {}, .grants = {}};
    for (const std::string& scope : scopes) identity.feeds.push_back(BelowFeed(scope));
    server_.SetPeer(identity);
  }
  End Sync(FakeDeviceStore* device, LoopbackOptions options = {}) {
    Loopback loopback(&server_, device, std::move(options));
    const End end = loopback.Run();
    status_ = loopback.device_status();
    progress_ = loopback.device().progress();
    bytes_ = loopback.bytes_moved();
    return end;
  }
  static v1::ClientFrame HelloOf(const FakeDeviceStore& device) {
    v1::ClientFrame frame;
    frame.mutable_hello()->set_protocol_version(1);
    frame.mutable_hello()->set_replica(device.replica().AsBytes());
    return frame;
  }
  std::set<std::string> Records(FakeDeviceStore* device) {
    return device->partition(kOaxaca).records;
  }

  FakeClock clock_;
  FakeAuthorityStore store_;
  PermissiveJudge judge_;
  TestServer server_{&store_, &judge_, &clock_};
  FakeDeviceStore first_{1};
  FakeDeviceStore second_{2};
  absl::Status status_;
  SyncProgress progress_;
  uint64_t bytes_ = 0;
};

}  // namespace brigada

#endif  // TESTS_UNIT_SYNC_SESSION_FIXTURE_H_
