#include <boost/test/unit_test.hpp>

#include "plugins/stores/fast_slow/fast_slow_options.hpp"
#include "test/contract/claims.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(fast_slow_promises_of_two)

using namespace kiln::contract;

struct two {
  fast_slow_options options;
  store_promises fast, slow;

  two() {
    options.fast = {"fast"};
    options.slow = {"slow"};
  }
  expected<store_promises> made() const {
    return fast_slow_promises(options,
                              [this](const store_ref& one) { return one.name == "fast" ? fast : slow; });
  }
};

static void check_refused(const std::string& yaml, const std::string& words) {
  BOOST_CHECK_EXCEPTION(stage(subject{yaml}), std::runtime_error, [&](const std::runtime_error& fault) {
    return std::string(fault.what()).find(words) != std::string::npos;
  });
}

const std::string fast = "fast: {type: memory, capacity: 1MiB}, ";
const std::string slow = "slow: {type: memory, capacity: 1MiB}";

BOOST_FIXTURE_TEST_CASE(are_those_of_the_slow_store_and_the_files_of_either, two) {
  slow = {true, true, true, false, true, true};
  fast.lends_files = true;
  BOOST_TEST((made().value() == store_promises{true, true, true, true, true, true}));
}

BOOST_FIXTURE_TEST_CASE(are_those_of_the_fast_store_where_the_slow_one_keeps_nothing, two) {
  slow.keeps = false;
  fast.durable = fast.leases = true;
  BOOST_TEST((made().value() == fast));
  options.fast_direction = fill_direction::get;
  BOOST_TEST(!made().has_value());
}

BOOST_FIXTURE_TEST_CASE(tell_no_news_where_a_blob_in_either_store_is_there, two) {
  slow.tells_news = fast.tells_news = slow.durable = true;
  options.slow_direction = fill_direction::read_only;
  BOOST_TEST((!made()->tells_news && !made()->durable));
}

BOOST_AUTO_TEST_CASE(configurations_that_cannot_work_are_refused) {
  check_refused("{type: fast_slow, fast: subject, slow: subject}", "the same store");
  check_refused("{type: fast_slow, slow_direction: get, bypass_above: 1GiB, " + fast + slow + "}",
                "bypass_above");
  check_refused("{type: fast_slow, fast_direction: get, early_ack: true, " + fast + slow + "}", "early_ack");
  check_refused("{type: fast_slow, early_ack: true, " + fast + slow + "}", "not durable");
}

BOOST_AUTO_TEST_SUITE_END()
