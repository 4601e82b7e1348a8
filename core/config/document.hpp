#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "core/config/faults.hpp"

namespace kiln {

enum class node_kind : std::uint8_t { null, scalar, list, map };

/// "nothing", "a value", "a list", "a section": for sentences.
std::string_view name_of(node_kind kind) noexcept;

namespace detail {
struct tree_node;
struct tree_origin;
}  // namespace detail

/// One place of a parsed configuration, together with the way that led to it. A cheap value that keeps the
/// text's tree alive; immutable, any thread. A default-constructed node is null and nowhere.
class node {
public:
  struct entry;

  node() = default;

  node_kind kind() const noexcept;
  bool is_null() const noexcept { return kind() == node_kind::null; }
  bool is_scalar() const noexcept { return kind() == node_kind::scalar; }
  bool is_list() const noexcept { return kind() == node_kind::list; }
  bool is_map() const noexcept { return kind() == node_kind::map; }

  const std::string& file() const noexcept;
  text_position where() const noexcept { return where_; }
  /// "stores.cas.inner", "shards[2].weight"; empty for the root.
  const std::string& path() const noexcept { return path_; }

  /// A scalar's text with its variables filled in; empty for every other kind.
  const std::string& text() const noexcept;
  /// A list's elements in order; empty for every other kind.
  std::vector<node> items() const;
  /// A map's entries in the order written, each key once; empty for every other kind.
  std::vector<entry> entries() const;
  /// The entry of a map; nothing if this is no map or has no such key.
  std::optional<node> find(std::string_view key) const;
  /// A null node that stands where `key` would: what an absent section is read from.
  node absent(std::string_view key) const;

  /// Complains about this place.
  template <class... Args>
  void complain(faults& collected, fmt::format_string<Args...> text, Args&&... args) const {
    collected.add({file(), where_, path_, fmt::format(text, std::forward<Args>(args)...)});
  }
  /// "a list", or the text in quotes: what a sentence says it found here.
  std::string found() const;

private:
  friend class document;
  node(std::shared_ptr<const detail::tree_origin> origin, const detail::tree_node* data, std::string path);
  node child(const detail::tree_node* data, std::string path) const;

  std::shared_ptr<const detail::tree_origin> origin_;
  const detail::tree_node* data_ = nullptr;  ///< owned by origin_
  text_position where_;
  std::string path_;
};

struct node::entry {
  std::string key;
  text_position key_where;
  node value;
};

/// The value of an environment variable, or nothing.
using variable_lookup = std::function<std::optional<std::string>(std::string_view name)>;

/// A lookup that knows no variable: every ${NAME} without a default is then a fault.
std::optional<std::string> no_variables(std::string_view name);
/// Reads the environment of the process. Not while another thread changes it.
std::optional<std::string> process_variables(std::string_view name);

/// A parsed YAML text. Small faults that leave the rest readable (a key twice, an unknown variable) wait in
/// `diagnostics`: hand them to the schema's reading, so that all is reported together.
class document {
public:
  static constexpr std::size_t max_size = 1 << 20;        ///< bytes of text
  static constexpr std::size_t max_depth = 64;            ///< lists and maps within one another
  static constexpr std::size_t max_nodes = 100'000;       ///< with every alias counted as often as it is used
  static constexpr std::size_t max_expansion = 16 << 20;  ///< bytes of keys and values, counted the same way

  node root() const;
  const faults& diagnostics() const noexcept { return faults_; }

private:
  friend expected<document> parse_document(std::string, std::string, const variable_lookup&);
  std::shared_ptr<const detail::tree_origin> origin_;
  faults faults_;
};

/// Parses one YAML document. In values, not in keys, `${NAME}` and `${NAME:-default}` are replaced by what
/// `lookup` knows (an empty variable counts as unset where there is a default), and `$${` stands for `${`.
/// INVALID_ARGUMENT with "file:line:column: ..." for malformed text, tags, several documents, or a limit.
expected<document> parse_document(std::string text, std::string file_name,
                                  const variable_lookup& lookup = no_variables);

}  // namespace kiln
