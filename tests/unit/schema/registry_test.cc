// The registry takes the annotations of real types and refuses contradictory ones. The bad types
// are made at run time, one contradiction each.
#include "replica/schema/registry.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "replica/schema/parked_edit.h"
#include "tests/support/status_matchers.h"
#include "tests/support/testing.pb.h"

namespace brigada {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::NotNull;

TEST(RegistryTest, BuiltInTypesAreInOrderOfTypeId) {
  std::vector<std::string> names;
  for (const RecordType* type : Registry::BuiltIn().types()) names.push_back(type->name());
  EXPECT_THAT(names, ElementsAre("Territory", "Conflict", "Person", "Visit", "Event", "Attendance",
                                 "Headcount"));
}

TEST(RegistryTest, FindsByTypeIdNameAndPlural) {
  const Registry& registry = Registry::BuiltIn();
  ASSERT_THAT(registry.Find(10), NotNull());
  EXPECT_EQ(registry.Find(10)->plural(), "people");
  EXPECT_EQ(registry.FindByName("Person"), registry.Find(10));
  EXPECT_EQ(registry.FindByName("people"), registry.Find(10));
  EXPECT_EQ(registry.Find(11), nullptr);
  EXPECT_EQ(registry.FindByName("person"), nullptr);
}

TEST(RegistryTest, FillsDefaultsIn) {
  const RecordType& person = *Registry::BuiltIn().FindByName("Person");
  EXPECT_EQ(person.FindField("name")->policy, v1::LAST_WRITER);
  EXPECT_EQ(person.FindField("name")->data_class, v1::PERSONAL);
  EXPECT_EQ(person.FindField("curp")->data_class, v1::SENSITIVE);
  const RecordType& visit = *Registry::BuiltIn().FindByName("Visit");
  EXPECT_EQ(visit.FindField("mode")->policy, v1::FIRST_WRITER);
  EXPECT_EQ(visit.FindField("axes")->policy, v1::SET);
  EXPECT_EQ(visit.FindField("answers")->policy, v1::MAP);
}

TEST(RegistryTest, FindsFieldsByNumberAndName) {
  const RecordType& person = *Registry::BuiltIn().FindByName("Person");
  ASSERT_THAT(person.FindField(17), NotNull());
  EXPECT_EQ(person.FindField(17)->name, "notes");
  EXPECT_EQ(person.FindField(18), nullptr);
  EXPECT_EQ(person.FindField(0u), nullptr);
  EXPECT_EQ(person.FindField("nota"), nullptr);
}

TEST(RegistryTest, ResolvesReferencesAndDerivedIds) {
  const RecordType& attendance = *Registry::BuiltIn().FindByName("Attendance");
  EXPECT_EQ(attendance.FindField("person")->references, Registry::BuiltIn().FindByName("Person"));
  EXPECT_TRUE(attendance.FindField("person")->indexed);
  EXPECT_THAT(attendance.derived_from(),
              ElementsAre(attendance.FindField("event"), attendance.FindField("person")));
  EXPECT_THAT(Registry::BuiltIn().FindByName("Person")->derived_from(), IsEmpty());
}

TEST(RegistryTest, WhatPeopleRegisterHasAFolioAndAxes) {
  for (const char* name : {"Person", "Visit", "Event", "Attendance", "Headcount"}) {
    const RecordType& type = *Registry::BuiltIn().FindByName(name);
    ASSERT_THAT(type.folio(), NotNull()) << name;
    EXPECT_EQ(type.folio(), type.FindField("folio")) << name;
    ASSERT_THAT(type.FindField("axes"), NotNull()) << name;
    EXPECT_EQ(type.FindField("axes")->policy, v1::SET) << name;
  }
  EXPECT_EQ(Registry::BuiltIn().FindByName("Conflict")->folio(), nullptr);
}

TEST(RegistryTest, ReadsStateRulesFromTheEnum) {
  const RecordType& event = *Registry::BuiltIn().FindByName("Event");
  EXPECT_THAT(event.FindField("state")->state_rules.precedence(), ElementsAre(2, 3, 1, 0));
}

TEST(RegistryTest, MakesEmptyMessages) {
  const auto message = Registry::BuiltIn().FindByName("Person")->NewMessage();
  EXPECT_EQ(message->GetDescriptor()->full_name(), "brigada.v1.Person");
  EXPECT_EQ(message->ByteSizeLong(), 0U);
}

TEST(RegistryTest, TakesTheTypesMadeForTests) {
  EXPECT_OK(
      Registry::Build({testing::Sample::descriptor(), testing::SampleAppend::descriptor(),
                       testing::SamplePair::descriptor(), testing::SampleNotice::descriptor()}));
}

TEST(RegistryTest, RefusesAMessageWithoutAnnotation) {
  EXPECT_THAT(Registry::Build({testing::SampleBody::descriptor()}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("SampleBody")));
}

// One proto file of text with message Bad, record options and fields given.
class ContradictionTest : public ::testing::Test {
 protected:
  static constexpr absl::string_view kRecord =
      "type_id: 60100 plural: 'bads' levels: MUNICIPALITY data_class: PERSONAL";

