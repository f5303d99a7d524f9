// CHECK states what must hold unless our own code is wrong. Bytes that were stored or received, and
// whatever a user typed, are never CHECKed: they are errors of the world and come back as a Status.
#ifndef REPLICA_BASE_CHECK_H_
#define REPLICA_BASE_CHECK_H_

namespace brigada {

// Writes `expression` and its place to stderr and aborts. Never prints values: they may be personal
// data.
[[noreturn]] void CheckFailed(const char* file, int line, const char* expression);

}  // namespace brigada

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::brigada::CheckFailed(__FILE__, __LINE__, #condition))

#endif  // REPLICA_BASE_CHECK_H_
