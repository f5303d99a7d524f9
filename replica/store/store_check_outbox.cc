// A device's outbox and its chain, and the tables whose values are read and nothing else follows
// from.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/crypto/hash_chain.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"
#include "replica/store/sealed_body.h"
#include "replica/store/store_checker.h"

namespace brigada {
namespace {

std::optional<ChainValue> ChainFrom(absl::string_view bytes) {
  ChainValue chain{};
  if (bytes.size() != chain.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(chain.data()));
  return chain;
}

std::optional<ChainValue> Continued(const ChainValue& before, const v1::ChangeSet& set) {
  const absl::StatusOr<Sha256Digest> hash = BodyHashOf(set);
  if (!hash.ok()) return std::nullopt;
  return NextChain(before, set.header(), *hash);
}

template <typename Message>
bool Parses(absl::string_view value) {
  Message message;
  return message.ParseFromArray(value.data(), static_cast<int>(value.size()));
}

// The byte behind the partition says what the entry is.
char KindOf(absl::string_view key) {
  const size_t at = PartitionOfKey(key).size() + 1;
  return at < key.size() ? key[at] : '\0';
}

bool IsVerdictWell(absl::string_view key, absl::string_view value) {
  switch (KindOf(key)) {
    case 'p':
      return Parses<v1::ReplicaProgress>(value);
    case 's':
      return Parses<v1::StoredVerdict>(value);
    case 'd':
      return Parses<v1::Dot>(value);
    case 'c':
      return value.size() == sizeof(uint64_t);
    default:
      return false;
  }
}

}  // namespace

void StoreChecker::CheckOutboxes() {
  if (!is_device()) return;
  const std::string prefix = NamedMetaKey(kOutboxHeadName, "");
  Read(Table::kMeta, prefix, PrefixEnd(prefix),
       [&](absl::string_view key, absl::string_view value) {
         v1::OutboxHead head;
         const absl::string_view partition = AfterMetaName(key);
         if (!head.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
           Report(StoreDamage::kMalformed, absl::StrCat("outbox of ", partition));
           return;
         }
         CheckOutbox(partition, head);
       });
}

void StoreChecker::CheckOutbox(absl::string_view partition, const v1::OutboxHead& head) {
  uint64_t expected = std::max<uint64_t>(head.retained_from(), 1);
  std::optional<ChainValue> chain = head.retained_from() == 0
                                        ? ChainStart(sum_policy_.own.bytes(), partition)
                                        : ChainFrom(head.retained_chain());
  const auto broken = [&](uint64_t sequence, absl::string_view what) {
    Report(StoreDamage::kOutbox, absl::StrCat(partition, ", change set ", sequence, ": ", what));
  };
  const std::string prefix = PartitionPrefix(partition);
  Read(Table::kOutbox, prefix, PrefixEnd(prefix),
       [&](absl::string_view key, absl::string_view value) {
         ++findings_.change_sets;
         v1::OutboxChangeSet set;
         v1::ChangeSetHeader header;
         const absl::string_view number = key.substr(prefix.size());
         const uint64_t sequence = NumberOf(number);
         if (sequence != expected) broken(expected, "missing");
         expected = sequence + 1;
         if (!set.ParseFromArray(value.data(), static_cast<int>(value.size())) ||
             !header.ParseFromString(set.change_set().header()) || header.sequence() != sequence ||
             header.partition() != partition) {
           broken(sequence, "malformed");
           chain.reset();
           return;
         }
         if (header.replica() != sum_policy_.own.bytes()) broken(sequence, "another replica's");
         if (sequence <= head.confirmed() && !set.has_verdict()) broken(sequence, "no verdict");
         if (chain.has_value()) chain = Continued(*chain, set.change_set());
         if (!chain.has_value() || AsView(*chain) != set.chain()) broken(sequence, "chain");
         // So that one break is told once.
         chain = ChainFrom(set.chain());
       });
  if (expected != head.sequence() + 1) broken(expected, "missing");
  if (expected == head.sequence() + 1 && chain.has_value() && AsView(*chain) != head.chain())
    broken(head.sequence(), "chain");
}

void StoreChecker::CheckMessages() {
  Read(Table::kVerdicts, "", "", [&](absl::string_view key, absl::string_view value) {
    if (!IsVerdictWell(key, value))
      Report(StoreDamage::kMalformed, absl::StrCat("a verdict in ", PartitionOfKey(key)));
  });
  Read(Table::kRejected, "", "", [&](absl::string_view key, absl::string_view value) {
    const bool waits = !is_device() && KindOf(key) == 'w';
    if (waits ? !Parses<v1::WaitingChangeSet>(value) : !Parses<v1::RejectedChangeSet>(value)) {
      Report(StoreDamage::kMalformed,
             absl::StrCat("a refused change set in ", PartitionOfKey(key)));
    }
  });
  Read(Table::kDirectory, "", "", [](absl::string_view, absl::string_view) {});
  Read(Table::kMeta, "", "", [](absl::string_view, absl::string_view) {});
}

}  // namespace brigada
