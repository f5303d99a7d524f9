#include "tests/compat/store_dump.h"

#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/storage.pb.h"
#include "brigada/v1/sync_service.pb.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "replica/store/device_keys.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

using google::protobuf::Message;

std::unique_ptr<Message> MetaMessage(absl::string_view key) {
  const absl::string_view name = key.substr(0, key.find('\0'));
  if (name == kWelcomeKey) return std::make_unique<v1::Welcome>();
  if (name == kCursorName) return std::make_unique<v1::Cursor>();
  if (name == "run") return std::make_unique<v1::RunRecord>();
  // Of the same name the authority keeps a number.
  if (key == kClockKey) return std::make_unique<v1::DeviceClock>();
  if (name == kOutboxHeadName) return std::make_unique<v1::OutboxHead>();
  return nullptr;
}

std::unique_ptr<Message> VerdictMessage(absl::string_view key) {
  switch (key.size() > key.find('\0') + 1 ? key[key.find('\0') + 1] : '\0') {
    case 'p':
      return std::make_unique<v1::ReplicaProgress>();
    case 's':
      return std::make_unique<v1::StoredVerdict>();
    case 'd':
      return std::make_unique<v1::Dot>();
    default:
      return nullptr;
  }
}

// What the value is; null when it is no message.
std::unique_ptr<Message> MessageOf(Table table, absl::string_view key) {
  switch (table) {
    case Table::kMeta:
      return MetaMessage(key);
    case Table::kRecords:
      return std::make_unique<v1::StoredRecord>();
    case Table::kFeeds:
      return std::make_unique<v1::FeedEntry>();
    case Table::kOutbox:
      return std::make_unique<v1::OutboxChangeSet>();
    case Table::kVerdicts:
      return VerdictMessage(key);
    case Table::kRejected:
      return std::make_unique<v1::RejectedChangeSet>();
    case Table::kIndex:
    case Table::kDirectory:
      break;
  }
  return nullptr;
}

std::string TextOf(Table table, absl::string_view key, absl::string_view value) {
  const std::unique_ptr<Message> message = MessageOf(table, key);
  const bool is_number = table == Table::kMeta && key == kClockKey && value.size() == 8;
  std::string text;
  if (message != nullptr && !is_number) {
    EXPECT_TRUE(message->ParseFromArray(value.data(), static_cast<int>(value.size())));
    EXPECT_TRUE(google::protobuf::TextFormat::PrintToString(*message, &text));
    return text;
  }
  return value.empty() ? "" : absl::StrCat(absl::CHexEscape(value), "\n");
}

}  // namespace

std::vector<DumpedValue> DumpStore(const KvReader& reader) {
  std::vector<DumpedValue> values;
  for (int i = 0; i < kTableCount; ++i) {
    const auto table = static_cast<Table>(i);
    const auto it = reader.Iterate(table, "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      values.push_back({absl::StrCat(TableName(table), " ", absl::CHexEscape(it->key())),
                        TextOf(table, it->key(), it->value()), std::string(it->value())});
    }
    EXPECT_TRUE(it->status().ok()) << it->status();
  }
  return values;
}

}  // namespace brigada
