#include "replica/store/record_footprint.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "brigada/v1/conflict.pb.h"
#include "replica/schema/index_value.h"
#include "replica/store/record_table.h"

namespace brigada {

Footprint FootprintOf(const RecordType* type, uint32_t type_id, const Record& record) {
  Footprint footprint;
  if (!record.is_live()) return footprint;
  footprint.is_live = true;
  footprint.terms.push_back({kScopeFieldNumber, EncodeIndexString(record.scope())});
  if (type == nullptr) return footprint;
  const std::unique_ptr<google::protobuf::Message> message = type->NewMessage();
  // A value that no longer parses (another version's mistake) is kept and found by id and scope.
  if (!message->ParseFromString(record.Message())) return footprint;
  for (const FieldType& field : type->fields()) {
    if (!field.indexed && !field.rules.search()) continue;
    for (std::string& value : IndexValues(field, *message))
      footprint.terms.push_back({field.number, std::move(value)});
  }
  std::sort(footprint.terms.begin(), footprint.terms.end());
  if (type_id == kConflictTypeId) {
    const auto* conflict = dynamic_cast<const v1::Conflict*>(message.get());
    footprint.is_open_conflict = conflict != nullptr && conflict->state() == v1::OPEN;
  }
  return footprint;
}

}  // namespace brigada
