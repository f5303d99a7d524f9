#include "tools/brigada/id_prefix.h"

#include "gtest/gtest.h"
#include "replica/base/ids.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

const char kOne[] = "01a20482-20e9-73c1-ae37-cc7aa627086e";
const char kOther[] = "01a20482-24d6-7b59-bfbe-b432b2850bd2";

absl::StatusOr<RecordId> Find(absl::string_view text) {
  return OneThatBegins<RecordId>({*RecordId::Parse(kOne), *RecordId::Parse(kOther)}, text, "list");
}

TEST(IdPrefixTest, OneIdIsFoundByItsBeginningAsPastedFromATable) {
  EXPECT_EQ(Find("01a20482-20").value().ToString(), kOne);
  EXPECT_EQ(Find(" 01A20482-24d6-7…\n").value().ToString(), kOther);
  EXPECT_EQ(Find(kOne).value().ToString(), kOne);
}

TEST(IdPrefixTest, AmbiguousUnknownAndShortOnesAreTold) {
  EXPECT_THAT(Find("01a2"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Find("ffff"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Find("01"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Find(""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Find("eva luna"), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace brigada
