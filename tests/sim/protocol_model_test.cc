// Goal: the rules 1 to 5 of the sync protocol (docs/protocol.md) lose nothing and count right;
// their obvious alternatives do not. Method: a model of one partition that shares no code with the
// engine, run over thousands of random histories with split batches, lost replies, cuts and
// refusals; every step is compared with what an observer who sees everything knows. Each
// alternative must be caught by the same checks.
#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace {

constexpr int kDevices = 3;
constexpr int kRecords = 3;
constexpr int kElements = 4;

// Which rule is broken on purpose.
enum class Wrong {
  kNothing,
  kDeltaFromScanned,     // entries carry what changed after `scanned`, not after `complete`
  kVerdictAppliedEarly,  // the hint takes the change set out of the outbox and folds it
  kEchoOmitsSet,
  kEchoOmitsCounter,
  kNoFold,  // a verdict only empties the outbox
  kFoldAfterEntries,
  kNoDeduplication,  // a repeated push is judged again
};

enum class Kind { kCount, kAdd, kRemove, kWrite };

struct Op {
  Kind kind = Kind::kCount;
  int record = 0;
  int value = 0;  // amount, element or (unique) register value
  uint64_t seen = 0;
};

struct ChangeSet {
  uint64_t sequence = 0;
  uint64_t stamp = 0;
  bool unwelcome = false;  // the authority will refuse it
  std::vector<Op> ops;
};

struct Values {
  int64_t counter = 0;
  unsigned set = 0;
  int reg = 0;
  friend bool operator==(const Values&, const Values&) = default;
};

void Lay(const Op& op, Values* values) {
  if (op.kind == Kind::kCount) values->counter += op.value;
  if (op.kind == Kind::kAdd) values->set |= 1U << op.value;
  if (op.kind == Kind::kRemove) values->set &= ~(1U << op.value);
  if (op.kind == Kind::kWrite) values->reg = op.value;
}

struct Verdict {
  uint64_t commit = 0;
  uint64_t sequence = 0;
  bool refused = false;
  std::vector<bool> lost;  // per op
};

struct Entry {
  uint64_t commit = 0;
  int record = 0;
  std::optional<int64_t> counter;
  std::optional<unsigned> set;
  std::optional<int> reg;
};

struct Batch {
  uint64_t from = 0, to = 0, head = 0;
  std::vector<Verdict> verdicts;
  std::vector<Entry> entries;
};

struct LastChange {
  uint64_t commit = 0;
  int replica = -1;
  uint64_t origin = 0;
  uint64_t stamp = 0;
};

struct StoredRecord {
  Values values;
  uint64_t commit = 0;
  LastChange counter, set, reg;
  std::array<LastChange, kElements> elements;
  std::array<uint64_t, kElements> removed_at{};
};

// The feed position of one session, as its server side holds it.
struct Pull {
  uint64_t complete = 0, scanned = 0, own_head = 0;
};

class Authority {
 public:
  explicit Authority(Wrong wrong) : wrong_(wrong) {}

  // Judges `change_set` unless it is a repeat (then nothing) or follows a gap (then nothing).
  void Push(int replica, const ChangeSet& change_set) {
    auto& verdicts = verdicts_[replica];
    if (change_set.sequence > verdicts.size() + 1) return;
    const bool repeat = change_set.sequence <= verdicts.size();
    if (repeat && wrong_ != Wrong::kNoDeduplication) return;
    Verdict verdict{++head_, change_set.sequence, change_set.unwelcome, {}};
    if (!verdict.refused)
      for (const Op& op : change_set.ops) verdict.lost.push_back(!Merge(replica, change_set, op));
    if (!repeat) verdicts.push_back(verdict);
  }

