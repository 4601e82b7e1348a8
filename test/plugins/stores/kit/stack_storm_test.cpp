#include <boost/test/unit_test.hpp>
#include <deque>
#include <random>

#include "test/contract/claims.hpp"

using namespace kiln;

// On real threads, where nothing is in order: what lies in one of two places while it is on its way, or is
// lost in one of them all the time, is found by everybody.
BOOST_AUTO_TEST_SUITE(stores_side_by_side_storm)

using namespace kiln::contract;

const std::string storm_memory = "{type: memory, capacity: 256MiB}";

struct storm {
  stage on;
  std::mt19937_64 random{20261129};
  std::vector<std::pair<digest, std::string>> blobs;
  std::deque<std::function<void()>> under_way;
  std::size_t done = 0;

  explicit storm(const std::string& yaml, store_role what = store_role::content) : on({yaml, what}) {}

  void plant(const std::vector<std::string>& where, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      auto content = noise(i % 10 == 0 ? 300'000 : 100 + i, i + 1);
      const auto name = digest_now(content);
      for (const auto& part : where)
        BOOST_REQUIRE(wait(on.ask(on.within(part), write_blobs{{{name, bytes::copy_of(content)}}})));
      blobs.emplace_back(name, std::move(content));
    }
  }
  const auto& any() { return blobs[random() % blobs.size()]; }

  void find() {
    find_missing order;
    for (int i = 0; i < 8; ++i) order.blobs.push_back(any().first);
    under_way.push_back(
        [this, heard = std::make_shared<std::future<expected<missing_blobs>>>(on.ask(order))] {
          auto missing = wait(std::move(*heard));
          BOOST_TEST_REQUIRE(text_of(missing) == "OK");
          BOOST_TEST_REQUIRE(missing->blobs.empty());
        });
  }
  void read() {
    const auto& [name, content] = any();
    under_way.push_back(
        [this, content = content,
         heard = std::make_shared<std::future<expected<blob_content>>>(on.ask(read_blob{name}))] {
          auto got = wait(std::move(*heard));
          BOOST_TEST_REQUIRE(text_of(got) == "OK");
          auto all = drain(std::move(*got));
          BOOST_TEST_REQUIRE(text_of(all) == "OK");
          BOOST_REQUIRE(*all == content);
        });
  }
  void read_many() {
    read_blobs order;
    std::vector<std::string> contents;
    for (int i = 0; i < 5; ++i) {
      const auto& [name, content] = any();
      order.blobs.push_back(name);
      contents.push_back(content);
    }
    under_way.push_back(
        [contents, heard = std::make_shared<std::future<expected<blob_batch>>>(on.ask(order))] {
          auto batch = wait(std::move(*heard));
          BOOST_REQUIRE(batch);
          for (std::size_t i = 0; i < contents.size(); ++i) {
            BOOST_TEST_REQUIRE(text_of(batch->results.at(i)) == "OK");
            BOOST_REQUIRE(batch->results[i]->view() == contents[i]);
          }
        });
  }
  void lease_some() {
    lease_blobs order;
    for (int i = 0; i < 4; ++i) order.blobs.push_back(any().first);
    under_way.push_back([heard = std::make_shared<std::future<expected<leased>>>(on.ask(order))] {
      auto lease = wait(std::move(*heard));
      BOOST_REQUIRE(lease);
      BOOST_TEST_REQUIRE(lease->missing.empty());
    });
  }
  void write() {
    const auto& [name, content] = any();
    under_way.push_back([heard = std::make_shared<std::future<expected<receipt>>>(
                             on.ask(write_blob{name, deliver(content)}))] {
      auto kept = wait(std::move(*heard));
      BOOST_TEST_REQUIRE(text_of(kept) == "OK");
    });
  }
  void run(int orders, const std::function<void()>& harm) {
    for (int i = 0; i < orders; ++i) {
      switch (random() % 8) {
        case 0:
          write();
          break;
        case 1:
          lease_some();
          break;
        case 2:
        case 3:
          read_many();
          break;
        case 4:
        case 5:
          read();
          break;
        default:
          find();
      }
      harm();
      while (under_way.size() > 48) settle_one();
    }
    while (!under_way.empty()) settle_one();
  }
  void settle_one() {
    auto next = std::move(under_way.front());
    under_way.pop_front();
    next();
  }
};

BOOST_AUTO_TEST_CASE(blobs_that_move_are_found_by_everybody) {
  storm all("{type: shard, stores: [{name: a, store: " + storm_memory +
            "}, {name: b, store: " + storm_memory + "}], was: [{name: c, store: " + storm_memory +
            "}, {name: d, store: {type: filesystem, path: "
            "\"${FOLDER}/d\", capacity: 256MiB}}]}");
  // Where it belongs, and once where it does not: that one is never asked for it.
  all.plant({"was[0].store", "was[1].store"}, 400);
  all.run(6000, [] {});
  std::size_t left = 0;
  for (const auto& [name, content] : all.blobs) {
    auto in_new = wait(all.on.ask(all.on.within("stores[0].store"), find_missing{{name}}))->blobs.empty();
    auto in_other = wait(all.on.ask(all.on.within("stores[1].store"), find_missing{{name}}))->blobs.empty();
    left += in_new || in_other ? 0 : 1;
  }
  BOOST_TEST(left < 40U);
}

// All that is in one of them is taken away now and then, never both at a time.
BOOST_AUTO_TEST_CASE(what_one_side_of_a_mirror_loses_is_found_in_the_other) {
  storm all("{type: mirror, stores: [" + storm_memory +
            ", {type: filesystem, path: \"${FOLDER}/far\", capacity: "
            "256MiB}]}");
  all.plant({"stores[0]", "stores[1]"}, 200);
  all.run(4000, [&] {
    if (all.random() % 3 != 0) return;
    // Half of the names may be lost here, the others there.
    const auto which = all.random() % all.blobs.size();
    const auto* side = which % 2 == 0 ? "stores[0]" : "stores[1]";
    BOOST_REQUIRE(wait(all.on.ask(all.on.within(side), forget_blob{all.blobs[which].first})));
  });
}

BOOST_AUTO_TEST_SUITE_END()
