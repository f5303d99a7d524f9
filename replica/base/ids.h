// 128-bit identifiers, each a type of its own so that a record id is never taken for a replica id.
#ifndef REPLICA_BASE_IDS_H_
#define REPLICA_BASE_IDS_H_

#include <array>
#include <compare>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "replica/base/random.h"

namespace brigada {

// 16 bytes compared as bytes. All zeros means "none" (is_zero()).
template <typename Tag>
class Id128 {
 public:
  static constexpr size_t kSize = 16;

  Id128() = default;
  explicit Id128(const std::array<uint8_t, kSize>& bytes) : bytes_(bytes) {}
  // kInvalidArgument unless `bytes` is 16 long. The bytes are taken as they are.
  static absl::StatusOr<Id128> FromBytes(absl::string_view bytes);
  // Reads the 36-character UUID form, or 32 hexadecimal digits.
  static absl::StatusOr<Id128> Parse(absl::string_view text);

  absl::string_view bytes() const {
    return absl::string_view(reinterpret_cast<const char*>(bytes_.data()), kSize);
  }
  std::string AsBytes() const { return std::string(bytes()); }
  // The 36-character UUID form, lower case.
  std::string ToString() const;
  bool is_zero() const { return bytes_ == std::array<uint8_t, kSize>{}; }

  friend auto operator<=>(const Id128&, const Id128&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Id128& id) {
    return H::combine(std::move(h), id.bytes_);
  }

 private:
  std::array<uint8_t, kSize> bytes_{};
};

struct RecordIdTag {};
struct ReplicaIdTag {};
struct EpochTag {};
struct RunTag {};

// Names a record together with its type: UUIDv7 made offline, or UUIDv8 derived from parts.
using RecordId = Id128<RecordIdTag>;
// A store that holds records: 128 random bits made with the store.
using ReplicaId = Id128<ReplicaIdTag>;
// One incarnation of a server store; a restore makes a new one.
using Epoch = Id128<EpochTag>;
// One start of the server.
using Run = Id128<RunTag>;

// RFC 9562 UUIDv7: 48 bits of Unix milliseconds, then random bits. `now` before 1970 counts as
// 1970.
RecordId NewRecordId(absl::Time now, Random& random);
// RFC 9562 UUIDv8 from SHA-256 over the parts: the same parts give the same id on every device.
RecordId DerivedRecordId(std::initializer_list<absl::string_view> parts);
ReplicaId NewReplicaId(Random& random);

template <typename Id>
Id NewRandomId(Random& random) {
  std::array<uint8_t, 16> bytes{};
  random.Fill(absl::MakeSpan(bytes));
  return Id(bytes);
}

}  // namespace brigada

#endif  // REPLICA_BASE_IDS_H_
