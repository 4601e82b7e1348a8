#include "plugins/stores/filesystem/shared/network_folder.hpp"

#include <array>

namespace kiln::filesystem {
namespace {

struct known_system {
  std::uint64_t number;
  std::string_view name;
};

constexpr std::array<known_system, 11> known{{
    {0x00006969, "NFS"},
    {0xff534d42, "CIFS"},
    {0xfe534d42, "SMB2"},
    {0x0000517b, "SMB"},
    {0x01021997, "9p"},
    {0x65735546, "FUSE"},
    {0x00c36400, "Ceph"},
    {0x0bd00bd0, "Lustre"},
    {0x5346414f, "AFS"},
    {0x6b414653, "AFS"},
    {0x47504653, "GPFS"},
}};

}  // namespace

std::string_view network_file_system(std::uint64_t number) noexcept {
  for (const auto& one : known)
    if (one.number == number) return one.name;
  return {};
}

}  // namespace kiln::filesystem
