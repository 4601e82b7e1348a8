#include <algorithm>
#include <array>
#include <map>

#include "plugins/stores/redis/hash_slot.hpp"
#include "plugins/stores/redis/key_names.hpp"
#include "plugins/stores/redis/slot_map.hpp"
#include "test/plugins/stores/redis/redis_relay.hpp"
#include "test/plugins/stores/redis/redis_server.hpp"
#include "test/plugins/stores/redis/redis_stage.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(redis_cluster)

using namespace kiln::contract;

namespace {

using kiln::redis_store::hash_slot;
using kiln::redis_store::resp_reply;
using kiln::test::comes_true;
using kiln::test::redis_at;
using kiln::test::redis_key_of;
using kiln::test::redis_server;

/// Three masters, and a replica of each.
class six_nodes {
public:
  six_nodes() {
    for (std::size_t i = 0; i < ports.size(); ++i)
      nodes.push_back(kiln::test::start_at_some_port(ports[i], [](int at) {
        return std::vector<std::string>{"--port",
                                        std::to_string(at),
                                        "--cluster-enabled",
                                        "yes",
                                        "--cluster-port",
                                        std::to_string(kiln::test::free_port()),
                                        "--cluster-node-timeout",
                                        "15000"};
      }));
    for (std::size_t i = 1; i < 6; ++i) {
      auto at = nodes[i]->ask({"CONFIG", "GET", "cluster-port"});
      nodes[0]->ask({"CLUSTER", "MEET", "127.0.0.1", std::to_string(ports[i]),
                     std::string(at.items.at(1).text.view())});
    }
    for (std::size_t i = 0; i < 3; ++i)
      nodes[i]->ask({"CLUSTER", "ADDSLOTSRANGE", std::to_string(i * 5500),
                     std::to_string(i == 2 ? 16383 : i * 5500 + 5499)});
    for (std::size_t i = 3; i < 6; ++i) {
      const auto master = id_of(i - 3);
      if (!comes_true([&] { return nodes[i]->ask({"CLUSTER", "REPLICATE", master}).is_word("OK"); }))
        throw std::runtime_error("no replica");
    }
    if (!comes_true([&] {
          for (const auto& node : nodes) {
            if (node->ask({"CLUSTER", "INFO"}).text.view().find("cluster_state:ok") == std::string_view::npos)
              return false;
            if (node->ask({"CLUSTER", "SLOTS"}).items.size() != 3) return false;
            for (const auto& range : node->ask({"CLUSTER", "SLOTS"}).items)
              if (range.items.size() != 4) return false;
          }
          return true;
        }))
      throw std::runtime_error("no cluster");
  }
  std::string id_of(std::size_t which) const {
    return std::string(nodes[which]->ask({"CLUSTER", "MYID"}).text.view());
  }
  std::string endpoint(std::size_t which) const {
    return "\"redis://127.0.0.1:" + std::to_string(ports[which]) + "\"";
  }
  static std::size_t owner_of(const std::string& key) {
    return std::min<std::size_t>(hash_slot(key) / 5500, 2);
  }

  std::array<int, 6> ports{};
  std::vector<std::unique_ptr<redis_server>> nodes;
};

std::vector<digest> put_many(stage& on, std::uint64_t count, std::uint64_t seed = 0) {
  std::vector<digest> blobs;
  write_blobs order;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto content = noise(500 + i, seed + i);
    blobs.push_back(digest_of(content));
    order.entries.push_back({blobs.back(), bytes::adopt(content)});
  }
  auto kept = on.tell(std::move(order));
  BOOST_REQUIRE(kept);
  for (const auto& one : kept->results) BOOST_TEST(code_of(one) == "OK");
  return blobs;
}

}  // namespace

BOOST_AUTO_TEST_CASE(slots_are_those_of_the_specification) {
  BOOST_TEST(hash_slot("123456789") == 0x31c3 % 16384);
  BOOST_TEST(hash_slot("foo") == 12182);
  BOOST_TEST(hash_slot("{user1000}.following") == hash_slot("user1000"));
  BOOST_TEST(hash_slot("foo{}{bar}") != hash_slot("bar"));
  BOOST_TEST(hash_slot("foo{{bar}}zap") == hash_slot("{bar"));
  BOOST_TEST(hash_slot("foo{bar}{zap}") == hash_slot("bar"));
  redis_store::key_names names("kiln:", store_role::content);
  const auto key = names.of(digest_of("x"));
  BOOST_TEST(hash_slot(names.on_its_way(key, 7)) == hash_slot(key));
  BOOST_TEST(hash_slot(names.forgotten(key)) == hash_slot(key));
  BOOST_TEST((names.read(key) == digest_of("x")));
  BOOST_TEST(!names.read(names.on_its_way(key, 7)));
}

