// What the caller of a query may read. Inside replica/query only.
#ifndef REPLICA_QUERY_RECORD_ACCESS_H_
#define REPLICA_QUERY_RECORD_ACCESS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "replica/query/query.h"
#include "replica/schema/registry.h"
#include "replica/schema/scope.h"
#include "replica/store/read_view.h"

namespace brigada {

// A part of the tree that is read as one: a subtree, or the records of exactly one scope.
struct Region {
  Scope scope;
  bool exact = false;

  bool Holds(absl::string_view path) const;
};

// ReadAccess made ready: immutable, and the same for every table of a query.
class RecordAccess {
 public:
  // Feeds with a malformed scope or an unknown kind give nothing.
  explicit RecordAccess(const ReadAccess& access);

  // The highest class readable of a record at `path`; DATA_CLASS_UNSPECIFIED: the record is not
  // there for this caller.
  v1::DataClass ReadableClass(absl::string_view path) const;
  // The class up to which `record` is readable, or UNSPECIFIED when it does not appear at all.
  v1::DataClass ReadableClass(const RecordType& type, const RecordView& record) const;
  // The highest class of any feed: what lies above it is NULL in every row.
  v1::DataClass max_class() const { return max_class_; }
  bool everything() const { return everything_; }
  // Disjoint regions that hold every readable record. The nation's subtree when all is readable.
  const std::vector<Region>& regions() const { return regions_; }

 private:
  struct Grant {
    Region region;
    v1::DataClass max_class;
  };
  void AddRegion(const Region& region);

  const bool everything_;
  v1::DataClass max_class_ = v1::DATA_CLASS_UNSPECIFIED;
  std::vector<Grant> grants_;
  std::vector<Region> regions_;
};

// `regions` cut down to what lies in `wanted`.
std::vector<Region> Intersect(const std::vector<Region>& regions, const Region& wanted);

// The state's and municipality's INEGI keys of a scope path: "20" and "20067" of "MX/20/067/0001".
// Empty when the scope lies above that level.
std::string StateKeyOf(absl::string_view path);
std::string MunicipalityKeyOf(absl::string_view path);

}  // namespace brigada

#endif  // REPLICA_QUERY_RECORD_ACCESS_H_
