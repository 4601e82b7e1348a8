#include "core/config/describe.hpp"

#include "test/core/config_fixture.hpp"

using namespace kiln;
using namespace kiln::config_literals;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(config_describe)

namespace {

struct tls_options {
  std::string certificate, key;
};
struct door_options {
  std::string listen = "0.0.0.0:8980";
  std::optional<duration> idle;
  std::vector<std::string> serve = {"cas", "execution"};
  std::vector<std::string> words;
  std::string password;
  std::optional<tls_options> tls;
};

schema<door_options> door_schema() {
  return schema<door_options>{"Lets calls in."}
      .field("listen", &door_options::listen, "Where it listens.")
      .field("idle", &door_options::idle, "When a silent peer is dropped | or never.", at_least(1s),
             or_word("off"))
      .field("serve", &door_options::serve, "Which services.", at_most(8))
      .field("words", &door_options::words, "Any words.")
      .field("password", &door_options::password, "A password.", secret{})
      .section("tls", &door_options::tls,
               schema<tls_options>{"Encrypts."}
                   .required("certificate", &tls_options::certificate, "A PEM file.")
                   .required("key", &tls_options::key, "Its key."),
               "Encryption; without it calls are plain.");
}

std::string printed(const schema<door_options>& shape, const std::string& text) {
  test::read_options<door_options> read(shape, text);
  return to_yaml(shape.show(read.options));
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_markdown_reference_has_a_row_for_every_option) {
  BOOST_TEST(describe_markdown("door", door_schema(), 2) == R"(## door

Lets calls in.

| option | value | default | meaning |
|---|---|---|---|
| `listen` | text | `"0.0.0.0:8980"` | Where it listens. |
| `idle` | time, or off, at least 1s | `off` | When a silent peer is dropped \| or never. |
| `serve` | list of texts, at most 8 entries | `[cas, execution]` | Which services. |
| `words` | list of texts | `[]` | Any words. |
| `password` | text | `""` | A password. |
| `tls` | section |  | Encryption; without it calls are plain. |

### door: `tls`

Encrypts.

| option | value | default | meaning |
|---|---|---|---|
| `certificate` | text, not empty | required | A PEM file. |
| `key` | text, not empty | required | Its key. |
)");
}

BOOST_AUTO_TEST_CASE(the_reference_for_a_terminal_keeps_to_its_columns) {
  auto text = describe_text("door", door_schema(), 40);
  BOOST_TEST(text == R"(door
  Lets calls in.

  listen (text, default "0.0.0.0:8980")
      Where it listens.
  idle (time, or off, at least 1s,
  default off)
      When a silent peer is dropped | or
      never.
  serve (list of texts, at most 8
  entries, default [cas, execution])
      Which services.
  words (list of texts, default [])
      Any words.
  password (text, default "")
      A password.
  tls (section)
      Encryption; without it calls are
      plain.
      Encrypts.

      certificate (text, not empty,
      required)
          A PEM file.
      key (text, not empty, required)
          Its key.
)");
}

BOOST_AUTO_TEST_CASE(every_type_of_a_kind_is_described_by_its_name) {
  kind_table doors{{"grpc", std::make_shared<schema<door_options>>(door_schema())},
                   {"null", std::make_shared<schema<tls_options>>(schema<tls_options>{"Does nothing."})}};
  auto markdown = describe_markdown("transport", doors, 2);
  BOOST_TEST(markdown.starts_with("## transport: `grpc`\n\nLets calls in.\n"));
  BOOST_TEST(markdown.ends_with("## transport: `null`\n\nDoes nothing.\n\nNo options.\n"));

  struct root_options {
    std::vector<configured> doors;
  };
  auto root = schema<root_options>{"All."}.kinds("doors", &root_options::doors, doors, "The ways in.");
  BOOST_TEST(describe_markdown("kiln", root).find("## kiln: `doors.<name>`: `null`\n\nDoes nothing.") !=
             std::string::npos);
  BOOST_TEST(describe_text("kiln", root).find("type: null\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_effective_configuration_says_every_default_but_no_secret) {
  BOOST_TEST(printed(door_schema(), "{password: swordfish, tls: {certificate: c.pem, key: 'a b'}}") ==
             R"yaml(listen: "0.0.0.0:8980"
idle: off
serve:
  - cas
  - execution
words: []
password: "(secret)"
tls:
  certificate: c.pem
  key: "a b"
)yaml");
}

BOOST_AUTO_TEST_CASE(odd_texts_read_back_as_they_were) {
  test::read_options<door_options> before(
      door_schema(),
      R"({words: ["null", "~", "", "$${HOME}", "a: b", "- x", "a\n\t\"\\\x01", "#", "-5", "ö", "@x"]})");
  auto text = to_yaml(door_schema().show(before.options));
  test::read_options<door_options> after(door_schema(), text.substr(0, text.find("password")));
  BOOST_TEST(after.good, after.complaints());
  BOOST_TEST(after.options.words.size() == 11u);
  BOOST_TEST(after.options.words.at(3) == "${HOME}");
  BOOST_TEST(after.options.words == before.options.words, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(several_of_what_is_several_itself_has_one_plural) {
  using lists = std::map<std::string, std::vector<std::string>>;
  BOOST_TEST(codec<lists>{}.type() == "map of names to lists of texts");
}

BOOST_AUTO_TEST_SUITE_END()
