#include "core/config/describe.hpp"

#include <algorithm>

namespace kiln {

namespace {

/// What stands under a field's own heading: "tls", "shards[]", "pools.<name>".
std::string heading_of(const field_description& field) {
  if (field.type.starts_with("list")) return field.name + "[]";
  if (field.type.starts_with("map")) return field.name + ".<name>";
  return field.name;
}

std::string cell(std::string_view text) {
  std::string result;
  for (char c : text) {
    if (c == '|') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

void markdown_section(const std::string& title, const section_schema& schema, int level, std::string& out);

void markdown_kinds(const std::string& title, const kind_table& kinds, int level, std::string& out) {
  for (const auto& [type, schema] : kinds)
    markdown_section(fmt::format("{}: `{}`", title, type), *schema, level, out);
}

void markdown_section(const std::string& title, const section_schema& schema, int level, std::string& out) {
  out += fmt::format("{} {}\n\n{}\n\n", std::string(static_cast<std::size_t>(std::clamp(level, 1, 6)), '#'),
                     title, schema.sentence());
  auto fields = schema.fields();
  if (fields.empty()) {
    out += "No options.\n\n";
    return;
  }
  out += "| option | value | default | meaning |\n|---|---|---|---|\n";
  for (const auto& field : fields) {
    auto fallback = field.required               ? "required"
                    : field.default_text.empty() ? ""
                                                 : '`' + field.default_text + '`';
    auto bounds = field.bounds.empty() ? "" : ", " + field.bounds;
    out += fmt::format("| `{}` | {} | {} | {} |\n", field.name, cell(field.type + bounds), cell(fallback),
                       cell(field.sentence));
  }
  out += '\n';
  for (const auto& field : fields) {
    if (field.nested)
      markdown_section(fmt::format("{}: `{}`", title, heading_of(field)), *field.nested, level + 1, out);
    if (field.kinds)
      markdown_kinds(fmt::format("{}: `{}`", title, heading_of(field)), *field.kinds, level + 1, out);
  }
}

/// Columns a text takes: its characters, not its bytes.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

class text_writer {
public:
  explicit text_writer(std::size_t columns) : columns_(columns) {}

  /// A paragraph, broken between words. A word longer than a line stays whole.
  void paragraph(std::size_t indent, std::string_view text) {
    constexpr std::size_t narrowest = 24;
    std::size_t room = std::max(narrowest, columns_ > indent ? columns_ - indent : 0);
    std::string line;
    while (!text.empty()) {
      auto end = std::min(text.find(' '), text.size());
      auto word = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (!line.empty() && width_of(line) + 1 + width_of(word) > room) flush(indent, line);
      if (!line.empty()) line += ' ';
      line += word;
    }
    if (!line.empty()) flush(indent, line);
  }
  void blank() { out_ += '\n'; }
  std::string take() { return std::move(out_); }

private:
  void flush(std::size_t indent, std::string& line) {
    out_ += std::string(indent, ' ') + line + '\n';
    line.clear();
  }

  std::size_t columns_;
  std::string out_;
};

void text_body(const section_schema& schema, std::size_t indent, text_writer& out);

void text_section(std::string_view title, const section_schema& schema, std::size_t indent,
                  text_writer& out) {
  out.blank();
  out.paragraph(indent, title);
  text_body(schema, indent + 2, out);
}

void text_field(const field_description& field, std::size_t indent, text_writer& out) {
  std::string head = fmt::format("{} ({}", field.name, field.type);
  if (!field.bounds.empty()) head += ", " + field.bounds;
  if (field.required) head += ", required";
  if (!field.default_text.empty()) head += ", default " + field.default_text;
  out.paragraph(indent, head + ')');
  out.paragraph(indent + 4, field.sentence);
  if (field.nested) text_body(*field.nested, indent + 4, out);
  if (!field.kinds) return;
  for (const auto& [type, schema] : *field.kinds) text_section("type: " + type, *schema, indent + 4, out);
}

void text_body(const section_schema& schema, std::size_t indent, text_writer& out) {
  out.paragraph(indent, schema.sentence());
  auto fields = schema.fields();
  if (!fields.empty()) out.blank();
  for (const auto& field : fields) text_field(field, indent, out);
}

}  // namespace

std::string describe_markdown(std::string_view title, const section_schema& schema, int level) {
  std::string result;
  markdown_section(std::string(title), schema, level, result);
  result.pop_back();
  return result;
}

std::string describe_markdown(std::string_view title, const kind_table& kinds, int level) {
  std::string result;
  markdown_kinds(std::string(title), kinds, level, result);
  if (!result.empty()) result.pop_back();
  return result;
}

std::string describe_text(std::string_view title, const section_schema& schema, std::size_t columns) {
  text_writer out(columns);
  text_section(title, schema, 0, out);
  return out.take().substr(1);
}

std::string describe_text(std::string_view title, const kind_table& kinds, std::size_t columns) {
  text_writer out(columns);
  for (const auto& [type, schema] : kinds) text_section(fmt::format("{}: {}", title, type), *schema, 0, out);
  auto result = out.take();
  return result.empty() ? result : result.substr(1);
}

}  // namespace kiln
