// Every message of proto/brigada/v1 with every field set: bytes of earlier versions are read, with
// nothing left over, and written again as they were.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "brigada/v1/administration_service.pb.h"
#include "brigada/v1/change.pb.h"
#include "brigada/v1/client_identity.pb.h"
#include "brigada/v1/common.pb.h"
#include "brigada/v1/conflict.pb.h"
#include "brigada/v1/enrollment_service.pb.h"
#include "brigada/v1/event.pb.h"
#include "brigada/v1/outbox_mirror.pb.h"
#include "brigada/v1/person.pb.h"
#include "brigada/v1/record_state.pb.h"
#include "brigada/v1/storage.pb.h"
#include "brigada/v1/sync_service.pb.h"
#include "brigada/v1/territory.pb.h"
#include "brigada/v1/visit.pb.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/compat/filled_message.h"
#include "tests/compat/golden_file.h"

namespace brigada {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::util::MessageDifferencer;

constexpr absl::string_view kAbout =
    "Every message of proto/brigada/v1, every field set, in the text format of protocol buffers.\n"
    "A message with a oneof has an entry for each alternative.";

// annotations.proto is not among them: it describes types and is never sent or stored.
std::vector<const FileDescriptor*> Files() {
  return {v1::DeviceRecord::descriptor()->file(),   v1::Change::descriptor()->file(),
          v1::ClientIdentity::descriptor()->file(), v1::Date::descriptor()->file(),
          v1::Conflict::descriptor()->file(),       v1::Invitation::descriptor()->file(),
          v1::Event::descriptor()->file(),          v1::MirroredWrites::descriptor()->file(),
          v1::Person::descriptor()->file(),         v1::RecordState::descriptor()->file(),
          v1::StoredRecord::descriptor()->file(),   v1::Hello::descriptor()->file(),
          v1::Territory::descriptor()->file(),      v1::Visit::descriptor()->file()};
}

void Collect(const Descriptor* type, std::vector<const Descriptor*>* types) {
  if (type->options().map_entry()) return;
  types->push_back(type);
  for (int i = 0; i < type->nested_type_count(); ++i) Collect(type->nested_type(i), types);
}

std::vector<const Descriptor*> Types() {
  std::vector<const Descriptor*> types;
  for (const FileDescriptor* file : Files())
    for (int i = 0; i < file->message_type_count(); ++i) Collect(file->message_type(i), &types);
  return types;
}

std::string TextOf(const Message& message) {
  std::string text;
  EXPECT_TRUE(google::protobuf::TextFormat::PrintToString(message, &text));
  return text;
}

std::unique_ptr<Message> EmptyMessage(const std::string& entry) {
  const std::string type = entry.substr(0, entry.find(' '));
  const Descriptor* const descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(type);
  if (descriptor == nullptr) return nullptr;
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
}

TEST(GoldenMessagesTest, AllFilesOfTheContractAreCovered) {
  size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(absl::StrCat(BRIGADA_SOURCE_DIR, "/proto/brigada/v1")))
    files += entry.path().extension() == ".proto" ? 1 : 0;
  EXPECT_EQ(files, Files().size() + 1) << "beside annotations.proto";
}

TEST(GoldenMessagesTest, EveryFieldHasGoldenBytes) {
  GoldenFile golden("messages.txt", kAbout);
  for (const Descriptor* type : Types()) {
    for (const auto& [name, message] : FilledMessages(type))
      golden.Expect(name, TextOf(*message), DeterministicBytes(*message));
  }
  golden.Finish();
}

TEST(GoldenMessagesTest, GoldenBytesSayWhatTheirTextSays) {
  if (IsRegenerating()) GTEST_SKIP();
  const GoldenFile golden("messages.txt", kAbout);
  ASSERT_FALSE(golden.names().empty());
  for (const std::string& name : golden.names()) {
    const GoldenEntry& entry = *golden.Find(name);
    const std::unique_ptr<Message> read = EmptyMessage(name);
    const std::unique_ptr<Message> said = EmptyMessage(name);
    ASSERT_NE(read, nullptr) << name;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(entry.text, said.get())) << name;
    EXPECT_TRUE(read->ParseFromString(entry.bytes)) << name;
    // Unknown fields count as a difference.
    EXPECT_TRUE(MessageDifferencer::Equals(*read, *said)) << name << ": " << TextOf(*read);
    EXPECT_EQ(DeterministicBytes(*read), entry.bytes) << name;
  }
}

}  // namespace
}  // namespace brigada
