#include "replica/schema/value_form.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "brigada/v1/common.pb.h"
#include "brigada/v1/event.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/dynamic_message.h"
#include "gtest/gtest.h"
#include "replica/schema/validate.h"

namespace brigada {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Faults(const google::protobuf::Message& value) {
  std::vector<std::string> faults;
  CheckValueForm(value, [&](absl::string_view part, absl::string_view rule) {
    faults.push_back(absl::StrCat(part, "|", rule));
  });
  return faults;
}

v1::TimeSpan Span(const char* start, const char* end, const char* zone) {
  v1::TimeSpan span;
  span.set_start(start);
  span.set_end(end);
  span.set_zone(zone);
  return span;
}

v1::Date Date(int year, int month, int day) {
  v1::Date date;
  date.set_year(year);
  date.set_month(month);
  date.set_day(day);
  return date;
}

v1::GeoPoint Point(double latitude, double longitude, float precision_m) {
  v1::GeoPoint point;
  point.set_latitude(latitude);
  point.set_longitude(longitude);
  point.set_precision_m(precision_m);
  return point;
}

TEST(ValueFormTest, TakesSpansOfLocalTime) {
  EXPECT_THAT(Faults(Span("2026-11-20T17:00", "2026-11-20T19:00", "America/Mexico_City")),
              IsEmpty());
  EXPECT_THAT(Faults(Span("2028-02-29T23:59", "2028-03-01T00:00", "America/Argentina/Ushuaia")),
              IsEmpty());
  EXPECT_THAT(Faults(Span("2026-11-20T17:00", "2026-11-20T17:00", "UTC")), IsEmpty());
  EXPECT_THAT(Faults(Span("", "", "")), IsEmpty());
}

TEST(ValueFormTest, RefusesTimesThatAreNone) {
  for (const char* start :
       {"mañana", "2026-13-40T99:99", "2026-02-29T10:00", "2026-11-20T24:00", "2026-11-20T10:60",
        "2026-11-20 10:00", "2026-11-20T10:00Z", "2026-11-20", "0000-01-01T00:00",
        "2026-11-2xT10:00", "+026-11-20T10:00", " 2026-11-20T10:0"}) {
    EXPECT_THAT(Faults(Span(start, "", "")),
                ElementsAre("start|not a local time of the form YYYY-MM-DDTHH:MM"))
        << start;
    EXPECT_THAT(Faults(Span("", start, "")),
                ElementsAre("end|not a local time of the form YYYY-MM-DDTHH:MM"))
        << start;
  }
}

TEST(ValueFormTest, RefusesASpanThatEndsBeforeItStarts) {
  EXPECT_THAT(Faults(Span("2026-11-20T17:00", "2026-11-20T16:59", "")),
              ElementsAre("end|before the start"));
}

TEST(ValueFormTest, RefusesZonesThatAreNone) {
  for (const char* zone :
       {"Marte", "america/mexico_city", "America/", "/Mexico_City", "America//Mexico", "GMT-6",
        "America/Ciudad Juárez", "America/Mexico_City\n", "America/6"}) {
    EXPECT_THAT(Faults(Span("", "", zone)),
                ElementsAre("zone|not a time zone such as America/Mexico_City"))
        << zone;
  }
}

TEST(ValueFormTest, DatesAreInTheCalendarOrPartlyUnknown) {
  for (const v1::Date& date : {Date(0, 0, 0), Date(1990, 0, 0), Date(1990, 5, 0), Date(1990, 5, 17),
                               Date(2000, 2, 29), Date(9999, 12, 31)}) {
    EXPECT_THAT(Faults(date), IsEmpty()) << date.ShortDebugString();
  }
  for (const v1::Date& date :
       {Date(0, 5, 17), Date(1990, 0, 17), Date(1990, 13, 1), Date(1990, 4, 31), Date(1900, 2, 29),
        Date(10000, 1, 1), Date(-1, 0, 0), Date(1990, -1, 0), Date(1990, 5, 2147483647)}) {
    EXPECT_THAT(Faults(date), ElementsAre("|not a date of the calendar"))
        << date.ShortDebugString();
  }
}

TEST(ValueFormTest, PointsLieOnTheGlobe) {
  EXPECT_THAT(Faults(Point(17.06, -96.72, 12)), IsEmpty());
  EXPECT_THAT(Faults(Point(-90, 180, 0)), IsEmpty());
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const v1::GeoPoint& point :
       {Point(200, 0, 0), Point(0, 900, 0), Point(kNan, 0, 0), Point(0, kNan, 0), Point(0, 0, -1),
        Point(0, 0, std::numeric_limits<float>::infinity())}) {
    EXPECT_THAT(Faults(point), ElementsAre("|not a position on the globe"))
        << point.ShortDebugString();
  }
}

TEST(ValueFormTest, HoldsForMessagesOfAnotherFactory) {
  google::protobuf::DynamicMessageFactory factory;
  const std::unique_ptr<google::protobuf::Message> date(
      factory.GetPrototype(v1::Date::descriptor())->New());
  ASSERT_TRUE(date->ParseFromString(Date(1990, 13, 1).SerializeAsString()));
  EXPECT_THAT(Faults(*date), ElementsAre("|not a date of the calendar"));
}

TEST(ValidateMessageTest, SharedValuesAreRefusedByTheirPath) {
  v1::Event event;
  event.set_kind(v1::CIRCLE);
  event.set_title("Círculo");
  *event.mutable_when() = Span("mañana", "2026-11-20T19:00", "Marte");
  std::vector<std::string> details;
  for (const v1::Refusal& refusal :
       ValidateMessage(*Registry::BuiltIn().FindByName("Event"), event, nullptr, 0)) {
    EXPECT_EQ(refusal.reason(), v1::INVALID_VALUE);
    details.push_back(refusal.detail());
  }
  EXPECT_THAT(details, ElementsAre("when.start: not a local time of the form YYYY-MM-DDTHH:MM",
                                   "when.zone: not a time zone such as America/Mexico_City"));
}

}  // namespace
}  // namespace brigada
