#include "actors/worker/usual_properties.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "core/base/memory_limit.hpp"
#include "core/base/processor_limit.hpp"

namespace kiln {
namespace {

/// The kernel's word for the machine, then those of REAPI's lexicon and BuildStream, of Go and Docker, of
/// Bazel.
std::vector<std::string_view> spellings_of(std::string_view machine) {
  if (machine == "x86_64") return {machine, "x86-64", "amd64"};
  if (machine == "aarch64") return {machine, "arm-a64", "arm64"};
  if (machine == "riscv64") return {machine, "riscv-64"};
  if (machine == "ppc64le") return {machine, "power-isa-le"};
  if (machine == "ppc64") return {machine, "power-isa-be"};
  if (machine == "i686" || machine == "i586" || machine == "i386")
    return {machine, "x86-32", "x86_32", "386"};
  if (machine == "armv7l" || machine == "armv8l") return {machine, "arm-a32", "aarch32", "arm"};
  return {machine};
}

/// Machines of one kind differ by some pages, which are to make no other kind of worker of each.
std::uint64_t rounded(std::uint64_t memory) {
  constexpr std::uint64_t step = 256 << 20, much = 1 << 30;
  return memory > much ? memory - memory % step : memory;
}

}  // namespace

own_machine find_own_machine(disk& on) {
  utsname names{};
  return {::uname(&names) == 0 ? names.machine : "", find_processor_limit(on).count,
          find_memory_limit("", on).bytes};
}

platform_properties usual_properties(const own_machine& machine) {
  platform_properties all{{"OSFamily", "linux"},
                          {"OSFamily", "Linux"},
                          {"cpu", std::to_string(machine.processors)},
                          {"memory", std::to_string(rounded(machine.memory))}};
  if (!machine.kind.empty())
    for (auto spelling : spellings_of(machine.kind))
      for (const char* name : {"ISA", "Arch"}) all.emplace_back(name, spelling);
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace kiln
