#include "tests/unit/merge/domain_registry.h"

#include <utility>
#include <vector>

#include "replica/base/check.h"
#include "tests/support/domain_types.pb.h"

namespace brigada {

const Registry& DomainRegistry() {
  static const Registry& registry = *[] {
    std::vector<const google::protobuf::Descriptor*> descriptors;
    for (const RecordType* type : Registry::BuiltIn().types())
      descriptors.push_back(type->descriptor());
    for (const auto* descriptor :
         {testing::Membership::descriptor(), testing::ConsentStanding::descriptor(),
          testing::ProposalVersion::descriptor(), testing::ProposalDraft::descriptor(),
          testing::VersionAmendment::descriptor(), testing::VersionSupport::descriptor(),
          testing::TaskSheet::descriptor(), testing::PersonMerge::descriptor()})
      descriptors.push_back(descriptor);
    auto built = Registry::Build(descriptors);
    CHECK(built.ok());
    return std::move(built).value().release();
  }();
  return registry;
}

}  // namespace brigada
