#include "replica/store/record_size.h"

#include "absl/strings/str_cat.h"
#include "replica/base/limits.h"

namespace brigada {
namespace {

// Bounds of what surrounds the values in a RecordState: numbers of at most ten bytes, their tags,
// and the length of the message around them.
constexpr size_t kEnvelopeBytes = 96;
constexpr size_t kWriteBytes = 96;
constexpr size_t kVersionBytes = 16;
constexpr size_t kEnteredBytes = 11;
constexpr size_t kConflictBytes = 48;
constexpr size_t kPastStateBytes = 96;

size_t FieldBytesAtMost(const FieldState& field) {
  size_t bytes = kVersionBytes;
  for (const Slot& slot : field.slots) {
    for (const Version& version : slot.versions) bytes += kVersionBytes + version.fragment.size();
  }
  return bytes;
}

}  // namespace

size_t EncodedBytesAtMost(const Record& record) {
  size_t bytes = kEnvelopeBytes + kEnteredBytes * record.entered.size() +
                 kPastStateBytes * record.past_states.size();
  for (const WriteRef& write : record.writes) bytes += kWriteBytes + write.user.size();
  for (const FieldState& field : record.fields) bytes += FieldBytesAtMost(field);
  for (const OpenConflict& conflict : record.conflicts)
    bytes += kConflictBytes + conflict.key.size();
  return bytes;
}

std::optional<ExceededLimit> ExceededBy(const Record& record) {
  if (record.fields.size() > kMaxFieldsPerRecord)
    return ExceededLimit{0, absl::StrCat("more than ", kMaxFieldsPerRecord, " fields")};
  size_t slots = 0;
  for (const FieldState& field : record.fields) {
    slots += field.slots.size();
    if (field.slots.size() > kMaxElementsPerField) {
      return ExceededLimit{field.number,
                           absl::StrCat("more than ", kMaxElementsPerField, " elements")};
    }
  }
  if (slots > kMaxSlotsPerRecord)
    return ExceededLimit{0, absl::StrCat("more than ", kMaxSlotsPerRecord, " values")};
  // Encoding is only paid for near the limit.
  if (EncodedBytesAtMost(record) > kMaxRecordBytes &&
      EncodeRecord(record).ByteSizeLong() > kMaxRecordBytes)
    return ExceededLimit{0, absl::StrCat("the record is larger than ", kMaxRecordBytes, " bytes")};
  return std::nullopt;
}

bool FitTogether(absl::Span<const Record* const> records) {
  size_t at_most = 0;
  for (const Record* record : records) at_most += EncodedBytesAtMost(*record);
  if (at_most <= kMaxTouchedBytes) return true;
  size_t bytes = 0;
  for (const Record* record : records) {
    bytes += EncodeRecord(*record).ByteSizeLong();
    if (bytes > kMaxTouchedBytes) return false;
  }
  return true;
}

}  // namespace brigada
