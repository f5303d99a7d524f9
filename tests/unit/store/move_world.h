// An authority and some devices, all stores in memory, that exchange pushes and feed pages without
// sessions: for records that move between partitions, where the order in which a device reads its
// partitions matters.
#ifndef TESTS_UNIT_STORE_MOVE_WORLD_H_
#define TESTS_UNIT_STORE_MOVE_WORLD_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "brigada/v1/conflict.pb.h"
#include "brigada/v1/person.pb.h"
#include "replica/base/limits.h"
#include "replica/schema/diff.h"
#include "replica/store/device_store.h"
#include "replica/store/feed_entries.h"
#include "replica/store/keys.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace brigada {

inline const RecordType& TypeOf(absl::string_view name) {
  return *Registry::BuiltIn().FindByName(name);
}

// Grants are subtrees: who reads a place may write there. Late edits are judged where their writer
// saw the record.
class SubtreeJudge final : public Judge {
 public:
  std::map<std::string, std::vector<std::string>> grants;  // by user

  void Examine(const ChangeInQuestion& question,
               std::vector<v1::Refusal>* refusals) const override {
    const auto covers = [&](absl::string_view scope) {
      const auto found = grants.find(question.push.user);
      if (found == grants.end()) return false;
      for (const std::string& granted : found->second)
        if (FeedCovers(granted, v1::BELOW, scope)) return true;
      return false;
    };
    const bool sees = !question.former_scope.empty() && covers(question.former_scope);
    const bool is_here = question.current != nullptr && question.current->exists();
    const bool refused = (is_here && !sees && !covers(question.current->scope())) ||
                         (!question.change.scope().empty() && !covers(question.change.scope()));
    if (!refused) return;
    refusals->emplace_back().set_reason(v1::NOT_GRANTED);
    refusals->back().set_change(question.index);
  }
};

// One phone. Reads and writes below `scopes`; without any it is a kiosk that only writes.
struct Phone {
  std::string user;
  std::vector<std::string> scopes;
  FakeClock clock;
  std::unique_ptr<DeviceStore> store;
  std::set<std::string> partitions;
  std::map<std::string, uint64_t> judged_at_first_pull;
};

class MoveWorld {
 public:
  explicit MoveWorld(uint64_t seed = 1) : random_(seed) { OpenServer(); }

  void OpenServer() {
    auto opened = OpenAuthorityStore(
        NewMemoryKv(), {.registry = &Registry::BuiltIn(), .random = &random_, .now = now_});
    EXPECT_OK(opened);
    server_ = *std::move(opened);
  }

  Phone* AddPhone(const std::string& user, std::vector<std::string> scopes,
                  const std::vector<std::string>& writes = {}) {
    Phone& phone = *phones_.emplace_back(std::make_unique<Phone>());
    phone.user = user;
    for (const std::string& scope : scopes)
      phone.partitions.insert(std::string(PartitionOfScope(scope)));
    judge_.grants[user] = scopes.empty() ? writes : scopes;
    phone.scopes = std::move(scopes);
    auto store = OpenDeviceStore(NewMemoryKv(), {&Registry::BuiltIn(), &phone.clock, &random_});
    EXPECT_OK(store);
    phone.store = *std::move(store);
    EXPECT_OK(phone.store->SetUser(user));
    v1::Welcome welcome;
    for (const std::string& partition : phone.partitions)
      for (v1::Feed& feed : FeedsIn(phone, partition)) *welcome.add_feeds() = std::move(feed);
    EXPECT_OK(phone.store->NoteWelcome(welcome));
    return &phone;
  }

  RecordId Register(Phone* phone, absl::string_view scope, absl::string_view name) {
    const RecordId id = NewRandomId<RecordId>(random_);
    v1::Person person;
    person.mutable_name()->set_given_names(std::string(name));
    EXPECT_OK(phone->store->Commit(
        {*CreateChange(TypeOf("Person"), id, *Scope::Parse(scope), person)}, Durability::kMemory));
    return id;
  }
  static absl::Status Edit(Phone* phone, const RecordId& id, const v1::Person& values,
                           absl::string_view scope = "", absl::string_view resolves = "") {
    v1::Change change;
    change.set_type_id(TypeOf("Person").type_id());
    change.set_record_id(id.AsBytes());
    change.set_values(values.SerializeAsString());
    change.set_scope(std::string(scope));
    if (!resolves.empty()) change.add_resolves(std::string(resolves));
    return phone->store->Commit({std::move(change)}, Durability::kMemory).status();
  }
  static absl::Status SetNotes(Phone* phone, const RecordId& id, absl::string_view notes) {
    v1::Person values;
    values.set_notes(std::string(notes));
    return Edit(phone, id, values);
  }
  static absl::Status AddPhoneNumber(Phone* phone, const RecordId& id, absl::string_view number) {
    v1::Person values;
    values.add_phones(std::string(number));
    return Edit(phone, id, values);
  }
  static absl::Status MoveTo(Phone* phone, const RecordId& id, absl::string_view scope) {
    return Edit(phone, id, v1::Person(), scope);
  }
  static absl::Status Delete(Phone* phone, const RecordId& id) {
    v1::Change change;
    change.set_type_id(TypeOf("Person").type_id());
    change.set_record_id(id.AsBytes());
    change.set_kind(v1::Change::DELETE);
    return phone->store->Commit({std::move(change)}, Durability::kMemory).status();
  }

