#include "tests/unit/sync/fake_stores.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "replica/base/check.h"

namespace brigada {
namespace {

v1::ChangeSetHeader HeaderOf(const v1::ChangeSet& change_set) {
  v1::ChangeSetHeader header;
  header.ParseFromString(change_set.header());
  return header;
}

}  // namespace

v1::Verdict FakeAuthorityStore::VerdictOf(const std::vector<Commit>& log, size_t index) const {
  v1::Verdict verdict;
  verdict.set_sequence(log[index].sequence);
  verdict.set_commit_sequence(index + 1);
  verdict.set_outcome(log[index].body == kUnwelcome ? v1::REJECTED : v1::APPLIED);
  return verdict;
}

absl::StatusOr<std::vector<PushResult>> FakeAuthorityStore::CommitPushes(
    absl::Span<const PushRequest> pushes, const Judge&, absl::Time) {
  std::vector<PushResult> results;
  for (const PushRequest& push : pushes) {
    PushResult& result = results.emplace_back();
    auto& log = logs_[push.partition];
    uint64_t last = *LastSequence(push.replica, push.partition);
    for (const v1::ChangeSet& change_set : push.change_sets) {
      const uint64_t sequence = HeaderOf(change_set).sequence();
      if (sequence > last + 1) break;
      if (sequence == last + 1) {
        log.push_back({push.replica, sequence, change_set.body()});
        last = sequence;
      }
      for (size_t i = 0; i < log.size(); ++i) {
        if (log[i].replica != push.replica || log[i].sequence != sequence) continue;
        result.forked = result.forked || log[i].body != change_set.body();
        result.verdicts.push_back(VerdictOf(log, i));
      }
    }
    result.expected = last + 1;
  }
  return results;
}

absl::StatusOr<FeedPage> FakeAuthorityStore::ReadFeed(const FeedRequest& request) const {
  FeedPage page;
  const auto found = logs_.find(request.partition);
  page.head = Head(request.partition);
  page.to = request.scanned;
  for (size_t bytes = 0; page.to < page.head && bytes < request.target_bytes; ++page.to) {
    const Commit& commit = found->second[page.to];
    bytes += commit.body.size() + 1;
    if (commit.replica == request.replica)
      *page.body.add_verdicts() = VerdictOf(found->second, page.to);
    if (request.feeds.empty() || commit.body == kUnwelcome) continue;
    v1::Entry* const entry = page.body.add_entries();
    entry->set_sequence(page.to + 1);
    entry->set_record_id(commit.body);
  }
  return page;
}

uint64_t FakeAuthorityStore::Head(absl::string_view partition) const {
  const auto found = logs_.find(partition);
  return found == logs_.end() ? 0 : found->second.size();
}

absl::StatusOr<uint64_t> FakeAuthorityStore::LastSequence(const ReplicaId& replica,
                                                          absl::string_view partition) const {
  uint64_t last = 0;
  const auto found = logs_.find(partition);
  if (found == logs_.end()) return last;
  for (const Commit& commit : found->second)
    if (commit.replica == replica) last = std::max(last, commit.sequence);
  return last;
}

absl::StatusOr<std::string> FakeAuthorityStore::LastChain(const ReplicaId& replica,
                                                          absl::string_view partition) const {
  std::string chain;
  const auto found = logs_.find(partition);
  if (found == logs_.end()) return chain;
  for (const Commit& commit : found->second)
    if (commit.replica == replica) absl::StrAppend(&chain, "/", commit.body);
  return chain;
}

absl::StatusOr<std::optional<v1::StoredVerdict>> FakeAuthorityStore::FindVerdict(
    const ReplicaId& replica, absl::string_view partition, uint64_t sequence) const {
  std::optional<v1::StoredVerdict> stored;
  const auto found = logs_.find(partition);
  if (found == logs_.end()) return stored;
  std::string chain;
  for (const Commit& commit : found->second) {
    if (commit.replica != replica || commit.sequence > sequence) continue;
    absl::StrAppend(&chain, "/", commit.body);
    if (commit.sequence == sequence) stored.emplace().set_chain(chain);
  }
  return stored;
}

bool FakeAuthorityStore::IsKnownPoint(const Run& run, absl::string_view partition,
                                      uint64_t sequence) const {
  return run == run_ && sequence <= Head(partition);
}

absl::Status FakeAuthorityStore::BeginEpoch(const Epoch&, const Run&, absl::Time) {
  past_epochs_.insert(epoch_);
  epoch_ = Epoch({static_cast<uint8_t>(8 + past_epochs_.size())});
  run_ = Run({static_cast<uint8_t>(8 + past_epochs_.size())});
  return absl::OkStatus();
}

void FakeAuthorityStore::GoBack(const std::string& partition, size_t commits, bool announced) {
  logs_[partition].resize(commits);
  if (announced) CHECK(BeginEpoch(epoch_, run_, absl::Time()).ok());
}

std::vector<std::string> FakeAuthorityStore::Bodies(const std::string& partition) const {
  std::vector<std::string> bodies;
  const auto found = logs_.find(partition);
  if (found == logs_.end()) return bodies;
  for (const Commit& commit : found->second)
    if (commit.body != kUnwelcome) bodies.push_back(commit.body);
  return bodies;
}

std::vector<std::string> FakeDeviceStore::Partitions() const {
  std::vector<std::string> names;
  for (const auto& [name, partition] : partitions_) names.push_back(name);
  return names;
}

v1::OutboxHead FakeDeviceStore::Head(absl::string_view partition) const {
  const auto found = partitions_.find(partition);
  return found == partitions_.end() ? v1::OutboxHead() : found->second.head;
}

absl::StatusOr<OutboxPage> FakeDeviceStore::ReadOutbox(absl::string_view partition,
                                                       uint64_t from_sequence,
                                                       size_t max_bytes) const {
  OutboxPage page;
  const auto found = partitions_.find(partition);
  if (found == partitions_.end()) return page;
  std::map<uint64_t, std::string> outbox = found->second.retained;
  outbox.insert(found->second.outbox.begin(), found->second.outbox.end());
  for (auto it = outbox.lower_bound(from_sequence);
       it != outbox.end() && page.change_sets.size() < std::min(page_sets_, max_bytes); ++it) {
    v1::ChangeSetHeader header;
    header.set_sequence(it->first);
    v1::ChangeSet& change_set = page.change_sets.emplace_back();
    change_set.set_header(header.SerializeAsString());
    change_set.set_body(it->second);
    page.last_sequence = it->first;
    if (it->first <= found->second.head.confirmed()) page.redelivered.emplace_back();
  }
  page.chain_after = found->second.chain[page.last_sequence];
  return page;
}

std::vector<v1::Cursor> FakeDeviceStore::Cursors() const {
  std::vector<v1::Cursor> cursors;
  for (const auto& [name, partition] : partitions_)
    if (partition.has_cursor) cursors.push_back(partition.cursor);
  return cursors;
}

absl::Status FakeDeviceStore::NoteWelcome(const v1::Welcome& welcome) {
  welcome_ = welcome;
  for (const v1::CursorReset& reset : welcome.resets()) {
    const auto found = partitions_.find(reset.partition());
    if (found == partitions_.end()) continue;
    found->second.cursor = reset.cursor();
    found->second.has_cursor = reset.has_cursor();
  }
  return absl::OkStatus();
}

absl::Status FakeDeviceStore::ResumeAfterLoss(absl::string_view name, uint64_t expected) {
  Partition& partition = partitions_.find(name)->second;
  partition.resumed.push_back(expected);
  partition.head.set_redelivered(partition.head.confirmed());
  return absl::OkStatus();
}

absl::StatusOr<BatchEffect> FakeDeviceStore::ApplyBatch(const v1::Batch& batch,
                                                        const v1::BatchBody& body) {
  Partition& partition = partitions_[batch.partition()];
  if (batch.from() != partition.cursor.scanned())
    return absl::FailedPreconditionError("batch does not start at the cursor");
  BatchEffect effect;
  for (const v1::Verdict& verdict : body.verdicts()) {
    const auto pending = partition.outbox.find(verdict.sequence());
    if (pending == partition.outbox.end()) continue;
    const bool refused = verdict.outcome() == v1::REJECTED;
    (refused ? partition.rejected : partition.records).insert(pending->second);
    ++(refused ? effect.refused : effect.applied);
    partition.retained.insert(*pending);
    partition.outbox.erase(pending);
    partition.head.set_confirmed(verdict.sequence());
  }
  for (const v1::Entry& entry : body.entries()) partition.records.insert(entry.record_id());
  effect.records = static_cast<uint64_t>(body.entries_size());
  partition.cursor = batch.cursor();
  partition.has_cursor = true;
  return effect;
}

void FakeDeviceStore::Add(const std::string& name, const std::string& body) {
  Partition& partition = partitions_[name];
  partition.head.set_sequence(partition.head.sequence() + 1);
  partition.outbox[partition.head.sequence()] = body;
  partition.chain.push_back(absl::StrCat(partition.chain.back(), "/", body));
}

}  // namespace brigada
