#include <random>

#include "test/actors/services/byte_stream/stream_bench.hpp"
#include "test/harness/temporary_folder.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace room_for_uploads {

constexpr std::int64_t mebi = 1 << 20;

struct disk_of_uploads {
  temporary_folder folder;
  std::string store =
      "{type: filesystem, path: " + (folder / "blobs").string() + ", capacity: 256MiB, durability: relaxed}";
};

/// A store that promises room to uploads, and two clients of it.
struct room_bench : disk_of_uploads, stream_bench {
  room_bench() : stream_bench(disk_of_uploads::store.c_str(), {1 << 30}) {}

  /// A blob that nobody has, of this size.
  digest unknown(std::int64_t size) {
    auto name = digest_of(std::to_string(++named_));
    name.size = size;
    return name;
  }
  std::shared_ptr<direct_call> begin(const std::string& peer, const digest& blob) {
    auto call = start(write_method, {}, peer);
    call->send(message(upload_name(blob, std::to_string(++named_)), 0, "some bytes"));
    run();
    return call;
  }
  /// Its code; ok while it is under way.
  static errc state_of(const direct_call& call) { return call.status().value_or(error()).code(); }

  const std::string one = "ipv4:10.0.0.1:1";
  const std::string other = "ipv4:10.0.0.2:1";

private:
  int named_ = 0;
};

}  // namespace room_for_uploads

BOOST_FIXTURE_TEST_SUITE(room_for_uploads, room_bench)

BOOST_AUTO_TEST_CASE(uploads_that_a_client_began_and_left_keep_nobody_out) {
  for (int i = 0; i < 500; ++i) begin(one, unknown(100 * mebi))->cancel();
  run();
  auto call = begin(other, unknown(200 * mebi));
  BOOST_TEST(state_of(*call) == errc::ok);
}

BOOST_AUTO_TEST_CASE(uploads_beyond_their_clients_share_wait_for_its_others) {
  std::vector<std::shared_ptr<direct_call>> calls;
  for (int i = 0; i < 12; ++i) calls.push_back(begin(one, unknown(30 * mebi)));
  for (const auto& call : calls) BOOST_TEST(state_of(*call) == errc::ok);
  BOOST_TEST(state_of(*begin(other, unknown(110 * mebi))) == errc::ok);
}

// As a build does that brings more than half of a small store at once.
BOOST_AUTO_TEST_CASE(one_client_brings_more_than_its_share_and_all_of_it_arrives) {
  run();  // the service knows the store's capacity by now
  std::vector<std::string> texts;
  std::vector<std::shared_ptr<direct_call>> calls;
  for (int i = 0; i < 8; ++i) {
    texts.push_back(std::string(40 * mebi, static_cast<char>('a' + i % 5)));  // some are equal
    auto call = start(write_method, {}, one);
    call->send(
        message(upload_name(digest_of(texts.back()), std::to_string(i)), 0, texts.back().substr(0, 1000)));
    calls.push_back(call);
  }
  run();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (state_of(*calls[i]) != errc::ok || calls[i]->status()) continue;
    calls[i]->send(
        message(upload_name(digest_of(texts[i]), std::to_string(i)), 1000, texts[i].substr(1000), true));
    calls[i]->close();
    run();
  }
  run();
  for (const auto& call : calls) {
    BOOST_REQUIRE(call->status());
    BOOST_TEST(call->status()->ok(), call->status()->to_string());
  }
}

BOOST_AUTO_TEST_CASE(one_upload_may_be_as_large_as_the_store) {
  BOOST_TEST(state_of(*begin(one, unknown(200 * mebi))) == errc::ok);
}

BOOST_AUTO_TEST_CASE(what_is_parked_leaves_half_of_the_store_for_others) {
  auto large = unknown(200 * mebi);
  auto call = start(write_method, {}, one);
  call->send(message(upload_name(large), 0, "some bytes"));
  run();
  BOOST_TEST(status_of(upload_name(large)).committed_size() == 10);
  call->cancel();
  run();
  BOOST_TEST(status_of(upload_name(large)).committed_size() == 0);
}

BOOST_AUTO_TEST_CASE(a_blob_that_could_never_fit_ends_nobodys_upload) {
  auto name = unknown(100 * mebi);
  auto call = start(write_method, {}, one);
  call->send(message(upload_name(name), 0, "some bytes"));
  run();
  call->cancel();
  run();
  BOOST_TEST(state_of(*begin(other, unknown(300 * mebi))) == errc::resource_exhausted);
  BOOST_TEST(status_of(upload_name(name)).committed_size() == 10);
}

// A size that somebody names is no room that anybody has.
BOOST_AUTO_TEST_CASE(a_blob_that_could_never_fit_costs_its_clients_other_uploads_nothing) {
  auto name = unknown(100 * mebi);
  auto call = start(write_method, {}, one);
  call->send(message(upload_name(name), 0, "some bytes"));
  run();
  call->cancel();
  run();
  auto hopeless = begin(one, unknown(1000 * mebi));
  for (int i = 0; i < 3; ++i) {  // several at once, from a client who has nothing else
    auto call = start(write_method, {}, "ipv4:10.0.0.9:1");
    call->send(message(upload_name(unknown(1000 * mebi), std::to_string(i)), 0, "some bytes"));
  }
  run();
  BOOST_TEST(status_of(upload_name(name)).committed_size() == 10);
  BOOST_TEST(state_of(*begin(one, unknown(20 * mebi))) == errc::ok);
  BOOST_TEST(state_of(*hopeless) == errc::resource_exhausted);
}

BOOST_AUTO_TEST_CASE(what_goes_first_is_the_oldest_of_who_has_most) {
  auto name = unknown(60 * mebi);
  auto modest = start(write_method, {}, other);
  modest->send(message(upload_name(name), 0, "some bytes"));
  run();
  modest->cancel();
  std::vector<digest> greedy = {unknown(64 * mebi), unknown(63 * mebi)};
  for (const auto& blob : greedy) {
    auto call = start(write_method, {}, one);
    call->send(message(upload_name(blob), 0, "some bytes"));
    run();
    call->cancel();
    run();
  }
  BOOST_TEST(state_of(*begin("ipv4:10.0.0.3:1", unknown(100 * mebi))) == errc::ok);
  BOOST_TEST(status_of(upload_name(name)).committed_size() == 10);
  BOOST_TEST(status_of(upload_name(greedy[0])).committed_size() == 0);
  BOOST_TEST(status_of(upload_name(greedy[1])).committed_size() == 10);
}

// A model of two: whatever the first does with its uploads, the second gets in with all that fits beside the
// first one's share.
BOOST_AUTO_TEST_CASE(the_second_client_is_always_served) {
  std::mt19937 chance(11);
  std::vector<std::shared_ptr<direct_call>> calls;
  for (int round = 0; round < 300; ++round) {
    for (int i = 0; i < 5; ++i) {
      calls.push_back(begin(one, unknown(1 + static_cast<std::int64_t>(chance() % (100 * mebi)))));
      if (chance() % 2 == 0) calls[chance() % calls.size()]->cancel();
    }
    if (chance() % 8 == 0) pass(5s);
    auto call = begin(other, unknown(1 + static_cast<std::int64_t>(chance() % (100 * mebi))));
    BOOST_TEST_REQUIRE(state_of(*call) == errc::ok,
                       "round " << round << ": " << call->status().value_or(error()).to_string());
    call->cancel();
    if (calls.size() > 50) calls.erase(calls.begin(), calls.begin() + 25);
    run();
  }
}

BOOST_AUTO_TEST_SUITE_END()
