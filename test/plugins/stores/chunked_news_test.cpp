#include <boost/test/unit_test.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <map>
#include <random>

#include "core/contract/checked_source.hpp"
#include "core/contract/composition.hpp"
#include "core/digest/record_key.hpp"
#include "plugins/stores/chunked/layout.hpp"
#include "test/contract/sources.hpp"
#include "test/harness/deterministic_system.hpp"

/// What those hear of composed blobs who keep an index of the store.
using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(chunked_store_news)

namespace {

using contract::noise;

struct told {
  std::map<digest, bool> last;  ///< whether it is there
  std::size_t evicted = 0;
};

struct chunks {
  explicit chunks(const std::string& memory = "1MiB", const std::string& room = "64MiB",
                  std::uint64_t seed = 1, pick how = pick::oldest)
      : system(seed, how) {
    auto stores = system.spawn_stores("{blobs: {type: memory, capacity: " + room +
                                          "}, layouts: {type: memory, capacity: 1MiB},"
                                          " content: {type: chunked, min_size: 1000B, inner: blobs,"
                                          " layouts: layouts, index_memory: " +
                                          memory + "}, known: {type: existence_cache, inner: content}}",
                                      {{"known", store_role::content}, {"layouts", store_role::results}});
    inner = stores.at("blobs");
    layouts = stores.at("layouts");
    content = stores.at("content");
    known = stores.at("known");
    system.run();
  }
  void listen() {
    auto hear = [heard = heard](store_observer::pointer) -> store_observer::behavior_type {
      return {[heard](const blobs_stored& news) {
                for (const auto& blob : news.blobs) heard->last[blob] = true;
              },
              [heard](const blobs_evicted& news) {
                heard->evicted += news.blobs.size();
                for (const auto& blob : news.blobs) heard->last[blob] = false;
              }};
    };
    listener = system.own(system.actors().spawn(hear));
    caf::anon_send(content, watch_store{listener});
    system.run();
  }
  /// A blob of these parts, which are put in, composed; false if it is not taken.
  bool compose(const std::vector<std::string>& parts) {
    for (const auto& one : parts) put_blob(system, inner, one);
    return system.ask<receipt>(content, order_of(parts)).has_value();
  }
  static std::string text_of(const std::vector<std::string>& parts) {
    std::string text;
    for (const auto& one : parts) text += one;
    return text;
  }
  static digest name_of(const std::vector<std::string>& parts) { return digest_of(text_of(parts)); }
  static write_blob order_of(const std::vector<std::string>& parts) {
    static const std::shared_ptr<thread_pool> hashing = make_inline_pool();
    composition whole;
    for (const auto& one : parts) whole.parts.push_back(digest_of(one));
    const auto text = text_of(parts);
    const auto name = digest_of(text);
    return {name, checked(source_of(bytes::copy_of(text)), name, hashing), whole};
  }
  bool is_in(const store_actor& store, const digest& blob) {
    return system.ask<missing_blobs>(store, find_missing{{blob}}).value().blobs.empty();
  }
  void forget(const store_actor& from, const digest& blob) {
    BOOST_TEST_REQUIRE(system.ask<forgotten>(from, forget_blob{blob}).value().was_present);
  }

  deterministic_system system;
  store_actor inner, layouts, content, known;
  std::shared_ptr<told> heard = std::make_shared<told>();
  store_observer listener;
};

const std::vector<std::string> parts_of_one{noise(3000, 1), noise(500, 2), noise(9000, 3)};
const std::vector<std::string> parts_of_two{noise(3000, 1), noise(700, 4)};
const digest one = chunks::name_of(parts_of_one);
const digest two = chunks::name_of(parts_of_two);

}  // namespace

BOOST_AUTO_TEST_CASE(a_composed_blob_is_told_when_it_comes_and_when_a_part_or_its_layout_leaves) {
  chunks on;
  on.listen();
  for (const auto& lost : {digest_of(parts_of_one[2]), digest_of(parts_of_one[1])}) {
    BOOST_TEST(on.compose(parts_of_one));
    BOOST_TEST(on.compose(parts_of_two));
    BOOST_TEST(on.heard->last.at(one));
    on.forget(on.inner, lost);
    on.system.run();
    BOOST_TEST(!on.heard->last.at(one));
    BOOST_TEST(on.heard->last.at(two));
  }
  BOOST_TEST(on.compose(parts_of_one));
  on.forget(on.layouts, chunked::layout_key(one));
  on.system.run();
  BOOST_TEST(!on.heard->last.at(one));
  BOOST_TEST(on.compose(parts_of_one));
  on.forget(on.inner, digest_of(parts_of_one[0]));  // both have it
  on.system.run();
  BOOST_TEST(!on.heard->last.at(one));
  BOOST_TEST(!on.heard->last.at(two));
}

