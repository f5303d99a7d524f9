// What went wrong at the server's own machine, as one line for whoever runs it. Its statuses are in
// English, for logs and programs; what has no sentence here is told as status_text.h tells it.
#ifndef TOOLS_SERVER_SERVER_TEXT_H_
#define TOOLS_SERVER_SERVER_TEXT_H_

#include <string>

#include "absl/status/status.h"

namespace brigada {

// `status`, which is not OK, in one line; control characters are escaped.
std::string ServerStatusText(const absl::Status& status);

}  // namespace brigada

#endif  // TOOLS_SERVER_SERVER_TEXT_H_
