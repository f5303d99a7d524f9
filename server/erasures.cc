#include "server/erasures.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/administration_service.pb.h"
#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/schema/scope.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

constexpr absl::string_view kPrefix = "erasure/";

DirectoryWrite NoteOf(const ErasureRequest& request) {
  std::string key(kPrefix);
  AppendBigEndian32(request.type_id, &key);
  absl::StrAppend(&key, request.id.bytes());
  v1::EraseRequest note;
  note.set_type_id(request.type_id);
  note.set_record_id(request.id.AsBytes());
  note.set_scope(request.scope);
  return {DirectoryKind::kSetting, std::move(key), note.SerializeAsString(), std::nullopt};
}

// What cannot be done is not noted: it would be tried again at each start.
absl::Status CheckPlace(const AuthorityStore& store, const ErasureRequest& request) {
  ASSIGN_OR_RETURN(const std::vector<std::string> places,
                   store.PlacesOf(request.type_id, request.id));
  if (!places.empty()) return absl::OkStatus();
  if (request.scope.empty())
    return absl::NotFoundError("erase: the server has no such record; say where it would be");
  ASSIGN_OR_RETURN(const Scope scope, Scope::Parse(request.scope));
  if (Scope::IsPartition(scope.partition())) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "erase: the scope is in no state; give the place of a municipality, as MX/20/067");
}

}  // namespace

absl::StatusOr<ErasureReport> EraseForGood(AuthorityStore& store, const ErasureRequest& request,
                                           absl::Time now) {
  RETURN_IF_ERROR(CheckPlace(store, request));
  RETURN_IF_ERROR(store.WriteEntries({NoteOf(request)}));
  return store.Erase(request, now);
}

absl::StatusOr<std::vector<DirectoryWrite>> NotedErasures(const AuthorityStore& store) {
  ASSIGN_OR_RETURN(auto entries, store.ListEntries(DirectoryKind::kSetting));
  std::vector<DirectoryWrite> notes;
  for (auto& [key, value] : entries) {
    if (!absl::StartsWith(key, kPrefix)) continue;
    notes.push_back({DirectoryKind::kSetting, std::move(key), std::move(value), std::nullopt});
  }
  return notes;
}

absl::Status ResumeErasures(AuthorityStore& store, absl::Time now) {
  ASSIGN_OR_RETURN(const std::vector<DirectoryWrite> notes, NotedErasures(store));
  uint64_t done = 0;
  for (const DirectoryWrite& write : notes) {
    v1::EraseRequest note;
    if (!note.ParseFromString(*write.value))
      return absl::DataLossError("a noted erasure is damaged");
    ASSIGN_OR_RETURN(const RecordId id, RecordId::FromBytes(note.record_id()));
    const absl::StatusOr<ErasureReport> report =
        store.Erase({.type_id = note.type_id(), .id = id, .scope = note.scope(), .user = ""}, now);
    if (absl::IsNotFound(report.status()) || absl::IsInvalidArgument(report.status())) {
      // Nothing is here to be erased, and nowhere to say so.
      Log(LogLevel::kError, "erasure_without_place", {{"record", id.ToString()}});
      continue;
    }
    RETURN_IF_ERROR(report.status());
    done += report->records + report->conflicts + report->change_sets > 0 ? 1 : 0;
  }
  if (done > 0) Log(LogLevel::kWarning, "erasures done again", {{"records", done}});
  return absl::OkStatus();
}

}  // namespace brigada
