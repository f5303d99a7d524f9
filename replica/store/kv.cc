#include "replica/store/kv.h"

#include "replica/base/check.h"

namespace brigada {

absl::string_view TableName(Table table) {
  switch (table) {
    case Table::kMeta:
      return "meta";
    case Table::kRecords:
      return "records";
    case Table::kFeeds:
      return "feeds";
    case Table::kIndex:
      return "index";
    case Table::kOutbox:
      return "outbox";
    case Table::kVerdicts:
      return "verdicts";
    case Table::kRejected:
      return "rejected";
    case Table::kDirectory:
      return "directory";
  }
  CHECK(false);
}

std::string PrefixEnd(absl::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace brigada
