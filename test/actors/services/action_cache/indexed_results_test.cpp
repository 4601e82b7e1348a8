#include <random>

#include "actors/services/action_cache/action_cache.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/digest/record_key.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/digests.hpp"
#include "test/actors/services/common/service_bench.hpp"
#include "test/harness/seen_orders.hpp"

/// Results that are answered without asking for anything.
using namespace kiln;
using namespace kiln::test;
namespace v2 = build::bazel::remote::execution::v2;

namespace indexed_results {

const std::string get_method = "/build.bazel.remote.execution.v2.ActionCache/GetActionResult";

std::size_t all_of(const seen_orders& seen) {
  std::size_t sum = 0;
  for (const auto& [order, count] : seen.counts) sum += count;
  return sum;
}

struct world : service_bench {
  explicit world(const std::string& content = "{type: memory, capacity: 256MiB}")
      : service_bench(content.c_str()) {
    start();
    walker = own(spawn_action_cache(actors(), {env(), results, blobs}));
  }
  void start(byte_size memory = byte_size{16 << 20}) {
    auto counted = [&](const store_actor& store, const std::shared_ptr<seen_orders>& seen) {
      return own(kiln::spawn_store<watching_store>(actors(), env(), store, seen));
    };
    watched_content = counted(blobs, of_content);
    action_cache_options options{env(), counted(results, of_results), watched_content};
    options.settings.index_memory = memory;
    options.indexed = true;
    service = own(spawn_action_cache(actors(), options));
    run();
  }
  digest action(unsigned number) const { return digest_of("action " + std::to_string(number)); }
  digest key(unsigned number) const { return record_key(record_kind::action_result, "", action(number)); }
  void keep(unsigned number, const v2::ActionResult& result) {
    write_blobs order;
    order.entries.push_back({key(number), wrap_result(serialise(result))});
    BOOST_TEST_REQUIRE(ask<receipts>(results, std::move(order)).value().results[0].has_value());
  }
  expected<found_result> find(const action_cache_service& in, unsigned number, bool with_blobs = false) {
    find_result order{"", action(number)};
    order.with_blobs = with_blobs;
    return ask<found_result>(in, std::move(order));
  }
  bool finds(unsigned number) { return find(service, number).has_value(); }
  /// How many orders reach the stores while `body` runs.
  template <class Body>
  std::size_t orders(Body body) {
    const auto before = all_of(*of_results) + all_of(*of_content);
    body();
    return all_of(*of_results) + all_of(*of_content) - before;
  }
  bool is_known(unsigned number) {
    return orders([&] { BOOST_TEST(finds(number)); }) == 0;
  }
  void forget(const digest& blob) {
    BOOST_TEST_REQUIRE(ask<forgotten>(blobs, forget_blob{blob}).value().was_present);
  }
  bool have(const digest& blob) { return has(blob); }
  /// So much that nobody asks for.
  void fill(std::size_t bytes) {
    for (; bytes >= 1000; bytes -= 1000) put(fmt::format("{:01000}", ++filled));
  }

  std::shared_ptr<seen_orders> of_results = std::make_shared<seen_orders>();
  std::shared_ptr<seen_orders> of_content = std::make_shared<seen_orders>();
  store_actor results = spawn_store("{type: memory, capacity: 64MiB}", store_role::results);
  store_actor watched_content;
  action_cache_service service;  ///< with an index
  action_cache_service walker;   ///< without one
  std::uint64_t filled = 0;
};

// Loses blobs and does not say so.
class silent_store final : public store_wrapper {
public:
  silent_store(resumable_store::pointer self, store_actor inner, std::shared_ptr<std::set<digest>> lost)
      : store_wrapper(self, std::move(inner)), lost_(std::move(lost)) {}

