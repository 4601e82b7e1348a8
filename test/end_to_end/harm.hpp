#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

/// What happens to the files of a filesystem store while nobody looks.
namespace kiln::end_to_end {

/// Some bytes of a file.
struct stretch {
  std::filesystem::path file;
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
};

/// Another value of one bit. `rots`: the file's times stay as they were, as on a disk that rots.
void flip_bit(const stretch& within, std::mt19937_64& chance, bool rots);
/// The file ends somewhere in there.
void cut_within(const stretch& within, std::mt19937_64& chance);
/// Both have the same size, unless each is the whole of its file.
void exchange(const stretch& one, const stretch& other);

/// Files in the folder and below whose names end so.
std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder,
                                               const std::string& ending = {});
std::string content_of(const stretch& which);
stretch whole_of(const std::filesystem::path& file);

}  // namespace kiln::end_to_end
