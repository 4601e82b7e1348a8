#include "test/harness/scarce_memory.hpp"

#include <cstdlib>
#include <limits>
#include <new>

namespace kiln::test {
namespace {

struct scarcity {
  std::size_t at_least = std::numeric_limits<std::size_t>::max();
  std::size_t until_it_fails = 0;
};
thread_local scarcity here;

}  // namespace

scarce_memory::scarce_memory(std::size_t at_least, std::size_t which) noexcept {
  here = {at_least, which};
}

scarce_memory::~scarce_memory() {
  here = {};
}

bool scarce_memory::was_felt() const noexcept {
  return here.until_it_fails == 0;
}

namespace {

bool fails(std::size_t size) noexcept {
  return size >= here.at_least && here.until_it_fails > 0 && --here.until_it_fails == 0;
}

}  // namespace
}  // namespace kiln::test

// For the whole program. Both, so that a checker of memory sees pairs.
void* operator new(std::size_t size) {
  if (kiln::test::fails(size)) throw std::bad_alloc();
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
