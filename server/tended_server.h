// A server that outlives failures of its store and its journal: when a write or a flush fails, what
// reached the disk is unknown, so it ends, closes the store, opens it again with every check of an
// opening, and serves on.
#ifndef SERVER_TENDED_SERVER_H_
#define SERVER_TENDED_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "replica/base/clock.h"
#include "replica/base/random.h"
#include "server/organization.h"
#include "server/server.h"
#include "server/waiting_room.h"

namespace brigada {

// The first try comes at once, each later one after twice the wait of the one before. Failures of
// the store and of tries to open it count together, and are forgotten once it has served for
// `good_run`; a full disk does not count, as it needs nobody but whoever frees some space.
struct TendingOptions {
  absl::Duration backoff_min = absl::Seconds(1);
  absl::Duration backoff_max = absl::Minutes(1);
  int max_failures = 8;
  absl::Duration good_run = absl::Minutes(10);
  // Of the sessions of a server whose store failed.
  absl::Duration patience = absl::Seconds(5);
};

// One thread.
class TendedServer {
 public:
  // Opens the organization, at the start and after each failure.
  using Open = std::function<absl::StatusOr<std::unique_ptr<Organization>>()>;

  // Serves when it returns; errors of `open` and of Server::Start. `clock` and `random` outlive it.
  static absl::StatusOr<std::unique_ptr<TendedServer>> Start(Open open, const ServerOptions& server,
                                                             const TendingOptions& tending,
                                                             const Clock& clock, Random& random);

  // To be called about once a second: does what there is to do about a store that failed. Not OK:
  // it gave up, and nothing is served any more. kDataLoss: the files need somebody; kInternal: the
  // store failed too often, or could not be opened, for whatever other reason.
  absl::Status Tend();
  // As Server::Shutdown; there is no Tend afterwards.
  void Shutdown(absl::Duration patience);

  // Null while the store is being opened again.
  Server* server() { return server_.get(); }
  // The same for the whole life, also where `listen` left it open.
  int port() const { return port_; }

 private:
  TendedServer(Open open, ServerOptions server, const TendingOptions& tending, const Clock& clock,
               Random& random);

  absl::Status StartServer();
  // Ends the server, whose store said `failure`.
  void Close(const absl::Status& failure);
  void NoteFailure(const absl::Status& failure);
  absl::Status TryAgain();

  const Open open_;
  ServerOptions options_;  // `listen` with the port that was taken
  const TendingOptions tending_;
  const Clock& clock_;
  Random& random_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<WaitingRoom> waiting_room_;  // while there is no server, if it could be had
  ServerTls tls_;
  int port_ = 0;
  int failures_ = 0;
  absl::Status last_failure_;
  absl::Duration wait_;  // before the next try but one
  absl::Duration next_try_;
  absl::Duration serving_since_;
};

}  // namespace brigada

#endif  // SERVER_TENDED_SERVER_H_
