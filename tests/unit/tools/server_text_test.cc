#include "tools/server/server_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/brigada/status_text.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ServerTextTest, AKnownSituationIsToldInOneLanguageWithItsParticulars) {
  const std::string text = ServerStatusText(absl::NotFoundError(
      "/srv/x holds no organization; make one with `brigada-server init --dir /srv/x`"));

  EXPECT_THAT(text,
              HasSubstr("/srv/x no tiene una organización. Hágala con `brigada-server init`"));
  EXPECT_THAT(text, Not(HasSubstr("make one")));
}

TEST(ServerTextTest, AStoreInUseIsToldAsAServersNotAsADevices) {
  const absl::Status in_use = absl::UnavailableError("open /x/store: is open in another process");

  EXPECT_THAT(ServerStatusText(in_use), HasSubstr("¿hay un servidor en marcha?"));
  EXPECT_EQ(ExitCodeOf(in_use), kExitNoConnection);
}

TEST(ServerTextTest, AStoreThatIsGivenUpSaysWhatToDoAndEndsAsAFailure) {
  const absl::Status given_up = absl::InternalError(
      "the store failed 8 times in a row and is given up; see to the disk and start the server "
      "again: IO error");

  EXPECT_THAT(ServerStatusText(given_up), HasSubstr("El almacén falló 8 veces seguidas"));
  EXPECT_EQ(ExitCodeOf(given_up), kExitFailed);
}

TEST(ServerTextTest, WhatHasNoSentenceHereIsToldAsForDevices) {
  const absl::Status other = absl::AbortedError("detail");

  EXPECT_EQ(ServerStatusText(other), StatusText(other));
}

TEST(ServerTextTest, ADamagedStoreIsNoReplica) {
  const std::string text = ServerStatusText(absl::DataLossError("block checksum"));

  EXPECT_THAT(text, HasSubstr("brigada-server restore"));
  EXPECT_THAT(text, Not(HasSubstr("réplica")));
}

}  // namespace
}  // namespace brigada
