#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "test/end_to_end/health_watch.hpp"
#include "test/end_to_end/held_action.hpp"
#include "test/end_to_end/server_fixture.hpp"
#include "test/end_to_end/slow_upload.hpp"

namespace kiln::end_to_end {
namespace drain {

// The doors close a moment after the server has said that it goes. What was asked meanwhile was answered.
expected<std::vector<digest>> answer_behind_the_doors(const remote& client, const digest& blob) {
  auto until = system_clock().now() + server_fixture::patience;
  auto answer = client.find_missing({blob});
  while (answer && system_clock().now() < until) answer = client.find_missing({blob});
  return answer;
}

std::string config_with_drain(const std::string& data, const std::string& patience) {
  return "stores:\n"
         "  blobs: {type: filesystem, path: " +
         data +
         "/blobs, capacity: 1GiB}\n"
         "transports:\n"
         "  public: {type: grpc, listen: [\"127.0.0.1:0\"]}\n"
         "serve: {content: blobs}\n"
         "drain: " +
         patience + "\n";
}

std::string node_of_one_slot(const std::string& data) {
  constexpr const char* yaml = R"(
stores:
  blobs: {{type: filesystem, path: {0}/blobs, capacity: 1GiB}}
  results: {{type: filesystem, path: {0}/results, capacity: 1GiB}}
transports: {{public: {{type: grpc, listen: ["127.0.0.1:0"]}}}}
serve: {{content: blobs, results: results, execution: {{}}}}
worker: {{cas: blobs, work_root: {0}/work, slots: 1, sandbox: {{level: folder}}}}
)";
  return fmt::format(fmt::runtime(yaml), data);
}

// Somebody who has connected, and says no more than this.
class silent_peer {
public:
  silent_peer(const std::string& address, const std::string& greeting)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    BOOST_REQUIRE(::connect(socket_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
    BOOST_REQUIRE(::send(socket_, greeting.data(), greeting.size(), 0) ==
                  static_cast<ssize_t>(greeting.size()));
    if (greeting.empty()) return;
    // It is known to gRPC once that has said something, as HTTP/2 has it.
    char first = 0;
    BOOST_REQUIRE(::recv(socket_, &first, 1, 0) == 1);
  }
  ~silent_peer() { ::close(socket_); }
  silent_peer(const silent_peer&) = delete;
  silent_peer& operator=(const silent_peer&) = delete;

private:
  int socket_;
};

const std::string http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9);

}  // namespace drain

BOOST_FIXTURE_TEST_SUITE(drain, server_fixture)

// Rules 218 and 219.
BOOST_AUTO_TEST_CASE(an_upload_at_sigterm_ends_well_and_what_comes_later_is_refused) {
  auto server = serve("all_in_one");
  auto address = address_of(server);
  auto connection = dial(address);
  remote client(connection);
  slow_upload upload(*connection, made_bytes(1, 2 << 20));
  health_watch health(client);
  BOOST_REQUIRE(health.says(true));

  server.signal(SIGTERM);
  BOOST_TEST(health.says(false));
  for (const auto& late : {client, remote(dial(address))}) {
    auto refused = answer_behind_the_doors(late, upload.name());
    BOOST_REQUIRE(!refused);
    BOOST_TEST(refused.error().to_string().starts_with("UNAVAILABLE"), refused.error().to_string());
  }

  auto committed = upload.finish();
  BOOST_REQUIRE_MESSAGE(committed, why(committed));
  BOOST_TEST(*committed == 2 << 20);
  require_code(server, 0);

  auto next = serve("cache");
  remote later(dial(address_of(next)));
  auto kept = later.check_blob(upload.name());
  BOOST_TEST(kept.has_value(), why(kept));
}

