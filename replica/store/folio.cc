#include "replica/store/folio.h"

#include "absl/strings/str_cat.h"

namespace brigada {

std::string FolioDevice(const ReplicaId& replica) {
  constexpr absl::string_view kLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  constexpr int kBitsPerLetter = 5;
  uint32_t bits = 0;
  for (const char byte : replica.bytes().substr(0, 3))
    bits = bits << 8 | static_cast<uint8_t>(byte);
  std::string letters;
  for (int shift = 24 - kBitsPerLetter; shift >= 4; shift -= kBitsPerLetter)
    letters.push_back(kLetters[bits >> shift & 31]);
  return letters;
}

std::string FolioText(absl::string_view place, const ReplicaId& replica, uint64_t number) {
  return absl::StrCat(place, "-", FolioDevice(replica), "-", absl::Dec(number, absl::kZeroPad6));
}

}  // namespace brigada
