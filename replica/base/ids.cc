#include "replica/base/ids.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "replica/base/sha256.h"

namespace brigada {
namespace {

constexpr size_t kUuidTextSize = 36;

// RFC 9562, section 4: version in the high half of byte 6, variant 10 in the top bits of byte 8.
void SetVersion(std::array<uint8_t, 16>& bytes, uint8_t version) {
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | (version << 4));
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
}

bool IsDash(size_t position) {
  return position == 8 || position == 13 || position == 18 || position == 23;
}

}  // namespace

template <typename Tag>
absl::StatusOr<Id128<Tag>> Id128<Tag>::FromBytes(absl::string_view bytes) {
  if (bytes.size() != kSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("an id has 16 bytes, this one has ", bytes.size()));
  }
  std::array<uint8_t, kSize> copy{};
  std::copy(bytes.begin(), bytes.end(), copy.begin());
  return Id128(copy);
}

template <typename Tag>
absl::StatusOr<Id128<Tag>> Id128<Tag>::Parse(absl::string_view text) {
  std::string digits;
  const bool dashed = text.size() == kUuidTextSize;
  bool valid = dashed || text.size() == 2 * kSize;
  for (size_t i = 0; valid && i < text.size(); ++i) {
    if (dashed && IsDash(i)) {
      valid = text[i] == '-';
    } else {
      valid = absl::ascii_isxdigit(static_cast<unsigned char>(text[i]));
      digits.push_back(text[i]);
    }
  }
  if (!valid) {
    return absl::InvalidArgumentError(
        "not an id: expected 36 characters like 0190b8e4-7c1f-7abc-8def-0123456789ab");
  }
  return FromBytes(absl::HexStringToBytes(digits));
}

template <typename Tag>
std::string Id128<Tag>::ToString() const {
  const std::string hex = absl::BytesToHexString(bytes());
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                      hex.substr(16, 4), "-", hex.substr(20));
}

template class Id128<RecordIdTag>;
template class Id128<ReplicaIdTag>;
template class Id128<EpochTag>;
template class Id128<RunTag>;

RecordId NewRecordId(absl::Time now, Random& random) {
  std::array<uint8_t, 16> bytes{};
  random.Fill(absl::MakeSpan(bytes));
  const uint64_t millis = static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMillis(now)));
  for (size_t i = 0; i < 6; ++i) bytes[i] = static_cast<uint8_t>(millis >> (40 - 8 * i));
  SetVersion(bytes, 7);
  return RecordId(bytes);
}

RecordId DerivedRecordId(std::initializer_list<absl::string_view> parts) {
  const Sha256Digest digest = Sha256Parts(parts);
  std::array<uint8_t, 16> bytes{};
  std::copy_n(digest.begin(), bytes.size(), bytes.begin());
  SetVersion(bytes, 8);
  return RecordId(bytes);
}

ReplicaId NewReplicaId(Random& random) { return NewRandomId<ReplicaId>(random); }

}  // namespace brigada
