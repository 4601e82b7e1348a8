#include <boost/test/unit_test.hpp>

#include "test/harness/long_wire.hpp"
#include "test/plugins/transports/grpc/grpc_fixture.hpp"

namespace kiln::test {
namespace grpc_distance {

using namespace std::chrono_literals;

constexpr std::size_t message_size = 64 << 10;
constexpr int messages = 1024;
// Twelve times what a connection may send by itself, however wide its streams are.
constexpr std::size_t wide = 768 << 10;

/// A server at the other end of a long wire. What is sent without an answer is what the wire carries.
struct far_fixture : grpc_fixture {
  long_wire wire{address(), 20ms};
  client_call start_far(const std::string& method) {
    way = client->dial(wire.address());
    return start(method);
  }
};

}  // namespace grpc_distance

BOOST_FIXTURE_TEST_SUITE(grpc_distance, far_fixture)

BOOST_AUTO_TEST_CASE(a_far_client_sends_as_much_as_the_wire_carries) {
  auto call = start_far("Upload");
  for (int i = 0; i < messages; ++i) BOOST_REQUIRE(call.write(std::string(message_size, 'u')));
  call.writes_done();
  BOOST_TEST((*call.read())->flatten().view() == "1024 messages, 67108864 bytes");
  BOOST_TEST(wire.most_to_server() > wide);
}

BOOST_AUTO_TEST_CASE(a_far_server_sends_as_much_as_the_wire_carries) {
  auto call = start_far("Download");
  call.write("1024 65536");
  call.writes_done();
  for (int i = 0; i < messages; ++i) BOOST_REQUIRE((*call.read())->size() == message_size);
  BOOST_TEST(call.end().ok());
  BOOST_TEST(wire.most_to_client() > wide);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
