#include "replica/store/record_sum.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "replica/store/keys.h"

namespace brigada {
namespace {

constexpr size_t kFingerprintBytes = 16;
constexpr size_t kStoredBytes = 1 + sizeof(uint64_t) + Sum256::kBytes;

void AppendPart(absl::string_view bytes, std::string* out) {
  AppendBigEndian32(static_cast<uint32_t>(bytes.size()), out);
  out->append(bytes.data(), bytes.size());
}

// A version as both ends have it: whether it stands, its bytes, and its write.
struct SummedVersion {
  bool stands = false;
  absl::string_view fragment;
  const WriteRef* write = nullptr;

  auto key() const {
    return std::make_tuple(!stands, fragment, write->sequence, write->origin_sequence,
                           write->replica.bytes());
  }
};

// Slots are left out: only who knows the field's policy can tell them, and elements and keys are
// inside the fragments.
void AppendField(const FieldState& field, const Record& record, std::string* out) {
  std::vector<SummedVersion> versions;
  for (const Slot& slot : field.slots) {
    for (size_t i = 0; i < slot.versions.size(); ++i) {
      const Version& version = slot.versions[i];
      versions.push_back({i == 0, version.fragment, &record.writes[version.write]});
    }
  }
  if (versions.empty()) return;
  std::sort(versions.begin(), versions.end(),
            [](const SummedVersion& a, const SummedVersion& b) { return a.key() < b.key(); });
  out->push_back('f');
  AppendBigEndian32(field.number, out);
  AppendBigEndian32(static_cast<uint32_t>(versions.size()), out);
  for (const SummedVersion& version : versions) {
    out->push_back(version.stands ? 's' : 'l');
    AppendPart(version.fragment, out);
    out->append(version.write->replica.bytes().data(), RecordId::kSize);
    AppendBigEndian64(version.write->origin_sequence, out);
    AppendBigEndian64(version.write->sequence, out);
    AppendBigEndian64(version.write->stamp.value, out);
    AppendPart(version.write->user, out);
  }
}

void AppendConflict(const OpenConflict& conflict, std::string* out) {
  out->push_back('c');
  AppendBigEndian32(conflict.field, out);
  AppendPart(conflict.key, out);
  out->append(conflict.id.bytes().data(), RecordId::kSize);
}

bool IsAllOwn(const FieldState& field, const Record& record, const ReplicaId& own) {
  return std::all_of(field.slots.begin(), field.slots.end(), [&](const Slot& slot) {
    return std::all_of(slot.versions.begin(), slot.versions.end(), [&](const Version& version) {
      return record.writes[version.write].replica == own;
    });
  });
}

class Summing {
 public:
  Summing(const RecordType* type, const Record& record, const SumPolicy& policy,
          absl::Span<const uint32_t> untold)
      : type_(type),
        record_(record),
        policy_(policy),
        untold_(untold),
        record_class_(SumClassOf(type, record, policy)) {}

  v1::DataClass record_class() const { return record_class_; }

  // Of fields, the scope (kScopeFieldNumber) and conflicts about the whole record (0).
  v1::DataClass ClassOf(uint32_t number) const {
    if (number == 0 || number == kScopeFieldNumber) return record_class_;
    if (std::find(untold_.begin(), untold_.end(), number) != untold_.end()) return v1::INCIDENT;
    const FieldType* const known = type_ == nullptr ? nullptr : type_->FindField(number);
    if (known != nullptr) return std::max(known->data_class, record_class_);
    const FieldState* const field = record_.FindField(number);
    const bool is_own = field != nullptr && IsAllOwn(*field, record_, policy_.own);
    return is_own ? v1::INCIDENT : policy_.unknown_class;
  }

