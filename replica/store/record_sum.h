// What two ends compare instead of records: 256-bit sums that do not depend on any order, one per
// data class. docs/on-disk-format.md says which bytes are summed.
#ifndef REPLICA_STORE_RECORD_SUM_H_
#define REPLICA_STORE_RECORD_SUM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "replica/base/ids.h"
#include "replica/base/sha256.h"
#include "replica/merge/record.h"
#include "replica/schema/registry.h"

namespace brigada {

// A number modulo 2^256. Value type.
class Sum256 {
 public:
  static constexpr size_t kBytes = 32;

  void Add(const Sum256& other);
  void Subtract(const Sum256& other);
  bool is_zero() const { return *this == Sum256(); }
  // Big endian. FromBytes takes kBytes of them.
  std::string Bytes() const;
  static Sum256 FromBytes(absl::string_view bytes);
  static Sum256 Of(const Sha256Digest& digest) { return FromBytes(AsView(digest)); }

  friend bool operator==(const Sum256&, const Sum256&) = default;

 private:
  std::array<uint64_t, 4> limbs_{};  // the least significant first
};

// How many live records, and the sum of what they say.
struct CountedSum {
  uint64_t count = 0;
  Sum256 sum;

  void Add(const CountedSum& other);
  void Subtract(const CountedSum& other);
  bool is_zero() const { return *this == CountedSum(); }
  // 16 bytes that stand for it on the wire.
  std::string Fingerprint() const;

  friend bool operator==(const CountedSum&, const CountedSum&) = default;
};

// The parts of one record, or of all records of a place, by the least class in which a reader gets
// them: at least the record's own. A record counts in its own class. What this program does not
// know the class of is in place 0.
struct ClassSums {
  static constexpr size_t kClasses = v1::DataClass_MAX + 1;
  std::array<CountedSum, kClasses> by_class;

  void Add(const ClassSums& other);
  void Subtract(const ClassSums& other);
  bool is_zero() const;
  // What a reader of `max_class` gets; without place 0.
  CountedSum UpTo(v1::DataClass max_class) const;
  const CountedSum& unknown() const { return by_class[0]; }

  friend bool operator==(const ClassSums&, const ClassSums&) = default;
};

// In which place of a sum what a program does not know is counted. A device was given what it holds
// of it (place 0), but for what it wrote itself: that a server which does not know it either tells
// to nobody below the most sensitive class. The authority uses that class, as its feeds do.
struct SumPolicy {
  v1::DataClass unknown_class = v1::DATA_CLASS_UNSPECIFIED;
  ReplicaId own;  // zero at the authority
};

// The class of the record in a sum.
v1::DataClass SumClassOf(const RecordType* type, const Record& record, const SumPolicy& policy);

// What `record` adds to the sums of its scope; nothing unless it lives. `untold`: fields counted in
// the most sensitive class.
ClassSums SumsOf(const RecordType* type, uint32_t type_id, const RecordId& id, const Record& record,
                 const SumPolicy& policy, absl::Span<const uint32_t> untold = {});

// As it is stored; empty for none. Decoding gives false when `bytes` are not what encoding made.
std::string EncodeClassSums(const ClassSums& sums);
bool DecodeClassSums(absl::string_view bytes, ClassSums* sums);

}  // namespace brigada

#endif  // REPLICA_STORE_RECORD_SUM_H_
