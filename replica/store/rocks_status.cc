#include "replica/store/rocks_status.h"

#include <rocksdb/status.h>

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "replica/store/unreadable_disk.h"

namespace brigada {
namespace {

// The system's other ways to say that there is no room; RocksDB keeps only their words.
bool IsOverQuota(const rocksdb::Status& status) {
  if (!status.IsIOError()) return false;
  const std::string text = status.ToString();
  return absl::StrContains(text, "Disk quota exceeded") ||
         absl::StrContains(text, "File too large");
}

absl::StatusCode CodeOf(const rocksdb::Status& status) {
  // Every kind of "no room" has its own subcode under a different code.
  if (status.IsNoSpace() || status.IsMemoryLimit() ||
      status.subcode() == rocksdb::Status::SubCode::kSpaceLimit || IsOverQuota(status)) {
    return absl::StatusCode::kResourceExhausted;
  }
  if (status.IsPathNotFound()) return absl::StatusCode::kNotFound;
  switch (status.code()) {
    case rocksdb::Status::kOk:
      return absl::StatusCode::kOk;
    case rocksdb::Status::kNotFound:
      return absl::StatusCode::kNotFound;
    case rocksdb::Status::kCorruption:
      return absl::StatusCode::kDataLoss;
    case rocksdb::Status::kNotSupported:
      return absl::StatusCode::kUnimplemented;
    case rocksdb::Status::kInvalidArgument:
      return absl::StatusCode::kInvalidArgument;
    case rocksdb::Status::kAborted:
      return absl::StatusCode::kAborted;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

absl::string_view WayOut(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kResourceExhausted:
      return "; free some space on the disk: nothing that was acknowledged is lost";
    case absl::StatusCode::kDataLoss:
      return "; files of the store are damaged: keep the directory as it is and restore a backup "
             "or "
             "sync into a new one";
    default:
      return "";
  }
}

// What systems say of a block that a disk does not give back, or not as it was written.
constexpr absl::string_view kDiskWords[] = {"Input/output error", "Remote I/O error",
                                            "Structure needs cleaning", "Bad message"};

}  // namespace

bool IsUnreadableDisk(const absl::Status& status) {
  return absl::IsUnavailable(status) &&
         std::any_of(std::begin(kDiskWords), std::end(kDiskWords), [&](absl::string_view words) {
           return absl::StrContains(status.message(), words);
         });
}

absl::Status ToStatus(const rocksdb::Status& status, absl::string_view attempted) {
  if (status.ok()) return absl::OkStatus();
  const absl::StatusCode code = CodeOf(status);
  return absl::Status(code, absl::StrCat(attempted, ": ", status.ToString(), WayOut(code)));
}

}  // namespace brigada
