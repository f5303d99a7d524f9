#ifndef TESTS_SUPPORT_SCRATCH_DIRECTORY_H_
#define TESTS_SUPPORT_SCRATCH_DIRECTORY_H_

#include <string>

#include "absl/strings/string_view.h"

namespace brigada {

// A directory that is removed with what is in it.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  std::string operator/(absl::string_view name) const;

 private:
  std::string path_;
};

}  // namespace brigada

#endif  // TESTS_SUPPORT_SCRATCH_DIRECTORY_H_
