// The files of a replica: the store, the device's key and certificate, the organization's
// authority.
#ifndef CLIENT_LIB_REPLICA_DIRECTORY_H_
#define CLIENT_LIB_REPLICA_DIRECTORY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "brigada/transport.h"

namespace brigada {

// DIR/store, DIR/device.key, DIR/identity. Values; no state.
class ReplicaDirectory {
 public:
  explicit ReplicaDirectory(std::string path) : path_(std::move(path)) {}

  // Makes it (mode 0700) when absent. kNotFound: absent and !create; kUnavailable: cannot be made.
  absl::Status Prepare(bool create) const;
  std::string StorePath() const { return path_ + "/store"; }
  const std::string& path() const { return path_; }

  // Key and certificate of an enrolled device. kFailedPrecondition: not enrolled, or the key is
  // missing, damaged or not the certificate's (says how to go on).
  absl::StatusOr<Credentials> ReadCredentials() const;
  // The key alone, and the certificate alone. kNotFound: there is none.
  absl::StatusOr<std::string> ReadKey() const;
  absl::StatusOr<std::string> ReadCertificate() const;
  // Durable on return, in one step: a crash leaves the old ones or the new ones.
  absl::Status WriteCredentials(const Credentials& credentials) const;
  // The device's private key, made at the first call. A try to enrol whose answer was lost uses the
  // same key again.
  absl::StatusOr<std::string> ReadOrMakeKey() const;

  // Those that a replica that was copied will have, until its store has the new id too.
  absl::StatusOr<std::string> ReadOrMakeNextKey() const;
  absl::Status WriteNextCredentials(const Credentials& credentials) const;
  // kNotFound: none is waiting.
  absl::StatusOr<std::string> ReadNextCertificate() const;
  // They take the place of the present ones. May be repeated after a crash.
  absl::Status AdoptNext() const;

 private:
  std::string path_;
};

}  // namespace brigada

#endif  // CLIENT_LIB_REPLICA_DIRECTORY_H_
