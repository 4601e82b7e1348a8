#include "actors/services/byte_stream/upload.hpp"

#include <future>
#include <thread>

#include "google/bytestream/bytestream.pb.h"
#include "test/actors/services/common/service_bench.hpp"

using namespace kiln;
using namespace kiln::test;

namespace uploads {

const std::string content(20 << 20, 'c');

struct upload_bench {
  upload_bench() {
    constexpr std::size_t step = 1 << 20;
    for (std::size_t at = step; at < content.size(); at += step) client->send(message(at, step));
    incoming->attach(client, read_write_request(message(0, step)).value());
  }
  ~upload_bench() { client->cancel(); }

  static bytes message(std::size_t offset, std::size_t size) {
    google::bytestream::WriteRequest request;
    request.set_write_offset(static_cast<std::int64_t>(offset));
    request.set_data(content.substr(offset, size));
    request.set_finish_write(offset + size == content.size());
    return serialise(request);
  }
  expected<byte_chain> pull() {
    std::optional<expected<byte_chain>> piece;
    incoming->read([&](expected<byte_chain> got) { piece = std::move(got); });
    BOOST_TEST_REQUIRE(piece.has_value(), "the source did not answer");
    return *piece;
  }

  int parked = 0;
  std::shared_ptr<direct_call> client = std::make_shared<direct_call>();
  std::shared_ptr<upload> incoming = std::make_shared<upload>(digest_of(content), [this] { ++parked; });
};

}  // namespace uploads

BOOST_FIXTURE_TEST_SUITE(uploads, upload_bench)

BOOST_AUTO_TEST_CASE(a_client_is_read_only_while_there_is_room) {
  BOOST_TEST(incoming->received() == std::int64_t{upload::window});
  BOOST_TEST(client->unread() == 16u);
  BOOST_TEST(pull()->size() == upload::window);
  BOOST_TEST(client->unread() == 12u);
}

BOOST_AUTO_TEST_CASE(what_waits_is_handed_on_at_once_and_shared) {
  std::size_t total = 0;
  while (auto piece = pull()) {
    if (piece->empty()) break;
    BOOST_TEST(piece->pieces().size() == 4u);
    total += piece->size();
  }
  BOOST_TEST(total == content.size());
}

BOOST_AUTO_TEST_CASE(a_store_that_wants_no_more_lets_the_client_finish_at_once) {
  incoming->cancel({errc::cancelled, "there already"});
  incoming->settle(receipt{content.size(), true});
  BOOST_TEST(client->finished_well());
}

BOOST_AUTO_TEST_CASE(a_store_that_fails_is_heard_at_once) {
  incoming->settle(fail(errc::resource_exhausted, "the disk is full"));
  BOOST_TEST_REQUIRE(client->status().has_value());
  BOOST_TEST(client->status()->code() == errc::resource_exhausted);
  BOOST_TEST(parked == 0);
}

BOOST_AUTO_TEST_CASE(the_store_waits_while_no_client_is_there_and_hears_when_none_will_come) {
  (void)pull();
  client->cancel();
  BOOST_TEST(parked == 1);
  BOOST_TEST(incoming->parked());
  while (incoming->received() > 0) {
    bool answered = false;
    std::optional<error> fault;
    incoming->read([&](expected<byte_chain> piece) {
      answered = true;
      if (!piece) fault = piece.error();
    });
    if (answered) continue;
    incoming->give_up({errc::aborted, "too late"});
    BOOST_TEST_REQUIRE(fault.has_value());
    BOOST_TEST(fault->code() == errc::aborted);
    break;
  }
  BOOST_TEST(!incoming->parked());
}

BOOST_AUTO_TEST_CASE(client_and_store_may_be_threads_of_their_own) {
  auto other = std::make_shared<direct_call>();
  auto blob = digest_of(content);
  auto source = std::make_shared<upload>(blob, [] {});
  constexpr std::size_t step = 64 << 10;
  source->attach(other, read_write_request(message(0, step)).value());
  std::thread sending([&] {
    for (std::size_t at = step; at < content.size(); at += step) other->send(message(at, step));
    other->close();
  });
  std::promise<expected<bytes>> all;
  collect(source, content.size(), [&](expected<bytes> got) { all.set_value(std::move(got)); });
  auto got = all.get_future().get();
  sending.join();
  BOOST_TEST_REQUIRE(got.has_value());
  BOOST_TEST((digest_of(got->view()) == blob));
  source->settle(receipt{content.size(), false});
  BOOST_TEST(other->finished_well());
}

BOOST_AUTO_TEST_CASE(a_client_that_comes_back_when_all_is_here_hears_the_outcome) {
  for (auto form : {compressor::identity, compressor::zstd}) {
    auto whole = std::make_shared<upload>(
        digest_of("hello"), [] {}, form);
    auto lost = std::make_shared<direct_call>();
    whole->attach(lost, {"name", 0, true, bytes::of_static("hello")});
    lost->cancel();
    auto back = std::make_shared<direct_call>();
    whole->attach(back, {"name", whole->tell(), true, {}});
    std::string taken;
    whole->read([&](expected<byte_chain> piece) { taken = piece->flatten().view(); });
    BOOST_TEST(taken == "hello");
    BOOST_TEST(!back->status().has_value());
    whole->settle(receipt{5, false});
    BOOST_TEST_REQUIRE(back->finished_well());
    auto answer = parse<google::bytestream::WriteResponse>(back->messages().front()).value();
    BOOST_TEST(answer.committed_size() == (form == compressor::identity ? 5 : -1));
  }
}

BOOST_AUTO_TEST_SUITE_END()
