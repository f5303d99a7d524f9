#include "replica/query/index_bounds.h"

#include <optional>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "replica/schema/index_value.h"
#include "replica/store/kv.h"

namespace brigada {
namespace {

// What every value starts with; the search tokens of the same field start with less.
constexpr absl::string_view kFirstValue = "v";

// The instant that `text` begins with, for texts that compare with ours as instants do: those that
// are written as ours are, or stop earlier. The parser takes more, such as months of one digit,
// leading blanks and times without end.
std::optional<absl::Time> InstantOf(absl::string_view text) {
  absl::Time time;
  for (const char* format :
       {"%E4Y-%m-%dT%H:%M:%E3SZ", "%E4Y-%m-%dT%H:%M:%SZ", "%E4Y-%m-%dT%H:%M:%E3S",
        "%E4Y-%m-%dT%H:%M:%S", "%E4Y-%m-%dT%H:%M", "%E4Y-%m-%d", "%E4Y-%m", "%E4Y"}) {
    if (!absl::ParseTime(format, text, &time, nullptr)) continue;
    const bool is_finite = time != absl::InfiniteFuture() && time != absl::InfinitePast();
    if (is_finite && absl::FormatTime(format, time, absl::UTCTimeZone()) == text) return time;
  }
  return std::nullopt;
}

std::string EncodeTime(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  const int64_t micros = absl::ToUnixMicros(time);
  const int64_t seconds = absl::ToUnixSeconds(time);
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(static_cast<int32_t>((micros - seconds * 1'000'000) * 1000));
  return EncodeIndexTime(timestamp);
}

}  // namespace

absl::string_view TextOfValue(sqlite3_value* value) {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (bytes == nullptr) return absl::string_view();
  return absl::string_view(bytes, static_cast<size_t>(sqlite3_value_bytes(value)));
}

IndexBounds::IndexBounds(const QueryContext* context, const SqlColumn* column)
    : context_(context), column_(column) {
  range_.field = column->field->number;
  range_.lower = std::string(kFirstValue);
}

void IndexBounds::Add(Operator op, sqlite3_value* value) {
  const int type = sqlite3_value_type(value);
  if (type == SQLITE_NULL) {
    is_nothing_ = true;
    return;
  }
  switch (column_->form) {
    case ValueForm::kInteger:
    case ValueForm::kBool:
      if (type == SQLITE_INTEGER) AddInteger(op, sqlite3_value_int64(value));
      break;
    case ValueForm::kReal:
      // Integers beyond 2^53 do not compare as doubles.
      if (type == SQLITE_FLOAT) AddEncoded(op, EncodeIndexDouble(sqlite3_value_double(value)));
      if (type == SQLITE_INTEGER && sqlite3_value_int64(value) == sqlite3_value_int(value))
        AddEncoded(op, EncodeIndexDouble(sqlite3_value_double(value)));
      break;
    default:
      // A number is compared as text or as a number, by what it comes from, which is not told here.
      if (type == SQLITE_TEXT) AddText(op, value);
      break;
  }
}

void IndexBounds::AddInteger(Operator op, int64_t value) {
  AddEncoded(op, EncodeIndexInt64(value));
}

void IndexBounds::AddText(Operator op, sqlite3_value* value) {
  const absl::string_view text = TextOfValue(value);
  if (column_->form == ValueForm::kTime) {
    AddTime(op, text);
  } else if (column_->kind == ColumnKind::kField && column_->form == ValueForm::kText) {
    AddEncoded(op, EncodeIndexString(text));
  } else if (column_->kind == ColumnKind::kElement && column_->form == ValueForm::kText) {
    // An empty element has no entry.
    if (!text.empty()) AddEncoded(op, EncodeIndexString(text));
  } else if (op == '=') {
    AddEqualText(text);
  }
}

// Names whose order is not that of what they stand for.
void IndexBounds::AddEqualText(absl::string_view text) {
  if (column_->kind == ColumnKind::kAboutType) {
    uint32_t number = 0;
    const RecordType* type = context_->registry->FindByName(text);
    if (type != nullptr) {
      AddInteger('=', type->type_id());
    } else if (absl::SimpleAtoi(text, &number)) {
      AddInteger('=', number);
    } else {
      is_nothing_ = true;
    }
  } else if (column_->form == ValueForm::kEnum) {
    const auto number = EnumNumber(*column_->field->descriptor->enum_type(), text);
    if (number.has_value()) {
      AddInteger('=', *number);
    } else {
      is_nothing_ = true;
    }
  } else if (column_->form == ValueForm::kUuid) {
    const auto id = RecordId::Parse(text);
    if (id.ok()) {
      AddEncoded('=', EncodeIndexString(id->bytes()));
    } else {
      is_nothing_ = true;
    }
  }
}

void IndexBounds::AddTime(Operator op, absl::string_view text) {
  const auto time = InstantOf(text);
  if (!time.has_value()) return;
  // The column shows milliseconds and a text may stop at seconds: a second on each side is enough.
  if (op == '=' || op == '>' || op == 'g') RaiseLower(EncodeTime(*time - absl::Seconds(1)));
  if (op == '=' || op == '<' || op == 'l') LowerUpper(EncodeTime(*time + absl::Seconds(1)));
}

void IndexBounds::AddEncoded(Operator op, const std::string& value) {
  if (op == '=' || op == '>' || op == 'g') RaiseLower(value);
  // The upper bound is exclusive and no value is the beginning of another: what starts with this
  // one is its entries alone, with the record ids that end them.
  if (op == '=' || op == '<' || op == 'l') LowerUpper(PrefixEnd(value));
}

void IndexBounds::RaiseLower(const std::string& lower) {
  is_useful_ = true;
  if (lower > range_.lower) range_.lower = lower;
}

void IndexBounds::LowerUpper(const std::string& upper) {
  is_useful_ = true;
  if (range_.upper.empty() || upper < range_.upper) range_.upper = upper;
}

}  // namespace brigada