  absl::Status BuildFile(absl::string_view text) {
    google::protobuf::FileDescriptorProto file;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), &file)) << text;
    // A factory that goes with the pool: both live as long as the test.
    const google::protobuf::FileDescriptor* built = pool_.BuildFile(file);
    if (built == nullptr) return absl::InternalError("the file itself does not build");
    std::vector<const google::protobuf::Descriptor*> types;
    for (int i = 0; i < built->message_type_count(); ++i) {
      if (built->message_type(i)->options().HasExtension(v1::record))
        types.push_back(built->message_type(i));
    }
    return Registry::Build(types, &factory_).status();
  }

  absl::Status BuildRecord(absl::string_view record, absl::string_view fields,
                           absl::string_view rest = "") {
    return BuildFile(absl::Substitute(
        R"(name: "bad.proto" package: "bad" syntax: "proto3"
           dependency: "brigada/v1/annotations.proto" dependency: "google/protobuf/timestamp.proto"
           dependency: "tests/support/testing.proto"
           message_type { name: "Bad" options { [brigada.v1.record] { $0 } } $1 } $2)",
        record, fields, rest));
  }

  // One field: its type and label as in a descriptor, and its rules.
  absl::Status BuildField(absl::string_view shape, absl::string_view rules) {
    return BuildRecord(kRecord, Field(shape, rules), kEnums);
  }

  static std::string Field(absl::string_view shape, absl::string_view rules, int number = 1) {
    return absl::Substitute(
        "field { name: 'f$2' number: $2 $0 options { [brigada.v1.field] { $1 } } }",
        absl::StrCat(absl::StrContains(shape, "label:") ? "" : "label: LABEL_OPTIONAL ", shape),
        rules, number);
  }

  static constexpr absl::string_view kEnums = R"(
    enum_type { name: "Plain" value { name: "P0" number: 0 } value { name: "P1" number: 1 } })";

  google::protobuf::DescriptorPool pool_{google::protobuf::DescriptorPool::generated_pool()};
  google::protobuf::DynamicMessageFactory factory_;
};

auto Names(absl::string_view what) {
  return StatusIs(absl::StatusCode::kInvalidArgument,
                  AllOf(HasSubstr("Bad"), HasSubstr(std::string(what))));
}

constexpr absl::string_view kString = "type: TYPE_STRING";
constexpr absl::string_view kBytes = "type: TYPE_BYTES";
constexpr absl::string_view kInt = "type: TYPE_INT32";
constexpr absl::string_view kStrings = "type: TYPE_STRING label: LABEL_REPEATED";
constexpr absl::string_view kInts = "type: TYPE_INT32 label: LABEL_REPEATED";
constexpr absl::string_view kMessage =
    "type: TYPE_MESSAGE type_name: '.brigada.testing.SampleBody'";
constexpr absl::string_view kTime = "type: TYPE_MESSAGE type_name: '.google.protobuf.Timestamp'";
constexpr absl::string_view kPlainEnum = "type: TYPE_ENUM type_name: '.bad.Plain'";

TEST_F(ContradictionTest, AGoodFieldIsTaken) {
  EXPECT_OK(BuildField(kString, "max_length: 3 pattern: '[a-z]+' index: true search: true"));
}

TEST_F(ContradictionTest, ATimestampIsIndexed) { EXPECT_OK(BuildField(kTime, "index: true")); }

TEST_F(ContradictionTest, TypeIdIsMissing) {
  EXPECT_THAT(BuildRecord("plural: 'bads' levels: NATION data_class: PUBLIC", ""),
              Names("type_id"));
}

