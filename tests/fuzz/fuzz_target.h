// What is fuzzed. Each target takes any bytes and either does with them what the program would, or
// stops with a CHECK when a promise is broken: damage accepted, a store that cannot be read again,
// memory beyond the stated bound.
#ifndef TESTS_FUZZ_FUZZ_TARGET_H_
#define TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace brigada {

struct FuzzTarget {
  // Also the folder of its inputs in tests/fuzz/corpus.
  const char* name;
  void (*run)(absl::string_view input);
  // Of a structured target: an empty message of its script; inputs are its text format.
  std::unique_ptr<google::protobuf::Message> (*new_script)();
};

const std::vector<FuzzTarget>& FuzzTargets();
// Null when there is none of that name.
const FuzzTarget* FindFuzzTarget(absl::string_view name);

// False: `input` is no script, nothing to do.
bool ParseScript(absl::string_view input, google::protobuf::Message* script);

template <typename Script>
std::unique_ptr<google::protobuf::Message> NewScript() {
  return std::make_unique<Script>();
}

// The targets, by file.
void FuzzServerSession(absl::string_view input);
void FuzzDeviceSession(absl::string_view input);
void FuzzRecord(absl::string_view input);
void FuzzStoredBytes(absl::string_view input);
void FuzzDeviceRows(absl::string_view input);
void FuzzAuthorityRows(absl::string_view input);
void FuzzSideFiles(absl::string_view input);
void FuzzEnrollment(absl::string_view input);
void FuzzSealedBox(absl::string_view input);
void FuzzBody(absl::string_view input);
void FuzzCursor(absl::string_view input);
void FuzzInvitation(absl::string_view input);
void FuzzCertificate(absl::string_view input);
void FuzzSql(absl::string_view input);
void FuzzCsv(absl::string_view input);
void FuzzJson(absl::string_view input);

}  // namespace brigada

#endif  // TESTS_FUZZ_FUZZ_TARGET_H_
