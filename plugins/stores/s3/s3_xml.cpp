#include "plugins/stores/s3/s3_xml.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace kiln::s3_store {
namespace {

std::string resolved(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, char>, 5> entities{
      {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}};
  std::string plain;
  while (!text.empty()) {
    const auto* found = std::find_if(entities.begin(), entities.end(),
                                     [&](const auto& one) { return text.starts_with(one.first); });
    plain += found == entities.end() ? text.front() : found->second;
    text.remove_prefix(found == entities.end() ? 1 : found->first.size());
  }
  return plain;
}

}  // namespace

std::vector<std::string_view> elements_in(std::string_view xml, std::string_view name, std::size_t most) {
  std::vector<std::string_view> all;
  const std::string opening = "<" + std::string(name) + ">", closing = "</" + std::string(name) + ">";
  while (all.size() < most) {
    const auto from = xml.find(opening);
    if (from == std::string_view::npos) break;
    xml.remove_prefix(from + opening.size());
    const auto to = xml.find(closing);
    if (to == std::string_view::npos) break;
    all.push_back(xml.substr(0, to));
    xml.remove_prefix(to + closing.size());
  }
  return all;
}

std::string text_in(std::string_view xml, std::string_view name) {
  const auto found = elements_in(xml, name, 1);
  return found.empty() ? std::string() : resolved(found.front());
}

std::string error_code_in(std::string_view xml) {
  auto code = text_in(xml, "Code");
  const bool is_word =
      code.size() <= 64 && std::all_of(code.begin(), code.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
      });
  return is_word ? code : std::string();
}

}  // namespace kiln::s3_store
