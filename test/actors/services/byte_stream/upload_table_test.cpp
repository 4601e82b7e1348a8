#include "actors/services/byte_stream/upload_table.hpp"

#include <boost/test/unit_test.hpp>
#include <optional>
#include <string>
#include <vector>

#include "test/harness/direct_call.hpp"
#include "test/harness/print.hpp"

/// What the table counts: uploads that are parked, what has come for them, and what each client has in all.
using namespace kiln;
using namespace kiln::test;

namespace upload_table_test {

struct table_bench {
  struct one {
    std::string name;
    std::uint64_t number = 0;
    std::shared_ptr<upload> what;
    std::shared_ptr<direct_call> call;

    errc end() const { return call->status() ? call->status()->code() : errc::unknown; }
  };

  table_bench() { make({}); }
  ~table_bench() {
    for (const auto& call : calls) call->cancel();
  }
  void make(upload_table::bounds limits) {
    table.reset();
    table.emplace(limits);
  }
  static upload_table::bounds roomy() {
    return {.parked_ticks = 2, .hungry_ticks = 3, .max_parked = 100, .max_parked_bytes = 1 << 20};
  }

  /// An upload of so many bytes, of which some have come.
  one begin(const std::string& client, std::size_t size, std::size_t came = 0, const std::string& name = {}) {
    auto blob = digest_of(std::to_string(++begun));
    blob.size = static_cast<std::int64_t>(size);
    return begin_blob(client, blob, came, name.empty() ? fmt::format("upload {}", begun) : name);
  }
  one begin_blob(const std::string& client, const digest& blob, std::size_t came, const std::string& name) {
    one made{name, table->new_number(), {}, {}};
    made.what = std::make_shared<upload>(blob, [this, number = made.number] { news.push_back(number); });
    table->add(made.name, made.number, made.what, client);
    table->set_offered(made.number, true);
    go_on(made, 0, came);
    return made;
  }
  /// With a stream of its own.
  void go_on(one& which, std::size_t offset, std::size_t more) {
    which.call = std::make_shared<direct_call>();
    calls.push_back(which.call);
    which.what->attach(which.call, {which.name, static_cast<std::int64_t>(offset), false,
                                    bytes::copy_of(std::string(more, 'x'))});
  }
  /// Its client leaves, and the table hears so.
  void park(const one& which) {
    which.call->cancel();
    hear_news();
  }
  void hear_news() {
    for (auto number : std::exchange(news, {})) table->parked(number);
  }
  /// How it ends where somebody owns it: the store says how.
  void settle(const one& which, expected<receipt> how) {
    which.what->settle(std::move(how));
    table->remove(which.name, which.number, which.what);
  }
  void settle_well(const one& which) {
    settle(which, receipt{static_cast<std::uint64_t>(which.what->blob().size), true});
  }
  /// What its store hears when it reads on.
  static errc store_hears(const one& which) {
    auto heard = std::make_shared<errc>(errc::ok);
    for (int pieces = 0; pieces < 2; ++pieces)  // what had come before may be first
      which.what->read([heard](const expected<byte_chain>& piece) {
        if (!piece) *heard = piece.error().code();
      });
    return *heard;
  }
  void tick(int times) {
    for (int i = 0; i < times; ++i) table->tick();
  }

  std::vector<std::uint64_t> news;
  std::vector<std::shared_ptr<direct_call>> calls;
  std::optional<upload_table> table;
  int begun = 0;
};

}  // namespace upload_table_test

BOOST_FIXTURE_TEST_SUITE(upload_table_test, table_bench)

BOOST_AUTO_TEST_CASE(what_a_client_has_is_counted_until_the_store_has_settled_it) {
  make(roomy());
  const auto first = begin("a", 100), second = begin("a", 30), other = begin("b", 7);
  BOOST_TEST(table->sizes_of("a") == 130u);
  BOOST_TEST(table->sizes_of("b") == 7u);
  settle_well(first);
  BOOST_TEST(first.call->finished_well());
  BOOST_TEST(table->sizes_of("a") == 30u);
  settle(second, fail(errc::data_loss, "other bytes"));
  BOOST_TEST(second.end() == errc::data_loss);
  BOOST_TEST(table->sizes_of("a") == 0u);
  BOOST_TEST(table->sizes_of("b") == 7u);
  settle_well(other);
  BOOST_TEST(table->empty());
}

