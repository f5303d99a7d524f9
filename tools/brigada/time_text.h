// Times as people read them.
#ifndef TOOLS_BRIGADA_TIME_TEXT_H_
#define TOOLS_BRIGADA_TIME_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace brigada {

// Local, to the minute; empty for none.
std::string TimeText(absl::Time time);
std::string TimeText(int64_t unix_millis);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_TIME_TEXT_H_
