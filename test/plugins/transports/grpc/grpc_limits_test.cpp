#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <atomic>
#include <boost/test/unit_test.hpp>

#include "test/harness/http2_client.hpp"
#include "test/plugins/transports/grpc/grpc_fixture.hpp"

namespace kiln::test {
namespace grpc_limits {

using namespace config_literals;

bool says_when_to_come_again(const error& refusal) {
  return refusal.details().size() == 1 &&
         refusal.details()[0].type_url == "type.googleapis.com/google.rpc.RetryInfo";
}

// A call by gRPC's own client, which can do what ours does not: compress.
grpc::Status ask_compressed(const std::string& address, const std::string& message, std::size_t& answered) {
  grpc::GenericStub stub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  grpc::Slice slice(message);
  grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer reply;
  grpc::Status status;
  auto call = stub.PrepareUnaryCall(&context, "/kiln.test.Echo/Unary", request, &queue);
  call->StartCall();
  call->Finish(&reply, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  answered = reply.Length();
  return status;
}

struct small_server : grpc_fixture {
  small_server()
      : grpc_fixture([](grpc_plugin::grpc_options& options) {
          options.max_message_size = 4_MiB;
          options.max_bytes_in_flight = 16_MiB;
          options.max_bytes_in_flight_per_client = 16_MiB;
          options.max_calls_per_client = 5;
        }) {}
  std::string of_mib(std::size_t size) { return std::string(size << 20, 'm'); }
};

}  // namespace grpc_limits

BOOST_FIXTURE_TEST_SUITE(grpc_limits, small_server)

BOOST_AUTO_TEST_CASE(a_message_that_is_too_large_ends_its_call_and_not_the_connection) {
  auto beside = start("Hold");
  beside.write("x");
  auto there = held.take().call;
  BOOST_TEST((ask("Unary", of_mib(5)).error().code() == errc::resource_exhausted));
  there->reply(bytes::of_static("still here"));
  BOOST_TEST((*beside.read())->flatten().view() == "still here");
  BOOST_TEST(ask("Unary", of_mib(3)).value().size() == std::size_t{3 << 20});
}

BOOST_AUTO_TEST_CASE(bytes_count_until_the_last_of_them_is_dropped) {
  auto call = start("Hold");
  call.write(of_mib(3));
  auto there = held.take();
  BOOST_TEST(server->held().bytes == std::uint64_t{3 << 20});
  auto piece = there.message.pieces().front().slice(0, 1);
  there.message.clear();
  there.call->reply({});
  BOOST_TEST(call.end().ok());
  await_no_calls();
  BOOST_TEST(server->held().bytes == std::uint64_t{3 << 20});
  piece = {};
  BOOST_TEST(server->held().bytes == 0u);
}

BOOST_AUTO_TEST_CASE(a_message_beyond_the_bytes_in_flight_is_refused_at_once) {
  std::vector<client_call> calls;
  std::vector<held_call> there;
  for (int i = 0; i < 4; ++i) {
    calls.push_back(start("Hold"));
    calls.back().write(of_mib(4));
    there.push_back(held.take());
  }
  auto refused = ask("Unary", "x");
  BOOST_TEST((refused.error().code() == errc::resource_exhausted));
  BOOST_TEST(says_when_to_come_again(refused.error()));
  there.pop_back();
  BOOST_TEST(ask("Unary", "x").value() == "x");
}

BOOST_AUTO_TEST_CASE(a_stream_beyond_the_bytes_in_flight_is_ended_where_it_stands) {
  auto call = start("HoldMany");
  call.write("");
  auto there = held.take().call;
  mailbox<answer> messages;
  there->read([&](answer message) { messages.put(std::move(message)); });
  std::vector<byte_chain> kept{std::move(*messages.take().value())};
  for (int i = 0; i < 4; ++i) {
    there->read([&](answer message) { messages.put(std::move(message)); });
    call.write(of_mib(4));
    kept.push_back(std::move(*messages.take().value()));
  }
  there->read([&](answer message) { messages.put(std::move(message)); });
  call.write("x");
  BOOST_TEST((messages.take().error().code() == errc::resource_exhausted));
  auto refused = call.end();
  BOOST_TEST((refused.code() == errc::resource_exhausted));
  BOOST_TEST(says_when_to_come_again(refused));
}

// Rule 48. The messages are longer than what gRPC sends ahead of a reader.
BOOST_AUTO_TEST_CASE(an_answer_that_nobody_reads_is_in_flight_until_it_is_read) {
  auto slow = start("Hold");
  slow.write("x");
  held.take().call->reply(bytes::adopt(of_mib(15)));
  auto late = start("Hold");
  late.write("x");
  held.take().call->reply(bytes::adopt(of_mib(2)));
  auto refused = late.end();
  BOOST_TEST((refused.code() == errc::resource_exhausted));
  BOOST_TEST(says_when_to_come_again(refused));
  BOOST_TEST(ask("Unary", "a few words").has_value());
  BOOST_TEST((*slow.read())->size() == std::size_t{15 << 20});
  BOOST_TEST(slow.end().ok());
  await_no_calls();
  BOOST_TEST(server->held().bytes == 0u);
  BOOST_TEST(ask("Unary", of_mib(3)).value().size() == std::size_t{3 << 20});
}

// Rule 91.
BOOST_AUTO_TEST_CASE(a_stream_that_nobody_reads_is_in_flight_message_by_message) {
  auto slow = start("HoldMany");
  slow.writes_done();
  auto there = held.take().call;
  there->write(bytes::adopt(of_mib(15)), [](bool) {});
  BOOST_TEST(server->held().bytes == std::uint64_t{15 << 20});
  auto late = start("HoldMany");
  late.writes_done();
  bool written = true;
  held.take().call->write(bytes::adopt(of_mib(2)), [&](bool ok) { written = ok; });
  BOOST_TEST(!written);
  BOOST_TEST((late.end().code() == errc::resource_exhausted));
  BOOST_TEST((*slow.read())->size() == std::size_t{15 << 20});
  there->finish({});
  BOOST_TEST(slow.end().ok());
  await_no_calls();
  BOOST_TEST(server->held().bytes == 0u);
}

BOOST_AUTO_TEST_CASE(a_client_with_too_many_calls_is_refused_at_once) {
  std::vector<client_call> calls;
  std::vector<held_call> there;
  for (int i = 0; i < 5; ++i) {
    calls.push_back(start("Hold"));
    calls.back().write("x");
    there.push_back(held.take());
  }
  BOOST_TEST(server->held().calls == 5u);
  auto refused = ask("Unary", "x");
  BOOST_TEST((refused.error().code() == errc::resource_exhausted));
  BOOST_TEST(refused.error().message() == "client ipv4:127.0.0.1 has 5 calls in flight, which is its share");
  BOOST_TEST(says_when_to_come_again(refused.error()));
  calls.clear();
  there.clear();
  await_no_calls();
  BOOST_TEST(ask("Unary", "x").value() == "x");
}

BOOST_AUTO_TEST_CASE(a_compressed_message_is_understood) {
  std::size_t answered = 0;
  BOOST_TEST(ask_compressed(address(), of_mib(3), answered).ok());
  BOOST_TEST(answered == std::size_t{3 << 20});
}

BOOST_AUTO_TEST_CASE(a_message_that_is_too_large_when_unpacked_is_refused) {
  std::size_t answered = 0;
  auto status = ask_compressed(address(), of_mib(256), answered);
  BOOST_TEST(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  BOOST_TEST(server->held().bytes == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

namespace grpc_limits {

/// A thread pool whose jobs wait for the test.
class held_jobs final : public thread_pool_source {
public:
  std::unique_ptr<thread_pool> make(std::string, std::size_t) override {
    struct pool final : thread_pool {
      explicit pool(mailbox<job>& jobs) : jobs(jobs) {}
      expected<void> post(job work) override {
        jobs.put(std::move(work));
        return {};
      }
      void stop() override {}
      mailbox<job>& jobs;
    };
    return std::make_unique<pool>(jobs);
  }
  mailbox<thread_pool::job> jobs;
};

}  // namespace grpc_limits

BOOST_AUTO_TEST_CASE(what_is_being_unpacked_keeps_nobody_waiting) {
  grpc_limits::held_jobs pools;
  grpc_fixture there({}, &pools);
  std::size_t answered = 0;
  auto packed = std::async(std::launch::async, [&] {
    return grpc_limits::ask_compressed(there.address(), std::string(1 << 20, 'p'), answered);
  });
  auto unpack = pools.jobs.take();
  BOOST_TEST((there.ask("Unary", "plain") == "plain"));
  unpack();
  BOOST_TEST(packed.get().ok());
  BOOST_TEST(answered == std::size_t{1 << 20});
}

BOOST_AUTO_TEST_CASE(connections_beyond_the_share_of_a_client_are_closed_until_others_are) {
  grpc_fixture narrow([](grpc_plugin::grpc_options& options) { options.max_connections = 4; });
  auto answers = [](http2_client& client) {
    client.call("/kiln.test.Echo/Unary", "x");
    while (auto frame = client.next())
      if (frame->type == http2_client::kind::data) return true;
    return false;
  };
  std::optional<http2_client> first(narrow.address());
  http2_client second(narrow.address());
  BOOST_TEST(answers(*first));
  BOOST_TEST(answers(second));
  auto come_again = [&] {
    http2_client third(narrow.address());
    return answers(third);
  };
  BOOST_CHECK_THROW(come_again(), std::runtime_error);
  BOOST_TEST(answers(second));
  first.reset();
  // The server closes its side, and looks again, in a while.
  auto end = std::chrono::steady_clock::now() + patience;
  for (bool in = false; !in && std::chrono::steady_clock::now() < end;) try {
      http2_client next(narrow.address());
      in = answers(next);
      BOOST_TEST(in);
    } catch (const std::runtime_error&) {
      continue;
    }
  BOOST_TEST(answers(second));
  BOOST_TEST(
      narrow.metrics.counters("kiln_refused_connections_total", "", {"transport"}).with({"in"}).value() > 0u);
}

BOOST_AUTO_TEST_CASE(streams_that_nobody_reads_do_not_stop_other_clients) {
  grpc_fixture many([](grpc_plugin::grpc_options& options) {
    options.max_message_size = 4_MiB;
    options.max_bytes_in_flight = 32_MiB;
    options.max_bytes_in_flight_per_client = 32_MiB;
  });
  std::vector<std::shared_ptr<outbound_call>> calls;
  std::vector<held_call> there;
  std::atomic<int> ended = 0;
  auto hoarder = many.client->dial(many.address());
  // All messages together are larger than what the server may hold of them.
  for (int i = 0; i < 40; ++i) {
    calls.push_back(hoarder->start({"/kiln.test.Echo/HoldMany", {}, {}}));
    calls.back()->write(bytes::adopt(std::string(4 << 20, 'h')), [](bool) {});
    there.push_back(many.held.take());
    there.back().call->on_cancel([&ended] { ++ended; });
  }
  for (int i = 0; i < 100; ++i) {
    auto reply = many.ask("Unary", std::string(1 << 20, 'u'));
    BOOST_TEST(reply.has_value(), (reply ? "" : reply.error().to_string()));
  }
  // Nor does gRPC end any for want of memory, which might as well be another client's.
  BOOST_TEST(ended == 0);
  for (auto& one : there) one.call->finish({});
}

// gRPC then ends streams, of whatever client; what it does for that while somebody lets go of a message must
// not end the process.
BOOST_AUTO_TEST_CASE(a_server_whose_memory_for_messages_is_full_lives_on) {
  grpc_fixture small([](grpc_plugin::grpc_options& options) {
    options.max_message_size = 4_MiB;
    options.max_bytes_in_flight = 32_MiB;
    options.max_bytes_in_flight_per_client = 32_MiB;
    options.max_streams_per_connection = 1024;
  });
  auto replies = std::make_shared<mailbox<bool>>();
  for (int time = 0; time < 10; ++time) {
    auto hoarder = small.client->dial(small.address());
    std::vector<std::shared_ptr<outbound_call>> calls;
    // Of each a window is sent, and that is not read.
    for (int i = 0; i < 400; ++i) {
      calls.push_back(hoarder->start({"/kiln.test.Echo/HoldMany", {}, {}}));
      calls.back()->write(bytes::adopt(std::string(512 << 10, 'h')), [](bool) {});
    }
    for (int i = 0; i < 200; ++i)
      small.way->ask({"/kiln.test.Echo/Drop", {}, {}}, bytes::adopt(std::string(256 << 10, 'u')),
                     [replies](expected<byte_chain> reply) { replies->put(reply.has_value()); });
    for (int i = 0; i < 200; ++i) (void)replies->take();
  }
  bool answers = false;
  for (int i = 0; i < 1000 && !answers; ++i) answers = small.ask("Unary", "again").has_value();
  BOOST_TEST(answers);
}

BOOST_AUTO_TEST_CASE(streams_beyond_the_limit_of_a_connection_wait_for_their_turn) {
  grpc_fixture narrow([](grpc_plugin::grpc_options& options) { options.max_streams_per_connection = 1; });
  auto first = narrow.start("Hold");
  first.write("x");
  auto there = narrow.held.take().call;
  mailbox<expected<byte_chain>> second;
  narrow.way->ask({"/kiln.test.Echo/Unary", {}, {}}, bytes::of_static("me too"),
                  [&](expected<byte_chain> reply) { second.put(std::move(reply)); });
  there->finish({});
  BOOST_TEST(first.end().ok());
  BOOST_TEST(second.take()->flatten().view() == "me too");
}

}  // namespace kiln::test
