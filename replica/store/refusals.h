// What a verdict comes to; and of a refused change set what it waits for, as its refusals say: what
// its device and its user may do about it.
#ifndef REPLICA_STORE_REFUSALS_H_
#define REPLICA_STORE_REFUSALS_H_

#include "brigada/v1/sync_service.pb.h"

namespace brigada {

// Applied or merged. One without an outcome is neither this nor kept out.
bool IsAccepted(const v1::Verdict& verdict);
// Refused or in quarantine.
bool IsKeptOut(const v1::Verdict& verdict);
// A refusal that another grant may mend.
bool IsOfGrants(const v1::Refusal& refusal);
// The server failed at it, whatever the change set says: it may be tried again once that is mended.
bool IsNotJudged(const v1::Refusal& refusal);
bool WasNotJudged(const v1::Verdict& verdict);
// The server keeps it, and applies it by itself when the records come that it is about: it is not
// to be sent again. Anything else in quarantine waits for its user.
bool WaitsForRecords(const v1::Verdict& verdict);

// The change set that said first what this one says.
v1::Dot SaidFirst(const v1::ChangeSetHeader& header);
// Both say, unedited, what the same one said first.
bool SaysTheSame(const v1::ChangeSetHeader& a, const v1::ChangeSetHeader& b);
// The verdict refuses an unedited retry because what it says was released from quarantine: it has
// been applied under another number.
bool IsDoneElsewhere(const v1::Verdict& verdict, const v1::ChangeSetHeader& header);

}  // namespace brigada

#endif  // REPLICA_STORE_REFUSALS_H_
