// Runs every input of the corpus through its target, and edits of them that one seed decides: a
// fuzzer without the search, for every build.
//   fuzz_replay CORPUS_DIRECTORY [--target NAME] [--edits N] [--seed S]
// With --edits each input is also run N times after random edits (BRIGADA_LONG: 100 times as many).
// The last line before a crash says how to run the input again; --print shows it.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/text_format.h"
#include "replica/base/log.h"
#include "replica/base/random.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/message_mutator.h"

namespace brigada {
namespace {

namespace fs = std::filesystem;

struct Options {
  fs::path corpus;
  std::string target;
  uint64_t edits = 0;
  uint64_t seed = 1;
  bool print = false;
};

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

std::string EditBytes(Random& random, std::string bytes) {
  for (uint64_t edits = 1 + random.Uniform(4); edits > 0; --edits) {
    const uint64_t at = random.Uniform(bytes.size() + 1);
    const char any = static_cast<char>(random.Uniform(256));
    switch (random.Uniform(4)) {
      case 0:
        bytes.insert(at, 1, any);
        break;
      case 1:
        bytes.erase(at, 1 + random.Uniform(4));
        break;
      case 2:
        bytes.insert(at, bytes.substr(random.Uniform(bytes.size() + 1), random.Uniform(32)));
        break;
      default:
        if (at < bytes.size()) bytes[at] = any;
    }
  }
  return bytes;
}

// `input` after the edits that `seed` decides.
std::string Edited(const FuzzTarget& target, const std::string& input, uint64_t seed) {
  SeededRandom random(seed);
  std::string edited = input;
  for (uint64_t rounds = 1 + random.Uniform(6); rounds > 0; --rounds) {
    if (target.new_script == nullptr) {
      edited = EditBytes(random, std::move(edited));
      continue;
    }
    const auto script = target.new_script();
    ParseScript(edited, script.get());
    MutateScript(
        &random, [&](std::string bytes) { return EditBytes(random, std::move(bytes)); },
        script.get());
    google::protobuf::TextFormat::PrintToString(*script, &edited);
  }
  return edited;
}

bool RunInput(const FuzzTarget& target, const fs::path& path, const Options& options) {
  const std::string input = ReadFile(path);
  if (target.new_script != nullptr && !ParseScript(input, target.new_script().get())) {
    std::cerr << path << " is not a script of this target\n";
    return false;
  }
  std::cout << target.name << "/" << path.filename().string() << std::endl;
  target.run(input);
  for (uint64_t i = 0; i < options.edits; ++i) {
    const uint64_t seed = options.seed + i;
    const std::string edited = Edited(target, input, seed);
    if (options.print) std::cout << edited << std::endl;
    // Rewritten in place by the next one: what stays is that of a crash.
    std::cout << "  --edits 1 --seed " << seed << "\r" << std::flush;
    target.run(edited);
  }
  return true;
}

int Replay(const Options& options) {
  for (const FuzzTarget& target : FuzzTargets()) {
    if (!options.target.empty() && options.target != target.name) continue;
    const fs::path directory = options.corpus / target.name;
    if (!fs::is_directory(directory)) {
      std::cerr << "no inputs in " << directory << "\n";
      return 1;
    }
    const std::vector<fs::path> inputs = InputsOf(directory);
    for (const fs::path& path : inputs)
      if (!RunInput(target, path, options)) return 1;
    std::cout << target.name << ": " << inputs.size() * (1 + options.edits) << " runs\n";
  }
  return 0;
}

// False: not understood.
bool ReadArguments(const std::vector<std::string>& arguments, Options* options) {
  if (arguments.empty()) return false;
  options->corpus = arguments[0];
  for (size_t i = 1; i < arguments.size(); ++i) {
    const std::string value = i + 1 < arguments.size() ? arguments[i + 1] : "";
    if (arguments[i] == "--print") {
      options->print = true;
      continue;
    }
    if (arguments[i] == "--target") {
      options->target = value;
    } else if (arguments[i] == "--edits") {
      if (!absl::SimpleAtoi(value, &options->edits)) return false;
    } else if (arguments[i] == "--seed") {
      if (!absl::SimpleAtoi(value, &options->seed)) return false;
    } else {
      return false;
    }
    ++i;
  }
  if (std::getenv("BRIGADA_LONG") != nullptr) options->edits *= 100;
  return true;
}

}  // namespace
}  // namespace brigada

int main(int argc, char** argv) {
  brigada::SetLogSink([](absl::string_view) {});
  google::protobuf::SetLogHandler(nullptr);
  brigada::Options options;
  if (!brigada::ReadArguments({argv + 1, argv + argc}, &options)) {
    std::cerr
        << "usage: fuzz_replay CORPUS_DIRECTORY [--target NAME] [--edits N] [--seed S] [--print]\n";
    return 2;
  }
  return brigada::Replay(options);
}
