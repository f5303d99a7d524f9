// What the tests of the authority's store share: a replica that makes pushes, stores that can be
// reopened, and records to push.
#ifndef TESTS_UNIT_STORE_AUTHORITY_FIXTURE_H_
#define TESTS_UNIT_STORE_AUTHORITY_FIXTURE_H_

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "brigada/v1/conflict.pb.h"
#include "brigada/v1/event.pb.h"
#include "brigada/v1/person.pb.h"
#include "brigada/v1/visit.pb.h"
#include "replica/base/check.h"
#include "replica/base/limits.h"
#include "replica/base/random.h"
#include "replica/crypto/hash_chain.h"
#include "replica/schema/diff.h"
#include "replica/schema/fragment.h"
#include "replica/store/kv_authority_store.h"
#include "replica/store/memory_kv.h"
#include "replica/store/record_table.h"
#include "replica/store/rocks_kv.h"
#include "replica/store/sealed_body.h"
#include "tests/support/lent_kv.h"
#include "tests/support/status_matchers.h"

namespace brigada {

inline constexpr char kOaxaca[] = "MX/20";
inline constexpr char kJuarez[] = "MX/20/067";
inline constexpr char kTlacolula[] = "MX/20/551";

inline Scope ScopeOf(absl::string_view path) { return *Scope::Parse(path); }

inline const RecordType& PersonType() { return *Registry::BuiltIn().FindByName("Person"); }
inline const RecordType& EventType() { return *Registry::BuiltIn().FindByName("Event"); }
inline const RecordType& VisitType() { return *Registry::BuiltIn().FindByName("Visit"); }

// Permits everything, or refuses what `refuses` says.
class TestJudge final : public Judge {
 public:
  std::function<bool(const ChangeInQuestion&)> refuses;
  void Examine(const ChangeInQuestion& question,
               std::vector<v1::Refusal>* refusals) const override {
    if (!refuses || !refuses(question)) return;
    refusals->emplace_back().set_reason(v1::NOT_GRANTED);
    refusals->back().set_change(question.index);
  }
};

// A lent Kv whose writes can be made to fail.
class BorrowedKv final : public LentKv {
 public:
  explicit BorrowedKv(std::shared_ptr<Kv> kv, const absl::Status* failure = nullptr)
      : LentKv(std::move(kv)), failure_(failure) {}
  absl::Status Write(const KvBatch& batch, Durability durability) override {
    if (failure_ != nullptr && !failure_->ok()) return *failure_;
    return LentKv::Write(batch, durability);
  }

 private:
  const absl::Status* const failure_;
};

// Where a store lives across reopenings.
class StoreHome {
 public:
  explicit StoreHome(bool on_disk) {
    if (!on_disk) {
      memory_ = NewMemoryKv();
      return;
    }
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string("brigada_") + test->test_suite_name() + test->name();
    for (char& c : name) c = c == '/' ? '_' : c;
    // Tests of two checkouts may run at the same time.
    path_ = absl::StrCat(::testing::TempDir(), name, "_", getpid());
    std::filesystem::remove_all(path_);
  }
  ~StoreHome() {
    if (!path_.empty()) std::filesystem::remove_all(path_);
  }
  StoreHome(const StoreHome&) = delete;
  StoreHome& operator=(const StoreHome&) = delete;

  // The next writes fail with this, when it is not OK.
  absl::Status failure;

  std::unique_ptr<Kv> Open() {
    if (path_.empty()) return std::make_unique<BorrowedKv>(memory_, &failure);
    auto kv = OpenRocksKv({.path = path_, .create_if_missing = true});
    CHECK(kv.ok());
    return *std::move(kv);
  }

 private:
  std::shared_ptr<Kv> memory_;
  std::string path_;
};

// A writer: makes change sets in sequence with their chain.
class TestReplica {
 public:
  TestReplica(Random* random, absl::string_view partition)
      : id_(NewReplicaId(*random)),
        random_(random),
        partition_(partition),
        chain_(AsView(ChainStart(id_.bytes(), partition))) {}

  const ReplicaId& id() const { return id_; }
  uint64_t sequence() const { return sequence_; }
  // Value after the last change set.
  const std::string& chain() const { return chain_; }
  // The next change set has the number after this one.
  void SkipTo(uint64_t sequence) { sequence_ = sequence; }

