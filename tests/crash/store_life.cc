#include "tests/crash/store_life.h"

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/storage.pb.h"
#include "replica/base/status_macros.h"
#include "replica/store/mirrored_kv.h"
#include "replica/store/rocks_kv.h"
#include "tests/support/lent_kv.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/store_bytes.h"

namespace brigada {
namespace {

// A disk whose writes never sync: what a store without its fsyncs would be.
class ForgetfulKv final : public LentKv {
 public:
  using LentKv::LentKv;
  absl::Status Write(const KvBatch& batch, Durability) override {
    return LentKv::Write(batch, Durability::kMemory);
  }
};

// Tells of each write, once it is made.
class WatchedKv final : public LentKv {
 public:
  WatchedKv(std::shared_ptr<Kv> kv, OnWrite on_write)
      : LentKv(std::move(kv)), on_write_(std::move(on_write)) {}
  absl::Status Write(const KvBatch& batch, Durability durability) override {
    RETURN_IF_ERROR(LentKv::Write(batch, durability));
    on_write_(*this);
    return absl::OkStatus();
  }

 private:
  const OnWrite on_write_;
};

std::string& RealDirectory() {
  static std::string* const directory = std::make_unique<std::string>().release();
  return *directory;
}

std::string TextOf(const google::protobuf::Map<std::string, uint64_t>& heads) {
  std::string text;
  for (const auto& [partition, head] : std::map<std::string, uint64_t>(heads.begin(), heads.end()))
    absl::StrAppend(&text, " ", partition, " ", head);
  return text;
}

// The heads of a run and of an epoch are a map, which has more than one encoding.
std::string Canonical(Table table, absl::string_view key, std::string value) {
  if (table != Table::kMeta) return value;
  v1::RunRecord run;
  v1::EpochRecord epoch;
  if (absl::StartsWith(key, absl::string_view("run\0", 4)) && run.ParseFromString(value))
    return absl::StrCat(run.run(), " ", run.started_ms(), TextOf(run.heads()));
  if (absl::StartsWith(key, absl::string_view("epochs\0", 7)) && epoch.ParseFromString(value)) {
    const std::string parted = TextOf(epoch.parted());
    epoch.clear_parted();
    return absl::StrCat(epoch.SerializeAsString(), parted);
  }
  return value;
}

}  // namespace

absl::StatusOr<StoreContent> ReadContent(const KvReader& reader) {
  StoreContent content;
  for (size_t i = 0; i < content.size(); ++i) {
    const auto table = static_cast<Table>(i);
    const auto it = reader.Iterate(table, "", "");
    for (it->SeekToFirst(); it->Valid(); it->Next())
      content[i].emplace(std::string(it->key()), std::string(it->value()));
    RETURN_IF_ERROR(it->status());
    for (const auto& [key, value] : content[i]) {
      ASSIGN_OR_RETURN(const std::optional<std::string> found, reader.Get(table, key));
      if (found != value) return absl::InternalError("a scan and a read differ");
    }
    for (auto& [key, value] : content[i]) value = Canonical(table, key, std::move(value));
  }
  return content;
}

void LiveOnRealFiles(std::string directory) { RealDirectory() = std::move(directory); }

std::string PathOnDisk(const std::string& path) { return RealDirectory() + path; }

absl::StatusOr<std::unique_ptr<Kv>> OpenDisk(FaultEnv& env, SyncMode mode, StoreKind kind,
                                             OnWrite on_write) {
  const RocksKvOptions options{.path = PathOnDisk("/store"),
                               .create_if_missing = true,
                               .env = RealDirectory().empty() ? env.env() : nullptr};
  ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv,
                   kind == StoreKind::kDevice ? OpenMirroredKv(options) : OpenRocksKv(options));
  if (on_write) kv = std::make_unique<WatchedKv>(std::move(kv), std::move(on_write));
  if (mode == SyncMode::kNever) return std::make_unique<ForgetfulKv>(std::move(kv));
  return kv;
}

std::string BytesOnDisk(const FaultDisk& disk, const std::string& directory) {
  const ScratchDirectory copy;
  for (const auto& [path, content] : disk.Save()) {
    if (!content.has_value() || !absl::StartsWith(path, directory + "/")) continue;
    const std::filesystem::path to = copy / path.substr(1);
    std::filesystem::create_directories(to.parent_path());
    std::ofstream(to, std::ios::binary) << *content;
  }
  return StoreBytes(copy / directory.substr(1));
}

absl::StatusOr<bool> IsInTables(const KvReader& reader, const std::string& text) {
  ASSIGN_OR_RETURN(const StoreContent content, ReadContent(reader));
  for (const std::map<std::string, std::string>& table : content) {
    for (const auto& [key, value] : table) {
      if (absl::StrContains(absl::AsciiStrToLower(absl::StrCat(key, " ", value)), text))
        return true;
    }
  }
  return false;
}

}  // namespace brigada