  // Whole commits only, at least one, until `limit` entries and verdicts are in.
  Batch Read(int replica, const Pull& pull, size_t limit) const {
    std::map<uint64_t, std::vector<int>> records;
    for (int r = 0; r < kRecords; ++r)
      if (records_[r].commit > pull.scanned) records[records_[r].commit].push_back(r);
    for (const Verdict& v : Verdicts(replica))
      if (v.commit > pull.scanned) records[v.commit];
    Batch batch{pull.scanned, head_, head_, {}, {}};
    size_t taken = 0;
    for (const auto& [commit, at] : records) {
      if (taken >= limit) break;
      for (const Verdict& v : Verdicts(replica))
        if (v.commit == commit) batch.verdicts.push_back(v);
      for (int r : at) batch.entries.push_back(MakeEntry(replica, pull, r));
      taken += at.size() + 1;
      batch.to = commit == records.rbegin()->first ? head_ : commit;
    }
    return batch;
  }

  const std::vector<Verdict>& Verdicts(int replica) const { return verdicts_[replica]; }
  const StoredRecord& record(int r) const { return records_[r]; }
  uint64_t head() const { return head_; }

 private:
  bool Merge(int replica, const ChangeSet& change_set, const Op& op) {
    StoredRecord& record = records_[op.record];
    const LastChange now{head_, replica, change_set.sequence, change_set.stamp};
    const auto concurrent = [&](const LastChange& last) {
      return last.commit > op.seen && last.replica != replica;
    };
    record.commit = head_;
    switch (op.kind) {
      case Kind::kCount:
        record.counter = now;
        break;
      case Kind::kAdd:
        record.set = record.elements[op.value] = now;
        break;
      case Kind::kRemove:
        record.set = now;
        if (concurrent(record.elements[op.value])) return false;
        record.elements[op.value] = now;
        record.removed_at[op.value] = head_;
        break;
      case Kind::kWrite:
        if (concurrent(record.reg) && record.reg.stamp >= now.stamp) return false;
        record.reg = now;
        record.reg.stamp = std::max(now.stamp, record.reg.stamp + 1);
        break;
    }
    Lay(op, &record.values);
    return true;
  }

  Entry MakeEntry(int replica, const Pull& pull, int r) const {
    const StoredRecord& record = records_[r];
    const uint64_t after = wrong_ == Wrong::kDeltaFromScanned ? pull.scanned : pull.complete;
    const auto own = [&](const LastChange& last) {
      return last.replica == replica && last.origin <= pull.own_head;
    };
    Entry entry{record.commit, r, {}, {}, {}};
    if (record.counter.commit > after &&
        !(wrong_ == Wrong::kEchoOmitsCounter && own(record.counter)))
      entry.counter = record.values.counter;
    if (record.set.commit > after && !(wrong_ == Wrong::kEchoOmitsSet && own(record.set)))
      entry.set = record.values.set;
    if (record.reg.commit > after && !own(record.reg)) entry.reg = record.values.reg;
    return entry;
  }

  const Wrong wrong_;
  uint64_t head_ = 0;
  std::array<StoredRecord, kRecords> records_;
  std::array<std::vector<Verdict>, kDevices> verdicts_;
};

class Device {
 public:
  explicit Device(Wrong wrong) : wrong_(wrong) {}

  void Commit(ChangeSet change_set) {
    change_set.sequence = ++head;
    for (Op& op : change_set.ops) op.seen = std::max(complete, seen_[op.record]);
    outbox.push_back(change_set);
    history.push_back(std::move(change_set));
  }

  Values View(int record) const {
    Values values = base[record];
    for (const ChangeSet& change_set : outbox) {
      for (const Op& op : change_set.ops)
        if (op.record == record) Lay(op, &values);
    }
    return values;
  }

  // One step: verdicts, folds, entries and the cursor together.
  void Apply(const Batch& batch) {
    ASSERT_EQ(batch.from, scanned);
    if (wrong_ == Wrong::kFoldAfterEntries) LayEntries(batch);
    for (const Verdict& verdict : batch.verdicts) Settle(verdict);
    if (wrong_ != Wrong::kFoldAfterEntries) LayEntries(batch);
    scanned = batch.to;
    if (batch.to == batch.head) complete = batch.to;
  }

