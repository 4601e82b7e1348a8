#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <unordered_set>

#include "core/config/document.hpp"
#include "core/config/tree.hpp"
#include "core/config/variables.hpp"

namespace kiln {

namespace {

constexpr std::size_t max_key_size = 256;

/// YAML has a word for it, "\0"; whoever opens a file or asks for an address would see the text end there.
constexpr const char* no_nul = "a byte 0x00 has no place in a configuration";

/// What stops the parsing. Thrown through the parser, which offers no other way out, and caught below.
struct refusal {
  text_position where;
  std::string sentence;
};

template <class... Args>
[[noreturn]] void refuse(text_position where, fmt::format_string<Args...> text, Args&&... args) {
  throw refusal{where, fmt::format(text, std::forward<Args>(args)...)};
}

text_position position_of(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

/// Builds the tree out of the parser's events. Events come before the parser has built anything itself, so
/// limits hold before memory is spent, and every alias shows its own place.
class tree_builder final : public YAML::EventHandler {
public:
  tree_builder(const std::string& file, const variable_lookup& lookup, faults& collected)
      : file_(file), lookup_(lookup), collected_(collected) {}

  /// A text without any value is a null at its beginning.
  std::shared_ptr<const detail::tree_node> root() const {
    return root_ != nullptr ? root_ : make_node(node_kind::null, YAML::Mark());
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_ != nullptr) refuse(position_of(mark), "a second document begins here, and only one is read");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse(position_of(mark), "a key is missing, or it is a null that should be quoted");
    finish(make_node(node_kind::null, mark), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse(position_of(mark), "an alias cannot be a key");
    auto target = anchors_.find(anchor);
    if (target == anchors_.end()) refuse(position_of(mark), "an alias within its own anchor has no end");
    if (open_.size() + target->second->height > document::max_depth) refuse_depth(position_of(mark));
    attach(position_of(mark), target->second);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_tag(mark, tag);
    if (expects_key()) return take_key(mark, anchor, value);
    auto made = make_node(node_kind::scalar, mark);
    if (value.find('\0') != std::string::npos)
      collected_.add({file_, made->where, path(), no_nul});
    else if (auto filled = fill_variables(value, lookup_))
      made->text = std::move(*filled);
    else
      collected_.add({file_, made->where, path(), filled.error().message()});
    made->volume = made->text.size();
    finish(std::move(made), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(node_kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(node_kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

private:
  using tree_node = detail::tree_node;

  /// A list or a map whose end has not come yet.
  struct frame {
    std::shared_ptr<tree_node> made;
    YAML::anchor_t anchor = 0;
    bool key_taken = false;
    std::string key;
    text_position key_where;
    std::unordered_set<std::string> keys;
  };

  static std::shared_ptr<tree_node> make_node(node_kind kind, const YAML::Mark& mark) {
    auto made = std::make_shared<tree_node>();
    made->kind = kind;
    made->where = position_of(mark);
    return made;
  }

  [[noreturn]] static void refuse_depth(text_position where) {
    refuse(where, "more than {} lists and sections within one another", document::max_depth);
  }

  static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") refuse(position_of(mark), "tags have no meaning here");
  }

  bool expects_key() const {
    return !open_.empty() && open_.back().made->kind == node_kind::map && !open_.back().key_taken;
  }

  void take_key(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& value) {
    if (anchor != 0) refuse(position_of(mark), "a key cannot have an anchor");
    if (value.find('\0') != std::string::npos) refuse(position_of(mark), "{}", no_nul);
    if (value.size() > max_key_size) refuse(position_of(mark), "a key longer than {} bytes", max_key_size);
    frame& current = open_.back();
    current.key_taken = true;
    current.key = value;
    current.key_where = position_of(mark);
  }

  void open(node_kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_tag(mark, tag);
    if (expects_key()) refuse(position_of(mark), "a key must be a text, not {}", name_of(kind));
    if (open_.size() == document::max_depth) refuse_depth(position_of(mark));
    frame& opened = open_.emplace_back();
    opened.made = make_node(kind, mark);
    opened.made->height = 1;
    opened.anchor = anchor;
  }

  void close() {
    frame closed = std::move(open_.back());
    open_.pop_back();
    finish(std::move(closed.made), closed.anchor);
  }

  void finish(std::shared_ptr<tree_node> made, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = made;
    auto where = made->where;
    attach(where, std::move(made));
  }

  void attach(text_position where, std::shared_ptr<const tree_node> value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    frame& parent = open_.back();
    tree_node& into = *parent.made;
    into.nodes += value->nodes;
    into.volume += value->volume + parent.key.size();
    into.height = std::max(into.height, value->height + 1);
    if (into.nodes > document::max_nodes) refuse(where, "more than {} values in all", document::max_nodes);
    if (into.volume > document::max_expansion)
      refuse(where, "more than {} bytes with aliases and variables filled in", document::max_expansion);
    if (into.kind == node_kind::list) {
      into.children.push_back({"", {}, std::move(value)});
      return;
    }
    if (parent.keys.insert(parent.key).second)
      into.children.push_back({parent.key, parent.key_where, std::move(value)});
    else
      collected_.add({file_, parent.key_where, path(), "this key was given before in the same section"});
    parent.key_taken = false;
    parent.key.clear();
  }

  /// The path of the value that is being read.
  std::string path() const {
    std::string result;
    for (const frame& level : open_)
      result = level.made->kind == node_kind::map ? detail::path_of_key(result, level.key)
                                                  : detail::path_of_item(result, level.made->children.size());
    return result;
  }

  const std::string& file_;
  const variable_lookup& lookup_;
  faults& collected_;
  std::vector<frame> open_;
  std::map<YAML::anchor_t, std::shared_ptr<const tree_node>> anchors_;
  std::shared_ptr<const tree_node> root_;
};

/// The parser takes such bytes for the text's end, or guesses at another encoding.
void refuse_control_characters(std::string_view text) {
  text_position where{1, 1};
  for (char c : text) {
    auto code = static_cast<unsigned char>(c);
    if ((code < 0x20 && c != '\n' && c != '\r' && c != '\t') || code == 0x7f)
      refuse(where, "a byte {:#04x} has no place in a configuration", code);
    where = c == '\n' ? text_position{where.line + 1, 1} : text_position{where.line, where.column + 1};
  }
}

failure fail_at(const std::string& file, text_position where, const std::string& sentence) {
  return fail(errc::invalid_argument, "{}", fault{file, where, "", sentence}.to_string());
}

}  // namespace

expected<document> parse_document(std::string text, std::string file_name, const variable_lookup& lookup) {
  if (text.size() > document::max_size)
    return fail_at(file_name, {}, fmt::format("larger than {} bytes", document::max_size));
  auto origin = std::make_shared<detail::tree_origin>();
  origin->file = std::move(file_name);
  document result;
  try {
    refuse_control_characters(text);
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    tree_builder builder(origin->file, lookup, result.faults_);
    while (parser.HandleNextDocument(builder)) {
    }
    origin->root = builder.root();
  } catch (const refusal& refused) {
    return fail_at(origin->file, refused.where, refused.sentence);
  } catch (const YAML::Exception& problem) {
    return fail_at(origin->file, position_of(problem.mark), "malformed YAML, " + problem.msg);
  }
  result.origin_ = std::move(origin);
  return result;
}

}  // namespace kiln
