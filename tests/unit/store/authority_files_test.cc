// What was erased is in no file of the server.
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/keys.h"
#include "tests/support/lent_kv.h"
#include "tests/support/store_bytes.h"
#include "tests/unit/store/authority_fixture.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Indexes and StoreBytes have lower case.
constexpr char kCanary[] = "xochiquetzal";

class AuthorityFilesTest : public AuthorityFixture {
 public:
  ~AuthorityFilesTest() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

 protected:
  AuthorityFilesTest() {
    std::string pattern = ::testing::TempDir() + "brigada_authority_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    Open();
  }

  std::string path() const { return directory_ + "/store"; }
  void Open() {
    store_.reset();
    auto kv = OpenRocksKv({.path = path(), .create_if_missing = true});
    ASSERT_OK(kv);
    auto store = OpenAuthorityStore(*std::move(kv),
                                    {.registry = registry_, .random = &random_, .now = now_});
    ASSERT_OK(store);
    store_ = *std::move(store);
    ana_.epoch = beto_.epoch = store_->epoch();
  }
  std::string Bytes() {
    store_.reset();
    std::string bytes = StoreBytes(path());
    Open();
    return bytes;
  }
  v1::Person Named(absl::string_view name) {
    v1::Person person = PersonNamed(absl::StrCat(kCanary, name));
    person.set_notes(kCanary);
    return person;
  }
  void Erase(const RecordId& id) {
    ASSERT_OK(store_->Erase(
        {.type_id = PersonType().type_id(), .id = id, .scope = "", .user = "administradora"},
        now_));
  }

  std::string directory_;
};

TEST_F(AuthorityFilesTest, ErasedContentAndItsConflictsAreInNoFileOnceTheyAreScrubbed) {
  const RecordId id = ana_.NewId();
  Commit(&ana_, {Create(PersonType(), id, kJuarez, Named("a"))});
  Open();
  const uint64_t seen = store_->Head(kOaxaca);
  CommitAt(seen, &ana_, {Edit(PersonType(), id, Named("b"))});
  CommitAt(seen, &beto_, {Edit(PersonType(), id, Named("c"))});
  const RecordId other = CreatePerson("luz");
  Erase(id);

  ASSERT_OK_AND_ASSIGN(const uint64_t partitions, store_->ScrubFiles(nullptr));

  EXPECT_EQ(partitions, 1u);
  EXPECT_THAT(Bytes(), Not(HasSubstr(kCanary)));
  EXPECT_TRUE(Get(PersonType(), other).has_value());
  EXPECT_EQ(*store_->ScrubFiles(nullptr), 0u) << "it is done once";
}

TEST_F(AuthorityFilesTest, ScrubIsStillDueAfterACrash) {
  const RecordId id = ana_.NewId();
  Commit(&ana_, {Create(PersonType(), id, kJuarez, Named("a"))});
  Erase(id);
  ASSERT_THAT(Bytes(), HasSubstr(kCanary));
  EXPECT_EQ(*store_->ScrubFiles(nullptr), 1u);
  EXPECT_THAT(Bytes(), Not(HasSubstr(kCanary)));
}

// Something happens while the files are rewritten, or copied.
class MeanwhileKv final : public LentKv {
 public:
  MeanwhileKv(std::shared_ptr<Kv> kv, const std::function<void()>* meanwhile)
      : LentKv(std::move(kv)), meanwhile_(meanwhile) {}
  absl::Status Scrub(absl::Span<const KvRange> ranges, std::atomic<bool>* cancel) override {
    RETURN_IF_ERROR(LentKv::Scrub(ranges, cancel));
    if (*meanwhile_) (*meanwhile_)();
    return absl::OkStatus();
  }
  absl::Status CopyTo(const std::string& /*path*/, const ContinueCopy& /*go_on*/) override {
    if (*meanwhile_) (*meanwhile_)();
    return absl::OkStatus();
  }

 private:
  const std::function<void()>* const meanwhile_;
};

class MeanwhileTest : public AuthorityFixture {
 public:
  ~MeanwhileTest() override { store_.reset(); }

 protected:
  MeanwhileTest() {
    store_.reset();
    auto store = OpenAuthorityStore(std::make_unique<MeanwhileKv>(NewMemoryKv(), &meanwhile_),
                                    {.registry = registry_, .random = &random_, .now = now_});
    EXPECT_OK(store);
    store_ = *std::move(store);
    ana_.epoch = store_->epoch();
  }
  void EraseOne(TestReplica* replica, absl::string_view scope) {
    const RecordId id = replica->NewId();
    CommitPush(replica->PushOf({Create(PersonType(), id, scope, PersonNamed("eva"))}));
    ASSERT_OK(store_->Erase(
        {.type_id = PersonType().type_id(), .id = id, .scope = "", .user = "administradora"},
        now_));
  }

  std::function<void()> meanwhile_;
};

TEST_F(MeanwhileTest, WhatIsErasedDuringAScrubIsStillDueAndTheRestIsNot) {
  TestReplica puebla(&random_, "MX/21");
  puebla.epoch = store_->epoch();
  EraseOne(&ana_, kJuarez);
  EraseOne(&puebla, "MX/21");
  meanwhile_ = [&] { EraseOne(&ana_, kJuarez); };
  EXPECT_EQ(*store_->ScrubFiles(nullptr), 1u);
  meanwhile_ = nullptr;
  EXPECT_EQ(*store_->ScrubFiles(nullptr), 1u);
  EXPECT_EQ(*store_->ScrubFiles(nullptr), 0u);
}

TEST_F(MeanwhileTest, NothingIsScrubbedWhileABackupIsMade) {
  EraseOne(&ana_, kJuarez);
  meanwhile_ = [&] {
    EXPECT_THAT(store_->ScrubFiles(nullptr).status(), StatusIs(absl::StatusCode::kAborted));
  };
  ASSERT_OK(store_->Backup("copy", nullptr));
  meanwhile_ = nullptr;
  EXPECT_EQ(*store_->ScrubFiles(nullptr), 1u);
}

TEST_F(AuthorityFilesTest, QuarantinedContentGoesAlsoWhereTheRecordHasNeverBeen) {
  const RecordId id = CreatePerson("eva");
  beto_.user = "beto";
  TestReplica puebla(&random_, "MX/21");
  puebla.epoch = store_->epoch();
  CommitPush(puebla.PushOf({Create(PersonType(), puebla.NewId(), "MX/21", PersonNamed("luz"))}));
  store_.reset();
  v1::RejectedChangeSet kept;
  *kept.mutable_change_set() = puebla.PushOf({Edit(PersonType(), id, Named("a"))}).change_sets[0];
  KvBatch batch;
  batch.Put(Table::kRejected, QuarantineKey("MX/21", puebla.id(), 9), kept.SerializeAsString());
  {
    ASSERT_OK_AND_ASSIGN(const auto kv, OpenRocksKv({.path = path()}));
    ASSERT_OK(kv->Write(batch, Durability::kSync));
  }
  Open();
  Erase(id);
  EXPECT_EQ(*store_->ScrubFiles(nullptr), 2u);
  EXPECT_THAT(Bytes(), Not(HasSubstr(kCanary)));
}

}  // namespace
}  // namespace brigada
