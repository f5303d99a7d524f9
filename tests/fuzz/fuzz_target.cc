#include "tests/fuzz/fuzz_target.h"

#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "tests/fuzz/scripts.pb.h"

namespace brigada {
namespace {

class Silence final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, google::protobuf::io::ColumnNumber, const std::string&) override {}
};

}  // namespace

const std::vector<FuzzTarget>& FuzzTargets() {
  static const auto* const targets = new std::vector<FuzzTarget>{
      {"server_session", FuzzServerSession, NewScript<fuzz::ServerScript>},
      {"device_session", FuzzDeviceSession, NewScript<fuzz::DeviceScript>},
      {"record", FuzzRecord, NewScript<fuzz::RecordScript>},
      {"stored_bytes", FuzzStoredBytes, nullptr},
      {"device_rows", FuzzDeviceRows, NewScript<fuzz::DeviceRowsScript>},
      {"authority_rows", FuzzAuthorityRows, NewScript<fuzz::AuthorityRowsScript>},
      {"side_files", FuzzSideFiles, NewScript<fuzz::SideFilesScript>},
      {"enrollment", FuzzEnrollment, NewScript<fuzz::EnrollmentScript>},
      {"sealed_box", FuzzSealedBox, NewScript<fuzz::SealedBoxScript>},
      {"body", FuzzBody, nullptr},
      {"cursor", FuzzCursor, NewScript<fuzz::CursorScript>},
      {"invitation", FuzzInvitation, nullptr},
      {"certificate", FuzzCertificate, nullptr},
      {"sql", FuzzSql, nullptr},
      {"csv", FuzzCsv, nullptr},
      {"json", FuzzJson, nullptr},
  };
  return *targets;
}

const FuzzTarget* FindFuzzTarget(absl::string_view name) {
  for (const FuzzTarget& target : FuzzTargets())
    if (name == target.name) return &target;
  return nullptr;
}

bool ParseScript(absl::string_view input, google::protobuf::Message* script) {
  google::protobuf::TextFormat::Parser parser;
  Silence silence;
  parser.RecordErrorsTo(&silence);
  return parser.ParseFromString(std::string(input), script);
}

}  // namespace brigada
