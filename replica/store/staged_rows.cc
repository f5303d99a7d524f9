#include "replica/store/staged_rows.h"

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "replica/base/status_macros.h"
#include "replica/store/keys.h"

namespace brigada {

absl::StatusOr<std::optional<std::string>> StagedRows::Get(const std::string& key) const {
  if (const auto changed = changed_.find(key); changed != changed_.end()) return changed->second;
  return reader_->Get(table_, key);
}

absl::StatusOr<std::map<std::string, std::string>> StagedRows::Under(
    const std::string& prefix) const {
  std::map<std::string, std::string> rows;
  const auto it = reader_->Iterate(table_, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next())
    rows.emplace(std::string(it->key()), std::string(it->value()));
  RETURN_IF_ERROR(it->status());
  for (auto at = changed_.lower_bound(prefix);
       at != changed_.end() && absl::StartsWith(at->first, prefix); ++at) {
    if (at->second.has_value()) {
      rows[at->first] = *at->second;
    } else {
      rows.erase(at->first);
    }
  }
  return rows;
}

void StagedRows::Set(const std::string& key, std::optional<std::string> value) {
  changed_[key] = std::move(value);
}

void StagedRows::Stage(KvBatch* batch) const {
  for (const auto& [key, value] : changed_) {
    if (value.has_value()) {
      batch->Put(table_, key, *value);
    } else {
      batch->Delete(table_, key);
    }
  }
}

}  // namespace brigada
