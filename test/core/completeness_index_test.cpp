#include "core/completeness/completeness_index.hpp"

#include <boost/test/unit_test.hpp>
#include <map>
#include <random>
#include <set>
#include <string>

using namespace kiln;

BOOST_AUTO_TEST_SUITE(completeness_index_of_results)

namespace {

constexpr auto function = digest_function::sha256;
constexpr duration often = std::chrono::seconds(30);

digest named(const std::string& kind, unsigned number) {
  return digest_of(kind + std::to_string(number));
}
digest result_named(unsigned number) {
  return named("result", number);
}
digest blob_named(unsigned number) {
  return named("blob", number);
}

struct indexed {
  explicit indexed(std::uint64_t max_bytes = 1 << 20)
      : index({max_bytes, often}, time, [this](const digest& key) { left.push_back(key); }) {}

  bool enter(const digest& key, const std::vector<digest>& blobs, const std::string& record = "record") {
    const auto ticket = index.begin(key, function);
    return ticket != 0 && index.name(ticket, blobs) && index.finish(ticket, bytes::copy_of(record), 0);
  }
  bool knows(const digest& key) { return index.find(key, function) != nullptr; }

  manual_clock time;
  std::vector<digest> left;
  completeness_index index;
};

}  // namespace

BOOST_AUTO_TEST_CASE(knows_a_result_that_was_walked_and_nothing_of_it_before_the_end) {
  indexed on;
  const auto key = result_named(1);
  const auto ticket = on.index.begin(key, function);
  BOOST_TEST(ticket != 0U);
  BOOST_TEST(on.index.begin(key, function) == 0U);  // one walk at a time
  BOOST_TEST(!on.knows(key));
  BOOST_TEST(on.index.name(ticket, std::vector{blob_named(1), blob_named(2)}));
  BOOST_TEST(!on.knows(key));
  BOOST_TEST(on.index.finish(ticket, bytes::of_static("MARKresult"), 4));
  const auto* known = on.index.find(key, function);
  BOOST_REQUIRE(known != nullptr);
  BOOST_TEST(known->record().view() == "MARKresult");
  BOOST_TEST(known->result().view() == "result");
  BOOST_TEST((on.index.blobs_of(*known) == std::vector{blob_named(1), blob_named(2)}));
  BOOST_TEST(on.index.find(key, digest_function::blake3) == nullptr);
}

BOOST_AUTO_TEST_CASE(a_blob_that_leaves_takes_just_the_results_that_name_it) {
  indexed on;
  on.enter(result_named(1), {blob_named(1), blob_named(2)});
  on.enter(result_named(2), {blob_named(2), blob_named(3)});
  on.enter(result_named(3), {blob_named(3)});
  BOOST_TEST(on.index.drop_blob(blob_named(2)) == 2U);
  BOOST_TEST(!on.knows(result_named(1)));
  BOOST_TEST(!on.knows(result_named(2)));
  BOOST_TEST(on.knows(result_named(3)));
  BOOST_TEST((std::set(on.left.begin(), on.left.end()) == std::set{result_named(1), result_named(2)}));
  BOOST_TEST(on.index.drop_blob(blob_named(2)) == 0U);
  BOOST_TEST(on.index.blobs() == 1U);
}

BOOST_AUTO_TEST_CASE(what_leaves_or_is_written_during_a_walk_makes_it_count_for_nothing) {
  indexed on;
  for (bool blob_leaves : {true, false}) {
    const auto ticket = on.index.begin(result_named(1), function);
    BOOST_TEST(on.index.name(ticket, std::vector{blob_named(1)}));
    if (blob_leaves)
      on.index.drop_blob(blob_named(1));
    else
      on.index.drop_result(result_named(1));
    BOOST_TEST(!on.index.is_open(ticket));
    BOOST_TEST(!on.index.name(ticket, std::vector{blob_named(2)}));
    BOOST_TEST(!on.index.finish(ticket, bytes(), 0));
    BOOST_TEST(!on.knows(result_named(1)));
  }
  BOOST_TEST(on.index.bytes_used() == 0U);
  BOOST_TEST(on.left.empty());  // it was never known
}

BOOST_AUTO_TEST_CASE(a_blob_named_twice_does_no_harm) {
  indexed on;
  const std::vector<digest> twice{blob_named(1), blob_named(1), blob_named(2), blob_named(1)};
  const auto ticket = on.index.begin(result_named(1), function);
  on.index.name(ticket, twice);
  on.enter(result_named(2), twice);
  on.index.name(ticket, twice);
  BOOST_TEST(on.index.finish(ticket, bytes(), 0));
  BOOST_TEST(on.index.drop_blob(blob_named(1)) == 2U);
  BOOST_TEST(on.index.bytes_used() == 0U);
  BOOST_TEST(on.index.blobs() == 0U);
}

