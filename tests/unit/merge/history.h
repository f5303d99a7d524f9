// Short histories of one record, for the tests of merging: replicas 'A', 'B', 'C'..., stamps in
// milliseconds, commit sequences counted from 1.
#ifndef TESTS_UNIT_MERGE_HISTORY_H_
#define TESTS_UNIT_MERGE_HISTORY_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "replica/merge/apply.h"
#include "replica/merge/record.h"
#include "tests/support/testing.pb.h"

namespace brigada {

// Of tests/support/testing.proto.
const RecordType& SampleType();
const RecordType& AppendType();

ReplicaId Replica(char letter);
RecordId SampleId();

using Fill = std::function<void(testing::Sample&)>;

// Changes of the record SampleId().
v1::Change Create(const Fill& fill, const std::string& scope = "MX/20/067");
v1::Change Edit(const Fill& fill);
v1::Change Move(const std::string& scope);
v1::Change Clear(uint32_t field);
// SET elements in the field they have in `fill`; MAP keys with any value.
v1::Change Remove(const Fill& fill);
v1::Change Delete();
v1::Change Resolving(const RecordId& conflict, v1::Change change = v1::Change());

// The first of a field that Fill sets.
Fill Title(const std::string& title);
Fill Code(const std::string& code);
Fill Folio(const std::string& folio);
Fill Peak(int64_t peak);
Fill Low(int64_t low);
Fill Tally(int64_t amount);
Fill Tag(const std::string& tag);
Fill Note(const std::string& key, const std::string& text);
Fill State(testing::SampleState state);

struct By {
  char replica = 'A';
  int64_t stamp_ms = 0;
  uint64_t seen = 0;
  // 0: the next of the replica.
  uint64_t origin = 0;
};

// The write that By names; `sequence` 0 while pending.
WriteRef WriteBy(const By& by, uint64_t sequence);

// The authority's record, and what became of each change.
class History {
 public:
  explicit History(const RecordType* type = &SampleType()) : type_(type) {}

  // Applies `change` with the next commit sequence, and keeps the ledger. Fails the test on an
  // error status.
  ApplyResult Commit(const v1::Change& change, const By& by);
  // The same with a context of the caller's; its sequence is taken as it is.
  ApplyResult Apply(const v1::Change& change, const WriteContext& context);
  // What the ledger says of a conflict.
  const v1::Conflict& Entry(const RecordId& id) const;

  const Record& record() const { return record_; }
  Record& record() { return record_; }
  testing::Sample message() const;
  uint64_t sequence() const { return sequence_; }

 private:
  const RecordType* const type_;
  Record record_;
  uint64_t sequence_ = 0;
  uint64_t origins_[128] = {};
  std::vector<ConflictEvent> ledger_;  // as extended so far
};

std::string EncodedBytes(const Record& record);

}  // namespace brigada

#endif  // TESTS_UNIT_MERGE_HISTORY_H_
