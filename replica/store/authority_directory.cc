#include "replica/store/authority_directory.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

std::string KindPrefix(DirectoryKind kind) { return std::string(1, static_cast<char>(kind)); }

std::string EntryKey(DirectoryKind kind, absl::string_view key) {
  return absl::StrCat(KindPrefix(kind), key);
}

}  // namespace

absl::StatusOr<std::optional<std::string>> AuthorityDirectory::Get(DirectoryKind kind,
                                                                   absl::string_view key) const {
  return kv_->Get(Table::kDirectory, EntryKey(kind, key));
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> AuthorityDirectory::List(
    DirectoryKind kind) const {
  std::vector<std::pair<std::string, std::string>> entries;
  const std::string prefix = KindPrefix(kind);
  auto it = kv_->Iterate(Table::kDirectory, prefix, PrefixEnd(prefix));
  for (it->SeekToFirst(); it->Valid(); it->Next())
    entries.emplace_back(std::string(it->key().substr(prefix.size())), std::string(it->value()));
  RETURN_IF_ERROR(it->status());
  return entries;
}

absl::StatusOr<uint64_t> AuthorityDirectory::Write(absl::Span<const DirectoryWrite> writes) {
  const MutexLock lock(&write_mu_);
  KvBatch batch;
  for (const DirectoryWrite& write : writes) {
    std::string key = EntryKey(write.kind, write.key);
    if (write.expected.has_value()) {
      ASSIGN_OR_RETURN(const auto stored, kv_->Get(Table::kDirectory, key));
      if (stored != *write.expected)
        return absl::AbortedError("write to the directory: an entry was changed meanwhile; retry");
    }
    if (write.value.has_value()) {
      batch.Put(Table::kDirectory, std::move(key), *write.value);
    } else {
      batch.Delete(Table::kDirectory, std::move(key));
    }
  }
  ASSIGN_OR_RETURN(const auto count, kv_->Get(Table::kMeta, kDirectoryWritesKey));
  const uint64_t number = (count.has_value() ? NumberOf(*count) : 0) + 1;
  batch.Put(Table::kMeta, std::string(kDirectoryWritesKey), NumberValue(number));
  RETURN_IF_ERROR(kv_->Write(batch, Durability::kSync));
  return number;
}

}  // namespace brigada
