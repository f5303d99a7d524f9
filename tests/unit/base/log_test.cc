#include "replica/base/log.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace brigada {
namespace {

TEST(LogTest, WritesOneJsonObjectPerLineAndEscapes) {
  std::string lines;
  SetLogSink([&](absl::string_view line) { lines.append(line.data(), line.size()); });
  Log(LogLevel::kInfo, "quiet by default");
  SetMinLogLevel(LogLevel::kInfo);
  Log(LogLevel::kInfo, "push committed", {{"changes", 3}, {"reason", "a \"b\"\n"}});
  Log(LogLevel::kDebug, "not written");
  SetMinLogLevel(LogLevel::kWarning);
  SetLogSink(nullptr);
  EXPECT_THAT(lines, ::testing::HasSubstr(
                         R"("event":"push committed","changes":"3","reason":"a \"b\"\u000a"})"));
  EXPECT_THAT(lines, ::testing::Not(::testing::HasSubstr("not written")));
  EXPECT_THAT(lines, ::testing::Not(::testing::HasSubstr("quiet by default")));
}

}  // namespace
}  // namespace brigada
