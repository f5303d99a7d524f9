#include "replica/store/rocks_manifest.h"

#include <rocksdb/env.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace brigada {
namespace {

// The form of RocksDB's logs: blocks of 32 KiB, in each record a checksum (4 bytes, little endian),
// a length (2), a type (1) and the content; a block's last bytes that hold no header are zeros.
constexpr size_t kBlockBytes = 32768;
constexpr size_t kHeaderBytes = 7;
constexpr size_t kTypeOffset = 6;
// Whole records and the first, middle and last parts of longer ones.
constexpr uint8_t kLowestType = 1;
constexpr uint8_t kHighestType = 4;

// CRC-32C, bit by bit reversed as RocksDB keeps it.
constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0);
    table[byte] = crc;
  }
  return table;
}

uint32_t MaskedCrc(absl::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = MakeCrcTable();
  uint32_t crc = 0xffffffffU;
  for (const char byte : bytes)
    crc = kTable[(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ (crc >> 8);
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

uint32_t LittleEndian(absl::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  return value;
}

// Whether `bytes`, which hold at least a header, begin with a whole record of `content` bytes.
bool IsRecord(absl::string_view bytes, size_t content) {
  const auto type = static_cast<uint8_t>(bytes[kTypeOffset]);
  return type >= kLowestType && type <= kHighestType && kHeaderBytes + content <= bytes.size() &&
         LittleEndian(bytes.substr(0, 4)) == MaskedCrc(bytes.substr(kTypeOffset, content + 1));
}

size_t StatedLength(absl::string_view bytes) { return LittleEndian(bytes.substr(4, 2)); }

// Whether what is left of the last block, behind the last good record, can be a write that the
// power ended: no record begins anywhere in it, and it is none whose length alone is wrong.
bool IsTorn(absl::string_view rest) {
  if (rest.size() < kHeaderBytes) return true;
  if (IsRecord(rest, rest.size() - kHeaderBytes)) return false;
  for (size_t at = 1; at + kHeaderBytes <= rest.size(); ++at) {
    const absl::string_view candidate = rest.substr(at);
    if (IsRecord(candidate, StatedLength(candidate))) return false;
  }
  return true;
}

bool IsZero(absl::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == '\0'; });
}

}  // namespace

bool IsManifestWhole(absl::string_view bytes) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kBlockBytes, bytes.size()))) {
    absl::string_view block = bytes.substr(0, kBlockBytes);
    const bool is_last = block.size() == bytes.size();
    while (block.size() >= kHeaderBytes) {
      const size_t length = StatedLength(block);
      if (!IsRecord(block, length)) {
        // Of a write that never got anywhere the file system may show zeros.
        return is_last && (IsZero(block) || IsTorn(block));
      }
      block.remove_prefix(kHeaderBytes + length);
    }
    if (!is_last && !IsZero(block)) return false;
  }
  return true;
}

absl::Status CheckManifest(rocksdb::Env& env, const std::string& directory) {
  std::string current;
  std::string bytes;
  if (!rocksdb::ReadFileToString(&env, absl::StrCat(directory, "/CURRENT"), &current).ok())
    return absl::OkStatus();
  const absl::string_view name = absl::StripSuffix(current, "\n");
  if (!rocksdb::ReadFileToString(&env, absl::StrCat(directory, "/", name), &bytes).ok())
    return absl::OkStatus();
  if (IsManifestWhole(bytes)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      directory, "/", name,
      " is damaged: it says which files are the store's; keep the directory as it is and restore a "
      "backup or sync into a new one"));
}

}  // namespace brigada
