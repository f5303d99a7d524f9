// How a replica stands with its server, in sentences for an organizer.
#ifndef TOOLS_BRIGADA_SYNC_TEXT_H_
#define TOOLS_BRIGADA_SYNC_TEXT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "brigada/options.h"

namespace brigada {

// What `status` says of places that ended and `before` did not say: which, and what left.
std::vector<std::string> EndedSentences(const SyncStatus& status,
                                        absl::Span<const EndedPlace> before = {});
// What waits for a person, each with its command; empty when nothing does.
std::vector<std::string> WaitingSentences(const SyncStatus& status);

// All there is to say, the most urgent first; never empty.
std::vector<std::string> StatusSentences(const SyncStatus& status, bool is_enrolled);

// Why the last session was given up, and the way out.
std::string StalledSentence(const SyncStatus& status);

// What is kept to be sent again to a server that loses it, and the bounds.
std::string RetainedText(const SyncStatus& status);

absl::string_view PhaseText(SyncPhase phase);

// "enviados 6, confirmados 4 ..." of a session.
std::string MovedText(const SyncState& state);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_SYNC_TEXT_H_
