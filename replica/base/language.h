// Which language to speak to the person at the screen: Spanish unless the locale asks for English.
#ifndef REPLICA_BASE_LANGUAGE_H_
#define REPLICA_BASE_LANGUAGE_H_

#include "absl/strings/string_view.h"

namespace brigada {

enum class Language { kSpanish, kEnglish };

// By BRIGADA_LANG ("es" or "en"), else LC_ALL, LC_MESSAGES, LANG in this order, read once. English
// when the first that is set starts with "en".
Language UserLanguage();

// The text in the user's language. Both are literals, so the view lives as long as they do.
absl::string_view Say(absl::string_view spanish, absl::string_view english);

}  // namespace brigada

#endif  // REPLICA_BASE_LANGUAGE_H_
