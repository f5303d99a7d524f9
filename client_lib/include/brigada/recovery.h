// What to do when a replica's files are damaged: RecoverReplica brings its unsent work back.
#ifndef BRIGADA_RECOVERY_H_
#define BRIGADA_RECOVERY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "brigada/options.h"
#include "replica/base/ids.h"

namespace brigada {

// Unsent change sets of a partition that no copy holds any more, by sequence, both ends included.
struct LostWork {
  std::string partition;
  uint64_t first = 0;
  uint64_t last = 0;
};

struct RecoveryReport {
  ReplicaId replica;  // as before
  // Change sets that are there again: unsent ones, delivered ones that are kept for a server that
  // goes back, refused ones.
  uint64_t unsent = 0;
  uint64_t retained = 0;
  uint64_t rejected = 0;
  // Unsent ones that no copy holds any more, as far as the others tell.
  uint64_t lost = 0;
  std::vector<LostWork> lost_work;
  // One of the two copies of the unsent work was whole: nothing acknowledged is missing. Otherwise
  // the last ones may be missing without a trace.
  bool is_whole = false;
  // Where the damaged store lies now, with all of its files. It holds personal data: remove it when
  // a sync has brought everything.
  std::string damaged_path;
};

struct RecoverOptions {
  // Also a store in which no damage is found.
  bool even_if_whole = false;
};

// Makes a new store in the place of the damaged one of the replica in Options::path, with the
// unsent work, the refused work and the settings; the device stays who it is, enrolled as before.
// Records are not there until the next sync brings them, but for what the unsent work says. Nothing
// is sent or asked. A crash leaves the old store or the new one; where it leaves the new one and
// what there was to tell untold, this tells it and changes nothing more.
//
// kNotFound: no replica there. kUnavailable: open in another process. kFailedPrecondition: nothing
// is damaged, or the store is of a newer version, or it is not there and a new one of a recovery
// that was cut short is not whole: the message has the way out. kDataLoss: nothing of the unsent
// work can be read; nothing was changed. kResourceExhausted: no room for the new store.
absl::StatusOr<RecoveryReport> RecoverReplica(Options options, const RecoverOptions& how = {});

// What a recovery that a crash cut short had to say, once; it is finished then. Nullopt: there was
// none, or the replica has been opened since. Errors as RecoverReplica.
absl::StatusOr<std::optional<RecoveryReport>> ResumeRecovery(const Options& options);

}  // namespace brigada

#endif  // BRIGADA_RECOVERY_H_
