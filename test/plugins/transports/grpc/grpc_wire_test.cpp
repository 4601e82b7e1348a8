#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <thread>
#include <vector>

#include "test/harness/http2_client.hpp"
#include "test/plugins/transports/grpc/grpc_fixture.hpp"

namespace kiln::test {
BOOST_AUTO_TEST_SUITE(grpc_wire)

namespace {

using namespace std::chrono_literals;
using kind = http2_client::kind;

// Whether the server wants no more of this client. It has a while to say so.
bool is_sent_away(http2_client& client, std::chrono::milliseconds a_while) {
  while (auto frame = client.next(a_while))
    if (frame->type == kind::go_away) return true;
  return false;
}

std::uint64_t resident_memory() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void await_end(http2_client& client, std::uint32_t stream) {
  while (auto frame = client.next())
    if (frame->stream == stream && frame->is_last()) return;
  BOOST_FAIL("the call does not end");
}

}  // namespace

/// What only clients do that are not ours.

// Rule 217. By itself gRPC sends away who pings a silent call three times within five minutes.
BOOST_AUTO_TEST_CASE(a_silent_call_may_be_pinged_as_often_as_is_allowed) {
  BOOST_TEST((default_options().min_ping_interval <= 10s));
  grpc_fixture here([](grpc_plugin::grpc_options& options) { options.min_ping_interval = 100ms; });
  http2_client client(here.address());
  client.call("/kiln.test.Echo/Hold", "x");
  auto there = here.held.take().call;
  for (int i = 0; i < 5; ++i) {
    client.ping();
    BOOST_REQUIRE(!is_sent_away(client, 110ms));
  }
}

BOOST_AUTO_TEST_CASE(who_pings_all_the_time_is_sent_away) {
  grpc_fixture here;
  http2_client client(here.address());
  client.ping(10);
  BOOST_TEST(is_sent_away(client, patience));
}

// Rule 222.
BOOST_AUTO_TEST_CASE(a_call_that_has_no_time_left_reaches_nobody) {
  grpc_fixture here;
  http2_client client(here.address());
  for (const char* method : {"/kiln.test.Echo/Hold", "/kiln.test.Echo/HoldMany"})
    for (int i = 0; i < 50; ++i) await_end(client, client.call(method, "x", {{"grpc-timeout", "0n"}}));
  BOOST_TEST(here.held.empty());
  await_end(client, client.call("/kiln.test.Echo/Unary", "x", {{"grpc-timeout", "1M"}}));
}

// CVE-2023-44487: by itself gRPC 1.51 keeps reading what such a client sends, and takes some 20 KiB for each.
BOOST_AUTO_TEST_CASE(streams_that_are_reset_at_once_do_not_fill_the_memory) {
  grpc_fixture here;
  const auto before = resident_memory();
  std::atomic<std::uint64_t> most = before;
  std::vector<std::thread> floods;
  for (int i = 0; i < 4; ++i)
    floods.emplace_back([&] {
      try {
        http2_client client(here.address());
        for (int burst = 0; burst < 60; ++burst) client.call_and_reset("/kiln.test.Echo/Unary", 400);
      } catch (const std::runtime_error&) {  // it was shown out, as it may be
      }
      auto now = resident_memory();
      for (auto known = most.load(); known < now && !most.compare_exchange_weak(known, now);) {
      }
    });
  for (auto& flood : floods) flood.join();
  BOOST_TEST(here.ask("Unary", "still here").value() == "still here");
  most = std::max(most.load(), resident_memory());
  BOOST_TEST(most - before < std::uint64_t{768} << 20);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
