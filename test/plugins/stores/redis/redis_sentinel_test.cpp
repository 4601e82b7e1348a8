#include <fstream>

#include "test/plugins/stores/redis/redis_server.hpp"
#include "test/plugins/stores/redis/redis_stage.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(redis_sentinel)

using namespace kiln::contract;

namespace {

using kiln::test::comes_true;
using kiln::test::redis_at;
using kiln::test::redis_cli;
using kiln::test::redis_server;

std::vector<std::string> at_port(int port) {
  return {"--port", std::to_string(port)};
}

std::string local(int port) {
  return "redis://127.0.0.1:" + std::to_string(port);
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_sentinels_say_who_the_master_is_and_who_follows_it) {
  int master_port = 0, replica_port = 0, sentinel_port = 0;
  auto master = kiln::test::start_at_some_port(master_port, at_port);
  auto replica = kiln::test::start_at_some_port(replica_port, at_port);
  replica->ask({"REPLICAOF", "127.0.0.1", std::to_string(master_port)});
  kiln::test::temporary_folder folder;
  auto sentinel = kiln::test::start_at_some_port(sentinel_port, [&](int port) {
    const auto path = (folder / "sentinel.conf").string();
    std::ofstream(path)
        << "port " << port << "\nsentinel monitor cache 127.0.0.1 " << master_port
        << " 1\nsentinel down-after-milliseconds cache 60000\nsentinel failover-timeout cache 2000\n";
    return std::vector<std::string>{path, "--sentinel"};
  });
  redis_cli asks(local(sentinel_port));
  BOOST_REQUIRE(comes_true([&] { return asks.ask({"SENTINEL", "REPLICAS", "cache"}).items.size() == 1; }));
  // The first of them does not answer.
  stage on(redis_at("\"" + local(kiln::test::free_port()) + "\", \"" + local(sentinel_port) + "\"",
                    ", mode: sentinel, master: cache, chunk_size: 16KiB, fail_fast_after: 500ms"));
  digest blob = put(on, noise(100'000));
  BOOST_TEST(master->ask({"DBSIZE"}).number == 1);
  BOOST_REQUIRE(comes_true([&] { return replica->ask({"DBSIZE"}).number == 1; }));
  // As sentinels do it when a master is gone; asked for, it waits for nothing.
  BOOST_REQUIRE(comes_true([&] { return asks.ask({"SENTINEL", "FAILOVER", "cache"}).is_word("OK"); }));
  BOOST_REQUIRE(comes_true([&] { return replica->ask({"ROLE"}).items.at(0).text.view() == "master"; }));
  master->kill();
  BOOST_TEST(comes_true([&] { return on.tell(find_missing{{blob}}).has_value(); }));
  BOOST_TEST((read(on, blob) == noise(100'000)));
  BOOST_TEST((put(on, "after") == digest_of("after")));
  BOOST_TEST(replica->ask({"DBSIZE"}).number == 2);

  stage unknown(redis_at("\"" + local(sentinel_port) + "\"",
                         ", mode: sentinel, master: other, fail_fast_after: 300ms"));
  auto refused = unknown.tell(find_missing{{blob}});
  BOOST_TEST(code_of(refused) == "UNAVAILABLE");
  BOOST_TEST(text_of(refused).find("other") != std::string::npos, text_of(refused));
}

BOOST_AUTO_TEST_SUITE_END()