BOOST_AUTO_TEST_CASE(a_parked_upload_counts_until_its_time_is_over_and_once) {
  make(roomy());
  const auto lost = begin("a", 100, 10), stays = begin("a", 30);
  park(lost);
  tick(1);  // sees how far it was
  tick(1);
  BOOST_TEST(table->sizes_of("a") == 130u);
  tick(1);
  BOOST_TEST(table->sizes_of("a") == 30u);
  BOOST_TEST(store_hears(lost) == errc::aborted);
  settle(lost, fail(errc::aborted, "its source failed"));
  BOOST_TEST(table->sizes_of("a") == 30u);
  settle_well(stays);
  BOOST_TEST(table->empty());
}

BOOST_AUTO_TEST_CASE(a_client_that_sends_nothing_for_too_long_hears_so_and_counts_no_more) {
  make(roomy());
  const auto quiet = begin("a", 100, 10);
  tick(3);
  BOOST_TEST(!quiet.call->status().has_value());
  tick(1);
  BOOST_TEST(quiet.end() == errc::deadline_exceeded);
  BOOST_TEST(table->sizes_of("a") == 0u);
  settle(quiet, fail(errc::deadline_exceeded, "its source failed"));
  BOOST_TEST(table->empty());
}

BOOST_AUTO_TEST_CASE(a_client_that_comes_back_is_not_quiet) {
  make(roomy());
  auto back = begin("a", 100, 10);
  park(back);
  tick(2);
  go_on(back, 10, 10);
  tick(2);
  park(back);
  tick(2);
  BOOST_TEST(back.what->parked());
  BOOST_TEST(table->sizes_of("a") == 100u);
}

BOOST_AUTO_TEST_CASE(a_parked_upload_that_is_begun_anew_ends_and_the_new_one_counts) {
  make(roomy());
  const auto former = begin("a", 100, 10, "name");
  park(former);
  const auto anew = begin("a", 40, 0, "name");
  BOOST_TEST(store_hears(former) == errc::aborted);
  BOOST_TEST(table->sizes_of("a") == 40u);
  BOOST_TEST((table->find("name") == anew.what));
  settle(former, fail(errc::aborted, "its source failed"));
  BOOST_TEST((table->find("name") == anew.what));
  BOOST_TEST(table->sizes_of("a") == 40u);
}

BOOST_AUTO_TEST_CASE(one_that_is_begun_anew_beside_its_client_goes_on_until_that_leaves) {
  make(roomy());
  const auto former = begin("a", 100, 10, "name");
  const auto anew = begin("a", 40, 0, "name");
  BOOST_TEST(table->sizes_of("a") == 140u);
  BOOST_TEST(!former.call->status().has_value());
  park(former);
  BOOST_TEST(store_hears(former) == errc::aborted);
  BOOST_TEST(table->sizes_of("a") == 40u);
  settle(former, fail(errc::aborted, "its source failed"));
  settle_well(anew);
  BOOST_TEST(!table->find("name"));
  BOOST_TEST(table->empty());
}

BOOST_AUTO_TEST_CASE(uploads_of_one_blob_end_well_when_one_of_them_is_there) {
  make(roomy());
  const auto blob = digest_of(std::string(50, 'x'));
  const auto first = begin_blob("a", blob, 10, "first"), second = begin_blob("b", blob, 10, "second");
  const auto another = begin("b", 8, 4);
  table->overtake(first.what);
  BOOST_TEST(!first.call->status().has_value());  // the store's own word is for it
  settle_well(first);
  BOOST_TEST(second.call->finished_well());
  BOOST_TEST(!another.call->status().has_value());
  // The store has yet to end it, and may have room for it until then.
  BOOST_TEST(table->sizes_of("b") == 58u);
  settle(second, fail(errc::aborted, "its source failed"));
  BOOST_TEST(second.call->finished_well());
  BOOST_TEST(table->sizes_of("b") == 8u);
}

