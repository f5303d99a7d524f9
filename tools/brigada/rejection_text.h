// What the server refused, in words for an organizer.
#ifndef TOOLS_BRIGADA_REJECTION_TEXT_H_
#define TOOLS_BRIGADA_REJECTION_TEXT_H_

#include <string>

#include "brigada/replica.h"

namespace brigada {

// What the user calls a refused change set: "MX/20:5".
std::string RejectionName(const Rejection& rejection);
// Each reason once.
std::string RejectionReasons(const Rejection& rejection);
// The name of the one it goes along with; empty when it stands alone.
std::string RejectionDependsOn(const Rejection& rejection);
// What to do about it: the first reason's way out, unless it goes along with another one or waits
// for what somebody else has to give.
std::string RejectionWayOut(const Rejection& rejection);
// One sentence: what was to be done, why it was refused, what to do next.
std::string RejectionSentence(const Rejection& rejection);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_REJECTION_TEXT_H_
