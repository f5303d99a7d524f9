// All or nothing for `brigada-server init`: an organization is made in a directory of its own
// inside its directory and moved into place when it is whole.
#ifndef SERVER_INIT_DIRECTORY_H_
#define SERVER_INIT_DIRECTORY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace brigada {

//   DIR/init.unfinished/{store, server.key, ..., ca.key}     while it is made
//   DIR/{store, server.key, ..., ca.key}                     afterwards; ca.key moves last
//
// Crash: what it leaves is cleared by the next Begin, unless ca.key is in place: then all of it is.
class InitDirectory {
 public:
  // Makes `directory` (owner only) where it is missing. kAlreadyExists: an organization is there,
  // or a file that no unfinished try made; nothing was touched. kUnavailable: as the system says.
  static absl::StatusOr<InitDirectory> Begin(const std::string& directory);
  // Without Finish, removes what was made.
  ~InitDirectory();
  InitDirectory(InitDirectory&& other) noexcept;
  InitDirectory& operator=(InitDirectory&&) = delete;

  // Where to make the files.
  std::string work_path() const;
  // Moves them into place, durably. After an error nothing is left of them.
  absl::Status Finish();

 private:
  explicit InitDirectory(std::string directory) : directory_(std::move(directory)) {}

  std::string directory_;  // empty: nothing to clear
};

}  // namespace brigada

#endif  // SERVER_INIT_DIRECTORY_H_
