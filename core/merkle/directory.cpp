#include "core/merkle/directory.hpp"

#include <string_view>
#include <unordered_set>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/merkle/paths.hpp"

namespace kiln {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

template <class Nodes>
expected<void> check_names(const Nodes& nodes, std::unordered_set<std::string_view>& seen) {
  std::string_view last;
  for (const auto& node : nodes) {
    std::string_view name = node.name();
    if (auto fine = check_entry_name(name); !fine) return fine;
    if (name < last)
      return fail(errc::invalid_argument, "directory not sorted: \"{}\" stands behind \"{}\"", name, last);
    if (!seen.insert(name).second)
      return fail(errc::invalid_argument, "directory has two entries named \"{}\"", name);
    last = name;
  }
  return {};
}

}  // namespace

expected<void> validate_directory(const v2::Directory& directory) {
  std::unordered_set<std::string_view> seen;
  seen.reserve(static_cast<std::size_t>(directory.files_size() + directory.directories_size() +
                                        directory.symlinks_size()));
  if (auto fine = check_names(directory.files(), seen); !fine) return fine;
  if (auto fine = check_names(directory.directories(), seen); !fine) return fine;
  if (auto fine = check_names(directory.symlinks(), seen); !fine) return fine;
  for (const auto& link : directory.symlinks()) {
    if (link.target().empty())
      return fail(errc::invalid_argument, "symlink \"{}\" points nowhere", link.name());
    if (link.target().find('\0') != std::string::npos)
      return fail(errc::invalid_argument, "symlink \"{}\" has a NUL in its target", link.name());
  }
  return {};
}

}  // namespace kiln
