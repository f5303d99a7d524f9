#include "server/session_notes.h"

#include <utility>

#include "replica/base/status_macros.h"
#include "server/directory.h"

namespace brigada {
namespace {

void Apply(const SessionNote& note, v1::DeviceRecord& device) {
  device.set_last_sync_ms(note.ended_ms);
  device.set_bytes_received(note.bytes_received);
  device.set_bytes_sent(note.bytes_sent);
  device.set_device_time_ms(note.device_time_ms);
  device.set_software(note.software);
  device.mutable_acknowledged()->Assign(note.acknowledged.begin(), note.acknowledged.end());
}

}  // namespace

void SessionNotes::Add(const ReplicaId& replica, SessionNote note) {
  const MutexLock lock(&mu_);
  notes_[replica] = std::move(note);
}

absl::Status SessionNotes::Flush() {
  const MutexLock flush_lock(&flush_mu_);
  std::map<ReplicaId, SessionNote> notes;
  {
    const MutexLock lock(&mu_);
    notes.swap(notes_);
  }
  if (notes.empty()) return absl::OkStatus();
  const absl::Status status = EditDevices(*store_, [&] {
    std::map<ReplicaId, DeviceEdit> edits;
    for (const auto& [replica, note] : notes)
      edits[replica] = [&note = note](v1::DeviceRecord& device) { Apply(note, device); };
    return edits;
  }());
  if (status.ok()) return status;
  const MutexLock lock(&mu_);
  notes_.merge(notes);  // a newer note of a replica stays
  return status;
}

size_t SessionNotes::size() const {
  const MutexLock lock(&mu_);
  return notes_.size();
}

}  // namespace brigada
