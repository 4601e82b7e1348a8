#include <boost/test/unit_test.hpp>
#include <caf/event_based_actor.hpp>

#include "test/contract/sources.hpp"
#include "test/harness/deterministic_system.hpp"
#include "test/harness/memory_disk.hpp"

/// Who writes and then asks somebody who listens finds him informed.
using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(news_come_before_answers)

namespace {

struct order_of_news {
  std::vector<std::string> heard;
};

// Writes, and listens at the same time.
caf::actor spawn_writer(deterministic_system& system, const store_actor& store, const digest& name,
                        const std::string& content, bool in_a_batch,
                        const std::shared_ptr<order_of_news>& all) {
  return system.own(system.actors().spawn([=](caf::event_based_actor* self) -> caf::behavior {
    self->send(store, watch_store{caf::actor_cast<store_observer>(caf::actor(self))});
    auto done = [all](const std::string& what) { return [all, what](auto&) { all->heard.push_back(what); }; };
    auto failed = [all](const caf::error&) { all->heard.emplace_back("failed"); };
    const auto text = bytes::copy_of(content);
    if (in_a_batch)
      self->request(store, caf::infinite, write_blobs{{{name, text}}})
          .then([done](receipts& kept) { done("kept")(kept); }, failed);
    else
      self->request(store, caf::infinite, write_blob{name, source_of(text)})
          .then([done](receipt& kept) { done("kept")(kept); }, failed);
    return {[all](const blobs_stored&) { all->heard.emplace_back("stored"); },
            [all](const blobs_evicted&) { all->heard.emplace_back("evicted"); }};
  }));
}

}  // namespace

BOOST_AUTO_TEST_CASE(of_what_was_written_also_over_something) {
  const std::vector<std::pair<std::string, store_role>> stores{
      {"{type: memory, capacity: 16MiB}", store_role::content},
      {"{type: memory, capacity: 16MiB}", store_role::results},
      {"{type: filesystem, path: /data/blobs, capacity: 64MiB}", store_role::content},
      {"{type: filesystem, path: /data/results, capacity: 64MiB}", store_role::results}};
  for (const auto& [yaml, role] : stores)
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      deterministic_system system(seed, pick::by_seed);
      system.use(std::make_shared<memory_disk>(system.time()));
      const auto store = system.spawn_store(yaml, role);
      for (std::size_t size : {100U, 300'000U})
        for (bool in_a_batch : {false, true})
          for (int round = 0; round < 2; ++round) {
            const auto content = contract::noise(size, size + 10 * (in_a_batch ? 1 : 0) + round);
            const auto name =
                role == store_role::results ? digest_of(std::to_string(size)) : digest_of(content);
            auto all = std::make_shared<order_of_news>();
            auto writer = spawn_writer(system, store, name, content, in_a_batch, all);
            system.run();
            BOOST_TEST((all->heard == std::vector<std::string>{"stored", "kept"}),
                       yaml << ", " << size << " bytes, batch " << in_a_batch << ", seed " << seed << ": "
                            << (all->heard.empty() ? "nothing" : all->heard.front()));
            system.end(writer);
          }
    }
}

BOOST_AUTO_TEST_SUITE_END()
