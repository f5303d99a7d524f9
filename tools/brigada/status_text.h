// What went wrong, as one line for the person at the screen: the thing, the place, the way out.
//
// The library's statuses are in English, for programs. Here they become sentences: a table of
// well-known situations, by words of the message (refusal_text.h has the protocol's reasons); what
// is not in it gets its code's general sentence, with the library's words behind. Errors that the
// command line itself finds are made with SaidError, in the user's language from the start.
#ifndef TOOLS_BRIGADA_STATUS_TEXT_H_
#define TOOLS_BRIGADA_STATUS_TEXT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace brigada {

// How the process ends; docs/cli.md lists them for scripts.
enum ExitCode {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,         // wrong flags, fields, values, SQL
  kExitNotFound = 3,      // no such record, replica, place
  kExitNoConnection = 4,  // try again later
  kExitRefused = 5,       // not allowed, not enrolled, revoked
  kExitUnfinished = 6,    // done, but something waits for a person (refused rows, --strict)
};

// An error whose text is already for the user.
absl::Status SaidError(absl::StatusCode code, absl::string_view text);

// A wrong flag, field or value: kInvalidArgument.
absl::Status UsageError(absl::string_view text);

// The work is done, but something waits for a person: ends with kExitUnfinished.
absl::Status UnfinishedError(absl::string_view text);

// The answer of a command that the server carried out: where its disk or store is at fault,
// StatusText says whose.
absl::Status AtServer(absl::Status status);

// `status`, which is not OK, in one line; control characters are escaped.
std::string StatusText(const absl::Status& status);

ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_STATUS_TEXT_H_
