#ifndef TESTS_UNIT_SCHEMA_SAMPLE_TYPES_H_
#define TESTS_UNIT_SCHEMA_SAMPLE_TYPES_H_

#include "replica/schema/registry.h"
#include "tests/support/testing.pb.h"

namespace brigada {

// The registry of the types in tests/support/testing.proto.
inline const Registry& SampleRegistry() {
  static const Registry& registry =
      *Registry::Build({testing::Sample::descriptor(), testing::SampleAppend::descriptor(),
                        testing::SamplePair::descriptor(), testing::SampleNotice::descriptor()})
           .value()
           .release();
  return registry;
}

inline const RecordType& SampleType() { return *SampleRegistry().FindByName("Sample"); }

}  // namespace brigada

#endif  // TESTS_UNIT_SCHEMA_SAMPLE_TYPES_H_
