// A server and its devices in one thread: the real stores and sessions over loopbacks, with a
// clock, a link and a workload that one seed decides.
#ifndef TESTS_SIM_SIM_WORLD_H_
#define TESTS_SIM_SIM_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replica/base/random.h"
#include "replica/schema/registry.h"
#include "replica/store/device_store.h"
#include "replica/store/kv.h"
#include "replica/store/kv_authority_store.h"
#include "replica/sync/server_session.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loopback.h"
#include "tests/support/test_server.h"

namespace brigada {

// Titles that the judge of a SimWorld refuses.
inline constexpr char kUnwelcomeTitle[] = "unwelcome";

// Sample, SamplePair and the ledger.
const Registry& SimRegistry();

struct SimDevice {
  std::shared_ptr<Kv> disk;
  std::unique_ptr<DeviceStore> store;
  PeerIdentity identity;
  std::vector<std::string> scopes;  // where it writes
  // What it committed, and what the verdicts it received said, by sequence.
  std::map<uint64_t, std::vector<v1::Change>> committed;
  std::map<uint64_t, v1::Verdict> verdicts;
  std::unique_ptr<Loopback> link;  // a session under way
};

class SimWorld {
 public:
  // `directory` empty: stores in memory; else stores on disk below it.
  SimWorld(uint64_t seed, const std::string& directory);
  ~SimWorld();

  // Random commits, syncs, cuts and restarts, then everybody syncs until nothing is left to do.
  void Run(int steps);
  // What went wrong, in the order it was noticed; empty when all guarantees held.
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  SimDevice MakeDevice(uint8_t number, std::vector<v1::Feed> feeds, std::vector<std::string> scopes,
                       const std::string& directory);
  void OpenDevice(SimDevice* device);
  void OpenServer();
  void Step();
  void Commit(SimDevice* device);
  void Remember(SimDevice* device, const absl::StatusOr<CommitReceipt>& receipt,
                std::vector<v1::Change> changes);
  absl::StatusOr<std::vector<v1::Change>> DrawChanges(SimDevice* device);
  absl::StatusOr<v1::Change> DrawEdit(SimDevice* device, const RecordId& id);
  void Connect(SimDevice* device, bool may_cut);
  void CheckFrame(SimDevice* device, const v1::ServerFrame& frame);
  void CheckEntry(const SimDevice& device, const v1::Entry& entry);
  void CheckEnd();
  void CheckLedgerOfWork(const SimDevice& device);
  void CheckCounters();
  void CheckBases();
  void Expect(bool holds, const std::string& what);

  SeededRandom random_;
  FakeClock clock_;
  std::shared_ptr<Kv> server_disk_;
  std::unique_ptr<AuthorityStore> authority_;
  std::unique_ptr<Judge> judge_;
  std::unique_ptr<TestServer> server_;
  std::vector<SimDevice> devices_;
  std::vector<RecordId> samples_;
  std::vector<std::string> failures_;
};

}  // namespace brigada

#endif  // TESTS_SIM_SIM_WORLD_H_
