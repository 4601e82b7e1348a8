#include "core/base/descriptors.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>

namespace kiln {
namespace {

constexpr std::uint64_t max_for_connections = 1024;
// Libraries, logs, the event loops of gRPC and of the actors.
constexpr std::uint64_t for_the_process = 128;

std::atomic<std::uint64_t> inherited{0};
std::atomic<std::uint64_t> allowed{0};
std::atomic<std::uint64_t> expected_in_all{0};

std::uint64_t soft_limit() noexcept {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : UINT64_MAX;
}

}  // namespace

void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  std::uint64_t none = 0;
  inherited.compare_exchange_strong(none, limit.rlim_cur);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  note_descriptor_limit();
}

void note_descriptor_limit() noexcept {
  allowed = soft_limit();
}

std::uint64_t descriptor_limit() noexcept {
  auto known = allowed.load();
  return known != 0 ? known : soft_limit();
}

std::uint64_t inherited_descriptor_limit() noexcept {
  auto known = inherited.load();
  return known != 0 ? known : soft_limit();
}

std::uint64_t descriptors_for_files() noexcept {
  // Before the limit is known there is none of ours.
  auto known = allowed.load(std::memory_order_relaxed);
  return known == 0 ? UINT64_MAX : known - std::min(known / 4, max_for_connections);
}

void expect_descriptors(std::uint64_t more) noexcept {
  expected_in_all += more;
}

std::uint64_t descriptors_needed() noexcept {
  return expected_in_all.load() + max_for_connections + for_the_process;
}

}  // namespace kiln
