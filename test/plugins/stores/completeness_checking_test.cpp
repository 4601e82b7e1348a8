#include "plugins/stores/completeness_checking/completeness_checking_store.hpp"

#include <boost/test/unit_test.hpp>
#include <random>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/observe/prometheus.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "test/contract/claims.hpp"
#include "test/harness/deterministic_system.hpp"
#include "test/harness/seen_orders.hpp"

using namespace kiln;
using namespace kiln::test;
namespace v2 = build::bazel::remote::execution::v2;

KILN_RESULT_STORE_CONTRACT(completeness_checking,
                           "{type: completeness_checking, content: {type: memory, capacity: 1MiB},"
                           " inner: {type: memory, capacity: \"${CAPACITY}\"}}")
KILN_RESULT_STORE_CONTRACT(
    completeness_checking_on_disk,
    "{type: completeness_checking, content: {type: memory, capacity: 1MiB},"
    " inner: {type: filesystem, path: \"${FOLDER}/results\", capacity: \"${CAPACITY}\"}}")

BOOST_AUTO_TEST_SUITE(completeness_checking_store)

namespace {

struct checking {
  explicit checking(bool shared = false, byte_size memory = byte_size{1 << 20}, bool tells = true) {
    results = system.spawn_store("{type: memory, capacity: 4MiB}", store_role::results);
    content = system.spawn_store("{type: memory, capacity: 4MiB}");
    below = system.own(spawn_store<watching_store>(system.actors(), system.env(), results, seen));
    blobs = system.own(spawn_store<watching_store>(system.actors(), system.env(), content, seen_blobs));
    completeness_checking_options options;
    options.inner.name = "results";
    options.content.name = "content";
    options.index_memory = memory;
    store_context context{system.actors(),
                          system.env(),
                          "top",
                          store_role::results,
                          [this](const store_ref& one) { return one.name == "results" ? below : blobs; },
                          {}};
    context.promises = [=](const store_ref&) {
      store_promises all;
      all.shared = shared;
      all.tells_news = tells;
      return all;
    };
    top = system.own(*spawn_completeness_checking_store(options, context));
    system.run();
  }
  template <class Order>
  expected<answer_to<Order>> ask(Order order) {
    return system.ask<answer_to<Order>>(top, std::move(order));
  }
  digest put(const std::string& text, digest_function function = digest_function::sha256) {
    return put_blob(system, content, text, function);
  }
  static digest key(unsigned number) { return digest_of("key " + std::to_string(number)); }
  static bytes naming(const std::vector<digest>& blobs) {
    v2::ActionResult result;
    for (const auto& blob : blobs) {
      auto* file = result.add_output_files();
      file->set_path(fmt::format("out{}", result.output_files_size()));
      to_wire(blob, file->mutable_digest());
    }
    return wrap_result(serialise(result));
  }
  bytes with_tree(const std::vector<digest>& files, digest_function function = digest_function::sha256) {
    v2::Tree tree;
    for (const auto& blob : files) {
      auto* file = tree.mutable_root()->add_files();
      file->set_name(fmt::format("f{}", tree.root().files_size()));
      to_wire(blob, file->mutable_digest());
    }
    v2::ActionResult result;
    auto* directory = result.add_output_directories();
    directory->set_path("dir");
    to_wire(put(tree.SerializeAsString(), function), directory->mutable_tree_digest());
    return wrap_result(serialise(result));
  }
  void keep(unsigned number, const bytes& record) {
    BOOST_TEST_REQUIRE(ask(write_blob{key(number), source_of(record)}).has_value());
  }
  void lose(const digest& blob) {
    BOOST_TEST_REQUIRE(system.ask<forgotten>(content, forget_blob{blob}).value().was_present);
  }
  std::string_view read(unsigned number) { return contract::code_of(ask(read_blob{key(number)})); }
  bool is_missing(unsigned number) { return !ask(find_missing{{key(number)}}).value().blobs.empty(); }
  bool is_below(unsigned number) {
    return system.ask<missing_blobs>(results, find_missing{{key(number)}}).value().blobs.empty();
  }
  template <class Body>
  std::size_t orders(Body body) {
    auto all = [this] {
      std::size_t sum = 0;
      for (const auto& [order, count] : seen->counts) sum += count;
      for (const auto& [order, count] : seen_blobs->counts) sum += count;
      return sum;
    };
    const auto before = all();
    body();
    return all() - before;
  }

