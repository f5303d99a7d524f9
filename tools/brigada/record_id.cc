#include "tools/brigada/record_id.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/status_text.h"
#include "tools/brigada/table_writer.h"

namespace brigada {
namespace {

constexpr size_t kMinPrefix = 4;

}  // namespace

bool IsIdPrefix(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c)) && c != '-') return false;
  }
  return text.size() >= kMinPrefix && text.size() <= 36;
}

absl::StatusOr<RecordId> FindRecord(const Replica& replica, const RecordType& type,
                                    absl::string_view text) {
  if (absl::StatusOr<RecordId> id = RecordId::Parse(text); id.ok()) return id;
  if (!IsIdPrefix(text)) {
    return UsageError(
        absl::Substitute(Say("«$0» no es un identificador ni el comienzo de uno (4 letras o más)",
                             "\"$0\" is no id, nor the beginning of one (4 characters or more)"),
                         CutToWidth(PrintableText(text), 40)));
  }
  const std::string prefix = absl::AsciiStrToLower(text);
  // '~' sorts after every character of an id.
  const std::vector<SqlValue> bounds = {prefix, absl::StrCat(prefix, "~")};
  ASSIGN_OR_RETURN(const ResultSet found,
                   replica.Query(absl::StrCat("SELECT id FROM ", type.plural(),
                                              " WHERE id >= ? AND id < ? LIMIT 2"),
                                 bounds));
  if (found.rows.empty()) {
    return SaidError(absl::StatusCode::kNotFound,
                     absl::Substitute(Say("$0: aquí no hay ninguno que empiece con $1",
                                          "$0: none here begins with $1"),
                                      type.plural(), prefix));
  }
  if (found.rows.size() > 1) {
    return UsageError(absl::Substitute(Say("$0: varios empiezan con $1; dé más letras",
                                           "$0: several begin with $1; give more characters"),
                                       type.plural(), prefix));
  }
  return RecordId::Parse(ValueText(found.rows[0][0]));
}

}  // namespace brigada
