#include "client_lib/enrollment.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;

std::string Text(const v1::Invitation& invitation) {
  return absl::StrCat("BRG1-", absl::WebSafeBase64Escape(invitation.SerializeAsString()));
}

v1::Invitation Whole() {
  v1::Invitation invitation;
  invitation.set_server("brigada.example.mx:7443");
  invitation.set_code("sixteen bytes...");
  invitation.set_ca_der("certificate");
  invitation.set_expires_ms(1'800'000'000'000);
  invitation.set_user("rosa");
  return invitation;
}

TEST(ReadInvitationTest, WhiteSpaceAroundItDoesNotMatter) {
  ASSERT_OK_AND_ASSIGN(const v1::Invitation read,
                       ReadInvitation(absl::StrCat("\n  ", Text(Whole()), " \r\n")));
  EXPECT_EQ(read.server(), "brigada.example.mx:7443");
  EXPECT_EQ(read.code(), "sixteen bytes...");
}

TEST(ReadInvitationTest, WhatIsNoInvitationIsRefusedWithTheWayOut) {
  v1::Invitation no_code = Whole();
  no_code.clear_code();
  v1::Invitation no_server = Whole();
  no_server.clear_server();
  const std::string whole = Text(Whole());
  for (const std::string& text :
       {std::string(), std::string("BRG1-"), std::string("hola"), whole.substr(5),
        "BRG2-" + whole.substr(5), whole + "*", whole.substr(0, whole.size() - 20), Text(no_code),
        Text(no_server), "BRG1-" + std::string(9000, 'A')}) {
    EXPECT_THAT(ReadInvitation(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("brigada invite")))
        << text;
  }
}

TEST(ReadInvitationTest, OneThatWasCutAnywhereIsRefused) {
  const std::string bytes = Whole().SerializeAsString();
  for (size_t kept = 0; kept < bytes.size(); ++kept) {
    const std::string text =
        absl::StrCat("BRG1-", absl::WebSafeBase64Escape(bytes.substr(0, kept)));
    EXPECT_THAT(ReadInvitation(text), StatusIs(absl::StatusCode::kInvalidArgument)) << kept;
  }
}

}  // namespace
}  // namespace brigada