  caf::result<missing_blobs> take(find_missing& order) {
    auto asker = owe<find_missing>();
    ask(order, [asker, order, lost = lost_](expected<missing_blobs> missing) mutable {
      if (missing)
        for (const auto& blob : order.blobs)
          if (lost->contains(blob)) missing->blobs.push_back(blob);
      asker.deliver(std::move(missing));
    });
    return asker;
  }

private:
  const std::shared_ptr<std::set<digest>> lost_;
};

void add_file(v2::ActionResult& to, const digest& blob) {
  auto* file = to.add_output_files();
  file->set_path(fmt::format("out{}", to.output_files_size()));
  to_wire(blob, file->mutable_digest());
}

void add_tree(world& on, v2::ActionResult& to, const std::vector<digest>& files) {
  v2::Tree tree;
  auto* folder = tree.mutable_root();
  for (const auto& blob : files) {
    auto* file = folder->add_files();
    file->set_name(fmt::format("f{:06}", folder->files_size()));
    to_wire(blob, file->mutable_digest());
  }
  auto* directory = to.add_output_directories();
  directory->set_path(fmt::format("dir{}", to.output_directories_size()));
  to_wire(on.put(tree.SerializeAsString()), directory->mutable_tree_digest());
}

v2::ActionResult with_all(world& on, const std::string& prefix) {
  v2::ActionResult result;
  add_file(result, on.put(prefix + " file"));
  add_tree(on, result, {on.put(prefix + " in a tree"), on.put(prefix + " in a tree, too")});
  to_wire(on.put(prefix + " said"), result.mutable_stdout_digest());
  to_wire(on.put(prefix + " complained"), result.mutable_stderr_digest());
  auto* link = result.add_output_symlinks();
  link->set_path("link");
  link->set_target("nowhere");
  v2::Directory root;
  auto* file = root.add_files();
  file->set_name("x");
  to_wire(on.put(prefix + " below a root"), file->mutable_digest());
  auto* directory = result.add_output_directories();
  directory->set_path("rooted");
  to_wire(on.put(root.SerializeAsString()), directory->mutable_root_directory_digest());
  return result;
}

}  // namespace indexed_results

BOOST_FIXTURE_TEST_SUITE(indexed_results_of_actions, indexed_results::world)
using namespace indexed_results;

BOOST_AUTO_TEST_CASE(a_result_that_was_walked_is_answered_without_an_order) {
  keep(1, with_all(*this, "one"));
  BOOST_TEST(orders([&] { BOOST_TEST(finds(1)); }) > 0U);
  BOOST_TEST(is_known(1));
  const auto known = find(service, 1, true);
  const auto walked = find(walker, 1, true);
  BOOST_TEST_REQUIRE((known && walked));
  BOOST_TEST(known->result.view() == walked->result.view());
  BOOST_TEST((std::set(known->blobs.begin(), known->blobs.end()) ==
              std::set(walked->blobs.begin(), walked->blobs.end())));
  BOOST_TEST(known->blobs.size() == 8U);
}

BOOST_AUTO_TEST_CASE(a_client_gets_it_with_and_without_what_goes_inside) {
  auto result = with_all(*this, "one");
  keep(1, result);
  add_routes(routes, service);
  v2::GetActionResultRequest request;
  to_wire(action(1), request.mutable_action_digest());
  for (int round = 0; round < 3; ++round) {
    BOOST_TEST(answer_of<v2::ActionResult>(get_method, request).SerializeAsString() ==
               result.SerializeAsString());
    auto inlined = request;
    inlined.set_inline_stdout(true);
    inlined.add_inline_output_files("out1");
    auto answer = answer_of<v2::ActionResult>(get_method, inlined);
    BOOST_TEST(answer.stdout_raw() == "one said");
    BOOST_TEST(answer.output_files(0).contents() == "one file");
  }
  BOOST_TEST(orders([&] { answer_of<v2::ActionResult>(get_method, request); }) == 0U);
}

BOOST_AUTO_TEST_CASE(a_lost_blob_of_any_kind_drops_just_the_results_that_named_it) {
  keep(1, with_all(*this, "one"));
  keep(2, with_all(*this, "two"));
  const auto blobs_of_one = find(service, 1, true).value().blobs;
  BOOST_TEST(finds(2));
  for (const auto& blob : blobs_of_one) {
    const auto content = ask<blob_batch>(blobs, read_blobs{{blob}}).value().results.at(0).value();
    BOOST_TEST(is_known(1));
    forget(blob);
    BOOST_TEST(!finds(1));
    BOOST_TEST(is_known(2));
    put(std::string(content.view()));
    BOOST_TEST(finds(1));
  }
}

BOOST_AUTO_TEST_CASE(a_result_that_was_written_anew_is_the_new_one) {
  v2::ActionResult first, second;
  add_file(first, put("first"));
  add_file(second, put("second"));
  keep(1, first);
  BOOST_TEST(finds(1));
  keep(1, second);
  BOOST_TEST(find(service, 1).value().result.view() == second.SerializeAsString());
  BOOST_TEST(ask<forgotten>(results, forget_blob{key(1)}).value().was_present);
  BOOST_TEST(!finds(1));
}

