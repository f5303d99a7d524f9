#include "replica/store/schema_version.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace brigada {
namespace {

constexpr absl::string_view kPrefix = "schema=";

}  // namespace

std::string SchemaFeature(uint32_t version) { return absl::StrCat(kPrefix, version); }

uint32_t SchemaVersionIn(const v1::Welcome& welcome) {
  for (absl::string_view feature : welcome.features()) {
    uint32_t version = 0;
    if (absl::ConsumePrefix(&feature, kPrefix) && absl::SimpleAtoi(feature, &version))
      return version;
  }
  return 1;
}

}  // namespace brigada
