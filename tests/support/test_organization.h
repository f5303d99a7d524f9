// A whole organization in a scratch directory: a server on a free port of this machine with real
// TLS, and devices enrolled there.
#ifndef TESTS_SUPPORT_TEST_ORGANIZATION_H_
#define TESTS_SUPPORT_TEST_ORGANIZATION_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "brigada/administration.h"
#include "brigada/replica.h"
#include "server/server.h"
#include "tests/support/port_reservation.h"
#include "tests/support/scratch_directory.h"

namespace brigada {

// One thread.
class TestOrganization {
 public:
  // Makes the organization, starts the server and enrols the administrator's device. Aborts when
  // the machine cannot.
  TestOrganization();
  ~TestOrganization();

  // A new device of a user with `role` in `scope`.
  std::unique_ptr<Replica> NewDevice(absl::string_view user, absl::string_view role,
                                     absl::string_view scope);
  // An invitation's text, its address that of the running server.
  std::string Invite(absl::string_view user, absl::string_view role, absl::string_view scope);
  std::string DevicePath(absl::string_view user) const;

  Administration& administration() { return *administration_; }
  Server& server() { return *server_; }
  int port() const { return port_.port(); }
  const ScratchDirectory& scratch() const { return scratch_; }
  void StopServer();
  // On the port it had. `wrap` may put something in front of the store; `clock` outlives the
  // server; `reflection` and `query_limits` are those of ServerOptions.
  using WrapStore = std::function<std::unique_ptr<AuthorityStore>(std::unique_ptr<AuthorityStore>)>;
  void StartServer(const WrapStore& wrap = nullptr, const Clock& clock = SystemClock(),
                   bool reflection = false, const QueryLimits& query_limits = {});

 private:
  ScratchDirectory scratch_;
  PortReservation port_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Replica> administrator_;
  std::unique_ptr<Administration> administration_;
};

}  // namespace brigada

#endif  // TESTS_SUPPORT_TEST_ORGANIZATION_H_
