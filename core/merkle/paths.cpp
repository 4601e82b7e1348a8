#include "core/merkle/paths.hpp"

namespace kiln {
namespace {

constexpr std::size_t longest_entry_name = 255;

}  // namespace

expected<void> check_entry_name(std::string_view name) {
  if (name.empty()) return fail(errc::invalid_argument, "an entry's name is empty");
  if (name.size() > longest_entry_name)
    return fail(errc::invalid_argument, "an entry's name has {} bytes; {} is the limit", name.size(),
                longest_entry_name);
  if (name == "." || name == "..") return fail(errc::invalid_argument, "an entry is named \"{}\"", name);
  if (name.find('/') != std::string_view::npos)
    return fail(errc::invalid_argument, "an entry's name has a slash in it: \"{}\"", name);
  if (name.find('\0') != std::string_view::npos)
    return fail(errc::invalid_argument, "an entry's name has a NUL in it");
  return {};
}

expected<void> check_relative_path(std::string_view path) {
  for (std::string_view rest = path;;) {
    auto slash = rest.find('/');
    if (auto fine = check_entry_name(rest.substr(0, slash)); !fine)
      return with_context(fine.error(), "path \"{}\"", path.substr(0, path.find('\0')));
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

expected<std::string> resolve_path(std::string_view folder, std::string_view path) {
  std::string resolved(folder);
  auto shown = path.substr(0, path.find('\0'));
  for (std::string_view rest = path; !path.empty();) {
    auto slash = rest.find('/');
    auto part = rest.substr(0, slash);
    if (part == "..") {
      if (resolved.empty())
        return fail(errc::invalid_argument, "path \"{}\" leads out of the input root", shown);
      auto above = resolved.rfind('/');
      resolved.resize(above == std::string::npos ? 0 : above);
    } else if (part != ".") {
      if (auto fine = check_entry_name(part); !fine) return with_context(fine.error(), "path \"{}\"", shown);
      if (!resolved.empty()) resolved += '/';
      resolved += part;
    }
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  return resolved;
}

}  // namespace kiln
