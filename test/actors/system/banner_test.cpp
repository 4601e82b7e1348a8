#include "actors/system/banner.hpp"

#include <boost/test/unit_test.hpp>

using namespace kiln;

BOOST_AUTO_TEST_SUITE(banners)

namespace {

node_options serving(bool executes, bool works = false) {
  node_options options;
  options.serve.emplace();
  if (executes) options.serve->execution.emplace();
  if (works) options.worker.emplace();
  options.worker_token = "/var/lib/kiln/token";
  return options;
}

bool says(const std::string& all, const std::string& words) {
  return all.find(words) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_cache_of_this_machine_is_told_with_its_line_for_bazel_and_no_warning) {
  BOOST_TEST(banner({{"127.0.0.1:8980"}}, serving(false)) ==
             "kiln listens on 127.0.0.1:8980\n\nPaste into .bazelrc:\n\n"
             "    build --remote_cache=grpc://127.0.0.1:8980\n\n");
}

BOOST_AUTO_TEST_CASE(what_is_encrypted_is_dialled_as_that) {
  auto all = banner({{"127.0.0.1:8980", protection::encrypted}}, serving(true));
  BOOST_TEST(says(all, "--remote_cache=grpcs://127.0.0.1:8980\n"), all);
  BOOST_TEST(says(all, "--remote_executor=grpcs://127.0.0.1:8980\n"), all);
  BOOST_TEST(!says(all, "grpc://"), all);
}

BOOST_AUTO_TEST_CASE(a_socket_is_dialled_by_its_path_and_all_interfaces_by_one) {
  BOOST_TEST(says(banner({{"unix:/run/kiln.sock"}}, serving(false)), "--remote_cache=unix:/run/kiln.sock\n"));
  BOOST_TEST(says(banner({{"0.0.0.0:80"}}, serving(false)), "--remote_cache=grpc://127.0.0.1:80\n"));
}

BOOST_AUTO_TEST_CASE(whoever_opens_a_port_to_the_network_is_told_what_others_may) {
  auto cache = banner({{"0.0.0.0:8980"}}, serving(false));
  BOOST_TEST(says(cache,
                  "kiln warns: 0.0.0.0:8980 is open to the network: whoever reaches it may use the "
                  "cache\n"),
             cache);
  auto scheduler = banner({{"[::]:8980"}}, serving(true));
  BOOST_TEST(says(scheduler, "may use the cache and run actions\n"), scheduler);
  for (const listener& safe : {listener{"localhost:1"}, listener{"[::1]:1"}, listener{"unix:/x"},
                               listener{"0.0.0.0:1", protection::identified}}) {
    auto all = banner({safe}, serving(true));
    BOOST_TEST(!says(all, "warns"), all);
  }
}

BOOST_AUTO_TEST_CASE(where_workers_join_is_told_apart_from_where_clients_do) {
  auto all = banner({{"127.0.0.1:1"}, {"127.0.0.1:2", protection::none, true}}, serving(true));
  BOOST_TEST(says(all, "kiln takes workers on 127.0.0.1:2; they show the token in /var/lib/kiln/token\n"),
             all);
  BOOST_TEST(!says(all, "warns"), all);
  BOOST_TEST(!says(all, "grpc://127.0.0.1:2"), all);
  all = banner({{"127.0.0.1:1"}, {"0.0.0.0:2", protection::none, true}}, serving(true));
  BOOST_TEST(says(all, "kiln warns: workers send their token to 0.0.0.0:2 in the clear\n"), all);
  all = banner({{"0.0.0.0:2", protection::encrypted, true}}, serving(true));
  BOOST_TEST(!says(all, "warns"), all);
  BOOST_TEST(!says(all, "bazelrc"), all);
}

BOOST_AUTO_TEST_CASE(http_is_told_with_its_url_beside_grpc_or_alone) {
  const listener web{"127.0.0.1:1", protection::none, false, "http"};
  auto both = banner({{"127.0.0.1:1"}, web}, serving(false));
  BOOST_TEST(both ==
             "kiln listens on 127.0.0.1:1\nkiln speaks HTTP at http://127.0.0.1:1\n\nPaste into .bazelrc:\n\n"
             "    build --remote_cache=grpc://127.0.0.1:1\n\n");
  auto alone = banner({web}, serving(false));
  BOOST_TEST(says(alone, "kiln listens on 127.0.0.1:1\nkiln speaks HTTP at http://127.0.0.1:1\n"), alone);
  BOOST_TEST(says(alone, "--remote_cache=http://127.0.0.1:1\n"), alone);
  auto safe = banner({{"127.0.0.1:1", protection::encrypted, false, "http"}}, serving(false));
  BOOST_TEST(says(safe, "kiln speaks HTTP at https://127.0.0.1:1\n"), safe);
}

BOOST_AUTO_TEST_CASE(a_worker_tells_where_its_metrics_are_and_who_may_read_them) {
  node_options worker;
  worker.worker.emplace();
  worker.scheduler = "first:8981";
  auto told = banner({{"0.0.0.0:9981", protection::none, false, "http"}}, worker);
  BOOST_TEST(says(told, "kiln speaks HTTP at http://127.0.0.1:9981\n"), told);
  BOOST_TEST(
      says(told,
           "kiln warns: 0.0.0.0:9981 is open to the network: whoever reaches it may read the metrics\n"),
      told);
  BOOST_TEST(!says(told, "--remote_cache"), told);
}

BOOST_AUTO_TEST_CASE(whoever_lets_actions_run_is_told_so) {
  BOOST_TEST(says(banner({{"127.0.0.1:1"}}, serving(true, true)),
                  "kiln warns: whoever may ask for actions runs commands on this machine"));
}

BOOST_AUTO_TEST_SUITE_END()
