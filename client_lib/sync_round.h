// One round of sync: connect, run a session, again when the link was cut. Shared by Replica::Sync
// and the background.
#ifndef CLIENT_LIB_SYNC_ROUND_H_
#define CLIENT_LIB_SYNC_ROUND_H_

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "brigada/options.h"
#include "brigada/transport.h"
#include "client_lib/backoff.h"
#include "client_lib/batch_target.h"
#include "client_lib/replica_directory.h"
#include "client_lib/store_lender.h"
#include "client_lib/sync_driver.h"
#include "replica/base/clock.h"
#include "replica/base/mutex.h"
#include "replica/store/device_store.h"

namespace brigada {

// Thread safe; one session at a time.
class SyncRound {
 public:
  // All outlive it.
  SyncRound(StoreLender* stores, const ReplicaDirectory* directory, Transport* transport,
            const Clock* clock)
      : stores_(stores), directory_(directory), transport_(transport), clock_(clock) {}

  // See Replica::Sync.
  absl::StatusOr<SyncReport> Run(const SyncOptions& options);
  // One live session until it ends; GetSyncStatus tells why.
  SessionEnd RunLive(const SyncOptions& options);
  // Ends the live session that runs, if any, and what it does after it: in good order; at once. A
  // round that somebody waits for is not touched.
  void Stop();
  void Cancel();
  // The outbox grew.
  void OnCommit();
  void Describe(SyncStatus* status) const;

 private:
  // What came of the tries of one round.
  struct Tries {
    SyncReport report;
    absl::optional<absl::Duration> retry_after;  // of the last one
    bool was_up_to_date = false;                 // the last one
    // There was one, and it was not the server that ended the last try.
    bool lost_link = false;
  };

  absl::Status Begin();
  // Until one try succeeds, or the round gives up.
  absl::Status TryAll(const SyncOptions& options, absl::Duration start, Tries* tries);
  void End(const absl::Status& status, const Tries& tries);
  void ScrubFiles(std::atomic<bool>* cancel);
  void NoteFailure(const absl::Status& status);
  static void DescribeFailure(const DeviceStore& store, SyncStatus* status);
  static void DescribeRepairs(const DeviceStore& store, SyncStatus* status);
  static void DescribeEndedPlaces(const DeviceStore& store, SyncStatus* status);
  void Recount(const std::atomic<bool>* cancel);
  bool HasMoreToSay() const;
  absl::Status RunOnce(const SyncOptions& options, bool live, absl::Duration deadline,
                       Tries* tries);
  // What one connection is for.
  enum class Errand { kSync, kLive, kSettle };
  absl::Status Drive(const SyncOptions& options, Errand errand, absl::Duration deadline,
                     Tries* tries);
  absl::Status Settle(const SyncOptions& options, absl::Duration deadline, Tries* tries);
  absl::Status RunDriver(const std::shared_ptr<SyncDriver>& driver, bool live, Tries* tries);
  // After a session; `is_barren`: nothing of it stays done.
  void AdaptBatches(const absl::Status& status, const Tries& tries, bool is_barren);
  // One connection with a store of which the caller has the loan.
  absl::Status DriveWith(DeviceStore& store, const SyncOptions& options, Errand errand,
                         absl::Duration deadline, Tries* tries);
  void NoteUpToDate(absl::Time at);
  absl::Time StoredSuccess() const;

  StoreLender* const stores_;
  const ReplicaDirectory* const directory_;
  Transport* const transport_;
  const Clock* const clock_;
  BatchTarget batch_target_;  // of the session that runs
  // Scrubbing and counting after a live session end when it is true.
  std::atomic<bool> stops_upkeep_{false};

  mutable Mutex mu_;
  bool running_ ABSL_GUARDED_BY(mu_) = false;
  std::shared_ptr<SyncDriver> driver_ ABSL_GUARDED_BY(mu_);
  bool is_live_ ABSL_GUARDED_BY(mu_) = false;
  std::string stalled_ ABSL_GUARDED_BY(mu_);
  uint64_t stalls_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Time retry_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace brigada

#endif  // CLIENT_LIB_SYNC_ROUND_H_