  // What the next change sets say their writer had seen.
  Epoch epoch;
  std::string run;
  uint64_t position = 0;
  int64_t server_time_ms = 0;  // that they knew
  uint64_t stamp_ms = 1'767'225'600'000;
  std::string user = "ana";
  // Unless 0: they try this one again, with this stamp.
  uint64_t retry_of = 0;
  uint64_t retry_stamp_ms = 0;
  bool is_same_work = false;              // and say what it said
  std::optional<ReplicaId> first_try_by;  // under another id than this

  v1::ChangeSet MakeSet(const std::vector<v1::Change>& changes) {
    v1::ChangeSetBody body;
    for (const v1::Change& change : changes) *body.add_changes() = change;
    v1::ChangeSet set;
    set.set_body(body.SerializeAsString());
    return Seal(std::move(set));
  }

  // Gives `set` (content filled) its header, and moves the chain on.
  v1::ChangeSet Seal(v1::ChangeSet set) {
    v1::ChangeSetHeader header;
    header.set_replica(id_.AsBytes());
    header.set_sequence(++sequence_);
    header.set_partition(partition_);
    header.mutable_position()->set_epoch(epoch.AsBytes());
    header.mutable_position()->set_run(run);
    header.mutable_position()->set_sequence(position);
    header.mutable_position()->set_server_time_ms(server_time_ms);
    header.set_user(user);
    header.set_stamp(++stamp_ms << 16);
    if (retry_of != 0) {
      header.mutable_retry_of()->set_replica(first_try_by.value_or(id_).AsBytes());
      header.mutable_retry_of()->set_sequence(retry_of);
      if (is_same_work) *header.mutable_same_work() = header.retry_of();
      header.set_stamp(retry_stamp_ms << 16);
    }
    set.set_header(header.SerializeAsString());
    set.set_salt(std::string(16, 's'));
    ChainValue previous;
    std::copy(chain_.begin(), chain_.end(), reinterpret_cast<char*>(previous.data()));
    const Sha256Digest hash = *BodyHashOf(set);
    chain_ = std::string(AsView(NextChain(previous, set.header(), hash)));
    return set;
  }

  PushRequest Push(std::vector<v1::ChangeSet> sets) const {
    return {id_, user, partition_, std::move(sets), chain_};
  }
  PushRequest PushOf(const std::vector<v1::Change>& changes) { return Push({MakeSet(changes)}); }

  RecordId NewId() { return NewRandomId<RecordId>(*random_); }

 private:
  const ReplicaId id_;
  Random* const random_;
  const std::string partition_;
  uint64_t sequence_ = 0;
  std::string chain_;
};

inline v1::Person PersonNamed(absl::string_view given) {
  v1::Person person;
  person.mutable_name()->set_given_names(std::string(given));
  return person;
}

inline v1::Change Create(const RecordType& type, const RecordId& id, absl::string_view scope,
                         const google::protobuf::Message& message) {
  return *CreateChange(type, id, ScopeOf(scope), message);
}

inline v1::Change Edit(const RecordType& type, const RecordId& id,
                       const google::protobuf::Message& values) {
  v1::Change change;
  change.set_type_id(type.type_id());
  change.set_record_id(id.AsBytes());
  change.set_values(values.SerializeAsString());
  return change;
}

inline v1::Change Move(const RecordType& type, const RecordId& id, absl::string_view scope) {
  v1::Change change = Edit(type, id, *type.NewMessage());
  change.set_scope(std::string(scope));
  return change;
}

inline v1::Change Deletion(const RecordType& type, const RecordId& id) {
  v1::Change change = Edit(type, id, *type.NewMessage());
  change.set_kind(v1::Change::DELETE);
  return change;
}

inline v1::Feed FeedOf(absl::string_view scope, v1::FeedKind kind,
                       v1::DataClass max_class = v1::INCIDENT) {
  v1::Feed feed;
  feed.set_scope(std::string(scope));
  feed.set_kind(kind);
  feed.set_max_class(max_class);
  return feed;
}

// The ledger's entry that a feed or a view gave as a message.
inline v1::Conflict ConflictOf(absl::string_view message) {
  v1::Conflict conflict;
  EXPECT_TRUE(conflict.ParseFromArray(message.data(), static_cast<int>(message.size())));
  return conflict;
}

// A field that only a newer program knows, with `bytes` of content.
inline std::string UnknownField(uint32_t number, size_t bytes) {
  const auto varint = [](uint64_t value) {
    std::string out;
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
    out.push_back(static_cast<char>(value));
    return out;
  };
  return varint((uint64_t{number} << 3) | 2) + varint(bytes) + std::string(bytes, 'x');
}

// A store in memory and two writers; pushes go through a judge that permits everything unless told
// otherwise.
class AuthorityFixture : public ::testing::Test {
 protected:
  explicit AuthorityFixture(const Registry* registry = &Registry::BuiltIn()) : registry_(registry) {
    Reopen();
  }

