// Where a record belongs: a path in the territory tree such as "MX", "MX/20" (Oaxaca) or
// "MX/20/067" (Oaxaca de Juárez).
#ifndef REPLICA_SCHEMA_SCOPE_H_
#define REPLICA_SCHEMA_SCOPE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace brigada {

// A well-formed path: "MX", then segments of capital letters and digits. Whether the place exists
// is the catalogue's business (replica/territory), not this class's. An empty Scope names nothing.
class Scope {
 public:
  Scope() = default;
  // kInvalidArgument naming what is wrong: empty, another root, a bad segment, too deep.
  static absl::StatusOr<Scope> Parse(absl::string_view path);
  // True for "MX" and for a state as the catalogue writes it, two digits ("MX/20"): nothing else is
  // a partition, so there are never more of them than a server can keep.
  static bool IsPartition(absl::string_view path);

  const std::string& path() const { return path_; }
  bool empty() const { return path_.empty(); }
  // 1 for the nation, 2 for a state, 3 for a municipality...
  int depth() const;
  // The first two levels: the unit of commit and ordering. Of the nation: the nation itself.
  absl::string_view partition() const;
  // True when `other` is this scope or lies below it.
  bool Contains(const Scope& other) const;
  // This scope's path cut to `depth` levels; `depth` <= depth().
  Scope Ancestor(int depth) const;
  // The levels inside its partition, from the partition's own scope down to this one ("MX/20",
  // "MX/20/067"). For the nation: itself.
  std::vector<Scope> LevelsInPartition() const;

  friend bool operator==(const Scope& a, const Scope& b) { return a.path_ == b.path_; }
  friend bool operator!=(const Scope& a, const Scope& b) { return a.path_ != b.path_; }
  friend bool operator<(const Scope& a, const Scope& b) { return a.path_ < b.path_; }

 private:
  explicit Scope(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace brigada

#endif  // REPLICA_SCHEMA_SCOPE_H_
