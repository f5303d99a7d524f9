// What `brigada-server init` makes and `serve` opens: a directory with the store, the certificate
// authority, the server's own certificate and its keys.
#ifndef SERVER_ORGANIZATION_H_
#define SERVER_ORGANIZATION_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "replica/base/clock.h"
#include "replica/base/random.h"
#include "replica/crypto/certificate_authority.h"
#include "replica/crypto/mac.h"
#include "replica/crypto/seal.h"
#include "replica/store/authority_store.h"
#include "server/durable_files.h"
#include "server/journal.h"

namespace brigada {

struct InitOptions {
  std::string directory;
  std::string organization;
  // What devices dial, host:port; invitations carry it.
  std::string public_address;
  // Further names and addresses of the server's certificate.
  std::vector<std::string> names;
  std::string administrator;
};

// Makes the directory, the authority, the server's certificate and an empty store, and the
// invitation of the first administrator (of the whole nation), which is returned. All of it or
// nothing: after an error, and after a crash, it can be run again. kAlreadyExists: something is
// there already; nothing is overwritten. kInvalidArgument: an address, a name or the user.
absl::StatusOr<std::string> InitOrganization(const InitOptions& options, const Clock& clock,
                                             Random& random);

// An opened organization. Constant after Open but for the store, which is thread safe.
struct Organization {
  std::string directory;
  std::string public_address;
  CertificateAuthority authority;
  std::string server_certificate_pem;
  std::string server_key_pem;
  MacKey cursor_key;
  // Opens what devices keep of scopes they have lost.
  SealKey seal_key;
  // Outlives the store, which writes to it.
  std::unique_ptr<Journal> journal;
  std::unique_ptr<AuthorityStore> store;
};

// A store that is not the one the journal knows (an older copy was put in its place) gets a new
// epoch, and the directory as the journal has it, before it serves. kNotFound: not initialized
// (says how). kUnavailable: another server has it open. kFailedPrecondition: newer format, or a
// restore was interrupted (says how to go on).
absl::StatusOr<std::unique_ptr<Organization>> OpenOrganization(const std::string& directory,
                                                               const Clock& clock, Random& random);

// Puts the backup at `backup_path` in place of the organization's store, whose old content is kept
// beside it, brings its directory up to date from the journal and starts a new epoch. The server
// must not run. All of it is on the disk when it returns; after a crash it can be run again.
// Returns where the old store went; empty: there was none. `progress` (may be empty): of the copy.
absl::StatusOr<std::string> RestoreOrganization(const std::string& directory,
                                                const std::string& backup_path, const Clock& clock,
                                                Random& random, const CopyProgress& progress = {});

struct UserInvitation {
  std::string user;
  std::string role;
  std::vector<std::string> scopes;
  // For the record: a user's name, or what made it.
  std::string invited_by;
  absl::Duration valid_for = absl::Hours(24 * 7);
};

// Gives the user the role over the scopes, and returns the text of an invitation for a device of
// theirs: "BRG1-" and base64url. Whoever calls it has the right to. kInvalidArgument: user, role or
// scopes.
absl::StatusOr<std::string> InviteUser(Organization& organization, const UserInvitation& invitation,
                                       absl::Time now, Random& random);

}  // namespace brigada

#endif  // SERVER_ORGANIZATION_H_
