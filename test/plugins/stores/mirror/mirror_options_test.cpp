#include <boost/test/unit_test.hpp>

#include "test/plugins/stores/mirror/mirror_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(mirror_options_and_promises)

static void check_refused_mirror(const std::string& options, const std::string& words,
                                 store_role what = store_role::content) {
  deterministic_system system;
  const std::string m = "{type: memory, capacity: 1MiB}";
  BOOST_CHECK_EXCEPTION(
      system.spawn_stores("{one: " + m + ", two: " + m + ", three: " + m + ", top: " + options + "}",
                          {{"top", what}}),
      std::runtime_error, [&](const std::runtime_error& fault) {
        const bool is_said = std::string(fault.what()).find(words) != std::string::npos;
        if (!is_said) BOOST_TEST_MESSAGE(fault.what());
        return is_said;
      });
}

BOOST_AUTO_TEST_CASE(mirrors_that_cannot_work_are_refused_with_the_reason) {
  check_refused_mirror("{type: mirror, stores: [one]}", "a mirror has two stores, and this one has 1");
  check_refused_mirror("{type: mirror, stores: [one, two, three]}", "at most 2");
  check_refused_mirror("{type: mirror, stores: [one, one]}", "both stores are the same one, one");
  check_refused_mirror("{type: mirror, stores: [one, two], writes: some}", "some");
  check_refused_mirror("{type: mirror, stores: [one, two], patience: 1ms}", "patience");
  check_refused_mirror("{type: mirror, stores: [one, two], writes: any}", "Use writes: all",
                       store_role::results);
}

BOOST_AUTO_TEST_CASE(an_existence_cache_stands_below_a_mirror_and_not_above) {
  check_refused_mirror("{type: existence_cache, inner: {type: mirror, stores: [one, two]}}", "does not tell");
  deterministic_system system;
  const std::string m = "{type: existence_cache, inner: {type: memory, capacity: 1MiB}}";
  auto top = system.spawn_store("{type: mirror, stores: [" + m + ", " + m + "]}");
  const auto blob = put_blob(system, top, "content");
  BOOST_TEST(system.ask<missing_blobs>(top, find_missing{{blob}})->blobs.empty());
}

BOOST_AUTO_TEST_CASE(a_mirror_promises_what_both_do_and_to_be_durable_if_both_are_written_and_one_is) {
  mirror_options options;
  options.stores = {{"one"}, {"two"}};
  store_promises one{true, true, false, true, true, true}, two{true, false, true, false, true, true};
  auto of = [&](const store_ref& which) { return which.name == "one" ? one : two; };
  BOOST_TEST((mirror_promises(options, of).value() == store_promises{true, true, true, true, true, false}));
  options.writes = mirror_writes::any;
  BOOST_TEST((mirror_promises(options, of).value() == store_promises{true, false, true, true, true, false}));
  two.leases = false;
  BOOST_TEST(!mirror_promises(options, of)->leases);
}

BOOST_AUTO_TEST_SUITE_END()
