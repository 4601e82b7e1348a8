#include <algorithm>
#include <map>

#include "core/config/describe.hpp"
#include "core/config/schema.hpp"

namespace kiln {

namespace {

bool is_plain(std::string_view text) {
  constexpr std::string_view digits = "0123456789";
  constexpr std::string_view safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./%+";
  if (text.empty() || text == "null" || text == "Null" || text == "NULL") return false;
  if (text.find_first_not_of(safe) != std::string_view::npos) return false;
  if (text[0] == '-') return text.size() > 1 && digits.find(text[1]) != std::string_view::npos;
  return text[0] != '%' && text != "." && text != "...";
}

/// A scalar that reads back as this text, variables and all.
std::string scalar(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string result = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto code = static_cast<unsigned char>(text[i]);
    if (text.substr(i).starts_with("${")) result += '$';
    if (text[i] == '"' || text[i] == '\\')
      (result += '\\') += text[i];
    else if (code < 0x20 || code == 0x7f)
      result += fmt::format("\\x{:02x}", code);
    else
      result += text[i];
  }
  return result + '"';
}

void print(const shown& value, std::size_t indent, std::string& out) {
  const std::string margin(indent, ' ');
  for (const auto& [name, child] : value.children) {
    out += margin + (value.kind == node_kind::list ? std::string("-") : scalar(name) + ':');
    if (child.children.empty()) {
      out += ' ' + detail::in_one_line(child) + '\n';
    } else {
      out += '\n';
      print(child, indent + 2, out);
    }
  }
}

}  // namespace

std::string detail::in_one_line(const shown& value) {
  if (value.kind == node_kind::scalar) return scalar(value.text);
  if (value.kind == node_kind::null) return {};
  std::string result;
  for (const auto& [name, child] : value.children) {
    if (!result.empty()) result += ", ";
    if (value.kind == node_kind::map) result += scalar(name) + ": ";
    result += in_one_line(child);
  }
  return value.kind == node_kind::map ? '{' + result + '}' : '[' + result + ']';
}

std::string to_yaml(const shown& value) {
  if (value.children.empty()) return detail::in_one_line(value) + '\n';
  std::string result;
  print(value, 0, result);
  return result;
}

shown show_kinds(const std::vector<configured>& things) {
  shown result = shown::map();
  for (const configured& thing : things) {
    if (thing.schema == nullptr || thing.name.find('.') != std::string::npos) continue;
    result.children.push_back({thing.name, show_kind(thing)});
  }
  return result;
}

shown show_kind(const configured& thing) {
  shown options = thing.schema->show_any(thing.options);
  options.children.insert(options.children.begin(), {"type", shown::scalar(thing.type)});
  return options;
}

shown with_inline_stores(shown value, const std::vector<configured>& stores) {
  if (value.is_store) {
    auto found = std::find_if(stores.begin(), stores.end(), [&](const configured& store) {
      return store.name == value.text && store.name.find('.') != std::string::npos && store.schema != nullptr;
    });
    if (found != stores.end()) value = show_kind(*found);
  }
  for (auto& [name, child] : value.children) child = with_inline_stores(std::move(child), stores);
  return value;
}

}  // namespace kiln
