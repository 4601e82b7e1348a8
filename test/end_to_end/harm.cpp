#include "test/end_to_end/harm.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace kiln::end_to_end {
namespace fs = std::filesystem;
namespace {

// Blobs are read-only, which keeps nobody with root from anything, and others not from changing that first.
void make_writable(const fs::path& file) {
  fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
}

void overwrite(const stretch& where, const std::string& content) {
  make_writable(where.file);
  std::fstream file(where.file, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(where.begin));
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.flush()) throw std::runtime_error("nothing could be written to " + where.file.string());
}

}  // namespace

void flip_bit(const stretch& within, std::mt19937_64& chance, bool rots) {
  const auto written = fs::last_write_time(within.file);
  const stretch one{within.file, within.begin + chance() % within.size, 1};
  auto letter = content_of(one);
  letter.front() = static_cast<char>(letter.front() ^ (1 << chance() % 8));
  overwrite(one, letter);
  if (rots) fs::last_write_time(within.file, written);
}

void cut_within(const stretch& within, std::mt19937_64& chance) {
  make_writable(within.file);
  fs::resize_file(within.file, within.begin + chance() % within.size);
}

void exchange(const stretch& one, const stretch& other) {
  const auto first = content_of(one), second = content_of(other);
  overwrite(one, second);
  overwrite(other, first);
  if (first.size() == second.size()) return;
  fs::resize_file(one.file, second.size());
  fs::resize_file(other.file, first.size());
}

std::vector<fs::path> files_below(const fs::path& folder, const std::string& ending) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().string().ends_with(ending)) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

std::string content_of(const stretch& which) {
  std::string content(which.size, '\0');
  std::ifstream file(which.file, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(which.begin));
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(file.gcount()));
  return content;
}

stretch whole_of(const fs::path& file) {
  return {file, 0, fs::file_size(file)};
}

}  // namespace kiln::end_to_end