TEST_F(ContradictionTest, PluralIsMissing) {
  EXPECT_THAT(BuildRecord("type_id: 60100 levels: NATION data_class: PUBLIC", ""), Names("plural"));
}

TEST_F(ContradictionTest, PluralIsNoSnakeCase) {
  int file = 0;
  for (const char* plural :
       {"Bads", "bad-s", "_bads", "bads_", "bad__s", "9bads", "bad s", "ba\\303\\261os"}) {
    EXPECT_THAT(BuildFile(absl::Substitute(
                    R"(name: "bad$0.proto" package: "bad$0" syntax: "proto3"
                       dependency: "brigada/v1/annotations.proto"
                       message_type { name: "Bad" options { [brigada.v1.record] {
                         type_id: 60100 plural: '$1' levels: NATION data_class: PUBLIC } } })",
                    ++file, plural)),
                Names("snake_case"))
        << plural;
  }
}

TEST_F(ContradictionTest, LevelsAreMissing) {
  EXPECT_THAT(BuildRecord("type_id: 60100 plural: 'bads' data_class: PUBLIC", ""), Names("levels"));
}

TEST_F(ContradictionTest, DataClassIsMissing) {
  EXPECT_THAT(BuildRecord("type_id: 60100 plural: 'bads' levels: NATION", ""), Names("data_class"));
}

TEST_F(ContradictionTest, TypeIdIsTaken) {
  EXPECT_THAT(BuildRecord(kRecord, "",
                          absl::Substitute("message_type { name: 'Worse' options { "
                                           "[brigada.v1.record] { $0 } } }",
                                           "type_id: 60100 plural: 'worse' levels: NATION "
                                           "data_class: PUBLIC")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("Worse"), HasSubstr("60100"), HasSubstr("Bad"))));
}

