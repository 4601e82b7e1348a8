#include "test/end_to_end/shared_ledger.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>

namespace kiln::end_to_end {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

shared_ledger& open_ledger(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ::ftruncate(file, sizeof(shared_ledger)) != 0)
    throw std::runtime_error("no ledger at " + path);
  void* there = ::mmap(nullptr, sizeof(shared_ledger), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (there == MAP_FAILED) throw std::runtime_error("the ledger cannot be mapped: " + path);
  return *static_cast<shared_ledger*>(there);
}

}  // namespace kiln::end_to_end
