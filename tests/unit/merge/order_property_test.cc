// LAST_WRITER, SET, MAP, MIN and MAX (unknown fields and the scope too) come out the same in every
// commit order of concurrent writes. Random small sets of change sets, pending chains among them;
// every interleaving that keeps each replica's own order is tried.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "replica/base/random.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/merge/history.h"
#include "tests/unit/merge/random_change.h"

namespace brigada {
namespace {

struct Pending {
  v1::Change change;
  By by;  // stamp as signed by a clock that may be anywhere
};

// Commits with effective stamps, as the authority does.
class Authority {
 public:
  ApplyResult Commit(const Pending& pending) {
    WriteContext context;
    context.write = WriteBy(pending.by, ++sequence_);
    context.seen = pending.by.seen;
    auto replaced = HighestReplaced(&SampleType(), pending.change, context, record_);
    EXPECT_OK(replaced);
    // The server time of the position is above everything committed up to it.
    const uint64_t seen = std::min<uint64_t>(context.seen, server_times_.size() - 1);
    *replaced = std::max(*replaced, server_times_[seen]);
    Hlc& own_last = own_last_[pending.by.replica];
    context.write.stamp =
        EffectiveStamp(context.write.stamp, Hlc{uint64_t{100000} << 16}, own_last, *replaced);
    auto result = ApplyChange(&SampleType(), pending.change, context, 0, &record_);
    EXPECT_OK(result);
    if (result.ok() && result->refusals.empty()) own_last = context.write.stamp;
    server_times_.push_back(std::max(server_times_.back(), context.write.stamp));
    return result.ok() ? *std::move(result) : ApplyResult();
  }

  const Record& record() const { return record_; }
  uint64_t sequence() const { return sequence_; }

 private:
  Record record_;
  uint64_t sequence_ = 0;
  std::map<char, Hlc> own_last_;
  std::vector<Hlc> server_times_{Hlc{}};  // by commit sequence
};

std::string Describe(const Record& record, const Version& version) {
  const WriteRef& write = record.writes[version.write];
  return absl::StrCat(write.replica.bytes().substr(0, 1), write.origin_sequence, "@",
                      write.stamp.value, "=", version.fragment);
}

// All that may influence later merges, but for commit sequences.
std::string LiveState(const Record& record) {
  if (record.deleted) return "deleted";
  std::string state = absl::StrCat(record.scope(), "\n");
  for (const FieldState& field : record.fields) {
    for (const Slot& slot : field.slots) {
      absl::StrAppend(&state, field.number, "[", slot.key, "]:");
      for (const Version& version : slot.versions)
        absl::StrAppend(&state, " ", Describe(record, version));
      absl::StrAppend(&state, "\n");
    }
  }
  return state;
}

std::vector<std::vector<char>> Orders(std::vector<char> replicas) {
  std::sort(replicas.begin(), replicas.end());
  std::vector<std::vector<char>> orders;
  do {
    orders.push_back(replicas);
  } while (std::next_permutation(replicas.begin(), replicas.end()));
  return orders;
}

struct Scene {
  std::vector<Pending> base;
  std::map<char, std::vector<Pending>> chains;
  std::vector<char> slots;  // one letter per pending change set
};

Scene RandomScene(Random& random, const Repertoire& repertoire) {
  Scene scene;
  scene.base.push_back({Create(Title("base")), {'A', 10, 0, 1}});
  for (uint64_t n = random.Uniform(4); n > 0; --n) {
    const uint64_t origin = scene.base.size() + 1;
    scene.base.push_back(
        {RandomChange(random, {}), {'A', static_cast<int64_t>(random.Uniform(200)), 99, origin}});
  }
  const uint64_t count = 2 + random.Uniform(4);
  std::map<char, uint64_t> seen;
  for (uint64_t i = 0; i < count; ++i) {
    const auto replica = static_cast<char>('B' + random.Uniform(std::min<uint64_t>(count, 4)));
    // A replica writes from one position; it may be behind, or blind.
    if (seen.count(replica) == 0) seen[replica] = random.Uniform(scene.base.size() + 1);
    auto& chain = scene.chains[replica];
    const auto stamp = static_cast<int64_t>(random.Uniform(200));
    chain.push_back(
        {RandomChange(random, repertoire), {replica, stamp, seen[replica], chain.size() + 1}});
    scene.slots.push_back(replica);
  }
  return scene;
}

void ExpectOneOutcome(const Scene& scene) {
  std::string first;
  for (const std::vector<char>& order : Orders(scene.slots)) {
    Authority authority;
    for (const Pending& pending : scene.base) authority.Commit(pending);
    std::map<char, size_t> next;
    for (const char replica : order) authority.Commit(scene.chains.at(replica)[next[replica]++]);
    const std::string state = LiveState(authority.record());
    if (first.empty()) first = state;
    ASSERT_EQ(state, first) << std::string(order.begin(), order.end());
  }
}

TEST(OrderPropertyTest, ConcurrentWritesComeOutTheSameInEveryCommitOrder) {
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    SeededRandom random(seed);
    ExpectOneOutcome(RandomScene(random, {}));
    if (HasFatalFailure()) return;
  }
}

// A deletion wins in every order, and what is created after it comes out the same.
TEST(OrderPropertyTest, DeletionsAndNewLivesComeOutTheSameInEveryCommitOrder) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    SeededRandom random(seed);
    Scene scene = RandomScene(random, {});
    // One replica deletes, and half of the time creates again and goes on.
    auto& chain = scene.chains['Z'];
    const uint64_t position = scene.base.size();
    chain.push_back({Delete(), {'Z', 50, position, 1}});
    if (random.Uniform(2) == 0) {
      chain.push_back({Create(Title("again")), {'Z', 51, position, 2}});
      chain.push_back({RandomChange(random, {}), {'Z', 52, position, 3}});
    }
    scene.slots.insert(scene.slots.end(), chain.size(), 'Z');
    ExpectOneOutcome(scene);
    if (HasFatalFailure()) return;
  }
}

// Whatever is concurrent adds up, in every order.
TEST(OrderPropertyTest, CounterIsTheSumOfWhatWasApplied) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    SeededRandom random(seed);
    History history;
    history.Commit(Create(Title("t")), {'A', 1});
    int64_t sum = 0;
    for (int i = 0; i < 30; ++i) {
      const int64_t amount = static_cast<int64_t>(random.Uniform(21)) - 10;
      const auto replica = static_cast<char>('A' + random.Uniform(4));
      history.Commit(Edit(Tally(amount)), {replica, i, random.Uniform(history.sequence() + 1)});
      sum += amount;
      ASSERT_EQ(history.message().tally(), sum) << "seed " << seed;
    }
  }
}

TEST(OrderPropertyTest, ClockInThePastOrTheFutureNeitherLosesWhatItSawNorWinsForEver) {
  Authority authority;
  authority.Commit({Create(Title("t")), {'A', 50, 0, 1}});
  authority.Commit({Edit(Title("1970")), {'B', 0, 1, 1}});
  EXPECT_EQ(authority.record().Message(), Edit(Title("1970")).values());
  authority.Commit({Edit(Title("2050")), {'C', 99999999, 2, 1}});
  authority.Commit({Edit(Title("now")), {'D', 60, 3, 1}});
  EXPECT_EQ(authority.record().Message(), Edit(Title("now")).values());
}

}  // namespace
}  // namespace brigada
