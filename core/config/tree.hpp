#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/document.hpp"

/// What nodes look at. Only document.cpp and parse_document.cpp include this.
namespace kiln::detail {

/// Immutable once built. An alias shares its anchor's node, so a tree is never larger than its text; the sums
/// count it as often as it is used, for readers walk it as often.
struct tree_node {
  struct child {
    std::string key;  ///< of a map
    text_position key_where;
    std::shared_ptr<const tree_node> value;
  };

  node_kind kind = node_kind::null;
  text_position where;
  std::string text;
  std::vector<child> children;

  std::size_t nodes = 1;   ///< this and all below
  std::size_t volume = 0;  ///< bytes of text and keys, this and all below
  std::size_t height = 0;  ///< lists and maps from here down
};

struct tree_origin {
  std::string file;
  std::shared_ptr<const tree_node> root;
};

/// The path of a child. Keys that would make a path ambiguous or unprintable stand in brackets and quotes.
std::string path_of_key(const std::string& parent, std::string_view key);
std::string path_of_item(const std::string& parent, std::size_t index);

}  // namespace kiln::detail
