// A short history of two devices and a server, the same on every machine: what the golden stores
// and the golden sessions come from.
#ifndef TESTS_COMPAT_GOLDEN_WORLD_H_
#define TESTS_COMPAT_GOLDEN_WORLD_H_

#include <memory>
#include <string>
#include <vector>

#include "brigada/v1/sync_service.pb.h"
#include "replica/store/device_store.h"
#include "replica/store/kv_authority_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/test_server.h"

namespace brigada {

// Notes that the world's judge refuses.
inline constexpr char kRefusedNotes[] = "refused";

class GoldenJudge final : public Judge {
 public:
  void Examine(const ChangeInQuestion& question, std::vector<v1::Refusal>* refusals) const override;
};

// Ana's device: its records, an open conflict, a refused change set and two that are not sent yet.
// Luis writes the other side of the conflict. The server quarantines a change set of a stranger.
class GoldenWorld {
 public:
  // The stores are made below `directory`: "ana", "luis" and "server".
  explicit GoldenWorld(const std::string& directory);

  // Frames of all sessions as they went over the wire, in order.
  const std::vector<v1::ClientFrame>& client_frames() const { return client_frames_; }
  const std::vector<v1::ServerFrame>& server_frames() const { return server_frames_; }

  // Who a device is to a server, and what it reads.
  static PeerIdentity Identity(const ReplicaId& replica, const std::string& user);

 private:
  void Live();
  void MakePeople();
  void Meet();
  void Refuse();
  void LeavePending();
  void Quarantine();
  void FillDirectory();
  void OpenDevices();
  void OpenServer();
  void Sync(DeviceStore* store);
  RecordId Register(DeviceStore* store, const std::string& scope, const std::string& name);
  void SetNotes(DeviceStore* store, const RecordId& id, const std::string& notes);

  const std::string directory_;
  FakeClock clock_;
  SeededRandom random_{20260101};
  GoldenJudge judge_;
  std::unique_ptr<AuthorityStore> authority_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<DeviceStore> ana_, luis_;
  std::vector<RecordId> people_;
  std::vector<v1::ClientFrame> client_frames_;
  std::vector<v1::ServerFrame> server_frames_;
};

}  // namespace brigada

#endif  // TESTS_COMPAT_GOLDEN_WORLD_H_
