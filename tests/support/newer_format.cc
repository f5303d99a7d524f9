// Makes a closed store look as if a later version had written it, or, with --undo, as it was:
// newer_format STORE [--undo].
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "replica/store/format.h"
#include "replica/store/keys.h"
#include "replica/store/rocks_kv.h"

int main(int argc, char** argv) {
  const bool undo = argc == 3 && absl::string_view(argv[2]) == "--undo";
  if (argc != 2 && !undo) return 2;
  brigada::RocksKvOptions options;
  options.path = argv[1];
  options.create_if_missing = false;
  absl::StatusOr<std::unique_ptr<brigada::Kv>> kv = brigada::OpenRocksKv(options);
  if (!kv.ok()) {
    std::fprintf(stderr, "%s\n", std::string(kv.status().message()).c_str());
    return 1;
  }
  const absl::StatusOr<std::optional<std::string>> now =
      (*kv)->Get(brigada::Table::kMeta, brigada::kFormatKey);
  if (!now.ok() || !now->has_value()) return 1;
  brigada::KvBatch batch;
  batch.Put(brigada::Table::kMeta, std::string(brigada::kFormatKey),
            absl::StrCat((*now)->substr(0, 1),
                         undo ? brigada::kFormatVersion : brigada::kFormatVersion + 1));
  return (*kv)->Write(batch, brigada::Durability::kSync).ok() ? 0 : 1;
}
