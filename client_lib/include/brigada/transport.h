// How frames travel. The library brings gRPC; a test or another network brings its own.
#ifndef BRIGADA_TRANSPORT_H_
#define BRIGADA_TRANSPORT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "brigada/v1/enrollment_service.pb.h"
#include "brigada/v1/sync_service.pb.h"

namespace brigada {

// One open stream of frames. Send and Receive may be called from two threads, one each; Close from
// any.
class FrameStream {
 public:
  virtual ~FrameStream() = default;
  // Blocks until the frame is on its way. kUnavailable: the link is gone.
  virtual absl::Status Send(const v1::ClientFrame& frame) = 0;
  // Blocks until a frame comes. kOutOfRange: the server closed in good order; kUnavailable: the
  // link is gone; kUnauthenticated: the other side is not the organization's server.
  virtual absl::Status Receive(v1::ServerFrame* frame) = 0;
  // No more frames will be sent.
  virtual void CloseSending() = 0;
  // Wakes Send and Receive with kCancelled.
  virtual void Close() = 0;
  virtual uint64_t bytes_sent() const = 0;
  virtual uint64_t bytes_received() const = 0;
};

// What a device needs to be known to its server.
struct Credentials {
  std::string server;           // host:port
  std::string ca_pem;           // the organization's authority
  std::string certificate_pem;  // empty before enrolment
  std::string private_key_pem;
};

// Thread safe.
class Transport {
 public:
  virtual ~Transport() = default;
  // Returns without waiting for a connection, where the network allows it: a stream that hangs in
  // its first frame can be closed, a Connect that hangs cannot. `timeout` bounds the connecting.
  virtual absl::StatusOr<std::unique_ptr<FrameStream>> Connect(const Credentials& credentials,
                                                               absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::EnrollResponse> Enroll(const Credentials& credentials,
                                                    const v1::EnrollRequest& request) = 0;
  virtual absl::StatusOr<v1::EnrollResponse> Renew(const Credentials& credentials,
                                                   const v1::RenewRequest& request) = 0;
  // kUnimplemented: a transport that cannot; a copied replica then has to be made anew.
  virtual absl::StatusOr<v1::DivideResponse> Divide(const Credentials& credentials,
                                                    const v1::DivideRequest& request);
};

}  // namespace brigada

#endif  // BRIGADA_TRANSPORT_H_
