// Ids by their beginning, as a person pastes or types them.
#ifndef TOOLS_BRIGADA_ID_PREFIX_H_
#define TOOLS_BRIGADA_ID_PREFIX_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/status_text.h"

namespace brigada {

// `text` in lower case, without the blanks and the "…" that a table puts where it cuts a cell.
std::string PastedId(absl::string_view text);

// True when `text` can begin a UUID: hexadecimal digits and '-', at least four.
bool IsIdPrefix(absl::string_view text);

// The one of `ids` that begins with `text`, four characters or more. UsageError when several do or
// `text` begins no id; kNotFound when none does, and `list_command` shows them.
template <typename Id>
absl::StatusOr<Id> OneThatBegins(const std::vector<Id>& ids, absl::string_view text,
                                 absl::string_view list_command) {
  const std::string prefix = PastedId(text);
  const std::string shown = CutToWidth(PrintableText(prefix), 40);
  if (!IsIdPrefix(prefix)) {
    return UsageError(
        absl::Substitute(Say("«$0» no es el comienzo de un identificador (4 letras o más); véalos "
                             "con: brigada $1",
                             "\"$0\" does not begin an id (4 characters or more); see them with: "
                             "brigada $1"),
                         shown, list_command));
  }
  const Id* found = nullptr;
  for (const Id& id : ids) {
    if (!absl::StartsWith(id.ToString(), prefix)) continue;
    if (found != nullptr) {
      return UsageError(absl::Substitute(Say("Varios empiezan con $0; dé más letras",
                                             "Several begin with $0; give more characters"),
                                         shown));
    }
    found = &id;
  }
  if (found != nullptr) return *found;
  return SaidError(absl::StatusCode::kNotFound,
                   absl::Substitute(Say("Ninguno empieza con «$0»; véalos con: brigada $1",
                                        "None begins with \"$0\"; see them with: brigada $1"),
                                    shown, list_command));
}

}  // namespace brigada

#endif  // TOOLS_BRIGADA_ID_PREFIX_H_
