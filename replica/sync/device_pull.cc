#include "replica/sync/device_pull.h"

#include <algorithm>

#include "replica/base/log.h"
#include "replica/base/status_macros.h"
#include "replica/sync/codec.h"

namespace brigada {
namespace {

absl::Status CheckBatch(const v1::Batch& batch) {
  const v1::Cursor& cursor = batch.cursor();
  if (batch.from() > batch.to() || batch.to() > batch.head() ||
      batch.checkpoint() != (batch.to() == batch.head())) {
    return absl::InvalidArgumentError("batch: its bounds contradict each other");
  }
  const bool reaches = cursor.scanned() == batch.to() && cursor.complete() <= batch.to() &&
                       (!batch.checkpoint() || cursor.complete() == batch.to());
  if (cursor.partition() != batch.partition() || !reaches)
    return absl::InvalidArgumentError("batch: the cursor is another's");
  return absl::OkStatus();
}

}  // namespace

absl::Status DevicePull::OnWelcome(const v1::Welcome& welcome) {
  RETURN_IF_ERROR(store_->NoteRevocation(welcome.revocation()));
  RETURN_IF_ERROR(store_->NoteServerTime(absl::FromUnixMillis(welcome.server_time_ms())));
  for (const v1::CursorReset& reset : welcome.resets()) {
    Log(LogLevel::kWarning, "cursor_reset",
        {{"partition", reset.partition()},
         {"reason", v1::CursorReset::Reason_Name(reset.reason())}});
  }
  epoch_ = welcome.epoch();
  RETURN_IF_ERROR(store_->NoteWelcome(welcome));
  return store_->RunPurge();
}

absl::StatusOr<BatchOutcome> DevicePull::OnBatch(const v1::Batch& batch,
                                                 size_t max_inflated_bytes) {
  RETURN_IF_ERROR(CheckBatch(batch));
  // The cursors that hold in another epoch were told with its welcome.
  if (batch.cursor().epoch() != epoch_)
    return absl::InvalidArgumentError("batch: of another epoch than the welcome");
  v1::BatchBody body;
  RETURN_IF_ERROR(UnpackBody(batch.body(), batch.inflated_bytes(), max_inflated_bytes, &body));
  BatchOutcome outcome;
  for (const v1::Verdict& verdict : body.verdicts())
    outcome.judged = std::max(outcome.judged, verdict.sequence());
  absl::StatusOr<BatchEffect> effect = store_->ApplyBatch(batch, body);
  if (absl::IsAborted(effect.status())) {
    // What the two hold no longer fits together: the next session reads the partition from zero.
    Log(LogLevel::kWarning, "cursor_given_up",
        {{"partition", batch.partition()}, {"reason", effect.status().message()}});
    RETURN_IF_ERROR(store_->GiveUpCursor(batch.partition()));
    return absl::UnavailableError(effect.status().message());
  }
  RETURN_IF_ERROR(effect.status());
  outcome.effect = *effect;
  // What is refused now was written before the grant that this session's welcome told of; and what
  // had been refused for a record out of the user's reach has that record here once the pull is
  // through.
  const bool is_filled =
      batch.checkpoint() && up_to_date_.insert(std::string(batch.partition())).second;
  if (outcome.effect.refused > 0 || is_filled) {
    ASSIGN_OR_RETURN(outcome.resubmitted, store_->ResubmitCovered());
  }
  // Records of a scope that was lost may have waited for these verdicts, delivered work for all
  // records to be here again.
  if (outcome.judged != 0 || batch.checkpoint()) RETURN_IF_ERROR(store_->RunPurge());
  return outcome;
}

}  // namespace brigada
