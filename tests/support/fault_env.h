// A FaultDisk as RocksDB sees it: give env() to RocksKvOptions. Its clock skips every sleep, so
// that a crash and recovery takes milliseconds.
#ifndef TESTS_SUPPORT_FAULT_ENV_H_
#define TESTS_SUPPORT_FAULT_ENV_H_

#include <memory>

#include "tests/support/fault_disk.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace brigada {

// Stores that use env() must be gone before it is. When the power went off, close the store and
// then call disk().PowerLoss(): closing writes nothing any more.
class FaultEnv {
 public:
  FaultEnv();
  ~FaultEnv();
  FaultEnv(const FaultEnv&) = delete;
  FaultEnv& operator=(const FaultEnv&) = delete;

  rocksdb::Env* env() { return env_.get(); }
  FaultDisk& disk() { return *disk_; }

 private:
  const std::shared_ptr<FaultDisk> disk_;
  const std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace brigada

#endif  // TESTS_SUPPORT_FAULT_ENV_H_
