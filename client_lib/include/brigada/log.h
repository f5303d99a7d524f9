// What the library says to whoever runs the program: one JSON object per line on stderr, warnings
// and errors only. SetMinLogLevel changes which, SetLogSink where they go; both may be called at
// any time, from any thread, and hold for the whole process. No line has content of records, names
// or free text of users: ids, counts, codes and durations.
#ifndef BRIGADA_LOG_H_
#define BRIGADA_LOG_H_

#include "replica/base/log.h"  // IWYU pragma: export

#endif  // BRIGADA_LOG_H_