BOOST_AUTO_TEST_CASE(what_could_never_fit_counts_for_nothing) {
  make(roomy());
  table->set_capacity(100);
  const auto large = begin("a", 101), fits = begin("a", 100);
  BOOST_TEST(table->sizes_of("a") == 100u);
  settle(large, fail(errc::resource_exhausted, "too large"));
  BOOST_TEST(table->sizes_of("a") == 100u);
  settle_well(fits);
  BOOST_TEST(table->empty());
}

BOOST_AUTO_TEST_CASE(as_many_are_parked_as_may_be_and_one_more_ends_the_one_parked_longest) {
  auto limits = roomy();
  limits.max_parked = 2;
  make(limits);
  const auto first = begin("a", 10, 1), second = begin("a", 10, 1), third = begin("a", 10, 1);
  park(first);
  park(second);
  BOOST_TEST(first.what->parked());
  BOOST_TEST(table->sizes_of("a") == 30u);
  park(third);
  BOOST_TEST(!first.what->parked());
  BOOST_TEST(store_hears(first) == errc::resource_exhausted);
  BOOST_TEST(second.what->parked());
  BOOST_TEST(third.what->parked());
  BOOST_TEST(table->sizes_of("a") == 20u);
}

BOOST_AUTO_TEST_CASE(it_is_who_has_most_that_loses_what_was_parked) {
  auto limits = roomy();
  limits.max_parked = 2;
  make(limits);
  const auto of_few = begin("few", 10, 1), of_many = begin("many", 10, 1);
  // It is not parked, and counts all the same.
  const auto under_way = begin("many", 1, 1);
  park(of_few);
  park(of_many);
  const auto third = begin("third", 10, 1);
  park(third);
  BOOST_TEST(of_few.what->parked());
  BOOST_TEST(third.what->parked());
  BOOST_TEST(store_hears(of_many) == errc::resource_exhausted);
  BOOST_TEST(table->sizes_of("many") == 1u);
  BOOST_TEST(!under_way.call->status().has_value());
}

BOOST_AUTO_TEST_CASE(bytes_of_parked_uploads_are_bounded_exactly) {
  auto limits = roomy();
  limits.max_parked_bytes = 20;
  make(limits);
  const auto first = begin("a", 100, 10), second = begin("a", 100, 10), third = begin("a", 100, 1);
  park(first);
  park(second);
  BOOST_TEST(first.what->parked());
  park(third);
  BOOST_TEST(store_hears(first) == errc::resource_exhausted);
  BOOST_TEST(second.what->parked());
  BOOST_TEST(third.what->parked());
}

BOOST_AUTO_TEST_CASE(parked_uploads_are_to_have_half_of_the_store_at_most) {
  make(roomy());
  table->set_capacity(100);
  const auto first = begin("a", 25, 1), second = begin("a", 25, 1), third = begin("a", 1, 1);
  park(first);
  park(second);
  BOOST_TEST(first.what->parked());
  park(third);
  BOOST_TEST(store_hears(first) == errc::resource_exhausted);
  BOOST_TEST(second.what->parked());
  BOOST_TEST(third.what->parked());
}

BOOST_AUTO_TEST_CASE(what_goes_on_takes_no_place_among_the_parked) {
  auto limits = roomy();
  limits.max_parked = 2;
  limits.max_parked_bytes = 20;
  make(limits);
  auto back = begin("a", 100, 10);
  // Parked again and again, it is one.
  for (std::size_t times = 0; times < 5; ++times) {
    park(back);
    go_on(back, 10, 0);
  }
  const auto second = begin("a", 100, 10), third = begin("a", 100, 10);
  park(second);
  park(third);
  BOOST_TEST(second.what->parked());
  BOOST_TEST(third.what->parked());
  BOOST_TEST(!back.call->status().has_value());
  // What has ended takes none either.
  settle(second, fail(errc::aborted, "gone"));
  settle(third, fail(errc::aborted, "gone"));
  park(back);
  const auto fourth = begin("a", 100, 10);
  park(fourth);
  BOOST_TEST(back.what->parked());
  BOOST_TEST(fourth.what->parked());
}

