#include "replica/store/created_records.h"

#include <algorithm>

#include "absl/strings/string_view.h"
#include "replica/base/ids.h"

namespace brigada {

void CreatedRecords::Add(const v1::ChangeSetBody& body, uint64_t sequence) {
  for (const v1::Change& change : body.changes()) {
    if (change.kind() == v1::Change::CREATE) created_by_.emplace(change.record_id(), sequence);
  }
}

// An id has too many random bits to stand in a message by chance, so the bytes are searched as they
// are.
uint64_t CreatedRecords::FirstConcerned(const v1::ChangeSetBody& body) const {
  uint64_t first = 0;
  if (created_by_.empty()) return first;
  const auto look_at = [&](absl::string_view id) {
    const auto found = created_by_.find(id);
    if (found != created_by_.end())
      first = first == 0 ? found->second : std::min(first, found->second);
  };
  for (const v1::Change& change : body.changes()) {
    look_at(change.record_id());
    const absl::string_view values = change.values();
    for (size_t at = 0; at + RecordId::kSize <= values.size(); ++at)
      look_at(values.substr(at, RecordId::kSize));
  }
  return first;
}

}  // namespace brigada
