#include "actors/worker/usual_properties.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace kiln {
namespace {

/// The kernel's word for the machine, then those of REAPI's lexicon, of Go and Docker, of Bazel.
std::vector<std::string_view> spellings_of(std::string_view machine) {
  if (machine == "x86_64") return {machine, "x86-64", "amd64"};
  if (machine == "aarch64") return {machine, "arm-a64", "arm64"};
  if (machine == "riscv64") return {machine, "riscv-64"};
  if (machine == "ppc64le") return {machine, "power-isa-le"};
  return {machine};
}

}  // namespace

platform_properties usual_properties() {
  platform_properties all{{"OSFamily", "linux"}, {"OSFamily", "Linux"}};
  utsname machine{};
  if (::uname(&machine) == 0)
    for (auto spelling : spellings_of(machine.machine))
      for (const char* name : {"ISA", "Arch"}) all.emplace_back(name, spelling);
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace kiln
