#include "tools/brigada/conflict_take.h"

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/substitute.h"
#include "replica/base/language.h"
#include "replica/base/sha256.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

constexpr size_t kMarkBytes = 3;

// Of all the values that met.
std::string MarkOf(const v1::Conflict& conflict) {
  return absl::BytesToHexString(AsView(Sha256(conflict.SerializeAsString())).substr(0, kMarkBytes));
}

}  // namespace

std::string TakeText(const v1::Conflict& conflict, int number) {
  return absl::StrCat(number, "-", MarkOf(conflict));
}

absl::StatusOr<int> ParseTake(const v1::Conflict& conflict, absl::string_view text,
                              absl::string_view id) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('-', 1));
  int number = 0;
  const bool is_number = absl::SimpleAtoi(parts.first, &number) && number >= 0;
  if (is_number && number > conflict.losers_size()) {
    return UsageError(absl::Substitute(
        Say("--take va de 0 a $0 en este conflicto", "--take goes from 0 to $0 in this conflict"),
        conflict.losers_size()));
  }
  if (!is_number || parts.second.size() != 2 * kMarkBytes) {
    return UsageError(absl::Substitute(
        Say("--take: «$0» no es el nombre de un valor, como 1-7c2e0b; véalos con: brigada "
            "conflicts show $1",
            "--take: \"$0\" is not the name of a value, such as 1-7c2e0b; see them with: brigada "
            "conflicts show $1"),
        CutToWidth(PrintableText(text), 40), PrintableText(id)));
  }
  if (parts.second == MarkOf(conflict)) return number;
  return SaidError(
      absl::StatusCode::kAborted,
      absl::Substitute(
          Say("El conflicto cambió desde que usted lo vio y no se decidió nada. Véalo "
              "otra vez con: brigada conflicts show $0",
              "The conflict has changed since you saw it and nothing was decided. Look "
              "again with: brigada conflicts show $0"),
          PrintableText(id)));
}

}  // namespace brigada
