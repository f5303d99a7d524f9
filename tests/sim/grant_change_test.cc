// Subscriptions that widen, narrow and change class while work goes on and links are cut: a device
// ends with what a new one gets with the same subscriptions, no more and no less, and on the way
// nothing it may not read is sent to it.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/conflict.pb.h"
#include "gtest/gtest.h"
#include "replica/base/check.h"
#include "replica/base/limits.h"
#include "replica/merge/record.h"
#include "replica/schema/diff.h"
#include "replica/store/feed_cover.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"
#include "replica/sync/codec.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loopback.h"
#include "tests/support/permissive_judge.h"
#include "tests/support/test_server.h"
#include "tests/support/testing.pb.h"

namespace brigada {
namespace {

constexpr char kOaxaca[] = "MX/20";
constexpr char kJuarez[] = "MX/20/067";
constexpr char kHuajuapan[] = "MX/20/039";
constexpr uint32_t kNotesField = 7;

const Registry& TestRegistry() {
  static const Registry* const registry = [] {
    const google::protobuf::Descriptor* const types[] = {testing::Sample::descriptor(),
                                                         v1::Conflict::descriptor()};
    auto built = Registry::Build(types);
    CHECK(built.ok());
    return (*std::move(built)).release();
  }();
  return *registry;
}

v1::Feed FeedOf(const char* scope, v1::FeedKind kind, v1::DataClass max_class) {
  v1::Feed feed;
  feed.set_scope(scope);
  feed.set_kind(kind);
  feed.set_max_class(max_class);
  return feed;
}

const std::vector<std::vector<v1::Feed>>& Subscriptions() {
  static const auto* const all = new std::vector<std::vector<v1::Feed>>{
      {FeedOf(kJuarez, v1::BELOW, v1::PERSONAL)},
      {FeedOf(kHuajuapan, v1::BELOW, v1::PERSONAL)},
      {FeedOf(kJuarez, v1::BELOW, v1::SENSITIVE)},
      {FeedOf(kJuarez, v1::BELOW, v1::PERSONAL), FeedOf(kHuajuapan, v1::BELOW, v1::PERSONAL)},
      {FeedOf(kOaxaca, v1::BELOW, v1::PERSONAL)},
      {FeedOf(kOaxaca, v1::BELOW, v1::SENSITIVE)},
      {FeedOf(kOaxaca, v1::HERE, v1::PERSONAL), FeedOf(kJuarez, v1::BELOW, v1::SENSITIVE)},
      {},
  };
  return *all;
}

class GrantHistory {
 public:
  explicit GrantHistory(uint64_t seed) : random_(seed) {
    authority_ = *OpenAuthorityStore(
        NewMemoryKv(),
        {.registry = &TestRegistry(), .random = &random_, .now = clock_.Now(), .restored = false});
    server_ = std::make_unique<TestServer>(authority_.get(), &judge_, &clock_);
    all_ = OpenDevice({FeedOf(kOaxaca, v1::BELOW, v1::INCIDENT)}, "all");
    one_ = OpenDevice(Subscriptions()[0], "one");
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      clock_.Advance(absl::Milliseconds(1 + static_cast<int64_t>(random_.Uniform(5000))));
      switch (random_.Uniform(8)) {
        case 0:
        case 1:
        case 2:
          Commit(all_.get(), /*may_move=*/true);
          Sync(all_.get(), /*may_cut=*/true);
          break;
        case 3:
          Commit(one_.get(), /*may_move=*/false);
          break;
        case 4:
          feeds_ = Subscriptions()[random_.Uniform(Subscriptions().size())];
          SetPeer(*one_, feeds_, "one");
          break;
        default:
          Sync(one_.get(), /*may_cut=*/random_.Uniform(3) != 0);
          break;
      }
    }
    // Once for the verdicts of its own work, once more for what had waited for them.
    for (int i = 0; i < 2; ++i) {
      Sync(one_.get(), false);
      Sync(all_.get(), false);
    }
    Sync(one_.get(), false);
    const std::unique_ptr<DeviceStore> fresh = OpenDevice(feeds_, "fresh");
    Sync(fresh.get(), false);
    EXPECT_EQ(one_->Counts()->pending, 0U);
    EXPECT_EQ(Contents(*one_), Contents(*fresh));
    EXPECT_EQ(Contents(*all_).size(), Contents(*authority_).size());
  }
  uint64_t records_received() const { return records_received_; }

 private:
  std::unique_ptr<DeviceStore> OpenDevice(const std::vector<v1::Feed>& feeds,
                                          const std::string& user) {
    auto store = OpenDeviceStore(
        NewMemoryKv(), {.registry = &TestRegistry(), .clock = &clock_, .random = &random_});
    CHECK(store.ok() && (*store)->SetUser(user).ok());
    SetPeer(**store, feeds, user);
    return *std::move(store);
  }

  void SetPeer(const DeviceStore& store, const std::vector<v1::Feed>& feeds,
               const std::string& user) {
    server_->SetPeer({.replica = store.replica(), .user = user, .feeds = feeds, .grants = {}});
  }