  void Reopen() { OpenStore(/*restored=*/false); }
  // The store goes on in another epoch, as after a restore.
  void GoBack() {
    lost_ = store_->epoch();
    now_ += absl::Seconds(1);
    OpenStore(/*restored=*/true);
  }

  // Commits `changes` of a writer that had seen everything up to `position`.
  v1::Verdict CommitAt(uint64_t position, TestReplica* replica,
                       const std::vector<v1::Change>& changes) {
    replica->position = position;
    const PushResult result = CommitPush(replica->PushOf(changes));
    EXPECT_OK(result.status);
    return result.verdicts.empty() ? v1::Verdict() : result.verdicts[0];
  }
  v1::Verdict Commit(TestReplica* replica, const std::vector<v1::Change>& changes) {
    return CommitAt(store_->Head(kOaxaca), replica, changes);
  }
  PushResult CommitPush(const PushRequest& push) {
    auto results = store_->CommitPushes({push}, judge_, now_);
    EXPECT_OK(results);
    return results.ok() ? (*results)[0] : PushResult();
  }

  RecordId CreatePerson(absl::string_view name, absl::string_view scope = kJuarez) {
    const RecordId id = ana_.NewId();
    const v1::Verdict verdict = Commit(&ana_, {Create(PersonType(), id, scope, PersonNamed(name))});
    EXPECT_EQ(verdict.outcome(), v1::APPLIED);
    return id;
  }

  std::optional<RecordView> Get(const RecordType& type, const RecordId& id) {
    auto view = *store_->Read();
    auto record = view->Get(type, id);
    EXPECT_OK(record);
    return record.ok() ? *record : std::nullopt;
  }
  std::optional<RecordView> GetConflict(const RecordId& id) {
    return Get(*Registry::BuiltIn().Find(kConflictTypeId), id);
  }

  // The pages of a replica that knows nothing, up to the head.
  std::vector<FeedPage> ReadAll(std::vector<v1::Feed> feeds) {
    std::vector<FeedPage> pages;
    FeedRequest request;
    request.partition = kOaxaca;
    request.feeds = std::move(feeds);
    request.target_bytes = kBatchTargetBytes;
    do {
      auto page = store_->ReadFeed(request);
      EXPECT_OK(page);
      if (!page.ok()) break;
      request.scanned = page->to;
      pages.push_back(*std::move(page));
    } while (pages.back().to < pages.back().head);
    return pages;
  }

  const Registry* const registry_;
  StoreHome home_{/*on_disk=*/false};
  SeededRandom random_{1};
  absl::Time now_ = absl::FromUnixSeconds(1'767'225'600);
  std::unique_ptr<AuthorityStore> store_;
  Epoch lost_;  // the one before the store went back
  TestJudge judge_;
  TestReplica ana_{&random_, kOaxaca};
  TestReplica beto_{&random_, kOaxaca};

 private:
  void OpenStore(bool restored) {
    store_.reset();
    auto store = OpenAuthorityStore(
        home_.Open(),
        {.registry = registry_, .random = &random_, .now = now_, .restored = restored});
    CHECK(store.ok());
    store_ = *std::move(store);
    ana_.epoch = beto_.epoch = store_->epoch();
    beto_.user = "beto";
  }
};

}  // namespace brigada

#endif  // TESTS_UNIT_STORE_AUTHORITY_FIXTURE_H_
