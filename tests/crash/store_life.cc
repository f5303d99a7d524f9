#include "tests/crash/store_life.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "brigada/v1/storage.pb.h"
#include "replica/base/status_macros.h"
#include "replica/store/mirrored_kv.h"
#include "replica/store/rocks_kv.h"
#include "tests/support/lent_kv.h"

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

std::string& RealDirectory() {
  static std::string* const directory = std::make_unique<std::string>().release();
  return *directory;
}

// The heads of a run are a map, which has more than one encoding.
std::string Canonical(Table table, absl::string_view key, std::string value) {
  if (table != Table::kMeta || !absl::StartsWith(key, absl::string_view("run\0", 4))) return value;
  v1::RunRecord run;
  if (!run.ParseFromString(value)) return value;
  std::map<std::string, uint64_t> heads(run.heads().begin(), run.heads().end());
  std::string text = absl::StrCat(run.run(), " ", run.started_ms());
  for (const auto& [partition, head] : heads) absl::StrAppend(&text, " ", partition, " ", head);
  return text;
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

absl::StatusOr<std::unique_ptr<Kv>> OpenDisk(FaultEnv& env, SyncMode mode, StoreKind kind) {
  const RocksKvOptions options{.path = PathOnDisk("/store"),
                               .create_if_missing = true,
                               .env = RealDirectory().empty() ? env.env() : nullptr};
  ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv,
                   kind == StoreKind::kDevice ? OpenMirroredKv(options) : OpenRocksKv(options));
  if (mode == SyncMode::kNever) return std::make_unique<ForgetfulKv>(std::move(kv));
  return kv;
}

}  // namespace brigada
