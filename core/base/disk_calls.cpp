#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "core/base/disk.hpp"

namespace kiln {

std::string absolute_path(const std::string& path) {
  std::error_code ignored;
  auto whole = std::filesystem::absolute(path, ignored).lexically_normal().string();
  while (whole.size() > 1 && whole.back() == '/') whole.pop_back();
  return whole;
}

disk_result<void> make_folders(disk& on, const std::string& path, unsigned mode) {
  for (std::size_t end = 0; end != path.size();) {
    end = std::min(path.find('/', end + 1), path.size());
    const auto part = path.substr(0, end);
    auto made = on.make_folder(descriptor(), part.c_str(), mode);
    // Above it there may be folders that are there and not ours to write to.
    if (!made && made.error().number != EEXIST && !on.facts(descriptor(), part.c_str())) return made;
  }
  return {};
}

disk_result<std::vector<std::string>> names_in(disk& on, const descriptor& folder, std::size_t most) {
  std::vector<std::string> names;
  auto listed = on.list(folder, [&](std::string_view name, file_kind) {
    if (names.size() < most) names.emplace_back(name);
    return names.size() < most;
  });
  if (!listed) return tl::unexpected(listed.error());
  std::sort(names.begin(), names.end());
  return names;
}

disk_result<void> write_all(disk& to, const descriptor& file, std::string_view content,
                            std::uint64_t offset) {
  iovec piece{const_cast<char*>(content.data()), content.size()};  // written from, never to
  return write_all(to, file, {&piece, 1}, offset);
}

disk_result<void> write_all(disk& to, const descriptor& file, std::span<const iovec> pieces,
                            std::uint64_t offset) {
  std::vector<iovec> rest;  // only after a short write
  while (!pieces.empty()) {
    if (pieces.front().iov_len == 0) {
      pieces = pieces.subspan(1);
      continue;
    }
    auto count = to.write(file, pieces, offset);
    if (!count) return tl::unexpected(count.error());
    if (*count == 0) return tl::unexpected(disk_error{ENOSPC});
    offset += *count;
    std::size_t done = *count;
    while (!pieces.empty() && done >= pieces.front().iov_len) {
      done -= pieces.front().iov_len;
      pieces = pieces.subspan(1);
    }
    if (done == 0) continue;
    if (rest.empty()) {
      rest.assign(pieces.begin(), pieces.end());
      pieces = rest;
    }
    auto& cut = rest[rest.size() - pieces.size()];
    cut.iov_base = static_cast<char*>(cut.iov_base) + done;
    cut.iov_len -= done;
  }
  return {};
}

disk_result<std::size_t> read_all(disk& from, const descriptor& file, std::span<char> into,
                                  std::uint64_t offset) {
  std::size_t done = 0;
  while (done < into.size()) {
    auto count = from.read(file, into.subspan(done), offset + done);
    if (!count) return tl::unexpected(count.error());
    if (*count == 0) break;
    done += *count;
  }
  return done;
}

}  // namespace kiln
