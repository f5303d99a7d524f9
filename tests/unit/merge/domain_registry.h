// The built-in record types, and those of tests/support/domain_types.proto.
#ifndef TESTS_UNIT_MERGE_DOMAIN_REGISTRY_H_
#define TESTS_UNIT_MERGE_DOMAIN_REGISTRY_H_

#include "replica/schema/registry.h"

namespace brigada {

const Registry& DomainRegistry();

}  // namespace brigada

#endif  // TESTS_UNIT_MERGE_DOMAIN_REGISTRY_H_
