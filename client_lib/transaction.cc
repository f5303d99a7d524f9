#include "brigada/replica.h"
#include "replica/base/clock.h"
#include "replica/base/random.h"

namespace brigada {
namespace {

std::shared_ptr<google::protobuf::Message> Copy(const google::protobuf::Message& message) {
  std::shared_ptr<google::protobuf::Message> copy(message.New());
  copy->CopyFrom(message);
  return copy;
}

}  // namespace

RecordId Transaction::Create(const Scope& scope, const google::protobuf::Message& record) {
  const RecordId id = NewRecordId(SystemClock().Now(), SystemRandom());
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

}  // namespace brigada