  void Sync(DeviceStore* store, bool may_cut) {
    LoopbackOptions options;
    options.server.batch_target_bytes = 1 + random_.Uniform(400);
    if (may_cut) options.cut_after_bytes = 1 + random_.Uniform(3000);
    if (store == one_.get())
      options.on_server_frame = [this](const v1::ServerFrame& frame) { Check(frame); };
    Loopback link(server_.get(), store, options);
    const Loopback::End end = link.Run();
    EXPECT_TRUE(link.device_status().ok()) << link.device_status();
    EXPECT_TRUE(may_cut || end == Loopback::End::kFinished);
    if (store == one_.get()) records_received_ += link.device().progress().records_received;
  }

  void Check(const v1::ServerFrame& frame) {
    if (!frame.has_batch()) return;
    v1::BatchBody body;
    CHECK(UnpackBody(frame.batch().body(), frame.batch().inflated_bytes(), kMaxInflatedBytes, &body)
              .ok());
    for (const v1::Entry& entry : body.entries()) {
      if (!entry.moved_to().empty()) continue;
      const auto record = DecodeRecord(TestRegistry().Find(entry.type_id()), entry.state());
      ASSERT_TRUE(record.ok());
      const v1::DataClass readable = ReadableClass(feeds_, entry.scope(), v1::PERSONAL);
      EXPECT_NE(readable, v1::DATA_CLASS_UNSPECIFIED) << "out of scope: " << entry.scope();
      if (readable < v1::SENSITIVE && entry.type_id() == 60001) {
        EXPECT_EQ(record->FindField(kNotesField), nullptr);
      }
    }
  }

  void Commit(DeviceStore* store, bool may_move) {
    const RecordType& type = *TestRegistry().FindByName("Sample");
    const std::vector<RecordId> ids = IdsOf(*store);
    const char* const scopes[] = {kOaxaca, kJuarez, kHuajuapan};
    const std::string text = absl::StrCat("t", random_.Uniform(1000));
    testing::Sample sample;
    v1::Change change;
    if (ids.empty() || random_.Uniform(4) == 0) {
      if (!may_move) return;
      sample.set_title(text);
      (*sample.mutable_notes())["k"] = text;
      change = *CreateChange(type, NewRecordId(clock_.Now(), random_),
                             *Scope::Parse(scopes[random_.Uniform(3)]), sample);
    } else {
      change.set_type_id(type.type_id());
      change.set_record_id(ids[random_.Uniform(ids.size())].AsBytes());
      const uint64_t draw = random_.Uniform(6);
      if (draw == 0 && may_move) {
        change.set_scope(scopes[random_.Uniform(3)]);
      } else if (draw == 1) {
        change.set_kind(v1::Change::DELETE);
      } else if (draw == 2) {
        sample.set_tally(1 + static_cast<int64_t>(random_.Uniform(3)));
      } else if (draw == 3 && may_move) {
        (*sample.mutable_notes())["k"] = text;
      } else {
        sample.set_title(text);
      }
      change.set_values(sample.SerializeAsString());
    }
    EXPECT_TRUE(store->Commit({change}, Durability::kSync).ok());
  }

  template <typename Store>
  static std::map<std::string, std::string> Contents(const Store& store) {
    std::map<std::string, std::string> contents;
    const auto view = store.Read();
    CHECK(view.ok());
    for (const char* name : {"Sample", "Conflict"}) {
      const auto cursor = (*view)->Scan(*TestRegistry().FindByName(name), *Scope::Parse("MX"));
      for (auto next = cursor->Next(); next->has_value(); next = cursor->Next()) {
        const RecordView& record = **next;
        contents[record.id.AsBytes()] =
            absl::StrCat(record.scope, " ", absl::CHexEscape(record.message), " at ",
                         record.updated.sequence, " conflicts ", record.conflicts.size());
      }
    }
    return contents;
  }

  static std::vector<RecordId> IdsOf(const DeviceStore& store) {
    std::vector<RecordId> ids;
    const auto view = store.Read();
    const auto cursor = (*view)->Scan(*TestRegistry().FindByName("Sample"), *Scope::Parse("MX"));
    for (auto next = cursor->Next(); next->has_value(); next = cursor->Next())
      ids.push_back((*next)->id);
    return ids;
  }

  SeededRandom random_;
  FakeClock clock_;
  PermissiveJudge judge_;
  std::unique_ptr<AuthorityStore> authority_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<DeviceStore> all_;
  std::unique_ptr<DeviceStore> one_;
  std::vector<v1::Feed> feeds_ = Subscriptions()[0];
  uint64_t records_received_ = 0;
};

TEST(GrantChangeTest, ADeviceEndsWithWhatItsSubscriptionsAllow) {
  uint64_t received = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    GrantHistory history(seed);
    history.Run(60);
    received += history.records_received();
    if (::testing::Test::HasFailure()) return;
  }
  // The histories are not empty ones.
  EXPECT_GT(received, 4000U);
}

}  // namespace
}  // namespace brigada
