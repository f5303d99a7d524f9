#include "tests/fuzz/fuzz_world.h"

#include <utility>

#include "brigada/v1/conflict.pb.h"
#include "replica/base/check.h"
#include "replica/store/kv_authority_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/lent_kv.h"
#include "tests/support/testing.pb.h"

namespace brigada {
namespace {

void ReadAllRecords(const ReadView& view) {
  for (const RecordType* type : FuzzRegistry().types()) {
    const auto cursor = view.Scan(*type, *Scope::Parse("MX"));
    uint64_t records = 0;
    while (true) {
      const auto record = cursor->Next();
      CHECK(record.ok());
      if (!record->has_value()) break;
      ++records;
      const auto found = view.Get(*type, (*record)->id);
      CHECK(found.ok() && found->has_value());
    }
    const auto count = view.Count(*type);
    CHECK(count.ok() && *count == records);
  }
}

v1::Feed MakeFeed(const char* scope, v1::FeedKind kind) {
  v1::Feed feed;
  feed.set_scope(scope);
  feed.set_kind(kind);
  feed.set_max_class(v1::INCIDENT);
  return feed;
}

}  // namespace

const Registry& FuzzRegistry() {
  static const Registry* const registry = [] {
    auto built =
        Registry::Build({testing::Sample::descriptor(), testing::SampleAppend::descriptor(),
                         testing::SamplePair::descriptor(), testing::SampleNotice::descriptor(),
                         v1::Conflict::descriptor()});
    CHECK(built.ok());
    return (*std::move(built)).release();
  }();
  return *registry;
}

void FuzzJudge::Examine(const ChangeInQuestion& question,
                        std::vector<v1::Refusal>* refusals) const {
  testing::Sample sample;
  if (!sample.ParseFromString(question.change.values()) || sample.title() != "unwelcome") return;
  refusals->emplace_back().set_reason(v1::NOT_GRANTED);
  refusals->back().set_change(question.index);
}

ReplicaId FuzzReplica(char letter) {
  std::array<uint8_t, 16> bytes{};
  bytes.fill(static_cast<uint8_t>(letter));
  return ReplicaId(bytes);
}

std::vector<v1::Feed> FuzzFeeds() {
  return {MakeFeed("MX", v1::HERE), MakeFeed(kFuzzPartition, v1::BELOW)};
}

v1::ChangeSet Assemble(const fuzz::ScriptedChangeSet& script) {
  v1::ChangeSet set;
  set.set_header(script.raw_header().empty() ? script.header().SerializeAsString()
                                             : script.raw_header());
  set.set_salt(script.salt());
  if (script.has_stub()) {
    *set.mutable_stub() = script.stub();
  } else if (!script.sealed_body().empty()) {
    set.set_sealed_body(script.sealed_body());
  } else {
    set.set_body(script.raw_body().empty() ? script.body().SerializeAsString() : script.raw_body());
  }
  return set;
}

void CopyDisk(const std::shared_ptr<Kv>& from, const std::shared_ptr<Kv>& to) {
  KvBatch batch;
  for (int i = 0; i < kTableCount; ++i) {
    const Table table{static_cast<uint8_t>(i)};
    auto old = to->Iterate(table, "", "");
    for (old->SeekToFirst(); old->Valid(); old->Next())
      batch.Delete(table, std::string(old->key()));
    auto it = from->Iterate(table, "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next())
      batch.Put(table, std::string(it->key()), std::string(it->value()));
  }
  CHECK(to->Write(batch, Durability::kSync).ok());
}

void CheckAuthority(const std::shared_ptr<Kv>& disk, const AuthorityStore& store) {
  const auto view = store.Read();
  CHECK(view.ok());
  ReadAllRecords(**view);
  for (const std::string& partition : store.Partitions()) {
    FeedRequest request;
    request.replica = FuzzReplica('A');
    request.partition = partition;
    request.feeds = {MakeFeed(partition.c_str(), v1::BELOW), MakeFeed(partition.c_str(), v1::HERE)};
    request.target_bytes = 1 << 16;
    while (true) {
      const auto page = store.ReadFeed(request);
      CHECK(page.ok());
      CHECK(page->to >= request.scanned && page->to <= page->head);
      if (page->to == page->head) break;
      CHECK(page->to > request.scanned);
      request.scanned = page->to;
    }
  }
  FakeClock clock;
  SeededRandom random(11);
  CHECK(OpenAuthorityStore(std::make_unique<LentKv>(disk),
                           {.registry = &FuzzRegistry(), .random = &random, .now = clock.Now()})
            .ok());
}

void CheckDevice(const std::shared_ptr<Kv>& disk, const DeviceStore& store) {
  const auto view = store.Read();
  CHECK(view.ok());
  ReadAllRecords(**view);
  CHECK(store.Rejected().ok() && store.Counts().ok());
  for (const std::string& partition : store.Partitions()) {
    const v1::OutboxHead head = store.Head(partition);
    const auto page = store.ReadOutbox(partition, head.confirmed() + 1, 1 << 24);
    CHECK(page.ok() && head.confirmed() <= head.sequence());
    CHECK(page->change_sets.size() == head.sequence() - head.confirmed());
  }
  FakeClock clock;
  SeededRandom random(11);
  const auto reopened =
      OpenDeviceStore(std::make_unique<LentKv>(disk), {&FuzzRegistry(), &clock, &random});
  CHECK(reopened.ok());
  CHECK((*reopened)->replica() == store.replica());
}

}  // namespace brigada
