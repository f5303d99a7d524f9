#include "server/address.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace brigada {
namespace {

absl::Status NotAnAddress(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text,
                   "\" is not an address: write host:port, for example brigada.example.mx:7443, or "
                   "[2001:db8::1]:7443 for an IPv6 address"));
}

}  // namespace

absl::StatusOr<Address> ParseAddress(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return NotAnAddress(text);
  absl::string_view host = text.substr(0, colon);
  const bool is_bracketed = absl::StartsWith(host, "[") && absl::EndsWith(host, "]");
  if (is_bracketed) {
    host = host.substr(1, host.size() - 2);
    if (!absl::StrContains(host, ":")) return NotAnAddress(text);
  } else if (absl::StrContains(host, ":") || absl::StrContains(host, "[")) {
    return NotAnAddress(text);
  }
  const absl::string_view digits = text.substr(colon + 1);
  uint32_t port = 0;
  if (host.empty() || digits.empty() ||
      digits.find_first_not_of("0123456789") != absl::string_view::npos ||
      !absl::SimpleAtoi(digits, &port) || port > UINT16_MAX) {
    return NotAnAddress(text);
  }
  return Address{std::string(host), static_cast<uint16_t>(port)};
}

}  // namespace brigada
