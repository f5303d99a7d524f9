// Stores with a row of every kind, made by real sessions, for the fuzz targets that damage rows;
// and the damage.
#ifndef TESTS_FUZZ_ROW_WORLD_H_
#define TESTS_FUZZ_ROW_WORLD_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "replica/base/ids.h"
#include "replica/schema/registry.h"
#include "replica/store/kv.h"
#include "replica/store/read_view.h"
#include "tests/fuzz/scripts.pb.h"

namespace brigada {

// Never written to: copy them (CopyDisk).
struct RowWorld {
  std::shared_ptr<Kv> server;
  // Of a device with unsent, retained and refused work, a conflict and a repair that is due.
  std::shared_ptr<Kv> device;
  // The same, which has lost its cursor and a scope, and not let go of that yet.
  std::shared_ptr<Kv> purging;
};
const RowWorld& TheRowWorld();

void DamageRows(const google::protobuf::RepeatedPtrField<fuzz::RowDamage>& damages, Kv* disk);

// What the operations of a store with damaged rows may say: that they worked, that it is damaged
// and where, or what they say to callers. CHECKs otherwise. True: it worked.
bool Answers(const absl::Status& status);

// Counts, scans and looks up everything that a store with damaged rows shows; `also` is called for
// each record.
void ReadRecords(const absl::StatusOr<std::unique_ptr<ReadView>>& view,
                 absl::FunctionRef<void(const RecordType&, const RecordId&)> also);

}  // namespace brigada

#endif  // TESTS_FUZZ_ROW_WORLD_H_
