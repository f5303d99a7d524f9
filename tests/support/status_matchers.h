// IsOk(), IsOkAndHolds(m) and StatusIs(code, message): shaped like Abseil's own (absent from the
// packaged version).
#ifndef TESTS_SUPPORT_STATUS_MATCHERS_H_
#define TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace brigada {

inline const absl::Status& GetStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << GetStatus(arg);
  return GetStatus(arg).ok();
}

MATCHER_P(StatusIs, code, absl::StatusCodeToString(code)) {
  *result_listener << GetStatus(arg);
  return GetStatus(arg).code() == code;
}

MATCHER_P2(StatusIs, code, message_matcher, absl::StatusCodeToString(code)) {
  *result_listener << GetStatus(arg);
  return GetStatus(arg).code() == code &&
         ::testing::Matches(message_matcher)(std::string(GetStatus(arg).message()));
}

MATCHER_P(IsOkAndHolds, value_matcher, "holds the value") {
  if (!arg.ok()) {
    *result_listener << arg.status();
    return false;
  }
  return ::testing::ExplainMatchResult(value_matcher, *arg, result_listener);
}

}  // namespace brigada

#define ASSERT_OK(expr) ASSERT_THAT((expr), ::brigada::IsOk())
#define EXPECT_OK(expr) EXPECT_THAT((expr), ::brigada::IsOk())

#define BRIGADA_TEST_CONCAT_INNER(a, b) a##b
#define BRIGADA_TEST_CONCAT(a, b) BRIGADA_TEST_CONCAT_INNER(a, b)
// Fails the test when `expr` (a StatusOr) is an error, else moves its value into `lhs`.
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  ASSERT_OK_AND_ASSIGN_INNER(BRIGADA_TEST_CONCAT(test_statusor_, __LINE__), lhs, expr)
#define ASSERT_OK_AND_ASSIGN_INNER(temp, lhs, expr) \
  auto temp = (expr);                               \
  ASSERT_OK(temp);                                  \
  lhs = std::move(temp).value()

#endif  // TESTS_SUPPORT_STATUS_MATCHERS_H_
