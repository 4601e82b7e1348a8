#include "core/config/document.hpp"

#include <cstdlib>

#include "core/config/names.hpp"
#include "core/config/tree.hpp"

namespace kiln {

std::string_view name_of(node_kind kind) noexcept {
  switch (kind) {
    case node_kind::scalar:
      return "a value";
    case node_kind::list:
      return "a list";
    case node_kind::map:
      return "a section";
    case node_kind::null:
      break;
  }
  return "nothing";
}

namespace {

const std::string no_text;

}  // namespace

std::string detail::path_of_key(const std::string& parent, std::string_view key) {
  if (!is_name(key)) return parent + '[' + in_quotes(key) + ']';
  return parent.empty() ? std::string(key) : fmt::format("{}.{}", parent, key);
}

std::string detail::path_of_item(const std::string& parent, std::size_t index) {
  return fmt::format("{}[{}]", parent, index);
}

node::node(std::shared_ptr<const detail::tree_origin> origin, const detail::tree_node* data, std::string path)
    : origin_(std::move(origin)), data_(data), where_(data->where), path_(std::move(path)) {}

node_kind node::kind() const noexcept {
  return data_ == nullptr ? node_kind::null : data_->kind;
}

const std::string& node::file() const noexcept {
  return origin_ == nullptr ? no_text : origin_->file;
}

const std::string& node::text() const noexcept {
  return data_ == nullptr ? no_text : data_->text;
}

std::vector<node> node::items() const {
  std::vector<node> result;
  if (!is_list()) return result;
  result.reserve(data_->children.size());
  for (const auto& child : data_->children)
    result.push_back(node(origin_, child.value.get(), detail::path_of_item(path_, result.size())));
  return result;
}

std::vector<node::entry> node::entries() const {
  std::vector<entry> result;
  if (!is_map()) return result;
  result.reserve(data_->children.size());
  for (const auto& child : data_->children)
    result.push_back({child.key, child.key_where,
                      node(origin_, child.value.get(), detail::path_of_key(path_, child.key))});
  return result;
}

std::optional<node> node::find(std::string_view key) const {
  if (!is_map()) return std::nullopt;
  for (const auto& child : data_->children)
    if (child.key == key) return node(origin_, child.value.get(), detail::path_of_key(path_, key));
  return std::nullopt;
}

node node::absent(std::string_view key) const {
  node result = *this;
  result.data_ = nullptr;
  result.path_ = detail::path_of_key(path_, key);
  return result;
}

std::string node::found() const {
  return is_scalar() ? in_quotes(text()) : std::string(name_of(kind()));
}

node document::root() const {
  return node(origin_, origin_->root.get(), "");
}

std::optional<std::string> no_variables(std::string_view) {
  return std::nullopt;
}

std::optional<std::string> process_variables(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace kiln