BOOST_AUTO_TEST_CASE(redirections_are_read_and_nonsense_is_not) {
  const redis_store::server_address teller{"here", "1", false};
  auto fault = [](std::string text) {
    resp_reply made;
    made.what = resp_reply::kind::fault;
    made.text = bytes::adopt(std::move(text));
    return made;
  };
  auto moved = read_redirection(fault("MOVED 3999 127.0.0.1:6381"), teller);
  BOOST_REQUIRE(moved);
  BOOST_TEST(moved->slot == 3999);
  BOOST_TEST(moved->to.to_string() == "redis://127.0.0.1:6381");
  BOOST_TEST(!moved->only_once);
  auto ask = read_redirection(fault("ASK 5 :7"), teller);
  BOOST_REQUIRE(ask);
  BOOST_TEST(ask->to.to_string() == "redis://here:7");
  BOOST_TEST(ask->only_once);
  for (const char* nonsense : {"MOVED", "MOVED 1", "MOVED x y:1", "MOVED 70000 a:1", "MOVED 16384 a:1",
                               "MOVED 1 a:b", "MOVED 1 a:", "ERR"})
    BOOST_TEST(!read_redirection(fault(nonsense), teller), nonsense);
}

BOOST_AUTO_TEST_CASE(keys_lie_on_the_nodes_of_their_slots) {
  six_nodes cluster;
  stage on(redis_at(cluster.endpoint(4), ", mode: cluster, chunk_size: 16KiB"));
  auto blobs = put_many(on, 300);
  for (std::size_t size : {100'000U, 300'000U, 500'000U, 700'000U}) {
    blobs.push_back(put(on, noise(size, size)));
    BOOST_TEST((read(on, blobs.back()) == noise(size, size)));
  }
  std::map<std::size_t, std::int64_t> on_node;
  for (const auto& blob : blobs) ++on_node[six_nodes::owner_of(redis_key_of(blob))];
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST(on_node[i] > 0);
    BOOST_TEST(cluster.nodes[i]->ask({"DBSIZE"}).number == on_node[i]);
  }
  auto asked = blobs;
  asked.insert(asked.begin() + 100, digest_of("absent"));
  BOOST_TEST((on.tell(find_missing{asked})->blobs == std::vector{digest_of("absent")}));
  auto batch = on.tell(read_blobs{asked});
  BOOST_REQUIRE(batch);
  for (std::size_t i = 0; i < asked.size(); ++i)
    BOOST_TEST(code_of(batch->results[i]) == (i == 100 ? "NOT_FOUND" : "OK"));
  BOOST_TEST(on.tell(forget_blob{blobs.back()})->was_present);
  BOOST_TEST(is_missing(on, blobs.back()));
}

BOOST_AUTO_TEST_CASE(follows_slots_that_move_and_a_replica_that_takes_over) {
  six_nodes cluster;
  stage on(redis_at(cluster.endpoint(0),
                    ", mode: cluster, chunk_size: 16KiB, fail_fast_after: 500ms, connect_timeout: 300ms"));
  auto blobs = put_many(on, 300);
  // One slot that is in use goes from the first node to the second, and is asked for on the way.
  digest moving = *std::find_if(blobs.begin(), blobs.end(), [](const digest& one) {
    return six_nodes::owner_of(redis_key_of(one)) == 0;
  });
  const auto key = redis_key_of(moving);
  const auto slot = std::to_string(hash_slot(key));
  cluster.nodes[1]->ask({"CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id_of(0)});
  cluster.nodes[0]->ask({"CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id_of(1)});
  auto migrated =
      cluster.nodes[0]->ask({"MIGRATE", "127.0.0.1", std::to_string(cluster.ports[1]), key, "0", "5000"});
  BOOST_TEST(migrated.is_word("OK"), migrated.text.view());
  BOOST_TEST(on.tell(find_missing{blobs})->blobs.empty());
  BOOST_TEST(code_of(read(on, moving)) == "OK");
  cluster.nodes[1]->ask({"CLUSTER", "SETSLOT", slot, "NODE", cluster.id_of(1)});
  cluster.nodes[0]->ask({"CLUSTER", "SETSLOT", slot, "NODE", cluster.id_of(1)});
  BOOST_TEST(on.tell(find_missing{blobs})->blobs.empty());
  BOOST_TEST(code_of(read(on, moving)) == "OK");

  // A master dies: what it had is written and found again when its replica has taken over.
  BOOST_TEST(comes_true(
      [&] { return cluster.nodes[5]->ask({"DBSIZE"}).number == cluster.nodes[2]->ask({"DBSIZE"}).number; }));
  cluster.nodes[2]->kill();
  BOOST_TEST(cluster.nodes[5]->ask({"CLUSTER", "FAILOVER", "TAKEOVER"}).is_word("OK"));
  BOOST_TEST(comes_true([&] {
    auto missing = on.tell(find_missing{blobs});
    return missing && missing->blobs.empty();
  }));
  auto more = put_many(on, 100, 5000);
  BOOST_TEST(on.tell(find_missing{more})->blobs.empty());
}

BOOST_AUTO_TEST_SUITE_END()
