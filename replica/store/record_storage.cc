// How one record is stored: v1::StoredRecord and RecordStorage.
#include <utility>

#include "replica/base/status_macros.h"
#include "replica/store/record_table.h"

namespace brigada {
namespace {

absl::Status DecodeMoves(const v1::StoredRecord& stored, RecordStorage* storage) {
  if (stored.has_left()) {
    const v1::StoredLeaving& left = stored.left();
    storage->left =
        Leaving{left.scope(), left.sequence(), static_cast<v1::DataClass>(left.data_class())};
  }
  for (const v1::FormerWrite& former : stored.former()) {
    FormerWrite& write = storage->former.emplace_back();
    ASSIGN_OR_RETURN(write.replica, ReplicaId::FromBytes(former.dot().replica()));
    write.origin_sequence = former.dot().sequence();
    write.sequence = former.sequence();
  }
  storage->came_from.assign(stored.came_from().begin(), stored.came_from().end());
  return absl::OkStatus();
}

void EncodeMoves(const RecordStorage& storage, v1::StoredRecord* stored) {
  if (storage.left.has_value()) {
    stored->mutable_left()->set_scope(storage.left->scope);
    stored->mutable_left()->set_sequence(storage.left->sequence);
    stored->mutable_left()->set_data_class(static_cast<uint32_t>(storage.left->data_class));
  }
  for (const FormerWrite& write : storage.former) {
    v1::FormerWrite* const former = stored->add_former();
    former->mutable_dot()->set_replica(write.replica.AsBytes());
    former->mutable_dot()->set_sequence(write.origin_sequence);
    former->set_sequence(write.sequence);
  }
  for (const std::string& partition : storage.came_from) stored->add_came_from(partition);
}

}  // namespace

absl::StatusOr<RecordStorage> DecodeStorage(const RecordType* type, absl::string_view bytes) {
  v1::StoredRecord stored;
  if (!stored.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return absl::DataLossError("a stored record is damaged");
  RecordStorage storage;
  if (stored.has_base()) {
    ASSIGN_OR_RETURN(storage.base, DecodeRecord(type, stored.base()));
  }
  if (stored.has_view()) {
    ASSIGN_OR_RETURN(storage.view, DecodeRecord(type, stored.view()));
  }
  storage.pending.assign(stored.pending().begin(), stored.pending().end());
  storage.seen = stored.seen();
  for (const v1::StoredDeparture& departure : stored.departures()) {
    storage.departures.push_back(
        {departure.scope(), static_cast<v1::FeedKind>(departure.kind()), departure.sequence()});
  }
  storage.last_content = stored.last_content();
  storage.is_kept = stored.is_kept();
  storage.untold.assign(stored.untold().begin(), stored.untold().end());
  RETURN_IF_ERROR(DecodeMoves(stored, &storage));
  return storage;
}

std::string EncodeStorage(const RecordStorage& storage) {
  v1::StoredRecord stored;
  if (storage.base.exists()) *stored.mutable_base() = EncodeRecord(storage.base);
  if (storage.view.has_value()) *stored.mutable_view() = EncodeRecord(*storage.view);
  for (const uint64_t sequence : storage.pending) stored.add_pending(sequence);
  stored.set_seen(storage.seen);
  for (const Departure& departure : storage.departures) {
    v1::StoredDeparture* out = stored.add_departures();
    out->set_scope(departure.scope);
    out->set_kind(static_cast<uint32_t>(departure.kind));
    out->set_sequence(departure.sequence);
  }
  stored.set_last_content(storage.last_content);
  stored.set_is_kept(storage.is_kept);
  stored.mutable_untold()->Assign(storage.untold.begin(), storage.untold.end());
  EncodeMoves(storage, &stored);
  return stored.SerializeAsString();
}

bool IsInSums(const RecordStorage& state) { return state.base.is_live() && !state.is_kept; }

v1::DataClass ClassOf(const RecordType* type, const Record& record) {
  if (record.data_class != v1::DATA_CLASS_UNSPECIFIED) return record.data_class;
  return type == nullptr ? v1::INCIDENT : type->data_class();
}

}  // namespace brigada
