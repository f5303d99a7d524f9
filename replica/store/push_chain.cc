#include "replica/store/push_chain.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/crypto/hash_chain.h"
#include "replica/merge/origin.h"
#include "replica/schema/scope.h"
#include "replica/store/redelivery.h"
#include "replica/store/sealed_body.h"

namespace brigada {
namespace {

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("push: ", what));
}

absl::Status ParseHeaders(const PushRequest& push, std::vector<ChainedHeader>* headers) {
  if (!Scope::IsPartition(push.partition))
    return Malformed("the partition is neither the nation nor a state");
  headers->reserve(push.change_sets.size());
  for (const v1::ChangeSet& set : push.change_sets) {
    v1::ChangeSetHeader& header = headers->emplace_back().header;
    if (!header.ParseFromString(set.header())) return Malformed("a header is malformed");
    if (header.replica() != push.replica.bytes())
      return Malformed("a change set is of another replica");
    if (header.partition() != push.partition)
      return Malformed("a change set is of another partition");
    const uint64_t wanted = headers->size() == 1
                                ? header.sequence()
                                : (*headers)[0].header.sequence() + headers->size() - 1;
    if (header.sequence() == 0 || header.sequence() != wanted)
      return Malformed("change sets are not in sequence");
    if (header.sequence() > kMaxChangeSetSequence)
      return Malformed(absl::StrCat("change sets are numbered up to ", kMaxChangeSetSequence));
  }
  return absl::OkStatus();
}

absl::Status CheckVerdictsBefore(const PushRequest& push,
                                 const std::vector<ChainedHeader>& headers) {
  if (push.redelivered.size() > headers.size()) return Malformed("more verdicts than change sets");
  for (size_t i = 0; i < push.redelivered.size(); ++i) {
    const absl::Status status = CheckRedelivered(push.redelivered[i], headers[i].header.sequence());
    if (!status.ok()) return Malformed(status.message());
  }
  return absl::OkStatus();
}

std::string AsString(const ChainValue& value) { return std::string(AsView(value)); }

// The chain value before the push's first change set.
absl::StatusOr<ChainValue> ChainBefore(const PushRequest& push, uint64_t first,
                                       const v1::ReplicaProgress& progress,
                                       const VerdictBatch& verdicts) {
  if (first == 1) return ChainStart(push.replica.bytes(), push.partition);
  std::string stored = first == progress.sequence() + 1 ? progress.chain() : push.chain_before;
  if (first <= progress.sequence()) {
    ASSIGN_OR_RETURN(const auto verdict, verdicts.Find(push.partition, push.replica, first - 1));
    if (verdict.has_value()) stored = verdict->chain();
  }
  ChainValue chain;
  if (!push.chain_before.empty() && stored.size() != chain.size())
    return absl::InvalidArgumentError("push: the chain value it continues is malformed");
  if (stored.size() != chain.size())
    return absl::DataLossError("push: the replica's stored chain is damaged");
  std::copy(stored.begin(), stored.end(), reinterpret_cast<char*>(chain.data()));
  return chain;
}

// Whether this store may lack what the replica leaves out. One it does not know may have been
// divided from another, or all of its work is lost; of the others what was judged last is from
// before the store went back, or itself came again.
absl::StatusOr<bool> MayLack(const PushRequest& push, const v1::ReplicaProgress& progress,
                             const VerdictBatch& verdicts, const RunHistory& past) {
  if (progress.sequence() == 0) return true;
  ASSIGN_OR_RETURN(const auto last,
                   verdicts.Find(push.partition, push.replica, progress.sequence()));
  return last.has_value() &&
         (last->verdict().commit_sequence() <= past.floor() || last->has_before());
}

}  // namespace

absl::StatusOr<CheckedPush> CheckPush(const PushRequest& push, const v1::ReplicaProgress& progress,
                                      const VerdictBatch& verdicts, const RunHistory& past) {
  CheckedPush checked;
  checked.status = ParseHeaders(push, &checked.headers);
  if (checked.status.ok()) checked.status = CheckVerdictsBefore(push, checked.headers);
  if (!checked.status.ok() || checked.headers.empty()) return checked;
  const uint64_t first = checked.headers[0].header.sequence();
  if (first > progress.sequence() + 1) {
    // Who says what it continues no longer has what is missing; the signature covers what follows.
    checked.gap = push.chain_before.empty();
    if (checked.gap) {
      checked.headers.clear();
      return checked;
    }
    ASSIGN_OR_RETURN(const bool may_lack, MayLack(push, progress, verdicts, past));
    if (!may_lack) {
      checked.status = Malformed("it leaves out change sets that this server has not lost");
      return checked;
    }
  }
  const absl::StatusOr<ChainValue> before = ChainBefore(push, first, progress, verdicts);
  if (absl::IsInvalidArgument(before.status())) {
    checked.status = before.status();
    return checked;
  }
  RETURN_IF_ERROR(before.status());
  ChainValue chain = *before;
  for (size_t i = 0; i < checked.headers.size(); ++i) {
    const auto body_hash = BodyHashOf(push.change_sets[i]);
    if (!body_hash.ok()) {
      checked.status = Malformed(body_hash.status().message());
      return checked;
    }
    chain = NextChain(chain, push.change_sets[i].header(), *body_hash);
    ChainedHeader& chained = checked.headers[i];
    chained.chain = AsString(chain);
    if (chained.header.sequence() > progress.sequence()) continue;
    ASSIGN_OR_RETURN(auto known,
                     verdicts.Find(push.partition, push.replica, chained.header.sequence()));
    if (!known.has_value())
      return absl::DataLossError("push: the verdict of a judged change set is missing");
    checked.forked = known->chain() != chained.chain;
    if (checked.forked) return checked;
    checked.repeated.push_back(std::move(*known->mutable_verdict()));
  }
  if (AsString(chain) == push.chain_after) return checked;
  // It goes on from judged work that is not what this store has under that number: a copy, of which
  // the work before was judged on a line that is lost.
  checked.forked = first > 1 && first == progress.sequence() + 1;
  if (!checked.forked)
    checked.status = Malformed("the change sets do not give the chain value that was signed");
  return checked;
}

}  // namespace brigada
