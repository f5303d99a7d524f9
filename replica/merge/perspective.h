// What the writer of a change had seen. Inside replica/merge only.
#ifndef REPLICA_MERGE_PERSPECTIVE_H_
#define REPLICA_MERGE_PERSPECTIVE_H_

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "replica/merge/apply.h"
#include "replica/merge/record.h"

namespace brigada {

// Borrows the write and the context; they outlive it.
class Perspective {
 public:
  // The authority's: what came after the writer's position is concurrent.
  explicit Perspective(const WriteContext& context) : write_(context.write), context_(&context) {}
  // The writer's own: it has seen everything.
  explicit Perspective(const WriteRef& write) : write_(write) {}

  const WriteRef& write() const { return write_; }
  bool sees_everything() const { return context_ == nullptr; }
  // As in WriteContext; of the writer's own perspective, in which nothing is refused, none.
  const std::vector<CitedConflict>& cited() const;

  // True when `other` was committed after the writer's position, is no earlier write of its own
  // replica, and the writer did not know it as provisional either.
  bool IsConcurrent(const WriteRef& other) const;
  // True when the writer saw `other` only as its own pending write or as a provisional one.
  bool SawUnconfirmed(const WriteRef& other) const;

 private:
  bool SawCommitted(const WriteRef& other) const;
  bool SawProvisional(const WriteRef& other) const;
  bool SawAsOwn(const WriteRef& other) const;

  const WriteRef& write_;
  const WriteContext* context_ = nullptr;
};

// The order of stamps, made total by the replica: true when `a` comes after `b`.
inline bool IsLater(const WriteRef& a, const WriteRef& b) {
  if (a.stamp != b.stamp) return a.stamp > b.stamp;
  if (a.replica != b.replica) return a.replica > b.replica;
  return a.origin_sequence > b.origin_sequence;
}

// The order of commits: pending writes (sequence 0) come after all others, among themselves by
// stamp.
inline bool IsCommittedLater(const WriteRef& a, const WriteRef& b) {
  // 0 wraps round to the greatest.
  if (a.sequence != b.sequence) return a.sequence - 1 > b.sequence - 1;
  return IsLater(a, b);
}

}  // namespace brigada

#endif  // REPLICA_MERGE_PERSPECTIVE_H_
