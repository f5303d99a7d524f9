// What the fuzz targets of sessions and stores share: the record types of the tests, a judge, and
// checks of a store that somebody hostile has been at.
#ifndef TESTS_FUZZ_FUZZ_WORLD_H_
#define TESTS_FUZZ_FUZZ_WORLD_H_

#include <memory>
#include <string>
#include <vector>

#include "replica/schema/registry.h"
#include "replica/store/authority_store.h"
#include "replica/store/device_store.h"
#include "replica/store/kv.h"
#include "tests/fuzz/scripts.pb.h"

namespace brigada {

inline constexpr char kFuzzPartition[] = "MX/20";

// The types of tests/support/testing.proto, and the ledger.
const Registry& FuzzRegistry();

class FuzzJudge final : public Judge {
 public:
  // Refuses an unwelcome title.
  void Examine(const ChangeInQuestion& question, std::vector<v1::Refusal>* refusals) const override;
};

// Replica 'A' is the device of the sessions, 'B' another one.
ReplicaId FuzzReplica(char letter);
std::vector<v1::Feed> FuzzFeeds();

// Change sets with the parts that `script` has in the open.
v1::ChangeSet Assemble(const fuzz::ScriptedChangeSet& script);

// Makes `to` hold what `from` holds, and nothing else.
void CopyDisk(const std::shared_ptr<Kv>& from, const std::shared_ptr<Kv>& to);

// Everything in the store can be read, and it opens again. CHECKs otherwise.
void CheckAuthority(const std::shared_ptr<Kv>& disk, const AuthorityStore& store);
void CheckDevice(const std::shared_ptr<Kv>& disk, const DeviceStore& store);

}  // namespace brigada

#endif  // TESTS_FUZZ_FUZZ_WORLD_H_
