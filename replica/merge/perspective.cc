#include "replica/merge/perspective.h"

#include <string>

#include "replica/merge/origin.h"

namespace brigada {
namespace {

std::string DotBytes(const WriteRef& write) {
  std::string bytes = write.replica.AsBytes();
  for (int shift = 56; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<char>(write.origin_sequence >> shift));
  return bytes;
}

}  // namespace

const std::vector<CitedConflict>& Perspective::cited() const {
  static const std::vector<CitedConflict>& none = *new std::vector<CitedConflict>();
  return context_ == nullptr ? none : context_->cited;
}

bool Perspective::SawCommitted(const WriteRef& other) const {
  if (other.sequence <= context_->seen) return true;
  return !context_->confirmed.empty() && context_->confirmed.contains(DotBytes(other));
}

bool Perspective::SawProvisional(const WriteRef& other) const {
  return !context_->provisional.empty() && context_->provisional.contains(DotBytes(other));
}

bool Perspective::SawAsOwn(const WriteRef& other) const {
  if (other.replica != write_.replica) return false;
  // Change sets of two partitions have no common numbers; a replica's stamps rise.
  if (OriginMark(other.origin_sequence) != OriginMark(write_.origin_sequence))
    return other.stamp < write_.stamp;
  // A later change of one change set has seen the earlier ones, of a retry too.
  return other.origin_sequence < context_->own_before ||
         other.origin_sequence == write_.origin_sequence;
}

bool Perspective::IsConcurrent(const WriteRef& other) const {
  if (context_ == nullptr || SawCommitted(other)) return false;
  return !SawAsOwn(other) && !SawProvisional(other);
}

bool Perspective::SawUnconfirmed(const WriteRef& other) const {
  if (context_ == nullptr || SawCommitted(other)) return false;
  return SawAsOwn(other) || SawProvisional(other);
}

}  // namespace brigada
