// Goal: a change set that Commit acknowledged survives a power cut anywhere. Method: a short life
// of a device, cut in the middle of every operation of its disk, with the unsynced bytes gone or
// torn; then the store opens, holds everything acknowledged, and goes on.
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/store/rocks_kv.h"
#include "tests/support/fault_env.h"
#include "tests/unit/store/device_fixture.h"

namespace brigada {
namespace {

constexpr int kCommits = 6;
constexpr int kBatchAfter = 4;  // commits, of which a batch then settles the first two

struct Life {
  std::vector<RecordId> attempted;
  size_t acknowledged = 0;
  bool is_settled = false;  // the batch was acknowledged
};

absl::StatusOr<std::unique_ptr<DeviceStore>> OpenOn(FaultEnv& env, FakeClock* clock,
                                                    SeededRandom* random) {
  RocksKvOptions options;
  options.path = "/store";
  options.create_if_missing = true;
  options.env = env.env();
  ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv, OpenRocksKv(options));
  DeviceStoreOptions store_options{&Registry::BuiltIn(), clock, random};
  store_options.folio_place = [](absl::string_view) -> std::string { return "OAX"; };
  return OpenDeviceStore(std::move(kv), store_options);
}

Life Live(FaultEnv& env, Durability durability) {
  FakeClock clock;
  SeededRandom random(3);
  Life life;
  auto store = OpenOn(env, &clock, &random);
  if (!store.ok()) return life;
  for (int i = 0; i < kCommits; ++i) {
    if (i == kBatchAfter) {
      const auto applied =
          BatchMaker("MX/20", 0, 9).Verdict(1, 8).Verdict(2, 9).ApplyTo(store->get());
      if (!applied.ok()) return life;
      life.is_settled = true;
    }
    const RecordId id = NewRecordId(clock.Now(), random);
    life.attempted.push_back(id);
    const auto receipt = (*store)->Commit(
        {Creation(id, "MX/20/067", PersonNamed(absl::StrCat("Persona ", i)))}, durability);
    if (!receipt.ok()) return life;
    ++life.acknowledged;
  }
  return life;
}

absl::StatusOr<std::string> FolioOf(const DeviceStore& store, const RecordId& id) {
  ASSIGN_OR_RETURN(const auto reader, store.Read());
  ASSIGN_OR_RETURN(const auto record, reader->Get(TypeNamed("Person"), id));
  v1::Person person;
  return record && person.ParseFromString(record->message) ? person.folio() : "";
}

// Empty when everything acknowledged is there, once, and the store goes on.
std::string CheckAfter(FaultEnv& env, const Life& life) {
  FakeClock clock;
  SeededRandom random(4);
  const auto store = OpenOn(env, &clock, &random);
  if (!store.ok()) return absl::StrCat("does not open: ", store.status().ToString());
  const auto reader = (*store)->Read();
  if (!reader.ok()) return "does not read";
  size_t found = 0;
  std::set<std::string> folios;
  for (const RecordId& id : life.attempted) {
    const auto record = (*reader)->Get(TypeNamed("Person"), id);
    if (!record.ok()) return record.status().ToString();
    if (!*record) continue;
    ++found;
    folios.insert(FolioOf(**store, id).value_or(""));
  }
  const v1::OutboxHead head = (*store)->Head("MX/20");
  if (found < life.acknowledged || found != head.sequence()) {
    return absl::StrCat("acknowledged ", life.acknowledged, ", records ", found, ", sequence ",
                        head.sequence());
  }
  if (life.is_settled && head.confirmed() != 2) return "the batch is gone";
  const auto page = (*store)->ReadOutbox("MX/20", (*store)->Head("MX/20").confirmed() + 1, 1 << 20);
  if (!page.ok() || page->change_sets.size() != head.sequence() - head.confirmed()) {
    return "the outbox does not match its head";
  }
  const RecordId next = NewRecordId(clock.Now(), random);
  const auto more =
      (*store)->Commit({Creation(next, "MX/20", PersonNamed("Una más"))}, Durability::kSync);
  if (!more.ok()) return absl::StrCat("does not go on: ", more.status().ToString());
  folios.insert(FolioOf(**store, next).value_or(""));
  return folios.size() == found + 1 ? "" : "two records have the same folio";
}

// Every cut clean and torn; the first that lost something, or empty.
std::string FirstLoss(Durability durability) {
  FaultEnv whole;
  EXPECT_EQ(Live(whole, durability).acknowledged, static_cast<size_t>(kCommits));
  const uint64_t operations = whole.disk().mutating_ops();
  for (uint64_t k = 1; k <= operations; ++k) {
    for (const bool torn : {false, true}) {
      FaultEnv env;
      env.disk().CrashAt(k);
      const Life life = Live(env, durability);
      env.disk().PowerLoss(/*seed=*/k, torn);
      const std::string wrong = CheckAfter(env, life);
      if (!wrong.empty()) return absl::StrCat(torn ? "torn" : "clean", " cut at ", k, ": ", wrong);
    }
  }
  return "";
}

TEST(DeviceStoreCrashTest, EveryAcknowledgedCommitSurvivesAPowerCutAnywhere) {
  EXPECT_EQ(FirstLoss(Durability::kSync), "");
}

TEST(DeviceStoreCrashTest, TheSweepFindsCommitsThatAreNotSynced) {
  EXPECT_NE(FirstLoss(Durability::kMemory), "");
}

}  // namespace
}  // namespace brigada
