// The whole server: services, queue and threads around one organization. `brigada-server` runs one;
// tests run several in a process.
#ifndef SERVER_SERVER_H_
#define SERVER_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "replica/base/clock.h"
#include "replica/base/random.h"
#include "replica/query/query.h"
#include "server/admission.h"
#include "server/organization.h"

namespace brigada {

struct ServerOptions {
  // host:port to listen on; port 0 takes a free one (see port()).
  std::string listen = "0.0.0.0:7443";
  // Lists the services to anyone who asks: for development only.
  bool reflection = false;
  int threads = 4;
  int query_threads = 2;
  AdmissionLimits admission;
  absl::Duration stall_timeout = absl::Seconds(60);
  // Sessions begin anew after this long (give or take a tenth): nothing half dead stays for good.
  absl::Duration max_session_age = absl::Minutes(30);
  QueryLimits query_limits;
  // Empty: DIR/backups.
  std::string backup_directory;
};

// Thread safe. When the store fails it goes on reading, but health says NOT_SERVING, sessions are
// refused until another server is started on the store opened again (tended_server.h), and one line
// of the log says so.
class Server {
 public:
  // Listens and serves when it returns. `clock` and `random` outlive it. kUnavailable: the address
  // is taken or not ours.
  static absl::StatusOr<std::unique_ptr<Server>> Start(std::unique_ptr<Organization> organization,
                                                       const ServerOptions& options,
                                                       const Clock& clock, Random& random);
  // Shutdown(10 s), unless it was called.
  ~Server();

  int port() const;
  Organization& organization();
  // In order: health says NOT_SERVING, sessions are told and end, no new call is taken, queues
  // drain, the store stays for its owner to close. Whoever calls it while another call runs waits
  // for that one.
  void Shutdown(absl::Duration patience);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace brigada

#endif  // SERVER_SERVER_H_
