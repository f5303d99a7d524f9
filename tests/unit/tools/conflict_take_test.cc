#include "tools/brigada/conflict_take.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

v1::Conflict TwoValues() {
  v1::Conflict conflict;
  conflict.mutable_winner()->set_value("Rosa");
  conflict.mutable_winner()->set_sequence(3);
  conflict.add_losers()->set_value("Ana");
  return conflict;
}

TEST(ConflictTakeTest, EachValueHasANameThatSaysWhichItIs) {
  const v1::Conflict conflict = TwoValues();
  for (int number = 0; number < 2; ++number) {
    const std::string name = TakeText(conflict, number);
    EXPECT_THAT(name, StartsWith(std::to_string(number) + "-"));
    ASSERT_OK_AND_ASSIGN(const int taken, ParseTake(conflict, name, "0193a5"));
    EXPECT_EQ(taken, number);
  }
}

TEST(ConflictTakeTest, ANameOfBeforeAnotherValueCameDecidesNothing) {
  v1::Conflict conflict = TwoValues();
  const std::string name = TakeText(conflict, 1);
  // Losers are in order of time: what came is number 1 now.
  conflict.mutable_losers()->Add()->set_value("Eva");
  conflict.mutable_losers()->SwapElements(0, 1);
  EXPECT_THAT(ParseTake(conflict, name, "0193a5"),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("brigada conflicts show 0193a5")));
  v1::Conflict standing = TwoValues();
  standing.mutable_winner()->set_value("Otra");
  EXPECT_THAT(ParseTake(standing, name, "0193a5"), StatusIs(absl::StatusCode::kAborted));
}

TEST(ConflictTakeTest, WhatNamesNoValueIsRefused) {
  const v1::Conflict conflict = TwoValues();
  for (const char* const text : {"", "1", "-1", "x", "1-", "1-7c2e", "1e0-7c2e0b", "2-7c2e0b"}) {
    EXPECT_THAT(ParseTake(conflict, text, "x"), StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

}  // namespace
}  // namespace brigada
