// Replicas that follow one authority by deltas, in whatever batches, hold the same bytes; a device
// that folds its own confirmed change sets and is not sent back what is only its own, too.
#include <algorithm>
#include <deque>
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

constexpr Repertoire kEverything{true, true};

By RandomAuthor(Random& random, const History& history) {
  const auto replica = static_cast<char>('B' + random.Uniform(3));
  // Mostly from a recent position, sometimes from far behind.
  const uint64_t behind = random.Uniform(random.Uniform(4) == 0 ? 20 : 4);
  const uint64_t seen = history.sequence() > behind ? history.sequence() - behind : 0;
  return {replica, static_cast<int64_t>(random.Uniform(300)), seen};
}

v1::Change MaybeResolving(Random& random, const Record& record, v1::Change change) {
  if (record.conflicts.empty() || random.Uniform(4) != 0) return change;
  const RecordId id = record.conflicts[random.Uniform(record.conflicts.size())].id;
  return random.Uniform(2) == 0 ? Resolving(id) : Resolving(id, std::move(change));
}

// The entry a replica at `complete` is sent: whole when the record came into its sight later.
void SendEntry(const Record& authority, uint64_t complete, Record* base) {
  if (!authority.exists() || authority.sequence <= complete) return;
  const bool whole = authority.entered.empty() || authority.entered[0] > complete;
  MergeDelta(RecordDelta(authority, complete), whole, base);
}

TEST(ReplicationPropertyTest, AnyBatchingOfDeltasEndsInTheSameBytes) {
  struct Follower {
    Record base;
    uint64_t complete = 0;
    std::vector<Record> received;
  };
  for (uint64_t seed = 0; seed < 1500; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    SeededRandom random(seed);
    History history;
    std::vector<Follower> followers(3);
    for (int step = 0; step < 25; ++step) {
      history.Commit(MaybeResolving(random, history.record(), RandomChange(random, kEverything)),
                     RandomAuthor(random, history));
      for (Follower& follower : followers) {
        const uint64_t dice = random.Uniform(6);
        // A batch in mid-pull; a checkpoint; an old entry once more.
        if (dice < 2) SendEntry(history.record(), follower.complete, &follower.base);
        if (dice == 1) follower.complete = history.sequence();
        if (dice < 2) follower.received.push_back(RecordDelta(history.record(), 0));
        if (dice == 2 && !follower.received.empty()) {
          const Record& old = follower.received[random.Uniform(follower.received.size())];
          MergeDelta(old, false, &follower.base);
        }
      }
    }
    const std::string expected = EncodedBytes(history.record());
    for (Follower& follower : followers) {
      SendEntry(history.record(), follower.complete, &follower.base);
      ASSERT_EQ(EncodedBytes(follower.base), expected);
    }
  }
}

TEST(ReplicationPropertyTest, DeltaGoesThroughItsBytesUnchanged) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    SeededRandom random(seed);
    History history;
    Record base;
    uint64_t complete = 0;
    for (int step = 0; step < 20; ++step) {
      history.Commit(RandomChange(random, kEverything), RandomAuthor(random, history));
      if (!history.record().exists() || random.Uniform(3) != 0) continue;
      const Record& record = history.record();
      const bool whole = record.entered.empty() || record.entered[0] > complete;
      const v1::RecordState sent = EncodeRecord(RecordDelta(record, complete));
      const auto received = DecodeRecord(&SampleType(), sent);
      ASSERT_OK(received) << received.status() << sent.DebugString();
      MergeDelta(*received, whole, &base);
      complete = history.sequence();
      const v1::RecordState stored = EncodeRecord(base);
      ASSERT_EQ(stored.SerializeAsString(), EncodeRecord(record).SerializeAsString());
      ASSERT_OK_AND_ASSIGN(base, DecodeRecord(&SampleType(), stored));
    }
  }
}

// A device 'A' with an outbox beside replicas that write directly.
class Device {
 public:
  struct Sent {
    v1::Change change;
    By by;
    v1::Verdict verdict;
    bool is_lost = false;
  };

  explicit Device(History* authority) : authority_(*authority) {}

  void Write(v1::Change change, int64_t stamp) {
    By by{'A', stamp, complete_, ++last_origin_};
    outbox_.push_back(Sent{std::move(change), by, {}, false});
  }

  // Pushes the first `count` change sets that have no verdict yet.
  void Push(size_t count) {
    for (Sent& sent : outbox_) {
      if (sent.verdict.commit_sequence() != 0) continue;
      if (count-- == 0) return;
      const ApplyResult result = authority_.Commit(sent.change, sent.by);
      sent.verdict.set_commit_sequence(authority_.sequence());
      sent.verdict.set_outcome(result.refusals.empty() ? v1::APPLIED : v1::REJECTED);
      sent.is_lost = result.lost_whole || !result.lost_fields.empty();
      if (!sent.is_lost) continue;
      v1::Verdict::Lost* lost = sent.verdict.add_lost();
      for (const uint32_t field : result.lost_fields) lost->add_fields(field);
    }
  }

