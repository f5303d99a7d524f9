// Runs every input of the corpus through its target: fuzz_replay CORPUS_DIRECTORY [TARGET
// [FILE...]].
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "google/protobuf/stubs/logging.h"
#include "replica/base/log.h"
#include "tests/fuzz/fuzz_target.h"

namespace brigada {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::vector<fs::path> InputsOf(const fs::path& directory) {
  std::vector<fs::path> inputs;
  for (const auto& entry : fs::directory_iterator(directory)) inputs.push_back(entry.path());
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

int Replay(const fs::path& corpus, const std::string& only) {
  for (const FuzzTarget& target : FuzzTargets()) {
    if (!only.empty() && only != target.name) continue;
    const fs::path directory = corpus / target.name;
    if (!fs::is_directory(directory)) {
      std::cerr << "no inputs in " << directory << "\n";
      return 1;
    }
    size_t inputs = 0;
    for (const fs::path& path : InputsOf(directory)) {
      // On a crash the last line says where.
      std::cout << target.name << "/" << path.filename().string() << std::endl;
      const std::string input = ReadFile(path);
      if (target.new_script != nullptr && !ParseScript(input, target.new_script().get())) {
        std::cerr << "not a script of this target\n";
        return 1;
      }
      target.run(input);
      ++inputs;
    }
    std::cout << target.name << ": " << inputs << " inputs\n";
  }
  return 0;
}

}  // namespace
}  // namespace brigada

int main(int argc, char** argv) {
  brigada::SetLogSink([](absl::string_view) {});
  google::protobuf::SetLogHandler(nullptr);
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: fuzz_replay CORPUS_DIRECTORY [TARGET]\n";
    return 2;
  }
  return brigada::Replay(argv[1], argc > 2 ? argv[2] : "");
}
