#include "replica/store/batch_check.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

// A stamp beyond this (the year 6429) is no time of day: taken in, it would run the device's clock
// to its end.
constexpr uint64_t kLastStamp = uint64_t{1} << 63;

// The states and the nation are fewer.
constexpr size_t kMaxPartitions = 101;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("malformed batch: ", what));
}

absl::Status CheckRange(const v1::Batch& batch) {
  const absl::StatusOr<Scope> scope = Scope::Parse(batch.partition());
  if (!scope.ok() || scope->partition() != batch.partition()) return Malformed("its partition");
  const v1::Cursor& cursor = batch.cursor();
  if (cursor.partition() != batch.partition()) return Malformed("a cursor of another partition");
  if (batch.from() > batch.to()) return Malformed("it ends before it starts");
  if (cursor.scanned() != batch.to()) return Malformed("its cursor does not stand at its end");
  if (cursor.complete() > cursor.scanned()) return Malformed("its cursor is ahead of itself");
  return absl::OkStatus();
}

bool IsInRange(uint64_t sequence, uint64_t from, uint64_t to) {
  return sequence > from && sequence <= to;
}

absl::Status CheckVerdicts(const v1::Batch& batch, const v1::BatchBody& body) {
  uint64_t previous = 0;
  for (const v1::Verdict& verdict : body.verdicts()) {
    // One that waited in quarantine gets a later verdict than those behind it.
    if (verdict.sequence() == 0 || verdict.commit_sequence() <= previous)
      return Malformed("verdicts out of order");
    previous = verdict.commit_sequence();
    if (!IsInRange(verdict.commit_sequence(), batch.from(), batch.to()))
      return Malformed("a verdict out of range");
    if (verdict.stamp() > kLastStamp) return Malformed("a verdict's stamp");
    if (verdict.outcome() < v1::APPLIED || verdict.outcome() > v1::QUARANTINED) {
      return Malformed("a verdict without outcome");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CheckedEntry> CheckEntry(const Registry& registry, uint64_t from, uint64_t to,
                                        const v1::Entry& entry) {
  CheckedEntry checked;
  checked.type_id = entry.type_id();
  checked.type = registry.Find(entry.type_id());
  checked.sequence = entry.sequence();
  checked.is_whole = entry.whole();
  const absl::StatusOr<RecordId> id = RecordId::FromBytes(entry.record_id());
  if (!id.ok() || entry.type_id() == 0) return Malformed("an entry without record");
  checked.id = *id;
  if (!IsInRange(entry.sequence(), from, to)) return Malformed("an entry out of range");
  for (const std::string& partition : entry.came_from()) {
    if (!Scope::IsPartition(partition)) return Malformed("an entry that came from no state");
    checked.came_from.push_back(partition);
  }
  if (checked.came_from.size() > kMaxPartitions) return Malformed("an entry from too many states");
  if (!entry.moved_to().empty()) {
    absl::StatusOr<Scope> scope = Scope::Parse(entry.moved_to());
    if (!scope.ok()) return Malformed("an entry that moved nowhere");
    checked.moved_to = *std::move(scope);
    return checked;
  }
  if (entry.state().stamp() > kLastStamp) return Malformed("an entry's stamp");
  if (entry.state().sequence() > entry.sequence()) return Malformed("an entry ahead of itself");
  checked.stamp = Hlc{entry.state().stamp()};
  absl::StatusOr<Record> delta = DecodeRecord(checked.type, entry.state());
  if (!delta.ok()) {
    return Annotate(delta.status(), absl::StrCat("entry of record ", checked.id.ToString()));
  }
  if (!delta->exists()) return Malformed("an entry without state");
  checked.delta = *std::move(delta);
  return checked;
}

absl::StatusOr<std::vector<CheckedEntry>> CheckBatch(const Registry& registry,
                                                     const v1::Batch& batch,
                                                     const v1::BatchBody& body) {
  RETURN_IF_ERROR(CheckRange(batch));
  RETURN_IF_ERROR(CheckVerdicts(batch, body));
  std::vector<CheckedEntry> entries;
  entries.reserve(static_cast<size_t>(body.entries_size()));
  for (const v1::Entry& entry : body.entries()) {
    ASSIGN_OR_RETURN(CheckedEntry checked, CheckEntry(registry, batch.from(), batch.to(), entry));
    entries.push_back(std::move(checked));
  }
  return entries;
}

}  // namespace brigada
