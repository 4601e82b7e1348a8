#include <array>
#include <boost/test/unit_test.hpp>
#include <random>
#include <thread>

#include "test/plugins/transports/grpc/grpc_fixture.hpp"

namespace kiln::test {
namespace {

// What a careless service might do with a call, from whichever thread it comes to.
void mistreat(const held_call& there, std::minstd_rand& chance) {
  const call_ptr& call = there.call;
  switch (chance() % 7) {
    case 0:
      return call->reply(there.message);
    case 1:
      return call->finish({errc::aborted, "enough"});
    case 2:
      return;  // dropped
    case 3:
      call->write(there.message, [call](bool) { call->finish({}); });
      return;
    case 4:
      call->write(there.message, [](bool) {});
      return call->finish({});
    case 5:
      call->on_cancel([call] { call->finish({}); });
      call->read([call](answer) { call->reply({}); });
      return;
    default:
      call->read([call](answer message) {
        if (message && *message) call->reply(std::move(**message));
      });
      return call->write(there.message, [](bool) {});
  }
}

// What a careless client might do.
void mistreat(grpc_fixture& there, std::minstd_rand& chance) {
  auto call = there.start(chance() % 2 == 0 ? "Hold" : "HoldMany");
  call.write(std::string(chance() % 100'000, 's'));
  switch (chance() % 4) {
    case 0:
      return call.drop();
    case 1:
      call.cancel();
      break;
    case 2:
      call.writes_done();
      break;
    default:
      call.write("and more");
      call.writes_done();
  }
  call.end();
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(calls_torn_at_from_all_sides_end_and_leave_nothing_behind, grpc_fixture) {
  constexpr int each = 300;
  std::array<std::thread, 4> clients;
  std::array<std::thread, 4> services;
  std::atomic<bool> done{false};
  for (unsigned i = 0; i < clients.size(); ++i)
    clients[i] = std::thread([this, i] {
      std::minstd_rand chance(i + 1);
      for (int n = 0; n < each; ++n) mistreat(*this, chance);
    });
  for (unsigned i = 0; i < services.size(); ++i)
    services[i] = std::thread([this, i, &done] {
      std::minstd_rand chance(i + 100);
      for (;;) {
        auto there = held.take();
        if (done) return;
        mistreat(there, chance);
      }
    });
  for (auto& client : clients) client.join();
  done = true;
  for (std::size_t i = 0; i < services.size(); ++i) held.put({});
  for (auto& service : services) service.join();
  held.clear();
  await_no_calls();
  BOOST_TEST(server->held().bytes == 0u);
  BOOST_TEST(ask("Unary", "still well").value() == "still well");
}

}  // namespace kiln::test