  void Hint(const Verdict& verdict) {
    if (wrong_ == Wrong::kVerdictAppliedEarly) Settle(verdict);
  }

  uint64_t head = 0, complete = 0, scanned = 0;
  std::array<Values, kRecords> base;
  std::deque<ChangeSet> outbox;
  std::vector<ChangeSet> history;
  std::set<uint64_t> rejected;

 private:
  void Settle(const Verdict& verdict) {
    if (outbox.empty() || outbox.front().sequence != verdict.sequence) return;
    const ChangeSet change_set = outbox.front();
    outbox.pop_front();
    if (verdict.refused) rejected.insert(verdict.sequence);
    if (verdict.refused || wrong_ == Wrong::kNoFold) return;
    for (size_t i = 0; i < change_set.ops.size(); ++i)
      if (!verdict.lost[i]) Lay(change_set.ops[i], &base[change_set.ops[i].record]);
  }

  void LayEntries(const Batch& batch) {
    for (const Entry& entry : batch.entries) {
      Values& values = base[entry.record];
      if (entry.counter) values.counter = *entry.counter;
      if (entry.set) values.set = *entry.set;
      if (entry.reg) values.reg = *entry.reg;
      seen_[entry.record] = entry.commit;
    }
  }

  const Wrong wrong_;
  // Every change of the record up to here is in base. A fold does not raise it: others' changes
  // before the folded one may still be on their way.
  std::array<uint64_t, kRecords> seen_{};
};

// One connection: pushes and batches on their way, in order; a cut loses them.
struct Session {
  Pull pull;
  uint64_t next_push = 1;
  uint64_t judged = 0;
  std::deque<ChangeSet> up;
  std::deque<Batch> down;
};

class History {
 public:
  History(uint64_t seed, Wrong wrong) : random_(seed), authority_(wrong) {
    for (int d = 0; d < kDevices; ++d) devices_.emplace_back(wrong);
  }

  // What went wrong first, or an empty text.
  std::string Run() {
    const int steps = 30 + Roll(150);
    for (int i = 0; i < steps && failure_.empty(); ++i) {
      Step(Roll(kDevices));
      CheckStep();
    }
    for (int round = 0; round < 2; ++round) {
      for (int d = 0; d < kDevices && failure_.empty(); ++d) {
        SyncToEnd(d);
        CheckStep();
      }
    }
    if (failure_.empty()) CheckEnd();
    return failure_;
  }

 private:
  int Roll(int bound) { return static_cast<int>(random_() % static_cast<uint64_t>(bound)); }

  void Step(int d) {
    const int roll = Roll(20);
    if (roll < 3) {
      devices_[d].Commit(RandomChangeSet());
    } else if (roll == 3) {
      sessions_[d].reset();  // a cut: all that was on its way is gone
    } else if (!sessions_[d]) {
      Connect(d);
    } else {
      Move(d);
    }
  }

  ChangeSet RandomChangeSet() {
    ChangeSet change_set{0, static_cast<uint64_t>(Roll(50)), Roll(8) == 0, {}};
    for (int n = 1 + Roll(2); n > 0; --n) {
      Op op{static_cast<Kind>(Roll(4)), Roll(kRecords), 0, 0};
      op.value = op.kind == Kind::kCount   ? 1 + Roll(5)
                 : op.kind == Kind::kWrite ? ++last_value_
                                           : Roll(kElements);
      change_set.ops.push_back(op);
    }
    return change_set;
  }

  void Connect(int d) {
    const Device& device = devices_[d];
    Session session;
    session.pull = {device.complete, device.scanned, device.head};
    session.next_push = device.outbox.empty() ? device.head + 1 : device.outbox.front().sequence;
    sessions_[d] = session;
  }

