#include "tests/crash/failing_allocation.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<uint64_t> allocations{0};
std::atomic<uint64_t> failing_allocation{UINT64_MAX};

void* Allocate(std::size_t size) {
  return ++allocations == failing_allocation ? nullptr : std::malloc(size == 0 ? 1 : size);
}

}  // namespace

void* operator new(std::size_t size) {
  void* const memory = Allocate(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t size, const std::nothrow_t& /*nothrow*/) noexcept {
  return Allocate(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

namespace brigada {

void FailAllocation(uint64_t nth) {
  allocations = 0;
  failing_allocation = nth;
}

uint64_t CountAllocations() { return allocations; }

}  // namespace brigada
