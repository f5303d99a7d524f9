#include "tools/brigada/status_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/base/status_macros.h"
#include "tools/brigada/error_name.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(StatusTextTest, AnOwnSentenceIsSaidAsItIs) {
  EXPECT_EQ(StatusText(UsageError("falta x")), "falta x");
  EXPECT_EQ(StatusText(Annotate(UsageError("falta x"), "columna a")), "columna a: falta x");
}

TEST(StatusTextTest, ALibraryStatusIsExplainedWithItsDetailBehind) {
  const std::string text = StatusText(absl::UnavailableError("dial: refused"));

  EXPECT_THAT(text, HasSubstr("(dial: refused)"));
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

TEST(StatusTextTest, AKnownSituationIsToldInOneLanguageWithItsParticulars) {
  const std::string text =
      StatusText(absl::NotFoundError("no replica at /x; make one with `brigada init`"));

  EXPECT_THAT(text, HasSubstr("No hay una réplica en /x."));
  EXPECT_THAT(text, Not(HasSubstr("make one")));
}

TEST(StatusTextTest, AnErrorHasOneNameForPrograms) {
  EXPECT_EQ(ErrorName(absl::PermissionDeniedError("REVOKED: by an administrator")), "REVOKED");
  EXPECT_EQ(ErrorName(absl::PermissionDeniedError("an administrator revoked this device")),
            "REVOKED");
  EXPECT_EQ(ErrorName(absl::FailedPreconditionError("this device is not enrolled: ask")),
            "NOT_ENROLLED");
  EXPECT_EQ(ErrorName(absl::UnavailableError("BUSYBODY")), "UNAVAILABLE");
}

TEST(StatusTextTest, ALinkThatBrokeIsNotSaidToBeNone) {
  const std::string text = StatusText(absl::UnavailableError(
      "the link broke; what arrived stays, the next try goes on there (no connection to "
      "x.example:1; nothing is lost, try again when there is a link (recvmsg: reset))"));

  EXPECT_THAT(text, HasSubstr("Se cortó la señal"));
  EXPECT_THAT(text, Not(HasSubstr("No hay conexión")));
}

TEST(StatusTextTest, TheSystemsWordsAreSaidInTheUsersLanguage) {
  const std::string text = StatusText(
      absl::NotFoundError("write /nonexistent/x: No such file or directory; make the folder"));

  EXPECT_THAT(text, HasSubstr("No se puede escribir /nonexistent/x (no existe)"));
  EXPECT_THAT(text, Not(HasSubstr("No such")));
}

TEST(StatusTextTest, ADirectoryThatCannotBeUsedIsNamedWithItsReason) {
  const absl::Status closed =
      absl::FailedPreconditionError("cannot use /x: Permission denied; choose another directory");
  const absl::Status protects = absl::FailedPreconditionError(
      "cannot use /x: Read-only file system; choose another directory");

  EXPECT_THAT(StatusText(closed), HasSubstr("/x (sin permiso)"));
  EXPECT_THAT(StatusText(protects), HasSubstr("/x está en un medio de solo lectura"));
  EXPECT_EQ(ExitCodeOf(closed), kExitFailed);
}

TEST(StatusTextTest, NoEnglishIsLeftInASentenceAboutAQuery) {
  EXPECT_EQ(StatusText(absl::InvalidArgumentError("SQL: no such table: x (at character 28)")),
            "SQL: no hay una tabla x (letra 28). Hay people, visits, events, attendances, "
            "headcounts, conflicts y territories, entre otras.");
  EXPECT_THAT(StatusText(absl::PermissionDeniedError(
                  "not allowed in a query: the function load_extension")),
              HasSubstr("la función load_extension"));
  EXPECT_THAT(StatusText(absl::PermissionDeniedError(
                  "not allowed in a query: reading SQLite's own tables")),
              Not(HasSubstr("reading")));
}

TEST(StatusTextTest, AnOperationThatEndedASessionIsToldByItsReason) {
  EXPECT_THAT(StatusText(absl::PermissionDeniedError("REVOKED: an administrator revoked it")),
              HasSubstr("dio de baja"));
  EXPECT_THAT(StatusText(absl::UnavailableError("STALLED: no welcome from the server")),
              HasSubstr("(el servidor no contesta)"));
}

TEST(StatusTextTest, AReplicasFailedDiskIsNotTakenForALostLink) {
  EXPECT_THAT(StatusText(absl::UnavailableError(
                  "the store of this replica failed and is opened again: IO error")),
              ::testing::StartsWith("El disco falló al escribir"));
}

TEST(StatusTextTest, AServersFullDiskIsNotTakenForTheDevices) {
  const absl::Status full =
      absl::ResourceExhaustedError("the disk is almost full (1 MB left of the 64 MB that");
  EXPECT_THAT(StatusText(full), ::testing::StartsWith("El disco está casi lleno"));
  EXPECT_THAT(StatusText(AtServer(full)), ::testing::StartsWith("En el servidor: El disco"));
  EXPECT_THAT(StatusText(absl::ResourceExhaustedError(
                  "BUSY: the server's disk is full: it can be read, not written to")),
              HasSubstr("El disco del servidor está lleno"));
}

TEST(StatusTextTest, ABusyServerIsWorthAnotherTry) {
  EXPECT_EQ(ExitCodeOf(absl::ResourceExhaustedError("BUSY: too many sessions at once")),
            kExitNoConnection);
  EXPECT_EQ(ExitCodeOf(absl::ResourceExhaustedError("No space left on device")), kExitFailed);
}

TEST(StatusTextTest, AQueryThatRanOutOfTimeIsNoLostConnection) {
  const absl::Status query = absl::DeadlineExceededError("the query took longer than 30s: narrow");
  EXPECT_EQ(ExitCodeOf(query), kExitFailed);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("the round took longer than its deadline")),
            kExitNoConnection);
}

}  // namespace
}  // namespace brigada
