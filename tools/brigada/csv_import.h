// A spreadsheet into a replica: good rows in, each bad one reported with its line and reason.
//
// Rows are committed in the file's order, some at a time in one transaction (a transaction also
// ends where the state changes, since it lies in one). So whatever stops the import, the rows
// before a point are in and none behind it. Rows that are in already (Steps::look) are passed
// over, so the same import given again goes on where it stopped.
//
// A row is known by what it says, not by where it stands: by its name (ImportRow::name). So a file
// that was corrected, sorted or made longer brings only what is new, and the file of refused rows
// is a spreadsheet like the first one: corrected, it goes in by the same rules.
//
// Memory: some 40 bytes for each different row of the file.
#ifndef TOOLS_BRIGADA_CSV_IMPORT_H_
#define TOOLS_BRIGADA_CSV_IMPORT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "google/protobuf/message.h"
#include "replica/schema/registry.h"
#include "replica/schema/scope.h"
#include "tools/brigada/csv_mapping.h"
#include "tools/brigada/csv_reader.h"

namespace brigada {

struct ImportRow {
  // What the row says, as a digest: record type, place, fields, and how many rows before it in the
  // file say the same.
  std::string name;
  uint64_t line = 0;
  std::vector<std::string> fields;
  Scope scope;
  std::shared_ptr<google::protobuf::Message> record;
};

struct ImportOptions {
  std::vector<std::string> rules;
  // Where rows go that do not say.
  absl::optional<Scope> scope;
  uint64_t skip_rows = 0;
  size_t rows_per_transaction = 500;
  bool dry_run = false;
  char separator = ',';
};

struct ImportTotals {
  uint64_t rows = 0;      // data rows handled for good, skipped ones included
  uint64_t imported = 0;  // of a dry run: that would be
  uint64_t already = 0;   // were in before, or were and have been deleted since
  uint64_t deleted = 0;   // of those: have been deleted since
  uint64_t refused = 0;
  uint64_t bytes = 0;
  std::vector<std::string> ignored_columns;
};

class CsvImport {
 public:
  // What became of the row in an earlier import.
  enum class Presence {
    kAbsent,
    kPresent,
    kDeleted,  // it was there: somebody decided against it, and an import does not decide anew
  };
  using Look = std::function<absl::StatusOr<Presence>(const ImportRow&)>;
  // Commits rows of one partition, all or nothing. kInvalidArgument: some row is at fault.
  // kAlreadyExists: two rows are one record; they are given again apart.
  using Commit = std::function<absl::Status(const std::vector<ImportRow>&)>;
  // Returns where refused rows are written, at the first one: line, reason, the file's own columns,
  // and at last the row as it stands where it could not be cut into columns.
  using OpenRefused = std::function<absl::StatusOr<std::ostream*>()>;
  // After each transaction; a non-OK status stops the import in good order.
  using OnProgress = std::function<absl::Status(const ImportTotals&)>;

  struct Steps {
    Look look;
    Commit commit;
    OpenRefused open_refused;
    OnProgress on_progress;
  };

  CsvImport(const RecordType& type, ImportOptions options, Steps steps);

  // UsageError for what makes the whole file useless (no header, a wrong rule, no scope anywhere);
  // else the first error of the commits. `totals()` is right in each case.
  absl::Status Run(std::istream* input);

  const ImportTotals& totals() const { return totals_; }

 private:
  absl::Status ReadHeader(CsvReader* reader);
  absl::Status Take(const CsvRow& row, absl::StatusOr<ImportRow> converted);
  absl::StatusOr<ImportRow> Convert(const CsvRow& row);
  std::string NameOf(const Scope& scope, const std::vector<std::string>& content);
  absl::Status Flush();
  absl::Status CommitBatch(const std::vector<ImportRow>& rows);
  // `fields` is empty when the row could not be cut into columns.
  absl::Status Refuse(uint64_t line, const std::vector<std::string>& fields, std::string raw,
                      const absl::Status& reason);
  absl::Status OpenRefusedRows();

  const RecordType& type_;
  const ImportOptions options_;
  const Steps steps_;
  std::vector<std::string> header_;
  absl::optional<CsvMapping> mapping_;
  // How many rows said what begins with this part of their digest.
  absl::flat_hash_map<uint64_t, uint32_t> equal_rows_;
  std::vector<ImportRow> batch_;
  // Rows read since the last flush, refused ones included.
  uint64_t unsettled_ = 0;
  ImportTotals totals_;
  std::ostream* refused_ = nullptr;
};

}  // namespace brigada

#endif  // TOOLS_BRIGADA_CSV_IMPORT_H_