  // One frame is sent or arrives, on either side.
  void Move(int d) {
    Session& session = *sessions_[d];
    Device& device = devices_[d];
    switch (Roll(5)) {
      case 0:
        for (const ChangeSet& change_set : device.outbox) {
          if (change_set.sequence == session.next_push) {
            session.up.push_back(change_set);
            ++session.next_push;
            break;
          }
        }
        break;
      case 1:
        if (!session.up.empty()) {
          authority_.Push(d, session.up.front());
          session.judged = session.up.front().sequence;
          // What the device pushed in this session it has, as much as what its hello told.
          session.pull.own_head = std::max(session.pull.own_head, session.judged);
          session.up.pop_front();
        }
        break;
      case 2:
        if (session.down.size() < 3 && session.pull.scanned < authority_.head()) SendBatch(d);
        break;
      case 3:
        if (session.down.empty()) break;
        device.Apply(session.down.front());
        session.down.pop_front();
        break;
      case 4:
        if (!device.outbox.empty() && device.outbox.front().sequence <= session.judged)
          device.Hint(*VerdictOf(d, device.outbox.front().sequence));
        break;
    }
  }

  void SendBatch(int d) {
    Session& session = *sessions_[d];
    Batch batch = authority_.Read(d, session.pull, 1 + static_cast<size_t>(Roll(4)));
    session.pull.scanned = batch.to;
    if (batch.to == batch.head) session.pull.complete = batch.to;
    session.down.push_back(std::move(batch));
  }

  void SyncToEnd(int d) {
    sessions_[d].reset();
    Connect(d);
    for (const ChangeSet& change_set : devices_[d].outbox) authority_.Push(d, change_set);
    while (sessions_[d]->pull.scanned < authority_.head()) {
      SendBatch(d);
      devices_[d].Apply(sessions_[d]->down.front());
      sessions_[d]->down.pop_front();
    }
  }

  const Verdict* VerdictOf(int d, uint64_t sequence) const {
    const auto& verdicts = authority_.Verdicts(d);
    return sequence <= verdicts.size() ? &verdicts[sequence - 1] : nullptr;
  }

  void Fail(const char* what) {
    if (failure_.empty()) failure_ = what;
  }

  void CheckStep() {
    for (int d = 0; d < kDevices; ++d)
      for (int r = 0; r < kRecords; ++r) CheckView(d, r);
    for (int r = 0; r < kRecords; ++r) {
      int64_t truth = 0;
      for (int d = 0; d < kDevices; ++d) truth += Amounts(d, r, authority_.Verdicts(d).size());
      if (authority_.record(r).values.counter != truth) Fail("the authority counts wrong");
    }
  }

  // What device `d` added to a counter in change sets 1..last that the authority did not refuse.
  int64_t Amounts(int d, int r, uint64_t last) const {
    int64_t sum = 0;
    for (const ChangeSet& change_set : devices_[d].history) {
      const Verdict* verdict = VerdictOf(d, change_set.sequence);
      if (change_set.sequence > last || (verdict != nullptr && verdict->refused)) continue;
      for (const Op& op : change_set.ops)
        if (op.record == r && op.kind == Kind::kCount) sum += op.value;
    }
    return sum;
  }

  void CheckView(int d, int r) {
    const Device& device = devices_[d];
    const Values view = device.View(r);
    const int64_t own = Amounts(d, r, device.head);
    int64_t most = authority_.record(r).values.counter;
    for (const ChangeSet& change_set : device.outbox) {
      const Verdict* verdict = VerdictOf(d, change_set.sequence);
      if (verdict != nullptr && !verdict->refused) continue;
      for (const Op& op : change_set.ops)
        if (op.record == r && op.kind == Kind::kCount) most += op.value;
    }
    if (view.counter > most) Fail("a counter is above the truth");
    if (view.counter < own) Fail("a device does not see what it counted");
    CheckOwnWrites(d, r, view);
  }

