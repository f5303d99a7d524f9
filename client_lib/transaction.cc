#include "brigada/replica.h"
#include "replica/base/clock.h"
#include "replica/base/random.h"
#include "replica/schema/diff.h"
#include "replica/schema/registry.h"

namespace brigada {
namespace {

std::shared_ptr<google::protobuf::Message> Copy(const google::protobuf::Message& message) {
  std::shared_ptr<google::protobuf::Message> copy(message.New());
  copy->CopyFrom(message);
  return copy;
}

}  // namespace

RecordId Transaction::Create(const Scope& scope, const google::protobuf::Message& record) {
  return Create(NewRecordId(SystemClock().Now(), SystemRandom()), scope, record);
}

RecordId Transaction::Create(const RecordId& wanted, const Scope& scope,
                             const google::protobuf::Message& record) {
  RecordId id = wanted;
  const RecordType* const type = Registry::BuiltIn().FindByName(record.GetDescriptor()->name());
  if (type != nullptr && type->descriptor() == record.GetDescriptor() &&
      !type->derived_from().empty()) {
    // A part that is missing is Commit's to complain of.
    if (const absl::StatusOr<RecordId> derived = DeriveId(*type, record); derived.ok())
      id = *derived;
  }
  steps_.push_back(
      {Step::Kind::kCreate, record.GetDescriptor(), id, scope, nullptr, Copy(record), {}});
  return id;
}

void Transaction::Update(const RecordId& id, const google::protobuf::Message& before,
                         const google::protobuf::Message& after, ReadToken token) {
  steps_.push_back(
      {Step::Kind::kUpdate, after.GetDescriptor(), id, Scope(), Copy(before), Copy(after), token});
}

void Transaction::Delete(const google::protobuf::Descriptor* type, const RecordId& id,
                         ReadToken token) {
  steps_.push_back({Step::Kind::kDelete, type, id, Scope(), nullptr, nullptr, token});
}

void Transaction::Move(const google::protobuf::Descriptor* type, const RecordId& id,
                       const Scope& to) {
  steps_.push_back({Step::Kind::kMove, type, id, to, nullptr, nullptr, {}});
}

}  // namespace brigada
