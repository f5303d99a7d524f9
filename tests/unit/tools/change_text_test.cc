#include "tools/brigada/change_text.h"

#include <string>

#include "brigada/v1/person.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "replica/base/ids.h"

namespace brigada {
namespace {

const char kId[] = "01a20482-20e9-73c1-ae37-cc7aa627086e";

v1::Change Change(v1::Change::Kind kind, const std::string& scope) {
  v1::Change change;
  change.set_type_id(10);
  change.set_record_id(RecordId::Parse(kId)->AsBytes());
  change.set_kind(kind);
  change.set_scope(scope);
  return change;
}

TEST(ChangeTextTest, SaysWhatEachKindOfChangeDoes) {
  const std::string record = std::string("people ") + kId;
  EXPECT_EQ(ChangeText(Change(v1::Change::CREATE, "MX/20/067")),
            "registrar " + record + " en MX/20/067 (Oaxaca de Juárez, Oaxaca)");
  EXPECT_EQ(ChangeText(Change(v1::Change::DELETE, "")), "borrar " + record);
  EXPECT_EQ(ChangeText(Change(v1::Change::EDIT, "MX/20/067")),
            "llevar " + record + " a MX/20/067 (Oaxaca de Juárez, Oaxaca)");

  v1::Change edit = Change(v1::Change::EDIT, "");
  v1::Person values;
  values.set_notes("nada");
  edit.set_values(values.SerializeAsString());
  edit.add_cleared(15);
  EXPECT_EQ(ChangeText(edit), "cambiar axes, notes de " + record);
}

TEST(ChangeTextTest, CountsTheChangesThatGoTogether) {
  v1::ChangeSetBody body;
  EXPECT_NE(ChangesText(body), "");
  for (int i = 0; i < 3; ++i) *body.add_changes() = Change(v1::Change::DELETE, "");
  EXPECT_THAT(ChangesText(body), ::testing::EndsWith(" y otros 2 cambios que van con él"));
}

}  // namespace
}  // namespace brigada
