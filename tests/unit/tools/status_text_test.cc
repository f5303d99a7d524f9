#include "tools/brigada/status_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/base/status_macros.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(StatusTextTest, AnOwnSentenceIsSaidAsItIs) {
  EXPECT_EQ(StatusText(UsageError("falta x")), "falta x");
  EXPECT_EQ(StatusText(Annotate(UsageError("falta x"), "columna a")), "columna a: falta x");
}

TEST(StatusTextTest, ALibraryStatusIsExplainedWithItsDetailBehind) {
  const std::string text = StatusText(absl::UnavailableError("connect: refused"));

  EXPECT_THAT(text, HasSubstr("(connect: refused)"));
  EXPECT_GT(text.size(), 40u);
}

TEST(StatusTextTest, EveryCodeHasASentence) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "detail");
    EXPECT_THAT(StatusText(status), HasSubstr("detail")) << code;
  }
}

TEST(StatusTextTest, ADetailCannotWriteOnTheTerminal) {
  EXPECT_THAT(StatusText(absl::InternalError("a\x1b[2J\nb")), Not(HasSubstr("\x1b")));
}

TEST(StatusTextTest, ExitCodesFollowTheSituation) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), kExitOk);
  EXPECT_EQ(ExitCodeOf(UsageError("x")), kExitUsage);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("x")), kExitNotFound);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("x")), kExitNoConnection);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("x")), kExitRefused);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("this device is not enrolled")), kExitRefused);
  EXPECT_EQ(ExitCodeOf(UnfinishedError("x")), kExitUnfinished);
  EXPECT_EQ(ExitCodeOf(absl::AbortedError("x")), kExitFailed);
}

TEST(StatusTextTest, EveryRefusalReasonHasWords) {
  for (int reason = 1; reason <= 14; ++reason) {
    v1::Refusal refusal;
    refusal.set_reason(static_cast<v1::RefusalReason>(reason));
    EXPECT_NE(RefusalText(refusal), "") << reason;
  }
}

}  // namespace
}  // namespace brigada
