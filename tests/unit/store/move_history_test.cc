// Random histories of records that move between three states. Devices read
// overlapping places, push and pull partition by partition in any order, page by page. At the end
// every device holds exactly what the server has where it reads, once; additions to a set, which
// nothing may lose, are all there.
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/unit/store/move_world.h"

namespace brigada {
namespace {

constexpr const char* kPlaces[] = {"MX/20/067", "MX/20/551", "MX/21/140", "MX/21/114", "MX/29/001"};

class History {
 public:
  explicit History(uint64_t seed) : world_(seed), engine_(seed) {
    world_.AddPhone("todo", {"MX/20", "MX/21", "MX/29"});
    world_.AddPhone("sur", {"MX/20", "MX/21"});
    world_.AddPhone("oaxaca", {"MX/20"});
    world_.AddPhone("puebla", {"MX/21"});
    world_.AddPhone("mixto", {"MX/20/067", "MX/21/140", "MX/29"});
    world_.AddPhone("juarez", {"MX/20/067"});
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) Step();
    for (int round = 0; round < 3; ++round)
      for (const auto& phone : world_.phones_) world_.Sync(phone.get());
  }

  void Check() {
    const auto server = *world_.server_->Read();
    for (const char* type : {"Person", "Conflict"}) {
      const auto at_server = MoveWorld::All(*server, type);
      EXPECT_EQ(*server->Count(TypeOf(type)), at_server.size());
      for (const auto& phone : world_.phones_) {
        SCOPED_TRACE(phone->user);
        CheckPhone(*phone, type, at_server);
      }
    }
    CheckNumbers(*server);
  }

 private:
  size_t Pick(size_t n) { return engine_() % n; }

  void CheckPhone(const Phone& phone, absl::string_view type,
                  const std::map<RecordId, RecordView>& at_server) {
    const auto view = *phone.store->Read();
    const auto here = MoveWorld::All(*view, type);
    EXPECT_EQ(*view->Count(TypeOf(type)), here.size());
    size_t readable = 0;
    for (const auto& [id, record] : at_server) {
      bool may_read = false;
      for (const std::string& scope : phone.scopes)
        may_read = may_read || FeedCovers(scope, v1::BELOW, record.scope);
      if (!may_read) continue;
      ++readable;
      const auto found = here.find(id);
      ASSERT_NE(found, here.end()) << type << " missing in " << record.scope;
      EXPECT_EQ(found->second.scope, record.scope);
      EXPECT_EQ(found->second.message, record.message);
      EXPECT_EQ(found->second.conflicts, record.conflicts);
      EXPECT_FALSE(found->second.pending);
    }
    EXPECT_EQ(here.size(), readable);
    for (const std::string& partition : phone.store->Partitions())
      EXPECT_EQ(phone.store->Head(partition).confirmed(), phone.store->Head(partition).sequence());
  }

  // Every number that was added and not refused is in its record, or in the ledger when that was
  // deleted.
  void CheckNumbers(const ReadView& server) {
    std::string kept;
    for (const auto& [id, record] : MoveWorld::All(server, "Person")) kept += record.message;
    for (const auto& [id, record] : MoveWorld::All(server, "Conflict")) kept += record.message;
    for (const auto& phone : world_.phones_) {
      for (const v1::RejectedChangeSet& set : MoveWorld::RejectedBy(*phone))
        kept += set.change_set().body();
    }
    for (const auto& [number, id] : numbers_) {
      if (deleted_.contains(id)) continue;
      EXPECT_NE(kept.find(number), std::string::npos) << "an addition is gone";
    }
  }

  std::optional<RecordId> AnyOn(const Phone& phone) {
    const auto all = MoveWorld::All(**phone.store->Read(), "Person");
    if (all.empty()) return std::nullopt;
    return std::next(all.begin(), static_cast<std::ptrdiff_t>(Pick(all.size())))->first;
  }

  void Step() {
    Phone* const phone = world_.phones_[Pick(world_.phones_.size())].get();
    phone->clock.Advance(absl::Milliseconds(static_cast<int64_t>(Pick(2000))));
    const size_t action = Pick(20);
    if (action < 8) {
      Exchange(phone, action);
      return;
    }
    const auto id = AnyOn(*phone);
    if (action < 10 || !id.has_value()) {
      const std::string scope = kPlaces[Pick(std::size(kPlaces))];
      for (const std::string& granted : phone->scopes) {
        if (FeedCovers(granted, v1::BELOW, scope)) {
          world_.Register(phone, scope, "Rosa");
          break;
        }
      }
      return;
    }
    if (action < 14) {
      ASSERT_OK(MoveWorld::MoveTo(phone, *id, kPlaces[Pick(std::size(kPlaces))]));
    } else if (action < 16) {
      ASSERT_OK(MoveWorld::SetNotes(phone, *id, absl::StrCat("nota ", ++count_)));
    } else if (action < 19) {
      const std::string number = absl::StrCat("+52", 5500000000 + ++count_);
      ASSERT_OK(MoveWorld::AddPhoneNumber(phone, *id, number));
      numbers_.emplace(number, *id);
    } else if (Pick(3) == 0) {
      deleted_.insert(*id);
      ASSERT_OK(MoveWorld::Delete(phone, *id));
    }
  }

  void Exchange(Phone* phone, size_t action) {
    const auto partition = std::next(phone->partitions.begin(),
                                     static_cast<std::ptrdiff_t>(Pick(phone->partitions.size())));
    if (action < 3) world_.Push(phone, *partition);
    if (action >= 3 && action < 6) world_.PullPage(phone, *partition, Pick(2) == 0 ? 1 : 4000);
    if (action == 6) world_.Pull(phone, *partition);
    if (action == 7) world_.Sync(phone);
  }

  MoveWorld world_;
  std::mt19937_64 engine_;
  uint64_t count_ = 0;
  std::map<std::string, RecordId> numbers_;
  std::set<RecordId> deleted_;
};

TEST(MoveHistoryTest, EverybodyEndsWithWhatTheServerHasWhereTheyRead) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    History history(seed);
    history.Run(120);
    history.Check();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace brigada
