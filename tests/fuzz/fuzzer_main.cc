// The targets under libFuzzer: brigada_fuzz --target=NAME and libFuzzer's own arguments.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <string>

#include "absl/strings/strip.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/text_format.h"
#include "replica/base/log.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/message_mutator.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace brigada {
namespace {

const FuzzTarget* target = nullptr;

std::string MutateBytes(std::string bytes) {
  const size_t size = bytes.size();
  bytes.resize(size + 64);
  bytes.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes.data()), size, bytes.size()));
  return bytes;
}

}  // namespace
}  // namespace brigada

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  for (int i = 1; i < *argc; ++i) {
    absl::string_view argument = (*argv)[i];
    if (absl::ConsumePrefix(&argument, "--target="))
      brigada::target = brigada::FindFuzzTarget(argument);
  }
  if (brigada::target == nullptr) {
    std::cerr << "--target=NAME is missing or unknown; the targets are:\n";
    for (const brigada::FuzzTarget& known : brigada::FuzzTargets()) std::cerr << known.name << "\n";
    std::exit(2);
  }
  brigada::SetLogSink([](absl::string_view) {});
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  brigada::target->run({reinterpret_cast<const char*>(data), size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  if (brigada::target->new_script == nullptr) return LLVMFuzzerMutate(data, size, max_size);
  const auto script = brigada::target->new_script();
  brigada::ParseScript({reinterpret_cast<const char*>(data), size}, script.get());
  brigada::SeededRandom random(seed);
  brigada::MutateScript(&random, brigada::MutateBytes, script.get());
  std::string text;
  google::protobuf::TextFormat::PrintToString(*script, &text);
  if (text.size() > max_size) return size;
  std::memcpy(data, text.data(), text.size());
  return text.size();
}
