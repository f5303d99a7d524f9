// Replaces the program's allocation functions by ones of which one call can be made to fail.
#ifndef TESTS_CRASH_FAILING_ALLOCATION_H_
#define TESTS_CRASH_FAILING_ALLOCATION_H_

#include <cstdint>

namespace brigada {

// Of the allocations from now on, of any thread, the `nth` fails: new throws std::bad_alloc.
void FailAllocation(uint64_t nth);
// Since then.
uint64_t CountAllocations();

}  // namespace brigada

#endif  // TESTS_CRASH_FAILING_ALLOCATION_H_