BOOST_AUTO_TEST_CASE(only_what_the_store_may_have_room_for_is_given_back_and_no_more_than_is_wanted) {
  make(roomy());
  const auto first = begin("a", 40, 1), second = begin("a", 40, 1), third = begin("a", 40, 1);
  const auto attended = begin("a", 40, 1);
  for (const auto& one : {first, second, third}) park(one);
  table->set_offered(first.number, false);
  BOOST_TEST(table->give_back(0).empty());
  BOOST_TEST(table->give_back(40) == std::vector{second.number}, boost::test_tools::per_element());
  BOOST_TEST(first.what->parked());
  BOOST_TEST(third.what->parked());
  BOOST_TEST(table->sizes_of("a") == 120u);
  // What is ending already counts until the store has settled it.
  BOOST_TEST(table->give_back(40) == std::vector{second.number}, boost::test_tools::per_element());
  BOOST_TEST(table->give_back(41) == (std::vector{second.number, third.number}),
             boost::test_tools::per_element());
  settle(second, fail(errc::aborted, "gone"));
  settle(third, fail(errc::aborted, "gone"));
  BOOST_TEST(table->give_back(1000).empty());
  // Nor is there anything to come from one that ends without having been offered.
  BOOST_TEST(begin("a", 40, 0, first.name).number > first.number);
  BOOST_TEST(store_hears(first) == errc::aborted);
  BOOST_TEST(table->give_back(1000).empty());
  BOOST_TEST(!attended.call->status().has_value());
  BOOST_TEST(table->sizes_of("a") == 80u);
}

BOOST_AUTO_TEST_CASE(a_client_gives_back_only_its_own) {
  make(roomy());
  const auto of_a = begin("a", 10, 1), of_b = begin("b", 90, 1);
  park(of_a);
  park(of_b);
  const std::string client = "a";
  BOOST_TEST(table->give_back(50, &client) == std::vector{of_a.number}, boost::test_tools::per_element());
  BOOST_TEST(of_b.what->parked());
  BOOST_TEST(table->sizes_of("a") == 0u);
  BOOST_TEST(table->sizes_of("b") == 90u);
}

BOOST_AUTO_TEST_CASE(an_upload_is_watched_until_its_client_is_answered_but_counts_no_more) {
  make(roomy());
  auto blob = digest_of("xx");
  auto done = begin_blob("a", blob, 1, "name");
  done.what->attach(done.call = std::make_shared<direct_call>(), {"name", 1, true, bytes::of_static("x")});
  calls.push_back(done.call);
  settle(done, receipt{2, false});
  BOOST_TEST(table->sizes_of("a") == 0u);
  BOOST_TEST(!done.call->status().has_value());  // it might say more, which would be wrong
  BOOST_TEST(!table->empty());
  BOOST_TEST(table->give_back(1).empty());
  done.call->close();
  BOOST_TEST(done.call->finished_well());
  tick(1);
  BOOST_TEST(table->empty());
}

BOOST_AUTO_TEST_CASE(who_does_not_close_its_stream_is_answered_all_the_same) {
  make(roomy());
  auto done = begin_blob("a", digest_of("xx"), 1, "name");
  done.what->attach(done.call = std::make_shared<direct_call>(), {"name", 1, true, bytes::of_static("x")});
  calls.push_back(done.call);
  settle(done, receipt{2, false});
  tick(4);
  BOOST_TEST(done.call->finished_well());
  tick(1);
  BOOST_TEST(table->empty());
  BOOST_TEST(table->sizes_of("a") == 0u);
}

BOOST_AUTO_TEST_CASE(all_clients_hear_when_no_more_uploads_are_taken) {
  make(roomy());
  const auto one = begin("a", 10, 1), other = begin("b", 10, 1);
  park(other);
  table.reset();
  BOOST_TEST(one.end() == errc::unavailable);
  BOOST_TEST(store_hears(other) == errc::unavailable);
}

BOOST_AUTO_TEST_SUITE_END()
