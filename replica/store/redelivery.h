// A change set that was judged before, in an epoch that is lost, and comes again; or one that
// waited in quarantine. Those that come again meet each other in another order than the first time.
// What one had seen of another then still counts, so that nothing that was settled is opened again.
#ifndef REPLICA_STORE_REDELIVERY_H_
#define REPLICA_STORE_REDELIVERY_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "brigada/v1/change.pb.h"
#include "brigada/v1/storage.pb.h"
#include "replica/merge/apply.h"
#include "replica/store/verdict_table.h"

namespace brigada {

// What a replica says of its change set `sequence`; kInvalidArgument: malformed.
absl::Status CheckRedelivered(const v1::Redelivered& before, uint64_t sequence);
bool WasAccepted(const v1::Redelivered& before);
// Of that, what the store keeps: nothing that a device could make large.
v1::Redelivered WhatCounts(const v1::Redelivered& before);

// One change set on its way through one commit. One thread.
class Redelivery {
 public:
  // Nothing is special about a set with no `before` that is not late. `late`: later change sets of
  // its replica may have been applied already. All outlive it.
  Redelivery(const VerdictBatch* verdicts, const v1::ChangeSetHeader* header,
             const v1::Redelivered* before, bool late)
      : verdicts_(verdicts), header_(header), before_(before), is_late_(late) {}

  bool is_plain() const { return before_ == nullptr && !is_late_; }
  // It was accepted before: it is not thrown out now.
  bool was_accepted() const;
  bool was_refused() const;
  // Why it was, in bounds.
  std::vector<v1::Refusal> Reasons() const;
  Hlc signed_stamp() const;

  // Looks for writes of `record` that this one had seen, or that had seen this one. The former are
  // added to `context`.
  absl::Status Look(const Record& record, uint64_t seen, WriteContext* context);
  // Takes out of `change` what versions of `record` replaced knowingly. Returns the fields; all of
  // them and `*whole` when the record was deleted by somebody who had seen it.
  absl::StatusOr<std::vector<uint32_t>> Trim(const RecordType* type, const Record& record,
                                             v1::Change* change, bool* whole) const;
  // What the store keeps of it for those that come after; false when there is nothing to keep.
  bool Describe(const v1::ChangeSetBody& body, v1::StoredVerdict::Before* before) const;

 private:
  // True when a write of its own replica came after it and is here already.
  absl::StatusOr<bool> IsLaterOwn(const WriteRef& write) const;
  bool IsReplaced(const RecordType* type, const Record& record, uint32_t number,
                  absl::string_view key) const;

  const VerdictBatch* const verdicts_;
  const v1::ChangeSetHeader* const header_;
  const v1::Redelivered* const before_;
  const bool is_late_;
  // Dots of the writes that had seen this one.
  std::set<std::string> knowing_;
};

}  // namespace brigada

#endif  // REPLICA_STORE_REDELIVERY_H_
