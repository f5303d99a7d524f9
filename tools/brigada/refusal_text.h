// What the server refused, and why a session ended, as a sentence for an organizer: what happened
// and what to do next. Each reason of the protocol has its own.
#ifndef TOOLS_BRIGADA_REFUSAL_TEXT_H_
#define TOOLS_BRIGADA_REFUSAL_TEXT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "brigada/v1/change.pb.h"

namespace brigada {

// Why a change was refused: "no tiene permiso en ese lugar (people, MX/20/208)".
std::string RefusalText(const v1::Refusal& refusal);

// All of them, equal neighbours once: "; " between them.
std::string RefusalsText(const std::vector<v1::Refusal>& refusals);

// What to do about it; `number` names the refused change set for `brigada rejected`.
std::string RefusalWayOut(v1::RefusalReason reason, absl::string_view number);

// A rule of the schema that a value breaks, as validation words it: "phones: not of the form X".
std::string RuleText(absl::string_view detail);

// What a text must look like, for people; nothing for a pattern without words of its own.
absl::optional<std::string> PatternText(absl::string_view pattern);

// The protocol's reason with which `message` begins ("REVOKED"); empty when it begins with none.
std::string SessionEndName(absl::string_view message);

// The sentence for a session that the server or this device ended with one of the protocol's
// reasons; nothing when `message` does not begin with one.
absl::optional<std::string> SessionEndText(absl::string_view message);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_REFUSAL_TEXT_H_