BOOST_AUTO_TEST_CASE(is_due_after_a_while_and_after_much_has_come) {
  indexed on;
  on.index.set_slack(1000);
  on.enter(result_named(1), {blob_named(1)});
  auto due = [&] { return on.index.is_due(*on.index.find(result_named(1), function)); };
  BOOST_TEST(!due());
  on.index.note_stored(999);
  BOOST_TEST(!due());
  on.index.note_stored(1);
  BOOST_TEST(due());
  on.index.note_touched(*on.index.find(result_named(1), function));
  BOOST_TEST(!due());
  on.time.advance(often);
  BOOST_TEST(due());
  on.index.note_touched(*on.index.find(result_named(1), function));
  on.index.set_slack(std::nullopt);
  on.index.note_stored(1'000'000);
  BOOST_TEST(!due());
}

BOOST_AUTO_TEST_CASE(what_was_used_least_leaves_for_room_and_what_is_too_large_never_comes) {
  indexed on(20'000);
  for (unsigned i = 0; i < 8; ++i) {
    on.enter(result_named(i), {blob_named(2 * i), blob_named(2 * i + 1)}, std::string(1000, 'r'));
    on.knows(result_named(0));
    BOOST_TEST(on.index.bytes_used() <= 20'000U);
  }
  BOOST_TEST(on.index.results() < 8U + 1U);
  for (unsigned i = 8; i < 100; ++i) {
    on.enter(result_named(i), {blob_named(2 * i), blob_named(2 * i + 1)}, std::string(1000, 'r'));
    BOOST_TEST(on.knows(result_named(0)));
    BOOST_TEST(on.index.bytes_used() <= 20'000U);
  }
  BOOST_TEST(!on.knows(result_named(8)));
  BOOST_TEST(on.knows(result_named(99)));
  std::vector<digest> many;
  for (unsigned i = 0; i < 30; ++i) many.push_back(blob_named(1000 + i));
  BOOST_TEST(!on.enter(result_named(200), many));
  BOOST_TEST(!on.enter(result_named(201), {blob_named(1)}, std::string(6000, 'r')));
  BOOST_TEST(on.knows(result_named(99)));
  on.index.drop_all();
  BOOST_TEST(on.index.bytes_used() == 0U);
}

BOOST_AUTO_TEST_CASE(without_memory_nothing_is_known) {
  indexed on(0);
  BOOST_TEST(on.index.begin(result_named(1), function) == 0U);
  BOOST_TEST(on.index.results() == 0U);
}

// Beside a model that knows nothing of lists and shares: each result with its blobs, and whether its walk is
// under way.
BOOST_AUTO_TEST_CASE(does_as_a_simple_model_does) {
  struct modelled {
    std::set<digest> blobs;
    bool complete = false;
    completeness_index::ticket ticket = 0;
  };
  for (unsigned seed = 1; seed <= 40; ++seed) {
    std::mt19937 random(seed);
    auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
    const std::uint64_t bound = seed % 2 == 0 ? 1 << 24 : 30'000;  // one without, one with want of room
    indexed on(bound);
    std::map<digest, modelled> model;
    auto lose = [&](const digest& blob) {
      return std::erase_if(model, [&](const auto& one) { return one.second.blobs.contains(blob); });
    };
    // Who left for want of room is told of.
    auto hear = [&] {
      for (const auto& key : on.left) model.erase(key);
      on.left.clear();
    };
    for (unsigned step = 0; step < 2000; ++step) {
      const auto key = result_named(below(60));
      auto mine = model.find(key);
      switch (below(6)) {
        case 0:
          if (auto ticket = on.index.begin(key, function)) {
            BOOST_TEST_REQUIRE(!model.contains(key));
            model[key].ticket = ticket;
          } else if (bound > 1 << 20) {
            BOOST_TEST_REQUIRE((mine != model.end()));
          }
          break;
        case 1:
          if (mine == model.end() || mine->second.complete) break;
          {
            std::vector<digest> blobs;
            for (unsigned i = below(6); i > 0; --i) blobs.push_back(blob_named(below(80)));
            const auto ticket = mine->second.ticket;
            if (on.index.name(ticket, blobs))
              mine->second.blobs.insert(blobs.begin(), blobs.end());
            else
              model.erase(mine);
          }
          break;
        case 2:
          if (mine == model.end() || mine->second.complete) break;
          mine->second.complete = on.index.finish(mine->second.ticket, bytes::copy_of("r"), 0);
          if (!mine->second.complete) model.erase(mine);
          break;
        case 3: {
          const auto blob = blob_named(below(80));
          const auto gone = on.index.drop_blob(blob);
          on.left.clear();
          BOOST_TEST_REQUIRE(lose(blob) == gone);
          break;
        }
        case 4:
          BOOST_TEST_REQUIRE(on.index.drop_result(key) == (model.erase(key) > 0));
          break;
        default:
          BOOST_TEST_REQUIRE(on.knows(key) == (mine != model.end() && mine->second.complete),
                             "seed " << seed << ", step " << step);
      }
      hear();
      BOOST_TEST_REQUIRE(on.index.bytes_used() <= bound);
      BOOST_TEST_REQUIRE(on.index.results() == model.size());
    }
    std::set<digest> named;
    for (const auto& [key, one] : model) named.insert(one.blobs.begin(), one.blobs.end());
    BOOST_TEST(on.index.blobs() == named.size());
    on.index.drop_all();
    BOOST_TEST(on.index.bytes_used() == 0U);
    BOOST_TEST(on.index.blobs() == 0U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
