#include <algorithm>
#include <utility>
#include <vector>

#include "replica/merge/perspective.h"
#include "replica/merge/record.h"

namespace brigada {
namespace {

class Encoder {
 public:
  explicit Encoder(const Record& record) : record_(record) {}

  v1::RecordState Encode() {
    OrderWrites();
    state_.set_sequence(record_.sequence);
    uint64_t stamp = 0;
    for (const WriteRef& write : record_.writes) stamp = std::max(stamp, write.stamp.value);
    state_.set_stamp(stamp);
    for (const uint32_t index : order_) AddWrite(record_.writes[index]);
    for (const FieldState& field : record_.fields) AddField(field);
    state_.set_deleted(record_.deleted);
    state_.set_deleted_by(record_.deleted ? position_[record_.deleted_by] : 0);
    state_.set_ended_by(position_[record_.ended_by]);
    state_.set_erased(record_.erased);
    state_.set_data_class(static_cast<uint32_t>(record_.data_class));
    AddEntered();
    AddConflicts();
    AddPastStates();
    return std::move(state_);
  }

 private:
  // The creating write first, the others as they were committed: the order in memory depends on
  // how the record came about, the bytes must not.
  void OrderWrites() {
    const auto& writes = record_.writes;
    std::vector<bool> used(writes.size(), false);
    used[0] = used[record_.deleted_by] = used[record_.ended_by] = true;
    for (const FieldState& field : record_.fields) {
      used[field.changed] = true;
      for (const Slot& slot : field.slots)
        for (const Version& version : slot.versions) used[version.write] = true;
    }
    for (uint32_t i = 0; i < writes.size(); ++i)
      if (used[i]) order_.push_back(i);
    std::sort(order_.begin() + 1, order_.end(),
              [&](uint32_t a, uint32_t b) { return IsCommittedLater(writes[b], writes[a]); });
    position_.resize(writes.size(), 0);
    for (uint32_t i = 0; i < order_.size(); ++i) position_[order_[i]] = i;
  }

  uint32_t ActorIndex(const ReplicaId& replica, const std::string& user) {
    for (int i = 0; i < state_.actors_size(); ++i) {
      const v1::Actor& actor = state_.actors(i);
      if (actor.replica() == replica.bytes() && actor.user() == user)
        return static_cast<uint32_t>(i);
    }
    v1::Actor* actor = state_.add_actors();
    actor->set_replica(replica.AsBytes());
    actor->set_user(user);
    return static_cast<uint32_t>(state_.actors_size() - 1);
  }

  void AddWrite(const WriteRef& ref) {
    v1::Write* write = state_.add_writes();
    write->set_actor(ActorIndex(ref.replica, ref.user));
    write->set_origin_sequence(ref.origin_sequence);
    write->set_sequence_back(state_.sequence() - ref.sequence);
    write->set_stamp_back(static_cast<int64_t>(state_.stamp() - ref.stamp.value));
  }

  v1::Write* WriteAt(uint32_t index) {
    return state_.mutable_writes(static_cast<int>(position_[index]));
  }

  void AddField(const FieldState& field) {
    bool change_shows = false;
    for (const Slot& slot : field.slots) {
      for (size_t i = 0; i < slot.versions.size(); ++i) {
        const Version& version = slot.versions[i];
        v1::Write* write = WriteAt(version.write);
        change_shows = change_shows || version.write == field.changed;
        if (version.fragment.empty()) {
          i == 0 ? write->add_touched(field.number) : write->add_losing_cleared(field.number);
        } else {
          (i == 0 ? write->mutable_values() : write->mutable_losing())->append(version.fragment);
        }
      }
    }
    if (!change_shows) WriteAt(field.changed)->add_touched(field.number);
  }

  void AddEntered() {
    const auto with_creation = [&](uint64_t at) { return at == record_.created().sequence; };
    if (std::all_of(record_.entered.begin(), record_.entered.end(), with_creation)) return;
    for (const uint64_t at : record_.entered) state_.add_entered_back(record_.sequence - at);
  }

  void AddConflicts() {
    for (const OpenConflict& conflict : record_.conflicts) {
      v1::OpenConflict* out = state_.add_conflicts();
      out->set_field(conflict.field);
      out->set_id(conflict.id.AsBytes());
      out->set_key(conflict.key);
    }
  }

  void AddPastStates() {
    for (const PastState& past : record_.past_states) {
      v1::PastState* out = state_.add_past_states();
      out->set_field(past.field);
      out->set_value(past.value);
      out->set_sequence(past.sequence);
      out->set_actor(ActorIndex(past.replica, std::string()));
      out->set_origin_sequence(past.origin_sequence);
      out->set_lost(past.lost);
    }
  }

  const Record& record_;
  std::vector<uint32_t> order_;     // writes as they are written
  std::vector<uint32_t> position_;  // of each of the record's writes in order_
  v1::RecordState state_;
};

}  // namespace

v1::RecordState EncodeRecord(const Record& record) {
  if (!record.exists()) return v1::RecordState();
  return Encoder(record).Encode();
}

}  // namespace brigada
