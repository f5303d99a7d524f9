// The life of a store as a list of steps, for sweeps of its disk: what it holds after each step is
// known from a life without faults, so after any fault there is exactly one question, which of
// those contents it holds.
#ifndef TESTS_CRASH_STORE_LIFE_H_
#define TESTS_CRASH_STORE_LIFE_H_

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/store/format.h"
#include "replica/store/kv.h"
#include "tests/support/fault_env.h"

namespace brigada {

using StoreContent = std::array<std::map<std::string, std::string>, kTableCount>;

// Reads everything, and each key once more by itself. kDataLoss: damage was found.
absl::StatusOr<StoreContent> ReadContent(const KvReader& reader);

// How the store's disk treats writes that ask for a sync.
enum class SyncMode { kHonest, kNever };

// From now on this process lives on real files below `directory` instead of a disk in memory;
// empty: in memory again. For what a FaultEnv cannot outlive.
void LiveOnRealFiles(std::string directory);
// Where a life puts the file or directory `path` of its disk.
std::string PathOnDisk(const std::string& path);

// Called after each write of a store with what is there now.
using OnWrite = std::function<void(const KvReader&)>;

// The disk of a store of `kind`: a device's has a mirror beside it. `on_write` may be empty.
absl::StatusOr<std::unique_ptr<Kv>> OpenDisk(FaultEnv& env, SyncMode mode, StoreKind kind,
                                             OnWrite on_write = {});

// Everything that the files below `directory` of the disk say, deleted and overwritten versions
// too, in lower case. The store there is closed.
std::string BytesOnDisk(const FaultDisk& disk, const std::string& directory);

// Whether a key or a value of any table has `text` in it, in lower case or as it is.
absl::StatusOr<bool> IsInTables(const KvReader& reader, const std::string& text);

// One life; the same steps do the same to the byte in each. One thread.
class StoreLife {
 public:
  virtual ~StoreLife() = default;

  // What its disk held before the first step.
  virtual StoreContent initial_content() const { return {}; }
  // A life with steps of several writes tells of each, from the opening of its disk on: after a
  // fault the store may hold what was there after any of them, and the step is taken again.
  virtual void SetOnWrite(const OnWrite& /*on_write*/) {}

  virtual StoreKind kind() const = 0;
  virtual size_t step_count() const = 0;
  // False: when the step returns it may still be lost to a power cut.
  virtual bool is_durable(size_t step) const = 0;
  // Steps are taken in order; the first opens the store.
  virtual absl::Status Step(size_t step) = 0;
  // The store's disk; null while it is closed.
  virtual const Kv* kv() const = 0;
  virtual void Close() = 0;
  // After a crash the store held the first `steps` steps, and is open again: whether that fits what
  // its callers were told. OK or what is wrong.
  virtual absl::Status CheckPromises(size_t steps) = 0;
  // Every step has been taken, some of them after a fault. OK or what is wrong. May close it.
  virtual absl::Status CheckEnd() { return absl::OkStatus(); }
};

using NewLife = std::function<std::unique_ptr<StoreLife>(FaultEnv*, SyncMode)>;

}  // namespace brigada

#endif  // TESTS_CRASH_STORE_LIFE_H_
