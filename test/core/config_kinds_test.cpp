#include "core/config/kinds.hpp"

#include "core/config/describe.hpp"
#include "core/config/nearest.hpp"
#include "test/core/config_fixture.hpp"

using namespace kiln;
using namespace kiln::config_literals;

BOOST_AUTO_TEST_SUITE(config_kinds)

namespace {

struct memory_options {
  capacity room = 4_GiB;
};
struct pair_options {
  store_ref fast, slow;
};

kind_table some_stores() {
  return {
      {"memory",
       std::make_shared<schema<memory_options>>(schema<memory_options>{"Keeps blobs in memory."}.field(
           "room", &memory_options::room, "How much."))},
      {"fast_slow", std::make_shared<schema<pair_options>>(schema<pair_options>{"Two stores as one."}
                                                               .store("fast", &pair_options::fast, "Near.")
                                                               .store("slow", &pair_options::slow, "Far."))}};
}

/// A `stores:` section, read and resolved.
struct resolved {
  faults collected;
  store_refs refs;
  std::vector<configured> named, stores;

  explicit resolved(const std::string& text, const kind_table& table = some_stores()) {
    auto doc = parse_document(text, "node.yaml");
    BOOST_REQUIRE_MESSAGE(doc.has_value(), doc.error().message());
    auto section = doc->root().find("stores");
    BOOST_REQUIRE(section.has_value());
    named = read_kinds(*section, table, collected, refs);
    stores = resolve_stores(named, refs, table, collected);
  }
  std::string names() const {
    std::string result;
    for (const configured& store : stores) result += (result.empty() ? "" : " ") + store.name;
    return result;
  }
};

std::string_view nearest_to(std::string_view word) {
  static constexpr std::string_view known[] = {"capacity", "check_hash", "inner", "path"};
  return nearest(word, known).value_or("nothing");
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_type_chooses_the_schema) {
  resolved read("stores:\n  hot: {type: memory, room: 1GiB}\n");
  BOOST_TEST(read.collected.empty(), read.collected.to_string());
  BOOST_REQUIRE(read.stores.size() == 1u);
  BOOST_TEST(read.stores[0].type == "memory");
  BOOST_TEST((std::any_cast<memory_options>(read.stores[0].options).room == capacity(1_GiB)));
  BOOST_TEST(read.stores[0].description.where().line == 2u);
}

BOOST_AUTO_TEST_CASE(an_unknown_type_is_told_with_the_nearest_and_its_name_still_counts) {
  resolved read(
      "stores:\n  hot: {type: memry}\n  cold: {}\n  odd: 5\n  both: {type: fast_slow, fast: hot, slow: "
      "cold}\n");
  BOOST_TEST(read.collected.to_string() ==
             "node.yaml:2:15: stores.hot.type: unknown type \"memry\", did you mean \"memory\"?\n"
             "node.yaml:3:9: stores.cold.type: required, but missing, known are fast_slow, memory\n"
             "node.yaml:4:8: stores.odd: expected a section with a type, found \"5\"\n");
}

BOOST_AUTO_TEST_CASE(a_store_comes_after_those_it_refers_to) {
  resolved read(
      "stores:\n"
      "  top: {type: fast_slow, fast: middle, slow: c}\n"
      "  middle: {type: fast_slow, fast: a, slow: b}\n"
      "  a: {type: memory}\n  b: {type: memory}\n  c: {type: memory}\n");
  BOOST_TEST(read.collected.empty(), read.collected.to_string());
  BOOST_TEST(read.names() == "a b middle c top");
}

BOOST_AUTO_TEST_CASE(a_store_described_in_place_has_a_name_of_its_own) {
  resolved read(
      "stores:\n"
      "  cas: {type: fast_slow, fast: {type: memory}, slow: {type: fast_slow, fast: hot, slow: {type: "
      "memory}}}\n"
      "  hot: {type: memory}\n");
  BOOST_TEST(read.collected.empty(), read.collected.to_string());
  BOOST_TEST(read.names() == "hot cas.fast cas.slow.slow cas.slow cas");
  auto options = std::any_cast<pair_options>(read.stores.back().options);
  BOOST_TEST(options.slow.name == "cas.slow");
}

BOOST_AUTO_TEST_CASE(a_name_that_no_store_has_is_told_where_it_is_used) {
  resolved read("stores:\n  hot: {type: memory}\n  cas: {type: fast_slow, fast: hott, slow: elsewhere}\n");
  BOOST_TEST(read.collected.to_string() ==
             "node.yaml:3:32: stores.cas.fast: no store is called \"hott\", did you mean \"hot\"?\n"
             "node.yaml:3:44: stores.cas.slow: no store is called \"elsewhere\", known are cas, hot\n");
}

BOOST_AUTO_TEST_CASE(stores_in_a_circle_are_refused) {
  resolved read(
      "stores:\n"
      "  a: {type: fast_slow, fast: b, slow: m}\n"
      "  b: {type: fast_slow, fast: m, slow: a}\n"
      "  m: {type: memory}\n");
  BOOST_TEST(read.collected.to_string() ==
             "node.yaml:2:6: stores.a: stores refer to one another in a circle: a -> b -> a\n");
  BOOST_TEST(read.names() == "m");
  resolved itself("stores:\n  a: {type: fast_slow, fast: a, slow: a}\n");
  BOOST_TEST(itself.collected.to_string().find("in a circle: a -> a\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_name_with_a_dot_is_refused) {
  resolved read("stores:\n  cas.inner: {type: memory}\n");
  BOOST_TEST(read.collected.to_string() ==
             "node.yaml:2:3: stores[\"cas.inner\"]: a name is made of letters, digits, _ and -\n");
}

BOOST_AUTO_TEST_CASE(faults_within_an_inline_store_name_the_whole_path) {
  resolved read("stores:\n  cas: {type: fast_slow, fast: {type: memory, rom: 1GiB}, slow: {typ: memory}}\n");
  BOOST_TEST(read.collected.to_string() ==
             "node.yaml:2:47: stores.cas.fast.rom: unknown key, did you mean \"room\"?\n"
             "node.yaml:2:65: stores.cas.slow.type: required, but missing, known are fast_slow, memory\n");
}

BOOST_AUTO_TEST_CASE(references_from_elsewhere_are_resolved_too) {
  struct service_options {
    store_ref cas;
    std::vector<configured> stores;
  };
  auto table = some_stores();
  auto root = schema<service_options>{"All."}
                  .store("cas", &service_options::cas, "The store.")
                  .kinds("stores", &service_options::stores, table, "Stores.");
  test::read_options<service_options> read(
      root, "cas: {type: fast_slow, fast: hot, slow: nowhere}\nstores:\n  hot: {type: memory}\n");
  BOOST_TEST(read.good, read.complaints());
  auto stores = resolve_stores(read.options.stores, read.stores, table, read.collected);
  BOOST_TEST(read.complaints() ==
             "node.yaml:1:41: cas.slow: no store is called \"nowhere\", known are cas, hot\n");
  BOOST_TEST(stores.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_store_with_a_fault_of_its_own_is_no_unknown_store) {
  struct service_options {
    store_ref cas;
    std::vector<configured> stores;
  };
  auto table = some_stores();
  auto root = schema<service_options>{"All."}
                  .store("cas", &service_options::cas, "The store.")
                  .kinds("stores", &service_options::stores, table, "Stores.");
  test::read_options<service_options> read(root, "cas: hot\nstores:\n  hot: {type: memory, rom: 1GiB}\n");
  resolve_stores(read.options.stores, read.stores, table, read.collected);
  BOOST_TEST(read.complaints() == "node.yaml:3:23: stores.hot.rom: unknown key, did you mean \"room\"?\n");
}

BOOST_AUTO_TEST_CASE(an_effective_configuration_reads_back_as_itself) {
  const std::string text =
      "stores:\n"
      "  cas: {type: fast_slow, fast: {type: memory}, slow: hot}\n"
      "  hot: {type: memory, room: 50%}\n";
  auto printed_from = [](const resolved& read) {
    auto all = shown::map();
    all.children.push_back({"stores", with_inline_stores(show_kinds(read.named), read.stores)});
    return to_yaml(all);
  };
  auto printed = printed_from(resolved(text));
  BOOST_TEST(printed ==
             "stores:\n"
             "  cas:\n"
             "    type: fast_slow\n"
             "    fast:\n"
             "      type: memory\n"
             "      room: 4GiB\n"
             "    slow: hot\n"
             "  hot:\n"
             "    type: memory\n"
             "    room: 50%\n");
  BOOST_TEST(printed_from(resolved(printed)) == printed);
}

BOOST_AUTO_TEST_CASE(the_nearest_word_is_few_edits_away) {
  BOOST_TEST(nearest_to("capcity") == "capacity");
  BOOST_TEST(nearest_to("capactiy") == "capacity");
  BOOST_TEST(nearest_to("hash_check") == "nothing");
  BOOST_TEST(nearest_to("inne") == "inner");
  BOOST_TEST(nearest_to("pth") == "path");
  BOOST_TEST(nearest_to("x") == "nothing");
  BOOST_TEST(nearest_to(std::string(10'000, 'a')) == "nothing");
}

BOOST_AUTO_TEST_SUITE_END()