BOOST_AUTO_TEST_CASE(what_is_answered_from_memory_stays_in_the_store_however_much_comes) {
  world small("{type: memory, capacity: 256KiB}");
  small.keep(1, with_all(small, "one"));
  BOOST_TEST(small.finds(1));
  for (int round = 0; round < 12; ++round) {  // of half a store each, at one time
    small.fill(128'000);
    BOOST_TEST(small.finds(1));
    small.run();
  }
  small.fill(128'000);
  BOOST_TEST(small.find(small.walker, 1).has_value());
}

BOOST_AUTO_TEST_CASE(both_stores_hear_now_and_then_that_it_is_in_use) {
  keep(1, with_all(*this, "one"));
  BOOST_TEST(finds(1));
  BOOST_TEST(is_known(1));
  pass(std::chrono::seconds(31));
  const auto before = of_content->of<find_missing>();
  const auto results_before = of_results->of<find_missing>();
  for (int round = 0; round < 5; ++round) BOOST_TEST(finds(1));
  BOOST_TEST(of_content->of<find_missing>() == before + 1);
  BOOST_TEST(of_results->of<find_missing>() == results_before + 1);
}

BOOST_AUTO_TEST_CASE(results_asked_for_together_are_touched_together) {
  for (unsigned i = 0; i < 50; ++i) {
    v2::ActionResult result;
    add_file(result, put("file " + std::to_string(i)));
    keep(i, result);
    BOOST_TEST(finds(i));
  }
  pass(std::chrono::seconds(31));
  const auto used = orders([&] {
    std::vector<std::shared_ptr<std::optional<expected<found_result>>>> all;
    for (unsigned i = 0; i < 50; ++i) all.push_back(begin<found_result>(service, find_result{"", action(i)}));
    run();
    for (const auto& one : all) BOOST_TEST(one->value().has_value());
  });
  BOOST_TEST(used <= 10U);
}

BOOST_AUTO_TEST_CASE(a_blob_that_was_lost_without_a_word_is_found_out_at_the_next_touch) {
  auto lost = std::make_shared<std::set<digest>>();
  end(service);
  blobs = own(kiln::spawn_store<silent_store>(actors(), env(), blobs, lost));
  start();
  v2::ActionResult result, other;
  add_file(result, put("file"));
  add_file(other, put("other file"));
  keep(1, result);
  keep(2, other);
  BOOST_TEST(finds(1));
  BOOST_TEST(finds(2));
  lost->insert(digest_of("file"));
  BOOST_TEST(is_known(1));  // nobody can know yet
  pass(std::chrono::seconds(31));
  BOOST_TEST(finds(1));  // and is told to be in use, which finds out
  BOOST_TEST(!finds(1));
  BOOST_TEST(finds(2));
  BOOST_TEST(is_known(2));
}

BOOST_AUTO_TEST_CASE(a_large_result_is_asked_for_when_it_is_due_and_not_walked_again) {
  std::vector<digest> files;
  for (int i = 0; i < 5000; ++i) files.push_back(put(std::to_string(i)));
  v2::ActionResult result;
  add_tree(*this, result, files);
  keep(1, result);
  BOOST_TEST(finds(1));
  BOOST_TEST(is_known(1));
  pass(std::chrono::seconds(31));
  const auto reads = of_content->of<read_blob>() + of_content->of<read_blobs>() + of_results->of<read_blob>();
  // 5,001 blobs, 4,096 at a time; and the record, which is in use, too.
  BOOST_TEST(orders([&] { BOOST_TEST(finds(1)); }) == 3U);
  BOOST_TEST(reads ==
             of_content->of<read_blob>() + of_content->of<read_blobs>() + of_results->of<read_blob>());
  BOOST_TEST(is_known(1));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_walked) {
  end(service);
  start(byte_size{100'000});
  std::vector<digest> files;
  for (int i = 0; i < 400; ++i) files.push_back(put(std::to_string(i)));
  v2::ActionResult large, small;
  add_tree(*this, large, files);
  add_file(small, files[0]);
  keep(1, large);
  keep(2, small);
  for (int round = 0; round < 3; ++round) BOOST_TEST(!is_known(1));
  BOOST_TEST(finds(2));
  BOOST_TEST(is_known(2));
}

BOOST_AUTO_TEST_CASE(without_memory_for_it_every_result_is_walked) {
  end(service);
  start(byte_size{0});
  keep(1, with_all(*this, "one"));
  for (int round = 0; round < 3; ++round) BOOST_TEST(!is_known(1));
}

BOOST_AUTO_TEST_CASE(the_next_process_walks_in_the_background_what_this_one_knew) {
  for (unsigned i = 0; i < 20; ++i) {
    keep(i, with_all(*this, std::to_string(i)));
    BOOST_TEST(finds(i));
  }
  pass(std::chrono::minutes(2));
  end(service);
  keep(3, with_all(*this, "anew"));
  forget(digest_of("5 file"));
  start();
  run();
  for (unsigned i = 0; i < 20; ++i) {
    if (i == 5)
      BOOST_TEST(!finds(i));
    else
      BOOST_TEST(is_known(i), "result " << i);
  }
}

BOOST_AUTO_TEST_CASE(a_store_that_is_gone_takes_all_that_was_known_with_it) {
  keep(1, with_all(*this, "one"));
  BOOST_TEST(finds(1));
  end(watched_content);
  BOOST_TEST(!finds(1));
}

BOOST_AUTO_TEST_SUITE_END()

// Random results, trees, losses and overwriting, some in the middle of a lookup, under many seeds: whenever
// all is quiet, an answer out of the index is the walk's.
BOOST_AUTO_TEST_SUITE(indexed_results_beside_the_walk)
using namespace indexed_results;

BOOST_AUTO_TEST_CASE(answers_are_those_of_the_walk) {
  std::size_t known = 0, complete = 0;
  for (unsigned seed = 1; seed <= 12; ++seed) {
    std::mt19937 random(seed);
    auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
    const bool scarce = seed % 3 == 0;
    // In every third world the store is so small that it evicts by itself.
    world on(scarce ? "{type: memory, capacity: 20KiB}" : "{type: memory, capacity: 64MiB}");
    if (seed % 2 == 0) {
      on.end(on.service);
      on.start(byte_size{40'000});
    }
    auto content_of = [](unsigned number) { return fmt::format("blob {:0200}", number); };
    auto random_result = [&] {
      v2::ActionResult result;
      for (unsigned i = below(4); i > 0; --i) add_file(result, digest_of(content_of(below(40))));
      if (below(3) == 0) to_wire(digest_of(content_of(below(40))), result.mutable_stdout_digest());
      for (unsigned i = below(3); i > 0; --i) {
        std::vector<digest> files;
        for (unsigned j = below(5); j > 0; --j) files.push_back(digest_of(content_of(below(40))));
        add_tree(on, result, files);
      }
      return result;
    };
    for (unsigned step = 0; step < 400; ++step) {
      switch (below(8)) {
        case 0:
          on.keep(below(12), random_result());
          break;
        case 1:
          on.ask<forgotten>(on.blobs, forget_blob{digest_of(content_of(below(40)))});
          break;
        case 2:
        case 3:
          on.put(content_of(below(40)));
          break;
        case 4: {
          // Something changes while a lookup is under way.
          auto heard = on.begin<found_result>(on.service, find_result{"", on.action(below(12))});
          on.run_some(below(12));
          if (below(2) == 0)
            on.begin<forgotten>(on.blobs, forget_blob{digest_of(content_of(below(40)))});
          else
            on.begin<forgotten>(on.results, forget_blob{on.key(below(12))});
          on.run();
          BOOST_TEST_REQUIRE(heard->has_value());
          break;
        }
        case 5:
          on.pass(std::chrono::seconds(below(20)));
          break;
        case 6:
          if (below(10) == 0) {
            on.end(on.service);
            on.start(seed % 2 == 0 ? byte_size{40'000} : byte_size{16 << 20});
          }
          break;
        default: {
          const unsigned number = below(12);
          expected<found_result> found;
          // The walk is a use, so it comes after what it is to judge.
          if (on.orders([&] { found = on.find(on.service, number); }) == 0) ++known;
          const auto judged = on.find(on.walker, number);
          BOOST_TEST_REQUIRE(found.has_value() == judged.has_value(), "seed " << seed << ", step " << step);
          if (!judged) break;
          ++complete;
          BOOST_TEST_REQUIRE(found->result.view() == judged->result.view());
        }
      }
    }
  }
  BOOST_TEST(complete > 50U);
  BOOST_TEST(known > 10U);
}

BOOST_AUTO_TEST_SUITE_END()
