#include "tools/brigada/progress_bar.h"

#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;

class SteppedClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::UnixEpoch(); }
  absl::Duration Monotonic() const override { return at; }
  std::string BootId() const override { return ""; }
  absl::Duration at = absl::Seconds(1);
};

TEST(ProgressBarTest, ATerminalGetsAtMostTenDrawingsASecond) {
  std::ostringstream out;
  SteppedClock clock;
  ProgressBar bar(&out, ProgressStyle::kBar, "Importando", clock);

  bar.Update(1, 4, "a");
  bar.Update(2, 4, "b");
  clock.at += absl::Milliseconds(150);
  bar.Update(3, 4, "c");

  EXPECT_THAT(out.str(), HasSubstr(" 25 %"));
  EXPECT_THAT(out.str(), ::testing::Not(HasSubstr(" 50 %")));
  EXPECT_THAT(out.str(), HasSubstr(" 75 %"));
}

TEST(ProgressBarTest, APipeGetsTheLastWordOnly) {
  std::ostringstream out;
  SteppedClock clock;
  ProgressBar bar(&out, ProgressStyle::kLastWord, "x", clock);

  for (uint64_t i = 0; i <= 1000; ++i) bar.Update(i, 1000, "");
  bar.Finish("listo");

  EXPECT_EQ(out.str(), "x: listo\n");
}

TEST(ProgressBarTest, QuietSaysNothing) {
  std::ostringstream out;
  SteppedClock clock;
  {
    ProgressBar bar(&out, ProgressStyle::kQuiet, "x", clock);
    bar.Update(1, 2, "a");
    bar.Finish("b");
  }

  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace brigada
