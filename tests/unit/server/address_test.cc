#include "server/address.h"

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

TEST(AddressTest, HostAndPort) {
  ASSERT_OK_AND_ASSIGN(const Address address, ParseAddress("brigada.example.mx:7443"));
  EXPECT_EQ(address.host, "brigada.example.mx");
  EXPECT_EQ(address.port, 7443);
}

TEST(AddressTest, Ipv6StandsInBrackets) {
  ASSERT_OK_AND_ASSIGN(const Address address, ParseAddress("[2001:db8::1]:7443"));
  EXPECT_EQ(address.host, "2001:db8::1");
  EXPECT_EQ(address.port, 7443);
}

TEST(AddressTest, AnythingElseIsRefusedWithTheForms) {
  for (const absl::string_view text : {"", "example.mx", "example.mx:", ":7443", "example.mx:70000",
                                       "example.mx:x", "example.mx:+1", "2001:db8::1:7443",
                                       "[2001:db8::1]", "[example.mx]:7443", "[]:1", "[::1:7443"}) {
    EXPECT_THAT(ParseAddress(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace brigada