  // A device's last write of each value of record `r` that was not refused, with its sequence; by
  // element, the register is -1.
  std::map<int, std::pair<Op, uint64_t>> LastWrites(int d, int r) {
    std::map<int, std::pair<Op, uint64_t>> last;
    for (const ChangeSet& change_set : devices_[d].history) {
      const Verdict* verdict = VerdictOf(d, change_set.sequence);
      if (verdict != nullptr && verdict->refused) continue;
      for (const Op& op : change_set.ops) {
        if (op.record == r && op.kind != Kind::kCount)
          last[op.kind == Kind::kWrite ? -1 : op.value] = {op, change_set.sequence};
      }
    }
    return last;
  }

  // A device sees its last write of each value, or one that the authority set after it.
  void CheckOwnWrites(int d, int r, const Values& view) {
    // What will leave the view may cover the others now.
    for (const ChangeSet& pending : devices_[d].outbox)
      if (pending.unwelcome) return;
    const StoredRecord& stored = authority_.record(r);
    for (const auto& [slot, write] : LastWrites(d, r)) {
      const auto& [op, sequence] = write;
      const Verdict* verdict = VerdictOf(d, sequence);
      const uint64_t commit = verdict != nullptr ? verdict->commit : UINT64_MAX;
      if (op.kind == Kind::kAdd && (view.set & (1U << slot)) == 0 &&
          stored.removed_at[slot] <= commit)
        Fail("a device does not see what it added");
      if (op.kind == Kind::kWrite && view.reg != op.value && verdict == nullptr)
        Fail("a device does not see what it wrote");
      if (op.kind == Kind::kWrite && view.reg != op.value && stored.values.reg == op.value)
        Fail("a device does not see what it wrote and still stands");
    }
  }

  void CheckEnd() {
    for (int d = 0; d < kDevices; ++d) {
      const Device& device = devices_[d];
      if (!device.outbox.empty()) Fail("a change set has no verdict");
      for (const ChangeSet& change_set : device.history) {
        const Verdict* verdict = VerdictOf(d, change_set.sequence);
        if (verdict == nullptr || device.rejected.contains(change_set.sequence) != verdict->refused)
          Fail("a change set is lost");
      }
      for (int r = 0; r < kRecords; ++r)
        if (!(device.base[r] == authority_.record(r).values)) Fail("replicas did not converge");
    }
  }

  std::mt19937_64 random_;
  Authority authority_;
  std::vector<Device> devices_;
  std::array<std::optional<Session>, kDevices> sessions_;
  int last_value_ = 0;
  std::string failure_;
};

// Kinds of failure over `histories` seeds, with the first seed of each.
std::map<std::string, uint64_t> Explore(Wrong wrong, uint64_t histories) {
  std::map<std::string, uint64_t> failures;
  for (uint64_t seed = 1; seed <= histories; ++seed) {
    const std::string failure = History(seed, wrong).Run();
    if (!failure.empty()) failures.try_emplace(failure, seed);
  }
  return failures;
}

TEST(ProtocolModelTest, TheRulesHoldOverThousandsOfHistories) {
  for (const auto& [failure, seed] : Explore(Wrong::kNothing, 20'000))
    ADD_FAILURE() << failure << ", seed " << seed;
}

struct Alternative {
  Wrong wrong;
  const char* found_as;  // empty: in whatever way
};

TEST(ProtocolModelTest, EveryWrongAlternativeIsCaught) {
  const Alternative alternatives[] = {
      {Wrong::kDeltaFromScanned, "replicas did not converge"},
      {Wrong::kVerdictAppliedEarly, ""},
      {Wrong::kEchoOmitsSet, "replicas did not converge"},
      {Wrong::kEchoOmitsCounter, "replicas did not converge"},
      {Wrong::kNoFold, ""},
      {Wrong::kFoldAfterEntries, "a counter is above the truth"},
      {Wrong::kNoDeduplication, "the authority counts wrong"},
  };
  for (const Alternative& alternative : alternatives) {
    const auto failures = Explore(alternative.wrong, 2'000);
    const std::string found_as = alternative.found_as;
    EXPECT_TRUE(found_as.empty() ? !failures.empty() : failures.contains(found_as))
        << "alternative " << static_cast<int>(alternative.wrong);
  }
}

}  // namespace