BOOST_AUTO_TEST_CASE(the_last_word_is_how_it_is_for_one_that_turns_from_whole_to_composed_and_back) {
  chunks on;
  on.listen();
  put_blob(on.system, on.content, chunks::text_of(parts_of_one));
  BOOST_TEST(on.heard->last.at(one));
  BOOST_TEST(on.compose(parts_of_one));
  BOOST_TEST(on.heard->last.at(one));
  BOOST_TEST(!on.is_in(on.inner, one));
  auto whole = on.system.ask<receipt>(
      on.content, write_blob{one, source_of(bytes::copy_of(chunks::text_of(parts_of_one)))});
  BOOST_TEST(whole.has_value());
  on.system.run();
  BOOST_TEST(on.heard->last.at(one));
  on.forget(on.content, one);
  on.system.run();
  BOOST_TEST(!on.heard->last.at(one));
}

BOOST_AUTO_TEST_CASE(of_one_that_was_there_before_anybody_listened_the_end_is_told_once_it_was_asked_for) {
  chunks on;
  BOOST_TEST(on.compose(parts_of_one));
  on.listen();
  BOOST_TEST(on.is_in(on.content, one));
  on.forget(on.inner, digest_of(parts_of_one[1]));
  on.system.run();
  BOOST_TEST(!on.heard->last.at(one));
}

BOOST_AUTO_TEST_CASE(for_want_of_memory_it_is_told_before_that_it_left) {
  chunks on("2KiB");  // a quarter of it for each: no room for three parts
  on.listen();
  BOOST_TEST(on.compose(parts_of_one));
  BOOST_TEST(!on.heard->last.at(one));
  const auto before = on.heard->evicted;
  BOOST_TEST(on.is_in(on.content, one));
  BOOST_TEST(on.heard->evicted == before + 1);
}

// An existence cache above it is right whenever all is quiet, whatever left, by whichever door, and when.
BOOST_AUTO_TEST_CASE(nobody_who_listens_believes_in_a_blob_that_has_left) {
  std::size_t believed = 0;
  for (unsigned seed = 1; seed <= 16; ++seed) {
    std::mt19937 random(seed);
    auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
    chunks on(seed % 4 == 0 ? "6KiB" : "1MiB", seed % 3 == 0 ? "40KiB" : "64MiB", seed, pick::by_seed);
    std::vector<std::vector<std::string>> all;
    for (unsigned i = 0; i < 8; ++i) {
      std::vector<std::string> parts;
      for (unsigned j = 0; j < 2 + i % 3; ++j) parts.push_back(noise(600 + 40 * ((i + j) % 9), (i + j) % 9));
      all.push_back(std::move(parts));
    }
    for (unsigned step = 0; step < 250; ++step) {
      const auto& parts = all[below(8)];
      const auto name = chunks::name_of(parts);
      switch (below(7)) {
        case 0:
        case 1:
          on.compose(parts);
          break;
        case 2:
          on.system.ask<forgotten>(on.inner, forget_blob{digest_of(parts[below(parts.size())])});
          break;
        case 3:
          on.system.ask<forgotten>(on.layouts, forget_blob{chunked::layout_key(name)});
          break;
        case 4:
          (void)on.system.ask<receipt>(on.known,
                                       write_blob{name, source_of(bytes::copy_of(chunks::text_of(parts)))});
          break;
        case 5: {
          auto heard = on.system.begin<missing_blobs>(on.known, find_missing{{name}});
          on.system.run_some(below(25));
          auto gone = below(2) == 0
                          ? on.system.begin<forgotten>(on.inner, forget_blob{digest_of(parts[0])})
                          : on.system.begin<forgotten>(on.layouts, forget_blob{chunked::layout_key(name)});
          on.system.run();
          BOOST_TEST_REQUIRE((heard->has_value() && gone->has_value()));
          break;
        }
        default: {
          const bool said = on.is_in(on.known, name);
          believed += said ? 1 : 0;
          BOOST_TEST_REQUIRE(said == on.is_in(on.content, name), "seed " << seed << ", step " << step);
        }
      }
    }
  }
  BOOST_TEST(believed > 50U);
}

BOOST_AUTO_TEST_SUITE_END()
