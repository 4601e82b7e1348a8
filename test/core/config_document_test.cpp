#include <boost/test/unit_test.hpp>

#include "core/config/document.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(config_document)

namespace {

document parsed(std::string text, const variable_lookup& lookup = no_variables) {
  auto result = parse_document(std::move(text), "node.yaml", lookup);
  BOOST_REQUIRE_MESSAGE(result.has_value(), result.error().message());
  return *result;
}

std::string refusal_of(std::string text) {
  auto result = parse_document(std::move(text), "node.yaml");
  BOOST_REQUIRE(!result.has_value());
  BOOST_TEST((result.error().code() == errc::invalid_argument));
  return result.error().message();
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

std::optional<std::string> some_variables(std::string_view name) {
  if (name == "HOME") return "/home/kiln";
  if (name == "EMPTY") return "";
  if (name == "TRICKY") return "${HOME}";
  return std::nullopt;
}

std::string filled(std::string_view value) {
  auto doc = parsed("value: " + std::string(value), some_variables);
  BOOST_TEST(doc.diagnostics().empty(), doc.diagnostics().to_string());
  return doc.root().find("value")->text();
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_place_knows_its_line_its_column_and_its_path) {
  auto root = parsed("stores:\n  cas: {type: memory}\n  list: [a, b]\n").root();
  auto type = root.find("stores")->find("cas")->find("type");
  BOOST_TEST(type->text() == "memory");
  BOOST_TEST(type->path() == "stores.cas.type");
  BOOST_TEST(type->where().line == 2);
  BOOST_TEST(type->where().column == 15);
  auto second = root.find("stores")->find("list")->items().at(1);
  BOOST_TEST(second.path() == "stores.list[1]");
  BOOST_TEST(second.where().line == 3);
  BOOST_TEST(second.file() == "node.yaml");
}

BOOST_AUTO_TEST_CASE(kinds_are_told_apart) {
  auto root = parsed("a:\nb: ~\nc: ''\nd: []\ne: {}\nf: 'null'\n").root();
  BOOST_TEST(root.is_map());
  BOOST_TEST(root.find("a")->is_null());
  BOOST_TEST(root.find("b")->is_null());
  BOOST_TEST(root.find("c")->is_scalar());
  BOOST_TEST(root.find("d")->is_list());
  BOOST_TEST(root.find("e")->is_map());
  BOOST_TEST(root.find("f")->text() == "null");
  BOOST_TEST(!root.find("g").has_value());
}

BOOST_AUTO_TEST_CASE(an_empty_text_is_a_null_document) {
  BOOST_TEST(parsed("").root().is_null());
  BOOST_TEST(parsed("# only words\n").root().is_null());
}

BOOST_AUTO_TEST_CASE(entries_come_in_the_order_written) {
  std::string keys;
  for (const auto& [key, where, value] : parsed("c: 1\na: 2\nb: 3\n").root().entries()) keys += key;
  BOOST_TEST(keys == "cab");
}

BOOST_AUTO_TEST_CASE(a_node_keeps_its_document_alive) {
  std::optional<node> kept;
  { kept = parsed("a: {b: hello}").root().find("a"); }
  BOOST_TEST(kept->find("b")->text() == "hello");
}

BOOST_AUTO_TEST_CASE(malformed_text_is_refused_with_its_place) {
  BOOST_TEST(refusal_of("a: [1, 2\nb: 3\n").starts_with("node.yaml:2:"));
  BOOST_TEST(refusal_of("a: b: c\n").starts_with("node.yaml:1:5: malformed YAML, "));
  BOOST_TEST(refusal_of("a: *nobody\n").starts_with("node.yaml:1:4: malformed YAML, "));
  BOOST_TEST(refusal_of(std::string("a: 1\nb: \0\n", 10)) ==
             "node.yaml:2:4: a byte 0x00 has no place in a configuration");
}

BOOST_AUTO_TEST_CASE(a_byte_that_would_end_a_text_early_is_a_fault_however_it_is_written) {
  auto doc = parsed("a: {b: \"x\\0y\", c: \"\\x00\"}\nd: \"\\u0000${NOBODY}\"\n");
  BOOST_TEST(doc.diagnostics().to_string() ==
             "node.yaml:1:8: a.b: a byte 0x00 has no place in a configuration\n"
             "node.yaml:1:19: a.c: a byte 0x00 has no place in a configuration\n"
             "node.yaml:2:4: d: a byte 0x00 has no place in a configuration\n");
  BOOST_TEST(doc.root().find("d")->text() == "");
  BOOST_TEST(refusal_of("a: 1\n\"b\\0\": 2\n") ==
             "node.yaml:2:1: a byte 0x00 has no place in a configuration");
}

BOOST_AUTO_TEST_CASE(a_key_given_twice_is_a_fault_and_the_first_counts) {
  auto doc = parsed("a:\n  b: 1\n  c: 2\n  b: 3\n");
  BOOST_TEST(doc.diagnostics().to_string() ==
             "node.yaml:4:3: a.b: this key was given before in the same section\n");
  BOOST_TEST(doc.root().find("a")->find("b")->text() == "1");
}

BOOST_AUTO_TEST_CASE(a_second_document_a_tag_and_a_key_that_is_no_text_are_refused) {
  BOOST_TEST(refusal_of("a: 1\n---\nb: 2\n").find("second document") != std::string::npos);
  BOOST_TEST(refusal_of("a: !!int 1\n") == "node.yaml:1:4: tags have no meaning here");
  BOOST_TEST(refusal_of("? [a, b]\n: 1\n").find("a key must be a text, not a list") != std::string::npos);
  BOOST_TEST(refusal_of(repeated("k", 300) + ": 1\n").find("a key longer than 256 bytes") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(variables_are_filled_in) {
  BOOST_TEST(filled("${HOME}/cas") == "/home/kiln/cas");
  BOOST_TEST(filled("'${HOME}:${HOME}'") == "/home/kiln:/home/kiln");
  BOOST_TEST(filled("${NOBODY:-8980}") == "8980");
  BOOST_TEST(filled("${NOBODY:-}") == "");
  BOOST_TEST(filled("${EMPTY:-x}") == "x");
  BOOST_TEST(filled("'${EMPTY}'") == "");
  BOOST_TEST(filled("${HOME:-x}") == "/home/kiln");
}

BOOST_AUTO_TEST_CASE(a_variable_s_value_is_not_looked_into) {
  BOOST_TEST(filled("${TRICKY}") == "${HOME}");
}

BOOST_AUTO_TEST_CASE(dollars_that_are_no_variable_stay) {
  BOOST_TEST(filled("$HOME") == "$HOME");
  BOOST_TEST(filled("$${HOME}") == "${HOME}");
  BOOST_TEST(filled("5$") == "5$");
}

BOOST_AUTO_TEST_CASE(an_unknown_variable_without_default_is_a_fault) {
  auto doc = parsed("a: ${NOBODY}\nb: ${9}\nc: ${HOME\n", some_variables);
  BOOST_TEST(doc.diagnostics().to_string() ==
             "node.yaml:1:4: a: the variable NOBODY is not set and has no default, as in ${NOBODY:-value}\n"
             "node.yaml:2:4: b: \"9\" is no name of a variable\n"
             "node.yaml:3:4: c: \"${HOME\" is never closed by a brace\n");
}

BOOST_AUTO_TEST_CASE(an_alias_stands_for_its_anchor) {
  auto root = parsed("a: &x {k: v}\nb: *x\n").root();
  BOOST_TEST(root.find("b")->find("k")->text() == "v");
  BOOST_TEST(root.find("b")->find("k")->path() == "b.k");
}

BOOST_AUTO_TEST_CASE(aliases_that_multiply_without_end_are_refused) {
  std::string bomb = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    auto below = fmt::format("*l{}, ", i - 1);
    bomb += fmt::format("l{0}: &l{0} [{1}*l{2}]\n", i, repeated(below, 9), i - 1);
  }
  BOOST_TEST(refusal_of(bomb).find("more than 100000 values") != std::string::npos);
  std::string text_bomb = "a: &a " + repeated("x", 500'000) + "\nb: [" + repeated("*a, ", 40) + "*a]\n";
  BOOST_TEST(refusal_of(text_bomb).find("more than 16777216 bytes") != std::string::npos);
  BOOST_TEST(refusal_of("a: &a [*a]\n").find("within its own anchor") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_text_too_large_or_too_deep_is_refused) {
  BOOST_TEST(refusal_of(std::string(document::max_size + 1, ' ')).find("larger than") != std::string::npos);
  parsed("a: " + repeated("[", 63) + repeated("]", 63));
  BOOST_TEST(refusal_of("a: " + repeated("[", 64) + repeated("]", 64)).find("more than 64") !=
             std::string::npos);
  std::string half = repeated("[", 40), end = repeated("]", 40);
  BOOST_TEST(refusal_of("a: &a " + half + end + "\nb: " + half + "*a" + end + "\n").find("more than 64") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(odd_keys_stand_in_brackets_within_a_path) {
  auto root = parsed("a:\n  'b.c': 1\n  \"d\\ne\": 2\n").root();
  auto entries = root.find("a")->entries();
  BOOST_TEST(entries[0].value.path() == "a[\"b.c\"]");
  BOOST_TEST(entries[1].value.path() == "a[\"d\\ne\"]");
}

BOOST_AUTO_TEST_SUITE_END()