  // Sends what has no verdict yet, of one partition. The verdicts.
  std::vector<v1::Verdict> Push(Phone* phone, const std::string& partition) {
    const v1::OutboxHead head = phone->store->Head(partition);
    if (head.sequence() == head.confirmed()) return {};
    const auto page = phone->store->ReadOutbox(partition, head.confirmed() + 1, size_t{1} << 20);
    EXPECT_OK(page);
    PushRequest push;
    push.replica = phone->store->replica();
    push.user = phone->user;
    push.partition = partition;
    push.change_sets = page->change_sets;
    push.chain_after = page->chain_after;
    now_ += absl::Milliseconds(1);
    const auto results = server_->CommitPushes({push}, judge_, now_);
    EXPECT_OK(results);
    if (!results.ok()) return {};
    EXPECT_OK((*results)[0].status);
    return (*results)[0].verdicts;
  }
  std::vector<v1::Verdict> PushAll(Phone* phone) {
    std::vector<v1::Verdict> all;
    for (const std::string& partition : phone->store->Partitions())
      for (v1::Verdict& verdict : Push(phone, partition)) all.push_back(std::move(verdict));
    return all;
  }

  static std::vector<v1::Feed> FeedsIn(const Phone& phone, const std::string& partition) {
    std::vector<v1::Feed> feeds;
    for (const std::string& scope : phone.scopes) {
      if (PartitionOfScope(scope) != partition) continue;
      v1::Feed& feed = feeds.emplace_back();
      feed.set_scope(scope);
      feed.set_kind(v1::BELOW);
      feed.set_max_class(v1::INCIDENT);
    }
    return feeds;
  }

  // One page of a partition, of about `bytes`; false when the device was up to date.
  bool PullPage(Phone* phone, const std::string& partition, size_t bytes = kBatchTargetBytes) {
    v1::Cursor cursor;
    for (const v1::Cursor& known : phone->store->Cursors())
      if (known.partition() == partition) cursor = known;
    if (cursor.complete() == server_->Head(partition) && cursor.complete() > 0) return false;
    FeedRequest request;
    request.replica = phone->store->replica();
    request.partition = partition;
    request.feeds = FeedsIn(*phone, partition);
    request.complete = cursor.complete();
    request.scanned = cursor.scanned();
    if (cursor.scanned() == 0)
      phone->judged_at_first_pull[partition] = *server_->LastSequence(request.replica, partition);
    if (cursor.complete() == 0) request.own_from = phone->judged_at_first_pull[partition];
    request.own_head = phone->store->Head(partition).sequence();
    request.target_bytes = bytes;
    const auto page = server_->ReadFeed(request);
    EXPECT_OK(page);
    if (!page.ok() || page->head == 0) return false;
    v1::Batch batch;
    batch.set_partition(partition);
    batch.set_from(cursor.scanned());
    batch.set_to(page->to);
    batch.set_head(page->head);
    batch.set_checkpoint(page->to == page->head);
    cursor.set_partition(partition);
    cursor.set_epoch(server_->epoch().AsBytes());
    cursor.set_run(server_->run().AsBytes());
    cursor.set_scanned(page->to);
    if (batch.checkpoint()) cursor.set_complete(page->to);
    cursor.mutable_feeds()->Assign(request.feeds.begin(), request.feeds.end());
    *batch.mutable_cursor() = cursor;
    EXPECT_OK(phone->store->ApplyBatch(batch, page->body));
    return true;
  }
  void Pull(Phone* phone, const std::string& partition) {
    while (PullPage(phone, partition)) {
    }
  }
  void PullAll(Phone* phone) {
    std::set<std::string> lanes = phone->partitions;
    for (const std::string& partition : phone->store->Partitions()) lanes.insert(partition);
    for (const std::string& partition : lanes) Pull(phone, partition);
  }
  void Sync(Phone* phone) {
    PushAll(phone);
    PullAll(phone);
  }

  static std::optional<RecordView> Get(const Phone& phone, const RecordId& id,
                                       absl::string_view type = "Person") {
    return *(*phone.store->Read())->Get(TypeOf(type), id);
  }
  std::optional<RecordView> GetAtServer(const RecordId& id, absl::string_view type = "Person") {
    return *(*server_->Read())->Get(TypeOf(type), id);
  }
  static v1::Person PersonOf(const std::optional<RecordView>& view) {
    v1::Person person;
    EXPECT_TRUE(!view || person.ParseFromString(view->message));
    return person;
  }
  static std::vector<v1::RejectedChangeSet> RejectedBy(const Phone& phone) {
    auto rejected = phone.store->Rejected();
    EXPECT_OK(rejected);
    return rejected.ok() ? *std::move(rejected) : std::vector<v1::RejectedChangeSet>();
  }
  // Every record of a type that the view shows within a scope; a record that is shown twice fails.
  static std::map<RecordId, RecordView> All(const ReadView& view, absl::string_view type,
                                            absl::string_view within = "MX") {
    std::map<RecordId, RecordView> all;
    const auto cursor = view.Scan(TypeOf(type), *Scope::Parse(within));
    while (true) {
      auto next = cursor->Next();
      EXPECT_OK(next);
      if (!next.ok() || !next->has_value()) return all;
      const RecordId id = (*next)->id;
      EXPECT_TRUE(all.emplace(id, *std::move(*next)).second) << "shown twice";
    }
  }

  FakeClock clock_;
  SeededRandom random_;
  absl::Time now_ = absl::FromUnixSeconds(1'767'225'600);
  SubtreeJudge judge_;
  std::unique_ptr<AuthorityStore> server_;
  std::vector<std::unique_ptr<Phone>> phones_;
};

}  // namespace brigada

#endif  // TESTS_UNIT_STORE_MOVE_WORLD_H_
