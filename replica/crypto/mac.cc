#include "replica/crypto/mac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "replica/base/check.h"

namespace brigada {
namespace {

void AppendPart(absl::string_view part, std::string& out) {
  for (int shift = 56; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((uint64_t{part.size()} >> shift) & 0xff));
  out.append(part.data(), part.size());
}

}  // namespace

MacKey MacKey::Generate(Random& random) {
  MacKey key;
  random.Fill(absl::MakeSpan(key.bytes_));
  return key;
}

absl::StatusOr<MacKey> MacKey::FromBytes(absl::string_view bytes) {
  if (bytes.size() != kSize) return absl::InvalidArgumentError("a MAC key is 32 bytes long");
  MacKey key;
  std::copy(bytes.begin(), bytes.end(), key.bytes_.begin());
  if (key.bytes_ == std::array<uint8_t, kSize>{})
    return absl::InvalidArgumentError("a MAC key is not all zeros");
  return key;
}

MacKey::~MacKey() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

std::string ComputeMac(const MacKey& key, absl::Span<const absl::string_view> parts) {
  std::string message;
  for (const absl::string_view part : parts) AppendPart(part, message);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  CHECK(HMAC(EVP_sha256(), key.bytes().data(), static_cast<int>(MacKey::kSize),
             reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(),
             &size) != nullptr);
  CHECK(size >= kMacBytes);
  return std::string(digest.begin(), digest.begin() + kMacBytes);
}

absl::Status VerifyMac(const MacKey& key, absl::Span<const absl::string_view> parts,
                       absl::string_view mac) {
  const std::string expected = ComputeMac(key, parts);
  if (mac.size() != expected.size() ||
      CRYPTO_memcmp(mac.data(), expected.data(), expected.size()) != 0)
    return absl::UnauthenticatedError("the authentication code does not match");
  return absl::OkStatus();
}

}  // namespace brigada