BOOST_AUTO_TEST_CASE(an_action_at_sigterm_ends_well_and_until_then_others_are_served) {
  // Of one slot, so that what comes while the first action runs can only wait.
  auto server = start({"serve", write_file("node.yaml", node_of_one_slot(path("data")))});
  remote client(dial(address_of(server)));
  held_action action(path("pipe"), client);
  auto waiting = upload_action(client, "echo > out");
  BOOST_REQUIRE_MESSAGE(waiting, why(waiting));
  health_watch health(client);
  BOOST_REQUIRE(health.says(true));

  server.signal(SIGTERM);
  BOOST_TEST(health.says(false));
  running_execution late(client, *waiting);
  BOOST_TEST(late.reaches(stage::queued));
  auto content = made_bytes(1, 2 << 20);
  auto name = digest_of(content);
  auto written = client.write(name, bytes::adopt(std::move(content)));
  BOOST_TEST(written.has_value(), why(written));

  auto response = action.let_end();
  BOOST_REQUIRE_MESSAGE(response, why(response));
  BOOST_TEST(response->status().code() == 0, response->status().message());
  BOOST_TEST(response->result().exit_code() == 0);
  BOOST_TEST(response->result().output_files_size() == 1);
  // Nobody comes to it any more: the client is told to ask again, and asks the next server.
  auto refused = late.wait();
  BOOST_REQUIRE_MESSAGE(refused, why(refused));
  BOOST_TEST(refused->status().code() == static_cast<int>(errc::unavailable), refused->status().message());
  require_code(server, 0);
}

BOOST_AUTO_TEST_CASE(a_second_signal_ends_at_once_and_says_so) {
  auto server = serve("cache");
  auto connection = dial(address_of(server));
  slow_upload upload(*connection, made_bytes(1, 2 << 20));
  health_watch health{remote(connection)};
  BOOST_REQUIRE(health.says(true));
  server.signal(SIGTERM);
  BOOST_REQUIRE(health.says(false));
  BOOST_TEST(!server.wait(duration(0)));
  server.signal(SIGINT);  // another one, for the same again could be of one burst
  auto end = server.wait(patience);
  BOOST_REQUIRE(end);
  BOOST_REQUIRE(end->code);
  BOOST_TEST(*end->code != 0);
  BOOST_TEST(!upload.answer());
}

// The drain may take an hour, and gRPC waits for twenty seconds for a peer that does not answer its farewell.
BOOST_AUTO_TEST_CASE(who_is_connected_and_says_nothing_holds_nobody_up) {
  auto config = write_file("node.yaml", config_with_drain(path("data"), "1h"));
  for (const auto& greeting : {std::string(), http2_preface}) {
    auto server = start({"serve", config});
    silent_peer peer(address_of(server), greeting);
    server.signal(SIGTERM);
    require_code(server, 0);
    // Who has said nothing at all never came as far as gRPC.
    const bool cut = server.log().find("cutting connections that do not answer") != std::string::npos;
    BOOST_TEST(cut == !greeting.empty(), server.log());
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_end_is_cut_off_when_the_patience_is_over) {
  auto config = write_file("node.yaml", config_with_drain(path("data"), "1s"));
  auto server = start({"serve", config});
  auto connection = dial(address_of(server));
  slow_upload upload(*connection, made_bytes(1, 2 << 20));
  server.signal(SIGTERM);
  BOOST_TEST(!upload.answer());
  require_code(server, 0);
}

// A search in a shard that moves is given five minutes, and its timer is set for one.
BOOST_AUTO_TEST_CASE(a_store_that_has_set_a_timer_for_a_far_time_ends_at_once) {
  const auto file =
      write_file("node.yaml",
                 "stores:\n"
                 "  one: {type: memory, capacity: 64MiB}\n"
                 "  other: {type: memory, capacity: 64MiB}\n"
                 "  results: {type: memory, capacity: 64MiB}\n"
                 "  content: {type: shard, stores: [{store: one}, {store: other}], was: [{store: one}]}\n"
                 "transports: {public: {type: grpc, listen: [\"127.0.0.1:0\"]}}\n"
                 "serve: {content: content, results: results}\n");
  auto server = start({"serve", file});
  std::vector<digest> some;
  for (int i = 0; i < 20; ++i) some.push_back(digest_of(fmt::format("blob {}", i)));
  const auto missing = remote(dial(address_of(server))).find_missing(some);
  BOOST_REQUIRE_MESSAGE(missing, why(missing));
  BOOST_TEST(missing->size() == some.size());
  server.signal(SIGTERM);
  require_code(server, 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::end_to_end
