// The address that devices dial.
#ifndef SERVER_ADDRESS_H_
#define SERVER_ADDRESS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace brigada {

struct Address {
  // A host name or an IP address; an IPv6 address without its brackets.
  std::string host;
  uint16_t port = 0;
};

// "host:port", an IPv6 address in brackets: "[2001:db8::1]:7443". kInvalidArgument shows the forms.
absl::StatusOr<Address> ParseAddress(absl::string_view text);

}  // namespace brigada

#endif  // SERVER_ADDRESS_H_
