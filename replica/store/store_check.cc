#include "replica/store/store_check.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"
#include "replica/store/rocks_kv.h"
#include "replica/store/store_checker.h"
#include "replica/store/unreadable_disk.h"

namespace brigada {
namespace {

constexpr uint64_t kEntriesPerProgress = 2000;

// The engine's message is long; what a person can use of it is the file.
std::string FileNamedIn(absl::string_view message) {
  const size_t end = message.find(".sst");
  if (end == absl::string_view::npos) return "file";
  const size_t slash = message.rfind('/', end);
  const size_t begin = slash == absl::string_view::npos ? 0 : slash + 1;
  return absl::StrCat("file ", message.substr(begin, end + 4 - begin));
}

StoreDamage::Kind KindOf(const absl::Status& reading) {
  return IsUnreadableDisk(reading) ? StoreDamage::kDiskFails : StoreDamage::kUnreadable;
}

// What the disk does not read is damage, not an error that passes.
absl::Status AsDamage(const absl::Status& status, StoreKind kind, const std::string& path) {
  if (!IsUnreadableDisk(status)) return status;
  return absl::DataLossError(absl::StrCat("the disk does not read the ",
                                          kind == StoreKind::kDevice ? "store" : "server's store",
                                          " in ", path, ": ", status.message()));
}

}  // namespace

absl::StatusOr<StoreFindings> CheckStore(const Kv& kv, StoreKind kind, const Registry& registry,
                                         const StoreCheckProgress& progress) {
  ASSIGN_OR_RETURN(const bool exists, CheckFormat(kv, kind));
  if (!exists) return absl::NotFoundError("the store is empty: it was never finished");
  return StoreChecker(kv, kind, registry, progress).Run();
}

absl::StatusOr<StoreFindings> CheckStoreAt(const std::string& path, StoreKind kind,
                                           const Registry& registry,
                                           const StoreCheckProgress& progress, rocksdb::Env* env) {
  const absl::Status files = VerifyRocksFiles(path, env);
  if (!files.ok() && !absl::IsDataLoss(files) && !IsUnreadableDisk(files)) return files;
  // What the tables still give is told too, unless the store does not even open.
  const absl::StatusOr<std::unique_ptr<Kv>> kv =
      OpenRocksKv({.path = path, .read_only = true, .env = env});
  RETURN_IF_ERROR(AsDamage(kv.status(), kind, path));
  absl::StatusOr<StoreFindings> findings = CheckStore(**kv, kind, registry, progress);
  // Not even what kind of store it is may be readable.
  RETURN_IF_ERROR(AsDamage(findings.status(), kind, path));
  if (!files.ok()) {
    ++findings->damages;
    findings->shown.insert(findings->shown.begin(), {KindOf(files), FileNamedIn(files.message())});
  }
  return findings;
}

StoreFindings StoreChecker::Run() {
  ReadIdentity();
  CheckRecords();
  CheckIndex();
  CheckFeeds();
  CheckCounts();
  CheckSums();
  CheckOutboxes();
  CheckMessages();
  if (progress_) progress_(findings_);
  return std::move(findings_);
}

void StoreChecker::Report(StoreDamage::Kind kind, std::string where) {
  ++findings_.damages;
  if (findings_.shown.size() < kMaxShownDamages)
    findings_.shown.push_back({kind, std::move(where)});
}

void StoreChecker::Read(Table table, const std::string& begin, const std::string& end,
                        const Visit& visit) {
  const std::unique_ptr<KvIterator> it = kv_.Iterate(table, begin, end);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    findings_.bytes += it->key().size() + it->value().size();
    visit(it->key(), it->value());
    if (++read_ % kEntriesPerProgress == 0 && progress_) progress_(findings_);
  }
  if (!it->status().ok()) Report(KindOf(it->status()), absl::StrCat("table ", TableName(table)));
}

std::optional<std::string> StoreChecker::Get(Table table, absl::string_view key) {
  absl::StatusOr<std::optional<std::string>> value = kv_.Get(table, key);
  if (value.ok()) return *std::move(value);
  Report(KindOf(value.status()), absl::StrCat("table ", TableName(table)));
  return std::nullopt;
}

void StoreChecker::ReadIdentity() {
  if (!is_device()) {
    sum_policy_.unknown_class = v1::INCIDENT;
    return;
  }
  const absl::StatusOr<ReplicaId> id =
      ReplicaId::FromBytes(Get(Table::kMeta, kReplicaKey).value_or(""));
  if (!id.ok()) {
    Report(StoreDamage::kMalformed, "replica id");
    return;
  }
  sum_policy_.own = *id;
}

}  // namespace brigada