TEST_F(ContradictionTest, PluralIsTaken) {
  EXPECT_THAT(BuildRecord(kRecord, "",
                          "message_type { name: 'Worse' options { [brigada.v1.record] { type_id: "
                          "60101 plural: 'bads' levels: NATION data_class: PUBLIC } } }"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bads is taken by Bad")));
}

struct BadField {
  const char* name;
  absl::string_view shape;
  const char* rules;
  const char* message;
};

class BadFieldTest : public ContradictionTest, public ::testing::WithParamInterface<BadField> {};

TEST_P(BadFieldTest, IsRefusedByName) {
  const BadField& bad = GetParam();
  EXPECT_THAT(BuildField(bad.shape, bad.rules), Names(absl::StrCat("Bad.f1: ", bad.message)));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadFieldTest,
    ::testing::Values(
        BadField{"SetOnSingular", kString, "merge: SET", "SET needs"},
        BadField{"SetOnMessages",
                 "type: TYPE_MESSAGE label: LABEL_REPEATED type_name: "
                 "'.brigada.testing.SampleBody'",
                 "merge: SET", "SET needs"},
        BadField{"MapOnRepeated", kStrings, "merge: MAP", "MAP needs"},
        BadField{"CounterOnRepeated", kInts, "merge: COUNTER", "COUNTER needs"},
        BadField{"CounterOnText", kString, "merge: COUNTER", "COUNTER needs"},
        BadField{"CounterOnUnsigned", "type: TYPE_UINT64", "merge: COUNTER", "COUNTER needs"},
        BadField{"CounterOnDouble", "type: TYPE_DOUBLE", "merge: COUNTER", "COUNTER needs"},
        BadField{"MaxOnRepeated", kInts, "merge: MAX", "MAX needs"},
        BadField{"MinOnMessage", kMessage, "merge: MIN", "MIN needs"},
        BadField{"StateOnText", kString, "merge: STATE", "STATE needs"},
        BadField{"StateOnRepeated",
                 "type: TYPE_ENUM label: LABEL_REPEATED type_name: '.brigada.testing.SampleState'",
                 "merge: STATE", "STATE needs"},
        BadField{"StateWithoutRules", kPlainEnum, "merge: STATE", "STATE needs state rules"},
        BadField{"PatternThatDoesNotCompile", kString, "pattern: '['", "pattern does not compile"},
        BadField{"PatternOnBytes", kBytes, "pattern: 'a'", "pattern needs"},
        BadField{"PatternOnNumber", kInt, "pattern: 'a'", "pattern needs"},
        BadField{"LengthOfNumber", kInt, "max_length: 3", "max_length needs"},
        BadField{"LengthOfTime", kTime, "max_length: 3", "max_length needs"},
        BadField{"RangeUpsideDown", kInt, "range { min: 2 max: 1 }", "range has min"},
        BadField{"RangeThatIsNoNumber", kInt, "range { min: nan max: 1 }", "range has min"},
        BadField{"RangeOfText", kString, "range { min: 1 max: 2 }", "range needs"},
        BadField{"ReferenceInText", kString, "references: 'Bad'", "references needs"},
        BadField{"ReferenceToNobody", kBytes, "references: 'Ghost'", "references unknown"},
        BadField{"ReferenceByPlural", kBytes, "references: 'bads'", "references unknown"},
        BadField{"IndexOfMessage", kMessage, "index: true", "index needs"},
        BadField{"IndexOfRegisterList", kStrings, "index: true", "index of a repeated"},
        BadField{"SearchOfNumber", kInt, "search: true", "search needs"},
        BadField{"SearchOfTime", kTime, "search: true", "search needs"},
        BadField{"FolioThatIsReplaced", kString, "folio: true", "folio needs"},
        BadField{"FolioOfNumber", kInt, "merge: FIRST_WRITER folio: true", "folio needs"},
        BadField{"FolioThatIsAList", kStrings, "merge: FIRST_WRITER folio: true", "folio needs"},
        BadField{"UnknownClass", kInt, "data_class: 9", "data_class is unknown"},
        BadField{"UnknownPolicy", kInt, "merge: 99", "unknown merge policy"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(ContradictionTest, Oneof) {
  EXPECT_THAT(BuildRecord(kRecord, absl::StrCat("oneof_decl { name: 'o' } ",
                                                Field("type: TYPE_INT32 oneof_index: 0", ""))),
              Names("Bad.f1: fields of a oneof"));
}

TEST_F(ContradictionTest, ScopesFieldNumber) {
  EXPECT_THAT(BuildRecord(kRecord, Field(kString, "", kScopeFieldNumber)),
              Names("kept for the engine"));
}

TEST_F(ContradictionTest, FieldNumberOfAParkedEdit) {
  EXPECT_THAT(BuildRecord(kRecord, Field(kString, "", kClearedFieldNumber)),
              Names("kept for the engine"));
}

TEST_F(ContradictionTest, AppendOnlyRecordsHaveNoCounter) {
  EXPECT_THAT(
      BuildRecord(absl::StrCat(kRecord, " append_only: true"), Field(kInt, "merge: COUNTER")),
      Names("Bad.f1: COUNTER has no meaning in an append-only record"));
}

TEST_F(ContradictionTest, ARecordHasOneFolio) {
  constexpr const char* kFolio = "merge: FIRST_WRITER folio: true";
  EXPECT_THAT(BuildRecord(kRecord, absl::StrCat(Field(kString, kFolio), Field(kString, kFolio, 2))),
              Names("Bad.f2: folio is for one field"));
}

TEST_F(ContradictionTest, WhatTheServerWritesHasNoFolio) {
  EXPECT_THAT(BuildRecord(absl::StrCat(kRecord, " server_written: true"),
                          Field(kString, "merge: FIRST_WRITER folio: true")),
              Names("Bad.f1: folio is for one field of a type that devices write"));
}

TEST_F(ContradictionTest, DerivedIdNamesNoField) {
  EXPECT_THAT(BuildRecord(absl::StrCat(kRecord, " derived_id: 'ghost'"), Field(kBytes, "")),
              Names("derived_id names unknown field ghost"));
}

TEST_F(ContradictionTest, DerivedIdNamesNoReference) {
  EXPECT_THAT(BuildRecord(absl::StrCat(kRecord, " derived_id: 'f1'"), Field(kBytes, "")),
              Names("Bad.f1: derived_id needs"));
}

TEST_F(ContradictionTest, Proto2RequiredAndGroups) {
  constexpr absl::string_view kFile = R"(name: "$0.proto" package: "$0" syntax: "proto2"
      dependency: "brigada/v1/annotations.proto"
      message_type { name: "Bad" options { [brigada.v1.record] { $1 } } field { name: "f1" number: 1
        $2 } nested_type { name: "F1" } })";
  EXPECT_THAT(
      BuildFile(absl::Substitute(kFile, "a", kRecord, "label: LABEL_REQUIRED type: TYPE_STRING")),
      Names("Bad.f1: a proto2 required"));
  EXPECT_THAT(
      BuildFile(absl::Substitute(kFile, "b", kRecord,
                                 "label: LABEL_OPTIONAL type: TYPE_GROUP type_name: '.b.Bad.F1'")),
      Names("Bad.f1: groups"));
}

class BadStatesTest : public ContradictionTest {
 protected:
  absl::Status BuildStates(absl::string_view rules) {
    return BuildRecord(kRecord, Field("type: TYPE_ENUM type_name: '.bad.States'", "merge: STATE"),
                       absl::Substitute("enum_type { name: 'States' options { [brigada.v1.state] "
                                        "{ $0 } } value { name: 'S0' number: 0 } value { name: "
                                        "'S1' number: 1 } }",
                                        rules));
  }
};

TEST_F(BadStatesTest, GoodRulesAreTaken) {
  EXPECT_OK(BuildStates("initial: 0 transitions { from: 0 to: 1 } precedence: 1 precedence: 0"));
}

TEST_F(BadStatesTest, NoInitialValue) {
  EXPECT_THAT(BuildStates("precedence: 1"), Names("no initial value"));
}

TEST_F(BadStatesTest, InitialIsUnknown) {
  EXPECT_THAT(BuildStates("initial: 7"), Names("initial names unknown value 7"));
}

TEST_F(BadStatesTest, TransitionIsUnknown) {
  EXPECT_THAT(BuildStates("initial: 0 transitions { from: 7 to: 0 } precedence: 0"),
              Names("a transition names unknown value 7"));
}

TEST_F(BadStatesTest, PrecedenceIsUnknown) {
  EXPECT_THAT(BuildStates("initial: 0 precedence: 0 precedence: 7"),
              Names("precedence names unknown value 7"));
}

TEST_F(BadStatesTest, PrecedenceMissesWhatATransitionReaches) {
  EXPECT_THAT(BuildStates("initial: 0 transitions { from: 0 to: 1 } precedence: 0"),
              Names("precedence misses value 1"));
}

class BadContestTest : public ContradictionTest {
 protected:
  // f1 has `rules`, f2 is a STATE of the values 0 and 1.
  absl::Status BuildContest(absl::string_view shape, absl::string_view rules) {
    return BuildRecord(
        kRecord,
        absl::StrCat(Field(shape, rules),
                     Field("type: TYPE_ENUM type_name: '.bad.States'", "merge: STATE", 2)),
        "enum_type { name: 'States' options { [brigada.v1.state] { initial: 0 transitions { from: "
        "0 "
        "to: 1 } precedence: 1 precedence: 0 } } value { name: 'S0' number: 0 } value { name: 'S1' "
        "number: 1 } }");
  }
};

TEST_F(BadContestTest, GoodOneIsTaken) {
  EXPECT_OK(BuildContest(kString, "contested_by { field: 'f2' states: 1 }"));
}

TEST_F(BadContestTest, FieldIsNotThere) {
  EXPECT_THAT(BuildContest(kString, "contested_by { field: 'ghost' states: 1 }"),
              Names("Bad.f1: contested_by needs the name of a STATE field"));
}

TEST_F(BadContestTest, FieldIsNoState) {
  EXPECT_THAT(BuildContest(kString, "contested_by { field: 'f1' states: 1 }"),
              Names("Bad.f1: contested_by needs the name of a STATE field"));
}

TEST_F(BadContestTest, FieldIsNoRegister) {
  EXPECT_THAT(BuildContest(kStrings, "merge: SET contested_by { field: 'f2' states: 1 }"),
              Names("Bad.f1: contested_by is for a singular field"));
}

TEST_F(BadContestTest, StatesAreMissing) {
  EXPECT_THAT(BuildContest(kString, "contested_by { field: 'f2' }"), Names("names no state"));
}

TEST_F(BadContestTest, StateIsUnknown) {
  EXPECT_THAT(BuildContest(kString, "contested_by { field: 'f2' states: 7 }"),
              Names("names unknown state 7"));
}

}  // namespace
}  // namespace brigada
