// The store of an open replica, lent for one call or one session at a time, so that a store whose
// write failed can be closed and opened again: what reached the disk is unknown then, and only an
// opening with all its checks finds out.
#ifndef CLIENT_LIB_STORE_LENDER_H_
#define CLIENT_LIB_STORE_LENDER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "brigada/v1/sync_service.pb.h"
#include "replica/base/clock.h"
#include "replica/base/ids.h"
#include "replica/base/mutex.h"
#include "replica/store/device_store.h"

namespace brigada {

struct OpenedStore {
  std::unique_ptr<DeviceStore> store;
  // OK while it takes writes; afterwards what stopped them.
  std::function<absl::Status()> health;
};

// Thread safe. Whoever has borrowed keeps the store open: one that failed goes on being lent, for
// reading, until all have given it back. The next one to borrow then opens it again; tries are a
// second apart, later ones up to a minute, until one has held for ten.
class StoreLender {
 public:
  struct How {
    // Opens the store again. kDataLoss: it is not tried again.
    std::function<absl::StatusOr<OpenedStore>()> open;
    // Asked before a store that found the disk full is closed: as it is it can still be read.
    std::function<bool()> has_room;
    // Of each store, from the first on.
    DeviceStore::ChangeListener listener;
    // What did not count as written may be there.
    std::function<void()> on_reopened;
  };
  // What a replica is asked for even while its store is closed; of when it was closed.
  struct Known {
    ReplicaId replica;
    std::string user;
    v1::Welcome welcome;
  };

  // `clock` outlives it. `first` is open.
  StoreLender(OpenedStore first, How how, const Clock* clock);
  // Everything has been given back.
  ~StoreLender();

  // Give it back soon, and do not keep views beyond that. Not OK: the store is closed, as opening
  // it again failed.
  absl::StatusOr<std::shared_ptr<DeviceStore>> Borrow();
  Known known();
  // Of the store that is lent now: whoever holds it for long gives it back once this is not OK.
  absl::Status Health() const;
  // No listener is called from now on.
  void StopListening();

 private:
  void Take(OpenedStore opened) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Reopen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool MayClose(const absl::Status& health) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Clock* const clock_;
  mutable Mutex mu_;
  How how_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<DeviceStore> store_ ABSL_GUARDED_BY(mu_);  // null: closed
  std::function<absl::Status()> health_ ABSL_GUARDED_BY(mu_);
  Known known_ ABSL_GUARDED_BY(mu_);
  absl::Status failure_ ABSL_GUARDED_BY(mu_);  // of the last try
  absl::Duration wait_ ABSL_GUARDED_BY(mu_);
  absl::Duration next_try_ ABSL_GUARDED_BY(mu_);
  absl::Duration opened_at_ ABSL_GUARDED_BY(mu_);
};

}  // namespace brigada

#endif  // CLIENT_LIB_STORE_LENDER_H_
