// Goal: whatever order pushes, repeats, group commits, interrupted pulls, lost cursors and
// reopenings come in, every reader's base at a checkpoint is what its feeds allow of the
// authority's state, and indexes and counts agree with the records. Method: random histories from a
// seed. The oracle takes the committed change sets one by one, in commit order, through the merge
// alone; devices fold verdicts and entries as the protocol says.
#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "replica/merge/apply.h"
#include "replica/schema/index_value.h"
#include "replica/store/entry_content.h"
#include "replica/store/feed_entries.h"
#include "replica/store/record_table.h"
#include "replica/store/store_check.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using Name = std::pair<uint32_t, std::string>;
using Records = std::map<Name, Record>;

constexpr const char* kScopes[] = {kOaxaca, kJuarez, kTlacolula, "MX/20/067/0001"};

// One device: its outbox, its base and its cursor.
struct Device {
  Device(Random* random, std::vector<v1::Feed> subscriptions)
      : writer(random, kOaxaca), feeds(std::move(subscriptions)) {}
  TestReplica writer;
  std::vector<v1::Feed> feeds;
  std::vector<v1::ChangeSet> sets;  // all ever made
  size_t judged = 0;                // by hints; what a push need not send again
  Records base;
  uint64_t complete = 0;
  uint64_t scanned = 0;
};

class AuthorityModel {
 public:
  AuthorityModel(uint64_t seed, bool on_disk) : random_(seed), home_(on_disk) {
    Reopen();
    devices_.push_back(std::make_unique<Device>(&random_, std::vector{FeedOf(kOaxaca, v1::BELOW)}));
    devices_.push_back(std::make_unique<Device>(
        &random_, std::vector{FeedOf(kJuarez, v1::BELOW, v1::SENSITIVE),
                              FeedOf(kOaxaca, v1::HERE, v1::OPERATIONAL)}));
    devices_.push_back(
        std::make_unique<Device>(&random_, std::vector{FeedOf(kTlacolula, v1::BELOW, v1::PERSONAL),
                                                       FeedOf(kOaxaca, v1::HERE, v1::PERSONAL)}));
  }