  // Takes one batch, up to `to`: verdicts folded in order, then the entry if it lies in the batch.
  // At the head it is a checkpoint.
  void Pull(uint64_t to) {
    while (!outbox_.empty() && HasVerdictUpTo(to)) {
      const Sent& sent = outbox_.front();
      folded_ = sent.by.origin;
      if (sent.verdict.outcome() != v1::REJECTED) {
        const WriteRef write = WriteBy(sent.by, sent.verdict.commit_sequence());
        const v1::Verdict::Lost* lost = sent.is_lost ? &sent.verdict.lost(0) : nullptr;
        ASSERT_OK(OverlayChange(&SampleType(), sent.change, write, lost, &base_));
      }
      outbox_.pop_front();
    }
    const Record& record = authority_.record();
    if (record.exists() && record.sequence > scanned_ && record.sequence <= to) TakeEntry(record);
    scanned_ = to;
    if (to == authority_.sequence()) complete_ = to;
  }

  uint64_t scanned() const { return scanned_; }

  Record View() const {
    Record view = base_;
    for (const Sent& sent : outbox_)
      EXPECT_OK(OverlayChange(&SampleType(), sent.change, WriteBy(sent.by, 0), nullptr, &view));
    return view;
  }

  const Record& base() const { return base_; }
  uint64_t suppressed() const { return suppressed_; }

 private:
  bool HasVerdictUpTo(uint64_t to) const {
    const uint64_t at = outbox_.front().verdict.commit_sequence();
    return at != 0 && at <= to;
  }

  void TakeEntry(const Record& record) {
    const bool is_new = record.entered.empty() || record.entered[0] > complete_;
    const bool is_own = record.created().replica == Replica('A');
    const bool whole = is_new && !is_own;
    Record delta = RecordDelta(record, complete_);
    if (!whole && record.is_live()) LeaveOutEcho(&delta);
    MergeDelta(delta, whole, &base_);
  }

  // A LAST_WRITER or FIRST_WRITER field whose only live version is the device's own, from a change
  // set that it folded since its last checkpoint. The scope only as its creation left it: the
  // sequences at which a moved record entered its levels depend on moves that the device has not
  // seen.
  void LeaveOutEcho(Record* delta) {
    const auto is_echo = [&](const FieldState& field) {
      const FieldType* type = SampleType().FindField(field.number);
      const v1::MergePolicy policy = type == nullptr ? v1::LAST_WRITER : type->policy;
      if (policy != v1::LAST_WRITER && policy != v1::FIRST_WRITER) return false;
      if (field.slots.size() != 1 || field.slots[0].versions.size() != 1) return false;
      const WriteRef& write = delta->writes[field.slots[0].versions[0].write];
      if (field.number == kScopeFieldNumber && !(write == delta->created())) return false;
      return write.replica == Replica('A') && write.origin_sequence <= folded_ &&
             write.sequence > complete_;
    };
    const size_t before = delta->fields.size();
    delta->fields.erase(std::remove_if(delta->fields.begin(), delta->fields.end(), is_echo),
                        delta->fields.end());
    if (delta->FindField(kScopeFieldNumber) == nullptr) delta->entered.clear();
    suppressed_ += before - delta->fields.size();
  }

  History& authority_;
  Record base_;
  std::deque<Sent> outbox_;
  uint64_t complete_ = 0;
  uint64_t scanned_ = 0;
  uint64_t folded_ = 0;
  uint64_t last_origin_ = 0;
  uint64_t suppressed_ = 0;
};

TEST(ReplicationPropertyTest, FoldedVerdictsAndLaterDeltasGiveTheAuthoritysBytes) {
  uint64_t suppressed = 0;
  for (uint64_t seed = 0; seed < 6000; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    SeededRandom random(seed);
    History history;
    Device device(&history);
    for (int step = 0; step < 30; ++step) {
      const v1::Change change = RandomChange(random, kEverything);
      const auto stamp = static_cast<int64_t>(random.Uniform(300));
      switch (random.Uniform(5)) {
        case 0:
          history.Commit(MaybeResolving(random, history.record(), change),
                         RandomAuthor(random, history));
          break;
        case 1:
          device.Write(MaybeResolving(random, device.base(), change), stamp);
          break;
        case 2:
          device.Push(random.Uniform(4));
          break;
        case 3:
          device.Pull(device.scanned() + random.Uniform(history.sequence() - device.scanned() + 1));
          break;
        default:
          device.Pull(history.sequence());
          ASSERT_EQ(EncodedBytes(device.base()), EncodedBytes(history.record())) << step;
          break;
      }
      device.View();
    }
    suppressed += device.suppressed();
  }
  // Otherwise the test would not say anything about echoes.
  EXPECT_GT(suppressed, 1000);
}

}  // namespace
}  // namespace brigada
