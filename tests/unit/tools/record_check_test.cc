#include "tools/brigada/record_check.h"

#include "brigada/v1/person.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const RecordType& People() { return *Registry::BuiltIn().FindByName("people"); }

TEST(RecordCheckTest, EveryBrokenRuleOfANewRecordIsTold) {
  v1::Person person;
  person.add_phones("951");

  EXPECT_THAT(CheckNewRecord(People(), *Scope::Parse("MX/20/067"), person),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("falta name"), HasSubstr("phones: se espera"))));
  person.mutable_name()->set_given_names("Eva");
  EXPECT_THAT(CheckNewRecord(People(), *Scope::Parse("MX"), person),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("municipio")));
}

TEST(RecordCheckTest, AnEditAnswersForWhatItChangesOnly) {
  v1::Person before;
  before.add_phones("951");
  v1::Person after = before;
  after.set_notes("x");
  EXPECT_OK(CheckEditedRecord(People(), before, after));

  after.add_emails("x");
  EXPECT_THAT(CheckEditedRecord(People(), before, after),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("emails")));
}

}  // namespace
}  // namespace brigada
