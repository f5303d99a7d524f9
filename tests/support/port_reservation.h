#ifndef TESTS_SUPPORT_PORT_RESERVATION_H_
#define TESTS_SUPPORT_PORT_RESERVATION_H_

namespace brigada {

// A TCP port of this machine that is the test's for as long as this lives, also while its server is
// stopped. A port that the system chose would not do: between two starts it may give it to another
// test. Other tests that take their ports this way see the reservation; it ends with the process.
class PortReservation {
 public:
  // Aborts when no port is left.
  PortReservation();
  ~PortReservation();
  PortReservation(const PortReservation&) = delete;
  PortReservation& operator=(const PortReservation&) = delete;
  int port() const { return port_; }

 private:
  int port_ = 0;
  int lock_ = -1;
};

}  // namespace brigada

#endif  // TESTS_SUPPORT_PORT_RESERVATION_H_
