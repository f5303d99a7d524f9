// The `brigada` program: what all its commands share. A command is added with Add, its run comes
// back as a status; the process ends as status_text.h says.
#ifndef TOOLS_BRIGADA_COMMAND_LINE_H_
#define TOOLS_BRIGADA_COMMAND_LINE_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "brigada/replica.h"
#include "replica/schema/registry.h"
#include "tools/brigada/parser_text.h"
#include "tools/brigada/progress_bar.h"
#include "tools/brigada/table_writer.h"

namespace brigada {

// What a command is called and how it explains itself.
struct CommandText {
  std::string name;
  absl::string_view purpose;
  // Lines that could be typed.
  std::vector<std::string> examples;
};

class CommandLine {
 public:
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // A command, with the options that all have. `run` is called when it is the one chosen.
  CLI::App* Add(const CommandText& text, std::function<absl::Status()> run);
  // A command inside `parent` ("conflicts resolve").
  CLI::App* AddUnder(CLI::App* parent, const CommandText& text, std::function<absl::Status()> run);

  // Parses, runs, reports. Returns the exit code.
  int Main(int argc, char** argv);

  const std::string& directory() const { return directory_; }
  bool quiet() const { return quiet_; }
  bool wants_json() const { return format_ == "json"; }
  // For people: neither JSON nor CSV.
  bool wants_text() const { return format_ == "table"; }

  // kNotFound: no replica there.
  absl::StatusOr<std::unique_ptr<Replica>> OpenReplica(
      DurabilityLevel durability = DurabilityLevel::kSync) const;
  // Rows on stdout in the format asked for.
  TableWriter Table() const;
  ProgressStyle progress_style() const;
  // A line for people, on stderr unless --quiet.
  void Note(absl::string_view text) const;
  // One thing with several values: a list for people, one object or row for programs. Each has the
  // name that programs see, the label for people, and the value.
  struct Fact {
    std::string name;
    absl::string_view label;
    SqlValue value;
  };
  void Show(const std::vector<Fact>& facts) const;
  // A time as the chosen format has it (TimeText, TimeValue); 0 is none.
  SqlValue TimeCell(int64_t unix_millis) const;

 private:
  void AddGlobals(CLI::App* app);
  int Report(const CLI::ParseError& error) const;

  CLI::App app_;
  std::string directory_;
  std::string format_ = "table";
  std::string language_;
  bool quiet_ = false;
  std::function<absl::Status()> chosen_;
};

// The type called `name` ("people", "Person", "person", "personas"). UsageError suggests the
// nearest.
absl::StatusOr<const RecordType*> TypeByName(absl::string_view name);

// A time for programs: UTC, or NULL.
SqlValue TimeValue(absl::Time time);

// kNotFound, with the way out.
absl::Status CannotRead(const std::string& file);
// The text of a file, or of stdin for "-". CannotRead, or UsageError when it is longer than
// `max_bytes` or has no name.
absl::StatusOr<std::string> ReadText(const std::string& file, size_t max_bytes);

// The families of commands, each in the file of its name.
void AddReplicaCommands(CommandLine* line);
void AddRecordCommands(CommandLine* line);
void AddListCommands(CommandLine* line);
void AddImportCommand(CommandLine* line);
void AddSyncCommand(CommandLine* line);
void AddConflictCommands(CommandLine* line);
void AddRejectedCommands(CommandLine* line);
void AddLogCommand(CommandLine* line);
void AddQueryCommand(CommandLine* line);
void AddTerritoryCommand(CommandLine* line);
void AddVerifyCommand(CommandLine* line);
void AddRecoverCommand(CommandLine* line);
void AddGenerateCommand(CommandLine* line);
void AddAdministrationCommands(CommandLine* line);
void AddEraseCommand(CommandLine* line);
void AddQuarantineCommands(CommandLine* line);
// In builds with tests only.
void AddSimulateCommand(CommandLine* line);

}  // namespace brigada

#endif  // TOOLS_BRIGADA_COMMAND_LINE_H_
