// The simulated server: the real store, sessions with their host, judge and directory, with a
// commit queue that runs when the world says so. What server/ does with threads and gRPC, this does
// in one thread.
#ifndef TESTS_SIM_SIM_SERVER_H_
#define TESTS_SIM_SIM_SERVER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "brigada/v1/administration_service.pb.h"
#include "brigada/v1/storage.pb.h"
#include "replica/crypto/seal.h"
#include "replica/store/authority_store.h"
#include "replica/store/kv.h"
#include "replica/sync/server_session.h"
#include "server/session_host.h"
#include "server/session_notes.h"
#include "server/tombstone_job.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_random.h"

namespace brigada {

// What stands for the device key's signature: everybody has a key, nobody has another's.
std::string SimSignature(const ReplicaId& replica, absl::string_view chain);
// The directory's record of a device with that key.
v1::DeviceRecord SimDeviceRecord(const ReplicaId& replica, const std::string& user,
                                 absl::Time lease_until);

class SimServer {
 public:
  // One open stream, seen from the server.
  class Stream;

  SimServer(const Registry* registry, std::unique_ptr<SimDisk> disk, const int64_t* true_us,
            uint64_t seed);
  ~SimServer();

  // Opens the store as the server does, with the journal beside it, and does again what is noted as
  // erased; every stream and everything queued of before is gone.
  absl::Status Start();
  // Another disk takes the place of the present one. `announced`: as `brigada-server restore` does
  // it. The server has to be stopped.
  void PutBack(std::unique_ptr<SimDisk> disk, bool announced);
  void Stop();
  bool is_up() const { return store_ != nullptr; }

  // A stream of the holder of `certificate`'s key. An earlier one of the same replica is ended.
  std::shared_ptr<Stream> Accept(const ReplicaId& certificate, size_t batch_target_bytes);
  // Commits up to `limit` queued pushes as one group. An error: the store failed, and what became
  // of them is unknown. Unless negative, the program fails at a record after so many: that change
  // set is not judged.
  absl::Status RunCommits(size_t limit, int reads_until_fault = -1);
  size_t queued() const { return queue_.size(); }
  // What the server does beside its sessions: notes who synced, and forgets old deletions.
  absl::Status Tend();
  void Tick();
  // What the user, or the replica, may do has changed.
  void OnUserChanged(absl::string_view user);
  void OnReplicaChanged(const ReplicaId& replica);
  void OnNewHeads(const std::vector<std::string>& partitions);

  // Told of every verdict of a committed group, in commit order.
  using OnVerdict =
      std::function<void(const ReplicaId&, const std::string& partition, const v1::Verdict&)>;
  void set_on_verdict(OnVerdict on_verdict) { on_verdict_ = std::move(on_verdict); }

  // Told of every run that begins, before anything is committed in it.
  void set_on_run(std::function<void()> on_run) { on_run_ = std::move(on_run); }

  // The journal beside the store: a file of its own that no fault of the disk touches.
  const std::vector<v1::JournalRecord>& journal() const { return journal_; }
  void set_journal(std::vector<v1::JournalRecord> journal) { journal_ = std::move(journal); }

  AuthorityStore& store() { return *store_; }
  const Kv& kv() const { return *kv_; }
  SimDisk& disk() { return *disk_; }
  SimClock& clock() { return clock_; }
  Random& random() { return random_; }

 private:
  struct Queued {
    std::weak_ptr<Stream> stream;
    PushRequest push;
  };

  absl::Status Open(bool restored);
  // The store's epoch and run, once for each run.
  void NoteStart();

  const Registry* const registry_;
  std::unique_ptr<SimDisk> disk_;
  SimClock clock_;
  SimRandom random_;
  // It is kept beside the store, which may go back.
  const SealKey seal_key_ = SealKey::DerivedFrom(*MacKey::FromBytes(std::string(32, 's')));
  std::vector<v1::JournalRecord> journal_;
  std::string noted_run_;
  const Kv* kv_ = nullptr;  // of store_
  int reads_until_fault_ = -1;
  std::unique_ptr<AuthorityStore> store_;
  std::unique_ptr<SessionNotes> notes_;
  std::unique_ptr<TombstoneJob> tombstones_;
  std::vector<std::weak_ptr<Stream>> streams_;
  std::deque<Queued> queue_;
  OnVerdict on_verdict_;
  std::function<void()> on_run_;
};

// Ends with its server: then it gives and takes no frame any more.
class SimServer::Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(SimServer* server, const ReplicaId& certificate, size_t batch_target_bytes);
  ~Stream() { Close(); }

  bool wants_frames() const { return server_ != nullptr && session_.wants_frames(); }
  bool is_over() const { return server_ == nullptr || session_.finished(); }
  void OnFrame(const v1::ClientFrame& frame);
  std::optional<v1::ServerFrame> NextFrame();
  // The transport noticed that the device is gone.
  void Close();

  const ReplicaId& replica() const { return host_.replica(); }
  const std::string& user() const { return host_.user(); }

 private:
  friend class SimServer;
  SessionSurroundings Surroundings();
  void OnPushResult(const PushResult& result);
  void Tick();
  void Refuse(const v1::Refused& refused) { session_.Refuse(refused); }

  SimServer* server_;
  SessionHost host_;
  ServerSession session_;
};

}  // namespace brigada

#endif  // TESTS_SIM_SIM_SERVER_H_
