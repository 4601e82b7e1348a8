#include <boost/test/unit_test.hpp>

#include "actors/system/store_drawing.hpp"
#include "test/actors/system/configuration_texts.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(store_drawings)

BOOST_AUTO_TEST_CASE(each_store_stands_above_those_it_stands_on_with_its_promises) {
  auto known = read_configuration({"layout.yaml",
                                   {},
                                   {},
                                   R"(stores:
  disk: {type: filesystem, path: /nowhere/disk}
  cas:
    type: size_partitioning
    threshold: 1MiB
    small: {type: memory, capacity: 64MiB}
    large: disk
  also: {type: ref, store: disk}
  results: {type: filesystem, path: /nowhere/results, durability: relaxed}
transports:
  public: {type: grpc, listen: ["127.0.0.1:0"]}
serve: {content: cas, results: results}
)"},
                                  plugins());
  BOOST_REQUIRE_MESSAGE(known.has_value(), (known ? "" : known.error().message()));
  BOOST_TEST(draw_stores(*known) ==
             "cas = size_partitioning (content): lends files, leases, tells news\n"
             "├─ small: memory (content): leases, tells news\n"
             "└─ large: disk = filesystem (content): durable, lends files, leases, tells news\n"
             "also = ref (used by nobody): durable, lends files, leases, tells news\n"
             "└─ store: disk = filesystem (content): durable, lends files, leases, tells news\n"
             "results = filesystem (results): lends files, leases, tells news\n");
}

namespace {

// What is wrong with these stores, of which the first is served.
std::string refused(const std::string& stores) {
  return complaints("stores:\n" + stores +
                    "  a: {type: filesystem, path: /nowhere/a}\n"
                    "  b: {type: filesystem, path: /nowhere/b}\n"
                    "  notes: {type: filesystem, path: /nowhere/notes}\n"
                    "  more: {type: filesystem, path: /nowhere/more}\n"
                    "transports: {public: {type: grpc, listen: [\"127.0.0.1:0\"]}}\nserve: {content: top}\n");
}

}  // namespace

BOOST_AUTO_TEST_CASE(two_stores_that_keep_notes_of_their_blobs_under_the_same_names_have_a_place_each) {
  const std::string two =
      "  top: {type: shard, stores: [{name: x, store: {type: TYPE, inner: a, NOTES: notes}}, "
      "{name: y, store: {type: TYPE, inner: b, NOTES: OTHER}}]}\n";
  auto text = [&](std::string type, std::string notes, std::string other) {
    std::string made = two;
    for (const auto& [word, by] :
         {std::pair{"TYPE", type}, std::pair{"NOTES", notes}, std::pair{"OTHER", other}})
      for (std::size_t at; (at = made.find(word)) != std::string::npos;)
        made.replace(at, std::string(word).size(), by);
    return refused(made);
  };
  for (const auto& [type, notes] : {std::pair{"compression", "index"}, std::pair{"chunked", "layouts"}}) {
    BOOST_TEST(text(type, notes, "more") == "nothing");
    BOOST_TEST(text(type, notes, "notes").find("would lie in store notes, where store") != std::string::npos);
    BOOST_TEST(text(type, notes, "{type: ref, store: notes}").find("would lie in store notes") !=
               std::string::npos);
    BOOST_TEST(text(type, notes, "{type: noop}").find("keeps nothing") != std::string::npos);
  }
  BOOST_TEST(
      refused("  top: {type: chunked, layouts: notes, inner: {type: chunked, inner: a, layouts: notes}}\n")
          .find("would lie in store notes") != std::string::npos);
  BOOST_TEST(
      refused(
          "  top: {type: chunked, layouts: notes, inner: {type: compression, inner: a, index: notes}}\n") ==
      "nothing");
}

BOOST_AUTO_TEST_CASE(stores_that_have_to_be_apart_are_not_the_same_under_two_names) {
  for (const std::string alias : {"{type: ref, store: a}", "{type: cache_metrics, cache: a, inner: a}",
                                  "{type: compression, inner: a, index: notes}"}) {
    for (const std::string& layout :
         {"  top: {type: mirror, stores: [a, " + alias + "]}\n",
          "  top: {type: fast_slow, fast: " + alias + ", slow: a}\n",
          "  top: {type: shard, stores: [{store: a}, {name: x, store: " + alias + "}]}\n",
          "  top: {type: shard, stores: [{name: x, store: " + alias +
              "}, {store: b}], was: [{store: a}, {store: b}]}\n"})
      BOOST_TEST(refused(layout).find("keep their blobs in store a") != std::string::npos,
                 layout << refused(layout));
  }
  BOOST_TEST(refused("  top: {type: shard, stores: [{store: a}, {store: b}], was: [{store: a}]}\n") ==
             "nothing");
}

BOOST_AUTO_TEST_SUITE_END()
