// brigada: the command line of devices and administrators. docs/cli.md.
#include <sys/stat.h>

#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "replica/base/log.h"
#include "tools/brigada/command_line.h"
#include "tools/brigada/grpc_log.h"

namespace {

// The language is chosen once, at the first word said, which is before the flags are read.
void ChooseLanguage(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (argument == "--lang" && i + 1 < argc) {
      argument = argv[i + 1];
    } else if (!absl::ConsumePrefix(&argument, "--lang=")) {
      continue;
    }
    if (argument == "es" || argument == "en")
      setenv("BRIGADA_LANG", std::string(argument).c_str(), 1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Whatever it writes is people's data: exports, refused rows, the store.
  umask(S_IRWXG | S_IRWXO);
  ChooseLanguage(argc, argv);
  brigada::SilenceGrpc();
  // What the library logs is for programs; a person gets the sentence of the error.
  brigada::SetMinLogLevel(brigada::LogLevel::kInfo);
  if (std::getenv("BRIGADA_LOG") == nullptr) brigada::SetLogSink([](absl::string_view) {});
  brigada::CommandLine line;
  brigada::AddReplicaCommands(&line);
  brigada::AddRecordCommands(&line);
  brigada::AddListCommands(&line);
  brigada::AddImportCommand(&line);
  brigada::AddSyncCommand(&line);
  brigada::AddLogCommand(&line);
  brigada::AddConflictCommands(&line);
  brigada::AddRejectedCommands(&line);
  brigada::AddQueryCommand(&line);
  brigada::AddTerritoryCommand(&line);
  brigada::AddVerifyCommand(&line);
  brigada::AddRecoverCommand(&line);
  brigada::AddGenerateCommand(&line);
  brigada::AddAdministrationCommands(&line);
  brigada::AddEraseCommand(&line);
  brigada::AddQuarantineCommands(&line);
#ifdef BRIGADA_SIMULATION
  brigada::AddSimulateCommand(&line);
#endif
  return line.Main(argc, argv);
}
