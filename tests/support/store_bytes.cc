#include "tests/support/store_bytes.h"

#include <rocksdb/db.h>
#include <rocksdb/utilities/debug.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "replica/base/check.h"

namespace brigada {
namespace {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return absl::AsciiStrToLower(
      std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()));
}

std::vector<std::filesystem::path> FilesIn(const std::string& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  return files;
}

// Opened for reading only: nothing is tidied up by looking.
void AppendVersions(const std::string& store, std::string* all) {
  std::vector<std::string> names;
  if (!rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), store, &names).ok()) return;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.reserve(names.size());
  for (const std::string& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  CHECK(
      rocksdb::DB::OpenForReadOnly(rocksdb::DBOptions(), store, families, &handles, &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  for (rocksdb::ColumnFamilyHandle* const handle : handles) {
    std::vector<rocksdb::KeyVersion> versions;
    CHECK(rocksdb::GetAllKeyVersions(db.get(), handle, "", std::string(64, '\xff'),
                                     std::numeric_limits<size_t>::max(), &versions)
              .ok());
    for (const rocksdb::KeyVersion& version : versions) {
      absl::StrAppend(all, absl::AsciiStrToLower(version.user_key), " ",
                      absl::AsciiStrToLower(version.value), "\n");
    }
    CHECK(db->DestroyColumnFamilyHandle(handle).ok());
  }
}

}  // namespace

std::string StoreBytes(const std::string& directory) {
  std::string all;
  for (const std::filesystem::path& file : FilesIn(directory)) {
    absl::StrAppend(&all, ReadFile(file), "\n");
    if (file.filename() == "CURRENT") AppendVersions(file.parent_path(), &all);
  }
  return all;
}

std::vector<std::string> FilesThatShow(const std::string& directory, const std::string& text) {
  std::vector<std::string> showing;
  for (const std::filesystem::path& file : FilesIn(directory)) {
    if (ReadFile(file).find(text) != std::string::npos) showing.push_back(file.string());
  }
  return showing;
}

}  // namespace brigada
