#include "replica/crypto/secret_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/support/status_matchers.h"

namespace brigada {
namespace {

using ::absl::StatusCode;
using ::testing::AllOf;
using ::testing::HasSubstr;

class SecretFileTest : public ::testing::Test {
 public:
  SecretFileTest() {
    std::string pattern = ::testing::TempDir() + "/secret_file_XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/ca.key";
  }
  ~SecretFileTest() override { std::filesystem::remove_all(folder_); }

 protected:
  size_t FilesInFolder() const {
    size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      static_cast<void>(entry);
      ++files;
    }
    return files;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(SecretFileTest, ReadsBackWhatWasWritten) {
  const std::string secret("key\0\xff bytes", 11);
  ASSERT_OK(WriteSecretFile(path_, secret, IfFileExists::kRefuse));
  EXPECT_THAT(ReadSecretFile(path_, 11), IsOkAndHolds(secret));
  EXPECT_EQ(FilesInFolder(), 1U);
}

TEST_F(SecretFileTest, OnlyTheOwnerMayReadItWhateverTheMask) {
  for (const mode_t mask : {mode_t{0}, mode_t{0777}}) {
    const mode_t before = ::umask(mask);
    const absl::Status written = WriteSecretFile(path_, "key", IfFileExists::kReplace);
    ::umask(before);
    ASSERT_OK(written);
    struct stat info {};
    ASSERT_EQ(::stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
  }
}

TEST_F(SecretFileTest, RefusesToOverwriteUnlessTold) {
  ASSERT_OK(WriteSecretFile(path_, "first", IfFileExists::kRefuse));
  EXPECT_THAT(WriteSecretFile(path_, "second", IfFileExists::kRefuse),
              StatusIs(StatusCode::kAlreadyExists, AllOf(HasSubstr(path_), HasSubstr("move it"))));
  EXPECT_THAT(ReadSecretFile(path_, 100), IsOkAndHolds("first"));
  ASSERT_OK(WriteSecretFile(path_, "second", IfFileExists::kReplace));
  EXPECT_THAT(ReadSecretFile(path_, 100), IsOkAndHolds("second"));
  EXPECT_EQ(FilesInFolder(), 1U);
}

TEST_F(SecretFileTest, RefusesToOverwriteADanglingLink) {
  ASSERT_EQ(::symlink("nowhere", path_.c_str()), 0);
  EXPECT_THAT(WriteSecretFile(path_, "key", IfFileExists::kRefuse),
              StatusIs(StatusCode::kAlreadyExists));
}

TEST_F(SecretFileTest, ReplacingWhatCannotBeReplacedLeavesNothingBehind) {
  std::filesystem::create_directory(path_);
  std::filesystem::create_directory(path_ + "/inside");
  EXPECT_FALSE(WriteSecretFile(path_, "key", IfFileExists::kReplace).ok());
  EXPECT_EQ(FilesInFolder(), 1U);
}

TEST_F(SecretFileTest, MissingFolderIsNamedWithTheWayOut) {
  const std::string path = folder_ + "/missing/ca.key";
  EXPECT_THAT(WriteSecretFile(path, "key", IfFileExists::kRefuse),
              StatusIs(StatusCode::kNotFound, AllOf(HasSubstr(path), HasSubstr("folder exists"))));
}

TEST_F(SecretFileTest, RelativePathIsWrittenInTheWorkingFolder) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  const absl::Status written = WriteSecretFile("ca.key", "key", IfFileExists::kRefuse);
  std::filesystem::current_path(before);
  ASSERT_OK(written);
  EXPECT_THAT(ReadSecretFile(path_, 3), IsOkAndHolds("key"));
}

TEST_F(SecretFileTest, EmptySecretIsNotWritten) {
  EXPECT_THAT(WriteSecretFile(path_, "", IfFileExists::kRefuse),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(FilesInFolder(), 0U);
}

TEST_F(SecretFileTest, MissingFileIsNotFound) {
  EXPECT_THAT(ReadSecretFile(path_, 100), StatusIs(StatusCode::kNotFound, HasSubstr(path_)));
}

TEST_F(SecretFileTest, FileOverTheBoundIsRefused) {
  ASSERT_OK(WriteSecretFile(path_, std::string(5000, 'k'), IfFileExists::kRefuse));
  EXPECT_THAT(ReadSecretFile(path_, 4999),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr(path_)));
  EXPECT_OK(ReadSecretFile(path_, 5000));
}

TEST_F(SecretFileTest, EmptyFileIsDataLoss) {
  std::ofstream(path_).flush();
  EXPECT_THAT(ReadSecretFile(path_, 100), StatusIs(StatusCode::kDataLoss, HasSubstr(path_)));
}

TEST_F(SecretFileTest, FolderAndPipeAreRefusedWithoutWaiting) {
  EXPECT_THAT(ReadSecretFile(folder_, 100), StatusIs(StatusCode::kFailedPrecondition));
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(ReadSecretFile(path_, 100), StatusIs(StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace brigada