  deterministic_system system;
  std::shared_ptr<seen_orders> seen = std::make_shared<seen_orders>();
  std::shared_ptr<seen_orders> seen_blobs = std::make_shared<seen_orders>();
  store_actor results, content, below, blobs, top;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_result_is_found_while_all_that_it_names_is_there_and_dropped_when_it_is_not) {
  for (bool tells : {true, false}) {
    checking on(false, byte_size{1 << 20}, tells);
    const auto file = on.put("file"), inside = on.put("in a tree");
    on.keep(1, checking::naming({file}));
    on.keep(2, on.with_tree({inside}));
    on.keep(3, checking::naming({on.put("another")}));
    for (int round = 0; round < 2; ++round)
      for (unsigned i = 1; i <= 3; ++i) {
        BOOST_TEST(on.read(i) == "OK");
        BOOST_TEST(!on.is_missing(i));
      }
    on.lose(file);
    on.lose(inside);
    on.system.run();
    BOOST_TEST(on.read(1) == "NOT_FOUND");
    BOOST_TEST(on.is_missing(2));
    BOOST_TEST(!on.is_below(1));
    BOOST_TEST(!on.is_below(2));
    BOOST_TEST(on.read(3) == "OK");
    BOOST_TEST(on.is_below(3));
  }
}

BOOST_AUTO_TEST_CASE(what_others_share_is_hidden_and_stays) {
  checking on(true);
  const auto file = on.put("file");
  on.keep(1, checking::naming({file}));
  BOOST_TEST(on.read(1) == "OK");
  on.lose(file);
  BOOST_TEST(on.read(1) == "NOT_FOUND");
  BOOST_TEST(on.is_missing(1));
  BOOST_TEST(on.is_below(1));
  on.put("file");
  BOOST_TEST(on.read(1) == "OK");
}

BOOST_AUTO_TEST_CASE(what_is_known_is_answered_without_an_order) {
  checking on;
  for (unsigned i = 0; i < 20; ++i) on.keep(i, on.with_tree({on.put("file " + std::to_string(i))}));
  read_blobs batch;
  for (unsigned i = 0; i < 20; ++i) batch.blobs.push_back(checking::key(i));
  const auto first = on.ask(batch);
  const auto used = on.orders([&] {
    const auto again = on.ask(batch);
    for (unsigned i = 0; i < 20; ++i) {
      BOOST_TEST(again->results.at(i)->view() == first->results.at(i)->view());
      BOOST_TEST(on.read(i) == "OK");
    }
    BOOST_TEST(on.ask(find_missing{batch.blobs})->blobs.empty());
  });
  BOOST_TEST(used == 0U);
  // The touches of all, of both stores.
  on.system.pass(std::chrono::seconds(31));
  BOOST_TEST(on.orders([&] { BOOST_TEST(on.ask(batch).has_value()); }) == 2U);
}

BOOST_AUTO_TEST_CASE(a_batch_of_results_is_read_as_one_batch) {
  checking on;
  read_blobs batch;
  for (unsigned i = 0; i < 20; ++i) {
    on.keep(i, checking::naming({i % 2 == 0 ? on.put("there") : digest_of("nowhere")}));
    batch.blobs.push_back(checking::key(i));
  }
  batch.blobs.push_back(checking::key(99));
  const auto before = on.seen->of<read_blobs>() + on.seen->of<read_blob>();
  const auto answer = on.ask(batch);
  BOOST_TEST(on.seen->of<read_blobs>() + on.seen->of<read_blob>() == before + 1);
  for (unsigned i = 0; i < 21; ++i)
    BOOST_TEST(contract::code_of(answer->results.at(i)) == (i % 2 == 0 && i < 20 ? "OK" : "NOT_FOUND"));
}

BOOST_AUTO_TEST_CASE(digests_of_every_function_are_looked_for) {
  for (const auto& info : digest_functions()) {
    checking on;
    const auto file = on.put("file", info.function), inside = on.put("inside", info.function);
    on.keep(1, checking::naming({file}));
    on.keep(2, on.with_tree({inside}, info.function));
    BOOST_TEST(on.read(1) == "OK", info.name);
    BOOST_TEST(on.read(2) == "OK", info.name);
    on.lose(inside);
    on.lose(file);
    BOOST_TEST(on.read(1) == "NOT_FOUND", info.name);
    BOOST_TEST(on.read(2) == "NOT_FOUND", info.name);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_result_of_an_action_passes) {
  checking on;
  v2::ActionResult nobodys;
  nobodys.set_stdout_raw("a list of something");
  for (const auto& record : {bytes::of_static("garbage"), wrap_result(bytes::of_static("\xff\xff")),
                             wrap_result(serialise(nobodys)), wrap_result(bytes())}) {
    on.keep(1, record);
    for (int round = 0; round < 2; ++round) {
      BOOST_TEST(on.ask(read_blob{checking::key(1)})->head.flatten().view() == record.view());
      BOOST_TEST(on.ask(read_blob{checking::key(1), 3, 4})->head.flatten().view() ==
                 record.view().substr(3, 4));
      BOOST_TEST(contract::code_of(on.ask(read_blob{checking::key(1), record.size() + 1})) == "OUT_OF_RANGE");
      BOOST_TEST(!on.is_missing(1));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_result_whose_digests_are_none_is_not_found) {
  checking on;
  v2::ActionResult result;
  result.add_output_files()->mutable_digest()->set_hash("no hash");
  on.keep(1, wrap_result(serialise(result)));
  BOOST_TEST(on.read(1) == "NOT_FOUND");
  BOOST_TEST(!on.is_below(1));
}

BOOST_AUTO_TEST_CASE(a_result_that_is_written_while_the_old_one_is_found_incomplete_stays) {
  for (std::size_t turns = 0; turns < 40; ++turns)
    for (bool batch : {false, true}) {
      checking on;
      on.keep(1, checking::naming({digest_of("nowhere")}));
      const auto whole = checking::naming({on.put("there")});
      auto old = on.system.begin<blob_content>(on.top, read_blob{checking::key(1)});
      on.system.run_some(turns);
      std::shared_ptr<std::optional<expected<receipt>>> kept;
      std::shared_ptr<std::optional<expected<receipts>>> kept_all;
      if (batch)
        kept_all = on.system.begin<receipts>(on.top, write_blobs{{{checking::key(1), whole}}});
      else
        kept = on.system.begin<receipt>(on.top, write_blob{checking::key(1), source_of(whole)});
      on.system.run();
      BOOST_TEST_REQUIRE(old->has_value());
      BOOST_TEST_REQUIRE((batch ? kept_all->value().has_value() : kept->value().has_value()));
      BOOST_TEST(on.read(1) == "OK", "after " << turns << " turns");
    }
}

BOOST_AUTO_TEST_CASE(it_is_neither_lent_nor_leased_when_it_is_not_whole) {
  checking on;
  on.keep(1, checking::naming({on.put("there")}));
  on.keep(2, checking::naming({digest_of("nowhere")}));
  const std::vector<digest> keys{checking::key(2), checking::key(1), checking::key(3)};
  const auto held = on.ask(lease_blobs{keys});
  BOOST_REQUIRE(held.has_value());
  BOOST_TEST((held->missing == std::vector{checking::key(2), checking::key(3)}));
  BOOST_TEST(contract::code_of(on.ask(lend_files{keys})) == "UNIMPLEMENTED");
}

BOOST_AUTO_TEST_CASE(promises_what_the_store_below_does_but_no_news_and_no_leases) {
  completeness_checking_options options;
  const auto all = completeness_checking_promises(
      options, [](const store_ref&) { return store_promises{true, true, false, true, true, true}; });
  BOOST_REQUIRE(all.has_value());
  BOOST_TEST((*all == store_promises{true, true, false, true, false, false}));
}

BOOST_AUTO_TEST_CASE(does_not_come_up_as_a_store_of_content) {
  const contract::subject content{
      "{type: completeness_checking, content: {type: memory, capacity: 1MiB},"
      " inner: {type: memory, capacity: 1MiB}}"};
  BOOST_CHECK_EXCEPTION(contract::stage{content}, std::runtime_error, [](const std::runtime_error& fault) {
    return std::string(fault.what()).find("store of action results") != std::string::npos;
  });
}

// Beside a model: each result is found just if all its blobs are there.
BOOST_AUTO_TEST_CASE(finds_what_a_simple_model_finds) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    std::mt19937 random(seed);
    auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
    checking on(false, byte_size{seed % 2 == 0 ? 20'000U : 1U << 20}, seed % 3 != 0);
    std::set<digest> there;
    std::map<unsigned, std::set<digest>> kept;
    auto text = [](unsigned number) { return "blob " + std::to_string(number); };
    for (unsigned step = 0; step < 500; ++step) {
      const auto number = below(10);
      switch (below(5)) {
        case 0: {
          std::vector<digest> blobs;
          for (unsigned i = below(4); i > 0; --i) blobs.push_back(digest_of(text(below(20))));
          std::set<digest> names(blobs.begin(), blobs.end());
          if (below(2) == 0) {
            on.keep(number, checking::naming(blobs));
          } else {
            on.keep(number, on.with_tree(blobs));
          }
          kept[number] = std::move(names);
          break;
        }
        case 1:
          there.insert(on.put(text(below(20))));
          break;
        case 2:
          if (there.empty()) break;
          {
            auto which = std::next(there.begin(), below(static_cast<unsigned>(there.size())));
            on.lose(*which);
            there.erase(which);
          }
          break;
        default: {
          auto mine = kept.find(number);
          const bool whole = mine != kept.end() && std::includes(there.begin(), there.end(),
                                                                 mine->second.begin(), mine->second.end());
          const bool found = below(2) == 0 ? on.read(number) == "OK" : !on.is_missing(number);
          BOOST_TEST_REQUIRE(found == whole, "seed " << seed << ", step " << step);
          // What is not whole is dropped for good.
          if (!whole) kept.erase(number);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
