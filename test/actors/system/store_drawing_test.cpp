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

BOOST_AUTO_TEST_SUITE_END()
