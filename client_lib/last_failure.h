// The setting in which a replica's store keeps why its last sync failed.
#ifndef CLIENT_LIB_LAST_FAILURE_H_
#define CLIENT_LIB_LAST_FAILURE_H_

namespace brigada {

// "milliseconds code message"; empty once that is over: after a success, and after an enrolment.
inline constexpr char kLastFailure[] = "last_failure";

}  // namespace brigada

#endif  // CLIENT_LIB_LAST_FAILURE_H_
