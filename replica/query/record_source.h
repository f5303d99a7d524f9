// The records that one use of a table reads, access applied. Inside replica/query only.
#ifndef REPLICA_QUERY_RECORD_SOURCE_H_
#define REPLICA_QUERY_RECORD_SOURCE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "replica/query/query_context.h"

namespace brigada {

// Where to look. Whatever it says, SQLite checks every condition again on the rows it gets, except
// the words of a search.
struct RecordPlan {
  bool nothing = false;        // a condition that no record meets
  std::optional<RecordId> id;  // this record only
  std::vector<Region> regions;
  std::optional<IndexRange> range;
  std::vector<std::string> tokens;  // folded; each begins some word of a searched field
};

// Records one after another, each once, only those the caller may read.
//
//   while (*source.Next()) Use(source.record(), source.readable());
class RecordSource {
 public:
  // `context` and `type` outlive the source.
  RecordSource(const QueryContext* context, const RecordType* type, RecordPlan plan);

  // False at the end. An error of the store, or a limit of the query.
  absl::StatusOr<bool> Next();

  const RecordType& type() const { return *type_; }
  const RecordView& record() const { return record_; }
  // The class up to which the record's values are readable.
  v1::DataClass readable() const { return readable_; }
  // Parsed at the first call for each record. kDataLoss: the stored bytes are no such message.
  absl::StatusOr<const google::protobuf::Message*> message();

 private:
  // One cursor to run through.
  struct Part {
    Region region;
    std::optional<IndexRange> range;
  };
  void AddParts(const Region& region);
  absl::StatusOr<bool> NextById();
  absl::StatusOr<bool> NextOfCursors();
  std::unique_ptr<RecordCursor> Open(const Part& part) const;
  // Takes `record` as the current one if the caller may read it and it has all words.
  absl::StatusOr<bool> Accept(RecordView record);
  absl::StatusOr<bool> HasTokens();

  const QueryContext* const context_;
  const RecordType* const type_;
  const RecordPlan plan_;
  std::vector<Part> parts_;
  size_t next_part_ = 0;
  std::unique_ptr<RecordCursor> cursor_;
  uint64_t steps_ = 0;
  bool id_done_ = false;
  // Given already; kept only when a record may come from two parts.
  bool dedupe_ = false;
  absl::flat_hash_set<RecordId> given_;

  RecordView record_;
  v1::DataClass readable_ = v1::DATA_CLASS_UNSPECIFIED;
  std::unique_ptr<google::protobuf::Message> message_;
  bool is_parsed_ = false;
};

// The least string above all that start with `prefix`; empty: there is none.
std::string EndOfPrefix(std::string prefix);

}  // namespace brigada

#endif  // REPLICA_QUERY_RECORD_SOURCE_H_
