#include "replica/base/language.h"

#include <cstdlib>

#include "absl/strings/match.h"

namespace brigada {
namespace {

Language FromEnvironment() {
  for (const char* name : {"BRIGADA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* const value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    return absl::StartsWith(value, "en") ? Language::kEnglish : Language::kSpanish;
  }
  return Language::kSpanish;
}

}  // namespace

Language UserLanguage() {
  static const Language language = FromEnvironment();
  return language;
}

absl::string_view Say(absl::string_view spanish, absl::string_view english) {
  return UserLanguage() == Language::kEnglish ? english : spanish;
}

}  // namespace brigada
