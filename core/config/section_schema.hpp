#pragma once

#include <any>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/config/document.hpp"
#include "core/config/faults.hpp"

namespace kiln {

class section_schema;

/// Which options go with which `type:`. The tables of stores and of transports come from the registry of
/// plugins, which outlives every reading.
using kind_table = std::map<std::string, std::shared_ptr<const section_schema>, std::less<>>;

/// The option of a plugin that wants another store: the name of an entry of `stores:`, whether the YAML named
/// one or described one in place.
struct store_ref {
  std::string name;
  auto operator<=>(const store_ref&) const noexcept = default;
};

/// The same for a store that holds results, whatever the plugin's own holds.
struct results_ref : store_ref {};
/// And for one that holds content.
struct content_ref : store_ref {};

/// What reading learned about stores, for the assembly to resolve (kinds.hpp).
struct store_refs {
  struct use {
    std::string name;
    node at;                  ///< where it is said
    bool of_results = false;  ///< a results_ref
    bool of_content = false;  ///< a content_ref
  };
  struct inline_store {
    std::string name;  ///< generated: "cas.inner" for the `inner` of store `cas`
    node description;  ///< the map with its `type`
  };
  std::vector<use> used;  ///< every reference, those to inline stores too
  std::vector<inline_store> inline_stores;
};

/// An effective value, ready to be printed: a text, a list, or a map in order.
struct shown {
  node_kind kind = node_kind::null;
  std::string text;
  struct child;
  std::vector<child> children;
  bool is_store = false;  ///< a text that names a store

  static shown scalar(std::string text);
  static shown list();
  static shown map();
};
struct shown::child {
  std::string name;  ///< empty in a list
  shown value;
};

inline shown shown::scalar(std::string text) {
  return {node_kind::scalar, std::move(text), {}, false};
}
inline shown shown::list() {
  return {node_kind::list, {}, {}, false};
}
inline shown shown::map() {
  return {node_kind::map, {}, {}, false};
}

/// One option, as the reference describes it.
struct field_description {
  std::string name;
  std::string type;          ///< "size", "list of text", "true or false", "one of a, b"
  std::string default_text;  ///< as one would write it; empty if required or if absence is the default
  std::string bounds;        ///< "at least 1, at most 64"; empty if free
  std::string sentence;
  bool required = false;
  bool is_store = false;                         ///< a reference to a store, or several
  bool is_secret = false;                        ///< never printed
  bool is_own_folder = false;                    ///< a folder that belongs to this section alone
  std::shared_ptr<const section_schema> nested;  ///< of a section, a list or a map of sections
  const kind_table* kinds = nullptr;             ///< of a map of named things that each have a `type`
};

/// A schema without its options' type: what a plugin exports, what validation and the reference work with.
/// Immutable once built; any thread.
class section_schema {
public:
  virtual ~section_schema() = default;

  /// What this is and when to use it.
  virtual const std::string& sentence() const noexcept = 0;
  virtual std::vector<field_description> fields() const = 0;
  /// A std::any that holds the schema's options struct, filled with what the section says and with defaults
  /// for what it does not. Complains of everything that is wrong; the options are then not to be used.
  /// `already_read` is a key that somebody else has taken care of ("type").
  virtual std::any read_any(const node& section, faults& collected, store_refs& stores,
                            std::string_view already_read = {}) const = 0;
  /// The options as a map, every default written out, secrets hidden. `options` holds the schema's type.
  virtual shown show_any(const std::any& options) const = 0;
};

}  // namespace kiln
