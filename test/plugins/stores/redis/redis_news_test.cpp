#include <algorithm>
#include <stdexcept>

#include "plugins/stores/redis/told_blobs.hpp"
#include "test/plugins/stores/redis/redis_server.hpp"
#include "test/plugins/stores/redis/redis_stage.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(redis_news)

using namespace kiln::contract;

namespace {

using kiln::test::comes_true;
using kiln::test::redis_at;
using kiln::test::redis_key_of;
using kiln::test::redis_server;

const std::vector<std::string> telling = {"--notify-keyspace-events", "Kg$xe"};

std::string named(const redis_server& server) {
  return "\"" + server.endpoint() + "\"";
}

// From then on the server tells the store of everything, behind the word that it will.
void await_subscription(const redis_server& server) {
  BOOST_REQUIRE(comes_true([&] { return server.ask({"PUBSUB", "NUMPAT"}).number == 1; }));
}

bool says(stage& on, const digest& blob, bool there) {
  return on.last_word([&](const stage::word& said) {
             auto found = said.find(blob);
             return found != said.end() && found->second == there;
           }).at(blob) == there;
}

}  // namespace

BOOST_AUTO_TEST_CASE(asks_at_the_start_for_events_that_the_server_does_not_tell) {
  redis_server server;
  for (const char* flags : {"", "Kg", "AE"}) {
    server.ask({"CONFIG", "SET", "notify-keyspace-events", flags});
    try {
      stage on(redis_at(named(server), ", keyspace_news: true"));
      BOOST_ERROR("it started");
    } catch (const std::runtime_error& refused) {
      const std::string why = refused.what();
      BOOST_TEST(why.find("CONFIG SET notify-keyspace-events \"Kg$xe\"") != std::string::npos, why);
    }
  }
  server.ask({"CONFIG", "SET", "notify-keyspace-events", "KA"});
  stage on(redis_at(named(server), ", keyspace_news: true"));
  BOOST_TEST(put(on, "x").size == 1);
}

BOOST_AUTO_TEST_CASE(tells_what_others_bring_and_take_away) {
  redis_server server(telling);
  stage on(redis_at(named(server), ", keyspace_news: true, chunk_size: 16KiB"));
  on.watch();
  await_subscription(server);
  digest first = put(on, "first");
  for (std::size_t size : {100U, 100'000U}) {
    digest blob = put(on, noise(size));
    BOOST_TEST(says(on, blob, true));
    server.ask({"DEL", redis_key_of(blob)});
    BOOST_TEST(says(on, blob, false));
    put(on, noise(size));
    BOOST_TEST(says(on, blob, true));
    server.ask({"PEXPIRE", redis_key_of(blob), "1"});
    BOOST_TEST(says(on, blob, false));
    put(on, noise(size));
    BOOST_TEST(says(on, blob, true));
    BOOST_TEST(on.tell(forget_blob{blob})->was_present);
    BOOST_TEST(says(on, blob, false));
  }
  digest strange = digest_of("strange");
  server.ask({"SET", redis_key_of(strange), "strange"});
  BOOST_TEST(says(on, strange, true));
  digest last = put(on, noise(1000, 5));
  BOOST_TEST(says(on, last, true));
  server.ask({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  server.ask({"CONFIG", "SET", "maxmemory", "1"});
  BOOST_TEST(says(on, last, false));
  BOOST_TEST(says(on, first, false));
}

BOOST_AUTO_TEST_CASE(takes_back_what_it_told_when_it_hears_nothing_any_more) {
  redis_server server(telling);
  stage on(redis_at(named(server), ", keyspace_news: true"));
  on.watch();
  await_subscription(server);
  digest asked = put(on, "asked for"), written = put(on, "written");
  BOOST_TEST(says(on, asked, true));
  BOOST_TEST(says(on, written, true));
  BOOST_TEST(!is_missing(on, asked));
  server.ask({"CLIENT", "KILL", "TYPE", "pubsub"});
  BOOST_TEST(says(on, asked, false));
  BOOST_TEST(says(on, written, false));
  // And then as before.
  await_subscription(server);
  server.ask({"DEL", redis_key_of(asked)});
  put(on, "asked for");
  BOOST_TEST(says(on, asked, true));
  server.ask({"DEL", redis_key_of(asked)});
  BOOST_TEST(says(on, asked, false));
}

BOOST_AUTO_TEST_CASE(an_existence_cache_above_it_does_not_promise_what_has_left) {
  redis_server server(telling);
  const std::string below =
      "{type: redis, endpoints: [" + named(server) + "], keyspace_news: true, fail_fast_after: 300ms}";
  stage on(subject{"{type: existence_cache, max_age: 1h, touch_every: 10m, inner: " + below + "}"});
  digest blob = put(on, "here");
  for (int round = 0; round < 20; ++round) {
    BOOST_TEST(!is_missing(on, blob));
    BOOST_TEST(!is_missing(on, blob));
    if (round % 3 == 0) server.ask({"CLIENT", "KILL", "TYPE", "pubsub"});
    server.ask({"DEL", redis_key_of(blob)});
    BOOST_TEST(comes_true([&] { return is_missing(on, blob); }));
    BOOST_TEST((put(on, "here") == blob));
  }
}

BOOST_AUTO_TEST_CASE(refuses_an_existence_cache_where_it_hears_nothing) {
  redis_server server;
  BOOST_CHECK_THROW(
      stage(subject{"{type: existence_cache, inner: {type: redis, endpoints: [" + named(server) + "]}}"}),
      std::runtime_error);
}

BOOST_AUTO_TEST_CASE(gives_up_those_told_longest_ago) {
  redis_store::told_blobs told(10);
  std::vector<digest> gone;
  for (int i = 0; i < 100; ++i) {
    auto more = told.note(digest_of(std::to_string(i)));
    gone.insert(gone.end(), more.begin(), more.end());
    BOOST_TEST(told.size() <= 12U);
  }
  auto rest = told.give_up();
  BOOST_TEST(rest.size() + gone.size() == 100U);
  BOOST_TEST((std::find(gone.begin(), gone.end(), digest_of("0")) != gone.end()));
  BOOST_TEST((std::find(rest.begin(), rest.end(), digest_of("99")) != rest.end()));
  BOOST_TEST(told.size() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
