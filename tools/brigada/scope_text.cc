#include "tools/brigada/scope_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "replica/base/check.h"
#include "replica/base/language.h"
#include "replica/base/status_macros.h"
#include "replica/territory/territory.h"
#include "tools/brigada/display_width.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

// More would not help anybody to choose.
constexpr size_t kListedPlaces = 12;

bool IsKey(absl::string_view text) {
  if (text.size() != 2 && text.size() != 5 && text.size() != 9) return false;
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

std::string Shown(absl::string_view text) { return CutToWidth(PrintableText(text), 60); }

absl::Status UnknownPlace(absl::string_view text) {
  return SaidError(
      absl::StatusCode::kNotFound,
      absl::Substitute(Say("El catálogo no tiene «$0». Búsquelo con: brigada territories "
                           "NOMBRE",
                           "The catalogue has no \"$0\". Look it up with: brigada "
                           "territories NAME"),
                       Shown(text)));
}

absl::StatusOr<Scope> ScopeOfKey(absl::string_view key) {
  const Catalog& catalog = Catalog::BuiltIn();
  if (catalog.Find(key.substr(0, key.size() == 2 ? 2 : 5)) == nullptr) return UnknownPlace(key);
  ASSIGN_OR_RETURN(const std::string path, ScopePath(key));
  return Scope::Parse(path);
}

// The places called `name` in the state called `state` (any state when empty).
std::vector<const Place*> Find(absl::string_view name, absl::string_view state) {
  const Catalog& catalog = Catalog::BuiltIn();
  std::vector<const Place*> found = catalog.FindByName(name);
  if (state.empty()) return found;
  std::vector<const Place*> inside;
  for (const Place* const wanted : catalog.FindByName(state)) {
    if (!wanted->is_state()) continue;
    for (const Place* const place : found) {
      if (!place->is_state() && place->state_key() == wanted->key) inside.push_back(place);
    }
  }
  return inside;
}

// By name, or by name and state.
std::vector<const Place*> Named(absl::string_view place) {
  std::vector<const Place*> found = Find(place, "");
  const size_t comma = place.rfind(',');
  if (found.empty() && comma != absl::string_view::npos)
    found = Find(place.substr(0, comma), place.substr(comma + 1));
  return found;
}

absl::Status IsAState(absl::string_view text) {
  return UsageError(absl::Substitute(
      Say("«$0» es un estado, no un municipio. Dé el municipio; búsquelo con: brigada territories "
          "NOMBRE",
          "\"$0\" is a state, not a municipality. Give the municipality; look it up with: brigada "
          "territories NAME"),
      Shown(text)));
}

std::string Choice(const Place& place) {
  const Place* const state = Catalog::BuiltIn().Find(place.state_key());
  if (place.is_state() || state == nullptr)
    return absl::StrCat(place.key, " ", place.name, Say(" (estado)", " (state)"));
  return absl::StrCat(place.key, " ", place.name, ", ", state->name);
}

absl::Status Ambiguous(absl::string_view text, const std::vector<const Place*>& places) {
  std::vector<std::string> choices;
  for (size_t i = 0; i < places.size() && i < kListedPlaces; ++i)
    choices.push_back(Choice(*places[i]));
  if (places.size() > kListedPlaces) choices.emplace_back("…");
  return UsageError(absl::Substitute(
      Say("«$0» son $1 lugares; dé la clave de uno: $2", "\"$0\" is $1 places; give one's key: $2"),
      Shown(text), places.size(), absl::StrJoin(choices, "; ")));
}

}  // namespace

absl::StatusOr<Scope> ScopeFromPath(absl::string_view path) {
  const absl::StatusOr<Scope> scope = Scope::Parse(path);
  if (!scope.ok()) {
    return UsageError(absl::Substitute(Say("«$0» no es un ámbito: se espera MX, MX/20 o MX/20/067",
                                           "\"$0\" is no scope: expected MX, MX/20 or MX/20/067"),
                                       Shown(path)));
  }
  if (scope->depth() == 1) return *scope;
  const Scope place = scope->Ancestor(std::min(scope->depth(), 3));
  const absl::StatusOr<std::string> key = KeyOfScopePath(place.path());
  if (!key.ok() || Catalog::BuiltIn().Find(*key) == nullptr) return UnknownPlace(path);
  return *scope;
}

absl::StatusOr<Scope> ScopeFromPlace(absl::string_view place) {
  place = absl::StripAsciiWhitespace(place);
  if (IsKey(place)) return ScopeOfKey(place);
  const std::vector<const Place*> found = Named(place);
  if (found.empty()) return UnknownPlace(place);
  if (found.size() > 1) return Ambiguous(place, found);
  return ScopeOfKey(found.front()->key);
}

absl::StatusOr<Scope> ScopeFromMunicipality(absl::string_view place) {
  place = absl::StripAsciiWhitespace(place);
  if (place.size() == 2 && IsKey(place)) return IsAState(place);
  if (IsKey(place)) return ScopeOfKey(place);
  std::vector<const Place*> found = Named(place);
  if (found.empty()) return UnknownPlace(place);
  found.erase(std::remove_if(found.begin(), found.end(),
                             [](const Place* each) { return each->is_state(); }),
              found.end());
  if (found.empty()) return IsAState(place);
  if (found.size() > 1) return Ambiguous(place, found);
  return ScopeOfKey(found.front()->key);
}

absl::StatusOr<Scope> ScopeFromText(absl::string_view text) {
  if (text == "MX" || absl::StartsWith(text, "MX/")) return ScopeFromPath(text);
  return ScopeFromPlace(text);
}

std::string ScopeName(absl::string_view path) {
  if (path == "MX") return "México";
  const absl::StatusOr<std::string> key = KeyOfScopePath(path);
  if (!key.ok()) return std::string(path);
  const Catalog& catalog = Catalog::BuiltIn();
  const Place* const state = catalog.Find(absl::string_view(*key).substr(0, 2));
  if (key->size() == 2 || state == nullptr) return catalog.DisplayName(*key);
  return absl::StrCat(catalog.DisplayName(absl::string_view(*key).substr(0, 5)), ", ", state->name);
}

}  // namespace brigada
