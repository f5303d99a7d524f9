// Stored and sent states of a record: refused as damaged, or a record that every step of merging
// can go on with and that encodes to bytes which decode to the same.
#include <algorithm>
#include <string>

#include "replica/base/check.h"
#include "replica/merge/apply.h"
#include "replica/store/record_table.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/fuzz_world.h"

namespace brigada {
namespace {

constexpr int kMaxSteps = 30;

// Encoding is canonical: once through it, a record stays as it is.
void CheckEncodes(const RecordType* type, const Record& record) {
  const std::string bytes = EncodeRecord(record).SerializeAsString();
  v1::RecordState state;
  CHECK(state.ParseFromString(bytes));
  const auto decoded = DecodeRecord(type, state);
  CHECK(decoded.ok());
  CHECK(EncodeRecord(*decoded).SerializeAsString() == bytes);
  CHECK(decoded->Message() == record.Message());
}

void TakeStep(const RecordType* type, const fuzz::RecordStep& step, uint64_t sequence,
              Record* record) {
  WriteContext context;
  context.write.stamp = Hlc{step.stamp()};
  context.write.replica = FuzzReplica(static_cast<char>('A' + step.writer() % 4));
  context.write.user = "ana";
  context.write.origin_sequence = sequence;
  context.write.sequence = step.overlay() ? 0 : sequence;
  context.seen = std::min<uint64_t>(step.seen(), sequence - 1);
  const Record before = *record;
  if (step.overlay()) {
    Record view = *record;
    if (OverlayChange(type, step.change(), context.write, nullptr, &view).ok())
      CheckEncodes(type, view);
    return;
  }
  HighestReplaced(type, step.change(), context, *record).status().IgnoreError();
  const auto result = ApplyChange(type, step.change(), context, 0, record);
  // The caller merges into a copy and drops it on an error.
  if (!result.ok()) *record = before;
  if (result.ok() && !result->refusals.empty())
    CHECK(EncodeRecord(*record).SerializeAsString() == EncodeRecord(before).SerializeAsString());
  CheckEncodes(type, *record);
}

}  // namespace

void FuzzRecord(absl::string_view input) {
  fuzz::RecordScript written, script;
  if (!ParseScript(input, &written) || !script.ParseFromString(written.SerializeAsString())) return;
  const RecordType* const type =
      script.unknown_type() ? nullptr : FuzzRegistry().FindByName("Sample");
  auto base = DecodeRecord(type, script.base());
  if (!base.ok()) return CHECK(absl::IsDataLoss(base.status()));
  CheckEncodes(type, *base);
  const Record delta = RecordDelta(*base, script.after());
  CheckEncodes(type, delta);
  const auto other = DecodeRecord(type, script.delta());
  if (other.ok()) {
    MergeDelta(*other, script.whole(), &*base);
    CheckEncodes(type, *base);
  }
  const int steps = std::min(script.steps_size(), kMaxSteps);
  for (int i = 0; i < steps; ++i) TakeStep(type, script.steps(i), base->sequence + 1, &*base);
}

void FuzzStoredBytes(absl::string_view input) {
  for (const RecordType* type :
       {FuzzRegistry().FindByName("Sample"), static_cast<const RecordType*>(nullptr)}) {
    const auto storage = DecodeStorage(type, input);
    if (!storage.ok()) {
      CHECK(absl::IsDataLoss(storage.status()));
      continue;
    }
    const std::string bytes = EncodeStorage(*storage);
    const auto again = DecodeStorage(type, bytes);
    CHECK(again.ok());
    CHECK(EncodeStorage(*again) == bytes);
  }
}

}  // namespace brigada
