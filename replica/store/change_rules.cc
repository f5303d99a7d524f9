#include "replica/store/change_rules.h"

#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "replica/schema/diff.h"
#include "replica/schema/scope.h"
#include "replica/schema/validate.h"
#include "replica/store/record_size.h"

namespace brigada {
namespace {

using google::protobuf::internal::WireFormatLite;

// Adds the field numbers on the wire of `message`. Reflection would not do: it does not show a
// field that states its default. False when the bytes are no message, or set the scope in disguise.
bool AddNumbers(absl::string_view message, absl::flat_hash_set<uint32_t>* numbers) {
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(message.data()),
                                               static_cast<int>(message.size()));
  while (const uint32_t tag = input.ReadTag()) {
    const auto number = static_cast<uint32_t>(WireFormatLite::GetTagFieldNumber(tag));
    if (number == 0 || number == kScopeFieldNumber || !WireFormatLite::SkipField(&input, tag))
      return false;
    numbers->insert(number);
  }
  return input.ConsumedEntireMessage();
}

class ChangeCheck {
 public:
  ChangeCheck(const RecordType* type, const v1::Change& change, uint32_t index,
              std::vector<v1::Refusal>* refusals)
      : type_(type), change_(change), index_(index), refusals_(refusals) {}

  void Run(absl::string_view partition, const Record& current) {
    if (!CheckForm()) return;
    CheckScope(partition);
    if (type_ == nullptr) return;
    CheckWriter(current);
    if (change_.kind() != v1::Change::DELETE) CheckValues();
  }

 private:
  void Refuse(v1::RefusalReason reason, uint32_t field, absl::string_view detail) {
    refusals_->push_back(MakeRefusal(reason, index_, field, detail));
  }

  bool CheckForm() {
    bool ok = v1::Change::Kind_IsValid(change_.kind()) && change_.type_id() != 0 &&
              change_.record_id().size() == RecordId::kSize &&
              AddNumbers(change_.values(), &numbers_) && AddNumbers(change_.removed(), &removed_);
    for (const uint32_t number : change_.cleared()) {
      ok = ok && number != 0 && number < kScopeFieldNumber;
      numbers_.insert(number);
    }
    for (const std::string& id : change_.resolves()) ok = ok && id.size() == RecordId::kSize;
    if (!ok) Refuse(v1::UNREADABLE_BODY, 0, "the change is malformed");
    return ok;
  }

  void CheckScope(absl::string_view partition) {
    if (change_.scope().empty()) {
      if (change_.kind() == v1::Change::CREATE)
        Refuse(v1::WRONG_SCOPE, 0, "a new record needs a scope");
      return;
    }
    const auto scope = Scope::Parse(change_.scope());
    if (!scope.ok()) {
      Refuse(v1::WRONG_SCOPE, 0, "the scope is no path");
    } else if (!Scope::IsPartition(scope->partition())) {
      Refuse(v1::WRONG_SCOPE, 0, "the scope is in no state");
    } else if (change_.kind() == v1::Change::CREATE && scope->partition() != partition) {
      Refuse(v1::WRONG_SCOPE, 0, "the scope lies in another partition than the change set");
    } else if (type_ != nullptr) {
      if (auto refusal = ValidateScope(*type_, *scope, index_)) refusals_->push_back(*refusal);
    }
  }

  void CheckWriter(const Record& current) {
    if (type_->rules().server_written())
      Refuse(v1::SERVER_WRITTEN, 0, "only the server writes this type");
    // The merge looks at what a decision on its conflicts writes.
    const bool decides = change_.kind() == v1::Change::EDIT && change_.scope().empty() &&
                         change_.resolves_size() > 0;
    if (type_->rules().append_only() && current.exists() && change_.kind() != v1::Change::CREATE &&
        !decides)
      Refuse(v1::ALREADY_SET, 0, "a record of this type is written once");
  }

  void CheckValues() {
    const std::unique_ptr<google::protobuf::Message> message = type_->NewMessage();
    if (!message->ParseFromString(change_.values())) {
      Refuse(v1::INVALID_VALUE, 0, "the values are no message of the type");
      return;
    }
    const bool is_create = change_.kind() == v1::Change::CREATE;
    if (!is_create) ForgetCounters();
    std::vector<v1::Refusal> violations =
        ValidateMessage(*type_, *message, is_create ? nullptr : &numbers_, index_);
    refusals_->insert(refusals_->end(), std::make_move_iterator(violations.begin()),
                      std::make_move_iterator(violations.end()));
    if (!type_->derived_from().empty()) CheckDerivedId(*message, is_create);
  }

  // An edit carries the amount added, which has no bounds of its own.
  void ForgetCounters() {
    for (const FieldType& field : type_->fields()) {
      if (field.policy == v1::COUNTER) numbers_.erase(field.number);
    }
  }

  void CheckDerivedId(const google::protobuf::Message& message, bool is_create) {
    if (is_create) {
      const auto derived = DeriveId(*type_, message);
      if (!derived.ok() || derived->bytes() != change_.record_id())
        Refuse(v1::WRONG_ID, 0, "the id is not the one its parts give");
      return;
    }
    for (const FieldType* part : type_->derived_from()) {
      if (numbers_.contains(part->number) || removed_.contains(part->number))
        Refuse(v1::WRONG_ID, part->number, "a part of the id cannot change");
    }
  }

  const RecordType* const type_;
  const v1::Change& change_;
  const uint32_t index_;
  std::vector<v1::Refusal>* const refusals_;
  absl::flat_hash_set<uint32_t> numbers_;  // with a value, or cleared
  absl::flat_hash_set<uint32_t> removed_;
};

}  // namespace

v1::Refusal MakeRefusal(v1::RefusalReason reason, uint32_t change, uint32_t field,
                        absl::string_view detail) {
  v1::Refusal refusal;
  refusal.set_reason(reason);
  refusal.set_change(change);
  refusal.set_field(field);
  refusal.set_detail(std::string(detail));
  return refusal;
}

void CheckChange(const RecordType* type, absl::string_view partition, const v1::Change& change,
                 uint32_t index, const Record& current, std::vector<v1::Refusal>* refusals) {
  ChangeCheck(type, change, index, refusals).Run(partition, current);
}

void CheckMergedRecord(const Record& record, uint32_t index, std::vector<v1::Refusal>* refusals) {
  const std::optional<ExceededLimit> exceeded = ExceededBy(record);
  if (exceeded)
    refusals->push_back(MakeRefusal(v1::TOO_LARGE, index, exceeded->field, exceeded->rule));
}

}  // namespace brigada
