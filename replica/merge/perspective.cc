#include "replica/merge/perspective.h"

#include <string>

namespace brigada {
namespace {

std::string DotBytes(const WriteRef& write) {
  std::string bytes = write.replica.AsBytes();
  for (int shift = 56; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<char>(write.origin_sequence >> shift));
  return bytes;
}

}  // namespace

bool Perspective::SawProvisional(const WriteRef& other) const {
  return !context_->provisional.empty() && context_->provisional.contains(DotBytes(other));
}

bool Perspective::SawAsOwn(const WriteRef& other) const {
  return other.replica == write_.replica && other.origin_sequence < context_->own_before;
}

bool Perspective::IsConcurrent(const WriteRef& other) const {
  if (context_ == nullptr || other.sequence <= context_->seen) return false;
  return !SawAsOwn(other) && !SawProvisional(other);
}

bool Perspective::SawUnconfirmed(const WriteRef& other) const {
  if (context_ == nullptr || other.sequence <= context_->seen) return false;
  return SawAsOwn(other) || SawProvisional(other);
}

}  // namespace brigada
