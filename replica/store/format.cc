#include "replica/store/format.h"

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "replica/base/status_macros.h"
#include "replica/store/keys.h"

namespace brigada {
namespace {

absl::string_view NameOf(char kind) {
  switch (static_cast<StoreKind>(kind)) {
    case StoreKind::kAuthority:
      return "a server";
    case StoreKind::kDevice:
      return "a device";
  }
  return "";
}

absl::Status CheckEmpty(const KvReader& reader) {
  for (int i = 0; i < kTableCount; ++i) {
    auto it = reader.Iterate(static_cast<Table>(i), "", "");
    it->SeekToFirst();
    if (it->Valid())
      return absl::DataLossError("open store: it holds data but no format version; restore it");
    RETURN_IF_ERROR(it->status());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> CheckFormat(const KvReader& reader, StoreKind kind) {
  ASSIGN_OR_RETURN(const std::optional<std::string> format, reader.Get(Table::kMeta, kFormatKey));
  if (!format.has_value()) {
    RETURN_IF_ERROR(CheckEmpty(reader));
    return false;
  }
  uint32_t version = 0;
  if (format->size() < 2 || NameOf((*format)[0]).empty() ||
      !absl::SimpleAtoi(absl::string_view(*format).substr(1), &version) || version == 0) {
    return absl::DataLossError("open store: its format version cannot be read; restore it");
  }
  if ((*format)[0] != static_cast<char>(kind)) {
    return absl::FailedPreconditionError(
        absl::StrCat("open store: this is the store of ", NameOf((*format)[0]), ", not of ",
                     NameOf(static_cast<char>(kind)), "; choose another directory"));
  }
  if (version > kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("open store: it has format ", version, ", this program reads up to format ",
                     kFormatVersion, "; install a newer version of Brigada"));
  }
  return true;
}

void PutFormat(StoreKind kind, KvBatch* batch) {
  batch->Put(Table::kMeta, std::string(kFormatKey),
             absl::StrCat(std::string(1, static_cast<char>(kind)), kFormatVersion));
}

}  // namespace brigada
