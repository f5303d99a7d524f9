// A simulated device: its machine, its store, and what the world knows of it.
#ifndef TESTS_SIM_SIM_DEVICE_H_
#define TESTS_SIM_SIM_DEVICE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replica/store/device_store.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_link.h"
#include "tests/sim/sim_random.h"

namespace brigada {

// Sample, SampleAppend, SamplePair and the ledger.
const Registry& SimRegistry();
// In what records say, so that it is found when they are erased.
std::string SimMark(const std::string& record_id);

struct SimDevice {
  SimDevice(int n, std::unique_ptr<SimDisk> d, const int64_t* true_us, uint64_t seed)
      : number(n), clock(true_us, n), disk(std::move(d)), random(seed) {}

  const int number;
  ReplicaId replica;
  std::string user;
  std::vector<std::string> scopes;  // where it mostly writes
  bool is_newer = false;            // writes a field that the others do not know
  bool is_focused = false;          // mostly edits a few fields, so that writers meet
  bool is_lazy = false;             // commits with kMemory
  bool is_revoked = false;
  // What it says hello after, and has been welcomed after since its program started: revocations.
  uint64_t asked_after = 0;
  uint64_t told = 0;
  // Its machine started again, another one goes on with its directory, or somebody set its clock.
  bool has_rebooted = false;

  SimClock clock;
  std::unique_ptr<SimDisk> disk;
  SimRandom random;
  const Kv* kv = nullptr;              // of store
  std::unique_ptr<DeviceStore> store;  // null: the machine or the program is down
  std::unique_ptr<SimLink> link;       // a session under way
  // A fault of the disk may still show in some status.
  bool has_trouble = false;
  // A bit of its files has turned, or its database is gone: reads may say so. One copy of its
  // outbox is whole, so nothing else is damaged until it is known to be whole or was recovered.
  bool may_be_damaged = false;
  bool is_damaged = false;      // something said so: it is recovered before it starts again
  bool loses_database = false;  // with the next power cut

  // By partition: what has been settled, and what has left the device.
  std::map<std::string, uint64_t> confirmed;
  std::map<std::string, uint64_t> sent;
  // What forms that are open have seen, by record.
  std::map<RecordName, uint64_t> forms;
  // It shares its id with a copy, or did, and was not divided: what it wrote is the id's only once
  // the server has judged it.
  bool is_copied = false;
  bool is_settling = false;    // its session is the last under the shared id
  std::set<ReplicaId> former;  // ids it had before
  std::map<SetName, WrittenSet> drafts;
  // Of each record where it was, the commit that created it, and the one that wrote what was shown
  // last.
  std::map<RecordName, std::pair<std::pair<std::string, uint64_t>, uint64_t>> shown;
  // Refused sets the user threw away. And the records about which something was thrown away, or
  // failed to be written.
  std::vector<SetName> discarded;
  std::set<RecordName> given_up;
};

// What devices do besides creating and editing.
struct WorkKinds {
  bool moves = false;
  bool crosses_states = false;  // with `moves`: also from one state to another
  bool deletes = false;
  bool often_deletes = false;  // with `deletes`
};

// The changes of one transaction, drawn from what the device sees. Ids of new records are added to
// `known`.
std::vector<v1::Change> DrawChanges(SimDevice* device, const WorkKinds& kinds,
                                    std::vector<RecordName>* known, SimRandom* random);

}  // namespace brigada

#endif  // TESTS_SIM_SIM_DEVICE_H_
