// The number of a change set counts per replica and partition. A write that came with its record
// from another partition keeps its number with a mark of that partition above it: it is never taken
// for a change set of the partition it is in now.
#ifndef REPLICA_MERGE_ORIGIN_H_
#define REPLICA_MERGE_ORIGIN_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace brigada {

// Change sets have no higher number: above are the marks.
inline constexpr uint64_t kMaxChangeSetSequence = (uint64_t{1} << 40) - 1;

// The origin of change set `sequence` of `partition` as a record elsewhere keeps it. The nation and
// the states have marks of their own.
uint64_t OriginElsewhere(absl::string_view partition, uint64_t sequence);

// 0: of the partition that the record is in.
inline uint64_t OriginMark(uint64_t origin) { return origin >> 40; }

}  // namespace brigada

#endif  // REPLICA_MERGE_ORIGIN_H_
