#include "replica/schema/value_form.h"

#include <cmath>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/time/civil_time.h"
#include "absl/types/optional.h"
#include "brigada/v1/common.pb.h"
#include "google/protobuf/descriptor.h"

namespace brigada {
namespace {

using google::protobuf::Message;
using Refuse = absl::FunctionRef<void(absl::string_view part, absl::string_view rule)>;

constexpr int kLastYear = 9999;

// The value as the generated message, whichever factory made it. A value that does not parse holds
// text that is not UTF-8, which is refused as that.
template <typename T>
absl::optional<T> As(const Message& value) {
  T copy;
  if (!copy.ParseFromString(value.SerializeAsString())) return absl::nullopt;
  return copy;
}

bool IsDay(int year, int month, int day) {
  if (year < 1 || year > kLastYear || month < 1 || month > 12 || day < 1 || day > 31) return false;
  // The 31st of a month of 30 days comes out as the first of the next.
  return absl::CivilDay(year, month, day).month() == month;
}

bool IsDate(const v1::Date& date) {
  if (date.year() == 0 && date.month() == 0 && date.day() == 0) return true;
  if (date.month() == 0 && date.day() != 0) return false;
  return IsDay(date.year(), date.month() == 0 ? 1 : date.month(), date.day() == 0 ? 1 : date.day());
}

// Written so that NaN fails too.
bool IsOnTheGlobe(const v1::GeoPoint& point) {
  return std::abs(point.latitude()) <= 90 && std::abs(point.longitude()) <= 180 &&
         point.precision_m() >= 0 && std::isfinite(point.precision_m());
}

// `digits` of `text` at `from`; -1 when they are none.
int Number(absl::string_view text, size_t from, size_t digits) {
  int number = 0;
  for (const char c : text.substr(from, digits)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return -1;
    number = 10 * number + (c - '0');
  }
  return number;
}

// "2026-05-01T18:00"
bool IsLocalTime(absl::string_view text) {
  constexpr absl::string_view kForm = "dddd-dd-ddTdd:dd";
  if (text.size() != kForm.size()) return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] != 'd' && text[i] != kForm[i]) return false;
  }
  const int hour = Number(text, 11, 2);
  const int minute = Number(text, 14, 2);
  return IsDay(Number(text, 0, 4), Number(text, 5, 2), Number(text, 8, 2)) && hour >= 0 &&
         hour < 24 && minute >= 0 && minute < 60;
}

bool IsZone(absl::string_view text) {
  if (text == "UTC") return true;
  if (text.empty() || !absl::ascii_isupper(static_cast<unsigned char>(text[0]))) return false;
  bool is_start = true;
  bool has_place = false;
  for (const char c : text) {
    const auto letter = static_cast<unsigned char>(c);
    if (is_start && !absl::ascii_isalpha(letter)) return false;
    is_start = c == '/';
    has_place = has_place || is_start;
    const bool is_inner = absl::ascii_isalnum(letter) || c == '_' || c == '-' || c == '+';
    if (!is_start && !is_inner) return false;
  }
  return has_place && !is_start;
}

void CheckSpan(const v1::TimeSpan& span, Refuse refuse) {
  constexpr absl::string_view kTimeRule = "not a local time of the form YYYY-MM-DDTHH:MM";
  const bool has_start = !span.start().empty();
  const bool has_end = !span.end().empty();
  const bool is_start = has_start && IsLocalTime(span.start());
  const bool is_end = has_end && IsLocalTime(span.end());
  if (has_start && !is_start) refuse("start", kTimeRule);
  if (has_end && !is_end) refuse("end", kTimeRule);
  // Equal in length and with the greatest part first, so the texts sort as the times do.
  if (is_start && is_end && span.end() < span.start()) refuse("end", "before the start");
  if (!span.zone().empty() && !IsZone(span.zone()))
    refuse("zone", "not a time zone such as America/Mexico_City");
}

}  // namespace

void CheckValueForm(const Message& value, Refuse refuse) {
  const std::string& name = value.GetDescriptor()->full_name();
  if (name == "brigada.v1.TimeSpan") {
    if (const auto span = As<v1::TimeSpan>(value)) CheckSpan(*span, refuse);
  } else if (name == "brigada.v1.Date") {
    const auto date = As<v1::Date>(value);
    if (date && !IsDate(*date)) refuse("", "not a date of the calendar");
  } else if (name == "brigada.v1.GeoPoint") {
    const auto point = As<v1::GeoPoint>(value);
    if (point && !IsOnTheGlobe(*point)) refuse("", "not a position on the globe");
  }
}

}  // namespace brigada
