#include "tests/crash/kept_authority.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/store/store_check.h"

namespace brigada {

absl::StatusOr<bool> IsLive(const AuthorityStore& store, const RecordId& id) {
  ASSIGN_OR_RETURN(const auto view, store.Read());
  ASSIGN_OR_RETURN(const auto record, view->Get(PersonType(), id));
  return record.has_value();
}

absl::Status CheckSound(const Kv& kv, StoreKind kind) {
  ASSIGN_OR_RETURN(const StoreFindings findings, CheckStore(kv, kind, Registry::BuiltIn()));
  if (findings.damages == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("does not agree with itself: ", findings.shown[0].where));
}

absl::Status KeptAuthority::Open(bool restored) {
  Close();
  AuthorityStoreOptions options;
  options.registry = &Registry::BuiltIn();
  options.random = &random_;
  options.now = clock_.Now();
  options.restored = restored;
  const OpenAuthority open =
      [&](const AuthorityStoreOptions& beside) -> absl::StatusOr<std::unique_ptr<AuthorityStore>> {
    ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv,
                     OpenDisk(*env_, mode_, StoreKind::kAuthority, on_write_));
    kv_ = kv.get();
    return OpenAuthorityStore(std::move(kv), beside);
  };
  const auto note = [this](absl::Span<const DirectoryWrite> writes, uint64_t number) {
    for (v1::JournalRecord& record : RecordsOf(writes, number))
      journal_.push_back(std::move(record));
    return absl::OkStatus();
  };
  const std::vector<v1::JournalRecord> noted = journal_;
  auto opened = OpenBesideJournal(noted, note, std::move(options), open);
  if (!opened.ok()) kv_ = nullptr;
  RETURN_IF_ERROR(opened.status());
  store_ = *std::move(opened);
  return absl::OkStatus();
}

absl::Status KeptAuthority::Commit(const std::string& name, const PushRequest& push) {
  clock_.Advance(absl::Seconds(1));
  ASSIGN_OR_RETURN(const std::vector<PushResult> results,
                   store_->CommitPushes({push}, judge_, clock_.Now()));
  RETURN_IF_ERROR(results[0].status);
  if (results[0].forked || results[0].verdicts.size() != 1)
    return absl::InternalError(absl::StrCat(name, " has no verdict"));
  std::string answer = results[0].verdicts[0].SerializeAsString();
  const auto [it, is_first] = answers_.try_emplace(name, push, std::move(answer));
  if (!is_first && it->second.second != results[0].verdicts[0].SerializeAsString())
    return absl::InternalError(absl::StrCat(name, " got another answer"));
  return absl::OkStatus();
}

absl::Status KeptAuthority::RepeatAll() {
  const auto answers = answers_;
  for (const auto& [name, told] : answers) RETURN_IF_ERROR(Commit(name, told.first));
  return absl::OkStatus();
}

absl::Status KeptAuthority::Lose(Table table, const std::string& key) {
  KvBatch loss;
  loss.Delete(table, key);
  return kv_->Write(loss, Durability::kSync);
}

absl::Status KeptAuthority::CheckErasedFromFiles() {
  Close();
  return absl::StrContains(BytesOnDisk(env_->disk(), "/store"), kErasedName)
             ? absl::InternalError("a file says what was erased")
             : absl::OkStatus();
}

}  // namespace brigada
