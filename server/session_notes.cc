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
  // Deletions are kept for who may still have to hear of them: a device that said nothing of where
  // it stands is where it was.
  if (!note.acknowledged.has_value()) return;
  device.mutable_acknowledged()->Assign(note.acknowledged->begin(), note.acknowledged->end());
}

void TakeOver(std::optional<std::vector<v1::PartitionHead>> acknowledged, SessionNote* newer) {
  if (!newer->acknowledged.has_value()) newer->acknowledged = std::move(acknowledged);
}

}  // namespace

void SessionNotes::Add(const ReplicaId& replica, SessionNote note) {
  const MutexLock lock(&mu_);
  SessionNote& noted = notes_[replica];
  TakeOver(std::move(noted.acknowledged), &note);
  noted = std::move(note);
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
  for (auto& [replica, note] : notes) {
    const auto [newer, added] = notes_.try_emplace(replica, note);
    if (!added) TakeOver(std::move(note.acknowledged), &newer->second);
  }
  return status;
}

size_t SessionNotes::size() const {
  const MutexLock lock(&mu_);
  return notes_.size();
}

}  // namespace brigada