  void Run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) Step();
    for (auto& device : devices_) {
      Push({device.get()});
      Pull(device.get(), /*cut=*/false);
      CheckDevice(*device);
    }
    CheckStore();
    CheckWhole();
  }

 private:
  void CheckWhole() {
    store_.reset();
    ASSERT_OK_AND_ASSIGN(
        const StoreFindings findings,
        brigada::CheckStore(*home_.Open(), StoreKind::kAuthority, Registry::BuiltIn()));
    EXPECT_EQ(findings.damages, 0u) << findings.shown[0].kind << " " << findings.shown[0].where;
  }

  void Reopen() {
    store_.reset();
    auto store = OpenAuthorityStore(
        home_.Open(), {.registry = &Registry::BuiltIn(), .random = &random_, .now = now_});
    ASSERT_OK(store);
    store_ = *std::move(store);
  }

  Device* AnyDevice() { return devices_[random_.Uniform(devices_.size())].get(); }

  void Step() {
    now_ += absl::Milliseconds(static_cast<int64_t>(random_.Uniform(1000)));
    const uint64_t choice = random_.Uniform(100);
    if (choice < 55) return Write(AnyDevice());
    if (choice < 70) return Push({AnyDevice()});
    if (choice < 78) return Push({AnyDevice(), AnyDevice()});
    if (choice < 95) return Pull(AnyDevice(), random_.Uniform(2) == 0);
    if (choice < 97) return LoseCursor(AnyDevice());
    Reopen();
  }

  void Write(Device* device) {
    std::vector<v1::Change> changes;
    for (uint64_t n = 1 + random_.Uniform(3); n > 0; --n) changes.push_back(AnyChange(device));
    device->writer.epoch = store_->epoch();
    device->writer.position = device->complete;
    device->writer.stamp_ms =
        static_cast<uint64_t>(absl::ToUnixMillis(now_)) + random_.Uniform(4000) - 2000;
    device->sets.push_back(device->writer.MakeSet(changes));
  }

  v1::Change AnyChange(Device* device) {
    std::vector<RecordId> known;
    for (const auto& [name, record] : device->base) {
      if (name.first == PersonType().type_id()) known.push_back(*RecordId::FromBytes(name.second));
    }
    const uint64_t choice = random_.Uniform(12);
    if (known.empty() || choice < 4)
      return Create(PersonType(), device->writer.NewId(), AnyScope(), AnyPerson(true));
    const RecordId& id = known[random_.Uniform(known.size())];
    if (choice < 9) return Edit(PersonType(), id, AnyPerson(random_.Uniform(2) == 0));
    if (choice < 10) return Deletion(PersonType(), id);
    return Move(PersonType(), id, AnyScope());
  }

  const char* AnyScope() { return kScopes[random_.Uniform(std::size(kScopes))]; }

  v1::Person AnyPerson(bool with_name) {
    v1::Person person;
    if (with_name) person = PersonNamed(absl::StrCat("name", random_.Uniform(5)));
    if (random_.Uniform(2) == 0) person.set_notes(absl::StrCat("note", random_.Uniform(5)));
    if (random_.Uniform(3) == 0) person.set_gender(absl::StrCat("gender", random_.Uniform(3)));
    if (random_.Uniform(3) == 0) person.add_languages(random_.Uniform(2) == 0 ? "mix" : "zap");
    if (random_.Uniform(4) == 0) person.set_do_not_contact(true);
    if (random_.Uniform(8) == 0) person.add_phones("not a phone");  // refused
    return person;
  }

  // Sends what has no verdict yet, often with some that have.
  void Push(const std::vector<Device*>& devices) {
    std::vector<PushRequest> pushes;
    std::set<Device*> once;
    for (Device* device : devices) {
      if (!once.insert(device).second) continue;
      const size_t repeated = std::min<size_t>(device->judged, random_.Uniform(3));
      const auto first =
          device->sets.begin() + static_cast<std::ptrdiff_t>(device->judged - repeated);
      pushes.push_back(device->writer.Push({first, device->sets.end()}));
    }
    ASSERT_OK_AND_ASSIGN(const auto results, store_->CommitPushes(pushes, judge_, now_));
    for (size_t i = 0; i < results.size(); ++i) {
      ASSERT_OK(results[i].status);
      ASSERT_EQ(results[i].verdicts.size(), pushes[i].change_sets.size());
      for (size_t j = 0; j < results[i].verdicts.size(); ++j)
        Witness(pushes[i], pushes[i].change_sets[j], results[i].verdicts[j]);
    }
    for (Device* device : once)
      if (random_.Uniform(4) != 0) device->judged = device->sets.size();  // else the reply is lost
  }

  // The oracle: applies each accepted change set once, in commit order.
  void Witness(const PushRequest& push, const v1::ChangeSet& set, const v1::Verdict& verdict) {
    const auto [it, is_new] = verdicts_.emplace(std::make_pair(push.replica, verdict.sequence()),
                                                verdict.SerializeAsString());
    ASSERT_EQ(it->second, verdict.SerializeAsString()) << "a repeat got another verdict";
    if (!is_new) return;
    ASSERT_EQ(verdict.commit_sequence(), ++head_);
    if (verdict.outcome() != v1::APPLIED && verdict.outcome() != v1::MERGED) return;
    v1::ChangeSetHeader header;
    v1::ChangeSetBody body;
    ASSERT_TRUE(header.ParseFromString(set.header()) && body.ParseFromString(set.body()));
    for (const v1::Change& change : body.changes()) {
      WriteContext context{.write = RefOf(push.replica, header, verdict),
                           .seen = header.position().sequence(),
                           .provisional = {},
                           .confirmed = {},
                           .cited = {}};
      ASSERT_OK_AND_ASSIGN(const ApplyResult result,
                           ApplyChange(&PersonType(), change, context, 0,
                                       &records_[{change.type_id(), change.record_id()}]));
      ASSERT_TRUE(result.refusals.empty());
    }
  }

  static WriteRef RefOf(const ReplicaId& replica, const v1::ChangeSetHeader& header,
                        const v1::Verdict& verdict) {
    WriteRef write;
    write.stamp = Hlc{verdict.stamp()};
    write.replica = replica;
    write.user = header.user();
    write.origin_sequence = header.sequence();
    write.sequence = verdict.commit_sequence();
    return write;
  }

  FeedRequest RequestOf(const Device& device) {
    FeedRequest request;
    request.replica = device.writer.id();
    request.partition = kOaxaca;
    request.feeds = device.feeds;
    request.complete = device.complete;
    request.scanned = device.scanned;
    request.own_head = device.sets.size();
    request.target_bytes = 1 + random_.Uniform(2000);
    return request;
  }

  // To the head, or cut after some pages.
  void Pull(Device* device, bool cut) {
    for (int pages = 0; !cut || pages < 2; ++pages) {
      ASSERT_OK_AND_ASSIGN(const FeedPage page, store_->ReadFeed(RequestOf(*device)));
      TakePage(device, page);
      device->scanned = page.to;
      if (page.to != page.head) continue;
      device->complete = page.head;
      return CheckDevice(*device);
    }
  }

  void LoseCursor(Device* device) { device->complete = device->scanned = 0; }

  void TakePage(Device* device, const FeedPage& page) {
    for (const v1::Verdict& verdict : page.body.verdicts()) Fold(device, verdict);
    for (const v1::Entry& entry : page.body.entries()) {
      const Name name{entry.type_id(), entry.record_id()};
      if (!entry.moved_to().empty()) {
        device->base.erase(name);
        continue;
      }
      const auto delta = DecodeRecord(Registry::BuiltIn().Find(entry.type_id()), entry.state());
      ASSERT_OK(delta);
      ASSERT_TRUE(entry.whole() || device->base.count(name) != 0) << "a delta of nothing";
      MergeDelta(*delta, entry.whole(), &device->base[name]);
    }
  }

  void Fold(Device* device, const v1::Verdict& verdict) {
    if (verdict.outcome() != v1::APPLIED && verdict.outcome() != v1::MERGED) return;
    v1::ChangeSetHeader header;
    v1::ChangeSetBody body;
    const v1::ChangeSet& set = device->sets.at(verdict.sequence() - 1);
    ASSERT_TRUE(header.ParseFromString(set.header()) && body.ParseFromString(set.body()));
    for (int i = 0; i < body.changes_size(); ++i) {
      const auto lost = std::find_if(
          verdict.lost().begin(), verdict.lost().end(),
          [&](const v1::Verdict::Lost& l) { return l.change() == static_cast<uint32_t>(i); });
      const Name name{body.changes(i).type_id(), body.changes(i).record_id()};
      // What left the device's scopes stays away: its feeds tell when it comes back.
      if (device->base.count(name) == 0 && body.changes(i).kind() != v1::Change::CREATE) continue;
      ASSERT_OK(
          OverlayChange(&PersonType(), body.changes(i), RefOf(device->writer.id(), header, verdict),
                        lost == verdict.lost().end() ? nullptr : &*lost, &device->base[name]));
    }
  }

  // What a reader from zero is told whole is what a device that came here step by step must hold.
  void CheckDevice(const Device& device) {
    Device fresh(&random_, device.feeds);
    for (bool done = false; !done;) {
      ASSERT_OK_AND_ASSIGN(const FeedPage page, store_->ReadFeed(RequestOf(fresh)));
      TakePage(&fresh, page);
      fresh.scanned = page.to;
      done = page.to == page.head;
    }
    for (const auto& [name, record] : fresh.base) {
      const auto held = device.base.find(name);
      if (held == device.base.end() && !record.is_live()) continue;
      ASSERT_NE(held, device.base.end()) << "a readable record is missing";
      EXPECT_EQ(held->second.deleted, record.deleted);
      if (record.deleted) continue;
      EXPECT_EQ(held->second.scope(), record.scope());
      EXPECT_EQ(held->second.conflicts, record.conflicts);
      // Its own values above its class stay readable to their writer.
      Record own = held->second;
      std::erase_if(own.fields, [&readable = record](const FieldState& f) {
        return readable.FindField(f.number) == nullptr;
      });
      EXPECT_EQ(own.Message(), record.Message());
    }
    for (const auto& [name, record] : device.base) {
      if (!record.is_live() || fresh.base.count(name) != 0) continue;
      const auto* type = Registry::BuiltIn().Find(name.first);
      EXPECT_FALSE(IsReadable(device, record, ClassOf(type, record)))
          << "a record that is gone is held on to";
    }
  }

  static bool IsReadable(const Device& device, const Record& record, v1::DataClass data_class) {
    return std::any_of(device.feeds.begin(), device.feeds.end(), [&](const v1::Feed& feed) {
      return data_class <= feed.max_class() &&
             FeedCovers(feed.scope(), feed.kind(), record.scope());
    });
  }

  void CheckStore() {
    Reopen();
    ASSERT_OK_AND_ASSIGN(const auto view, store_->Read());
    uint64_t live = 0;
    std::map<std::string, std::set<std::string>> by_token;
    for (const auto& [name, record] : records_) {
      const auto stored = view->Get(PersonType(), *RecordId::FromBytes(name.second));
      ASSERT_OK(stored);
      ASSERT_EQ(stored->has_value(), record.is_live());
      if (!record.is_live()) continue;
      ++live;
      EXPECT_EQ((*stored)->message, record.Message());
      EXPECT_EQ((*stored)->scope, record.scope());
      EXPECT_EQ((*stored)->conflicts, record.conflicts);
      v1::Person person;
      ASSERT_TRUE(person.ParseFromString(record.Message()));
      by_token[person.name().given_names()].insert(name.second);
    }
    EXPECT_THAT(view->Count(PersonType()), IsOkAndHolds(live));
    for (const auto& [token, ids] : by_token) {
      const std::string lower = EncodeIndexToken(token);
      std::set<std::string> found;
      const auto cursor = view->Lookup(PersonType(), {1, lower, PrefixEnd(lower)}, ScopeOf("MX"));
      while (true) {
        ASSERT_OK_AND_ASSIGN(const auto record, cursor->Next());
        if (!record.has_value()) break;
        EXPECT_TRUE(found.insert(record->id.AsBytes()).second);
      }
      EXPECT_EQ(found, ids) << token;
    }
  }

  SeededRandom random_;
  StoreHome home_;
  absl::Time now_ = absl::FromUnixSeconds(1'767'225'600);
  TestJudge judge_;
  std::unique_ptr<AuthorityStore> store_;
  std::vector<std::unique_ptr<Device>> devices_;
  Records records_;
  std::map<std::pair<ReplicaId, uint64_t>, std::string> verdicts_;
  uint64_t head_ = 0;
};

TEST(AuthorityModelTest, RandomHistoriesConvergeInMemory) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    AuthorityModel(seed, /*on_disk=*/false).Run(150);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(AuthorityModelTest, RandomHistoriesConvergeOnDisk) {
  for (uint64_t seed = 1001; seed <= 1005; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    AuthorityModel(seed, /*on_disk=*/true).Run(120);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace brigada