 private:
  const RecordType* const type_;
  const Record& record_;
  const SumPolicy& policy_;
  const absl::Span<const uint32_t> untold_;
  const v1::DataClass record_class_;
};

std::vector<const OpenConflict*> SortedConflicts(const Record& record) {
  std::vector<const OpenConflict*> sorted;
  sorted.reserve(record.conflicts.size());
  for (const OpenConflict& conflict : record.conflicts) sorted.push_back(&conflict);
  std::sort(sorted.begin(), sorted.end(), [](const OpenConflict* a, const OpenConflict* b) {
    return std::tie(a->field, a->key, a->id) < std::tie(b->field, b->key, b->id);
  });
  return sorted;
}

}  // namespace

void Sum256::Add(const Sum256& other) {
  unsigned __int128 carry = 0;
  for (size_t i = 0; i < limbs_.size(); ++i) {
    carry += static_cast<unsigned __int128>(limbs_[i]) + other.limbs_[i];
    limbs_[i] = static_cast<uint64_t>(carry);
    carry >>= 64;
  }
}

void Sum256::Subtract(const Sum256& other) {
  Sum256 negative;
  for (size_t i = 0; i < limbs_.size(); ++i) negative.limbs_[i] = ~other.limbs_[i];
  Sum256 one;
  one.limbs_[0] = 1;
  negative.Add(one);
  Add(negative);
}

std::string Sum256::Bytes() const {
  std::string bytes;
  for (size_t i = limbs_.size(); i-- > 0;) AppendBigEndian64(limbs_[i], &bytes);
  return bytes;
}

Sum256 Sum256::FromBytes(absl::string_view bytes) {
  Sum256 sum;
  for (size_t i = 0; i < sum.limbs_.size(); ++i)
    sum.limbs_[sum.limbs_.size() - 1 - i] = BigEndian64(bytes.substr(i * sizeof(uint64_t)));
  return sum;
}

void CountedSum::Add(const CountedSum& other) {
  count += other.count;
  sum.Add(other.sum);
}

void CountedSum::Subtract(const CountedSum& other) {
  count -= other.count;
  sum.Subtract(other.sum);
}

std::string CountedSum::Fingerprint() const {
  return std::string(
      AsView(Sha256Parts({NumberValue(count), sum.Bytes()})).substr(0, kFingerprintBytes));
}

void ClassSums::Add(const ClassSums& other) {
  for (size_t i = 0; i < kClasses; ++i) by_class[i].Add(other.by_class[i]);
}

void ClassSums::Subtract(const ClassSums& other) {
  for (size_t i = 0; i < kClasses; ++i) by_class[i].Subtract(other.by_class[i]);
}

bool ClassSums::is_zero() const {
  return std::all_of(by_class.begin(), by_class.end(),
                     [](const CountedSum& sum) { return sum.is_zero(); });
}

CountedSum ClassSums::UpTo(v1::DataClass max_class) const {
  CountedSum total;
  for (int i = v1::PUBLIC; i <= max_class; ++i) total.Add(by_class[static_cast<size_t>(i)]);
  return total;
}

v1::DataClass SumClassOf(const RecordType* type, const Record& record, const SumPolicy& policy) {
  if (record.data_class != v1::DATA_CLASS_UNSPECIFIED) return record.data_class;
  if (type != nullptr) return type->data_class();
  return record.created().replica == policy.own ? v1::INCIDENT : policy.unknown_class;
}

ClassSums SumsOf(const RecordType* type, uint32_t type_id, const RecordId& id, const Record& record,
                 const SumPolicy& policy, absl::Span<const uint32_t> untold) {
  ClassSums sums;
  if (!record.is_live()) return sums;
  const Summing summing(type, record, policy, untold);
  std::array<std::string, ClassSums::kClasses> parts;
  const auto part = [&](v1::DataClass data_class) -> std::string& {
    return parts[static_cast<size_t>(data_class)];
  };
  std::string& own = part(summing.record_class());
  own.push_back('r');
  own.append(record.created().replica.bytes().data(), RecordId::kSize);
  AppendBigEndian64(record.created().origin_sequence, &own);
  AppendBigEndian64(record.created().sequence, &own);
  for (const FieldState& field : record.fields)
    AppendField(field, record, &part(summing.ClassOf(field.number)));
  for (const OpenConflict* conflict : SortedConflicts(record))
    AppendConflict(*conflict, &part(summing.ClassOf(conflict->field)));
  std::string name;
  AppendBigEndian32(type_id, &name);
  name.append(id.bytes().data(), RecordId::kSize);
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].empty()) sums.by_class[i].sum = Sum256::Of(Sha256Parts({name, parts[i]}));
  }
  sums.by_class[static_cast<size_t>(summing.record_class())].count = 1;
  return sums;
}

std::string EncodeClassSums(const ClassSums& sums) {
  std::string bytes;
  for (size_t i = 0; i < ClassSums::kClasses; ++i) {
    const CountedSum& of_class = sums.by_class[i];
    if (of_class.is_zero()) continue;
    bytes.push_back(static_cast<char>(i));
    AppendBigEndian64(of_class.count, &bytes);
    bytes += of_class.sum.Bytes();
  }
  return bytes;
}

bool DecodeClassSums(absl::string_view bytes, ClassSums* sums) {
  *sums = ClassSums();
  for (; bytes.size() >= kStoredBytes; bytes.remove_prefix(kStoredBytes)) {
    const auto place = static_cast<unsigned char>(bytes[0]);
    if (place >= ClassSums::kClasses) return false;
    sums->by_class[place].count = BigEndian64(bytes.substr(1));
    sums->by_class[place].sum = Sum256::FromBytes(bytes.substr(1 + sizeof(uint64_t)));
  }
  return bytes.empty();
}

}  // namespace brigada
