#include "actors/services/get_tree/page_token.hpp"

#include <charconv>

namespace kiln {

// The check holds tree, position and what comes before it together, so that a token of another tree is
// noticed, and one of a tree of which blobs have come or gone since: going on by the mere position could
// leave something out. It is no secret: whoever makes up a token learns no more than by asking for the whole
// tree.
std::string page_token(const digest& root, std::size_t position, std::uint64_t trail) {
  auto text = fmt::format("{} behind {:x} in tree {}", position, trail, root);
  auto check = digest_of(text, digest_function::blake3).hex();
  return fmt::format("{}-{}", position, std::string_view(check).substr(0, 16));
}

expected<std::size_t> position_in(std::string_view token) {
  std::size_t position = 0;
  auto [end, fault] = std::from_chars(token.data(), token.data() + token.size(), position);
  if (fault != std::errc() || end == token.data() + token.size() || *end != '-')
    return fail(errc::invalid_argument, "that is no page token of a tree");
  return position;
}

}  // namespace kiln
