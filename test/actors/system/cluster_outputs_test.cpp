#include "google/bytestream/bytestream.pb.h"
#include "test/actors/system/cluster_calls.hpp"
#include "test/actors/system/played_node.hpp"

/// Who follows an action in a whole cluster, in every order in which its end can come.
using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(cluster_outputs)

namespace {

constexpr std::uint64_t seeds = 20;

const std::string worker_here = R"(
worker: {cas: blobs, work_root: "${KILN_DATA}/work", slots: 2, action_users: none}
)";
const std::string worker_elsewhere = R"(
stores: {upstream: {type: grpc, endpoint: "direct://kiln"}}
transports: {out: {type: direct}}
worker: {cas: upstream, work_root: "${KILN_DATA}/elsewhere", slots: 1, name: elsewhere, action_users: none}
scheduler: direct://kiln-workers
worker_token: "${KILN_DATA}/token"
)";

/// An action that runs for two seconds and then says all that it has to say.
struct followed_node : played_node {
  followed_node(bool far, std::uint64_t seed) : played_node(seed) {
    launcher->script = [this](const process_plan&) {
      scripted_process script;
      script.takes = 2s;
      script.says = said;
      return script;
    };
    kiln.join(far ? execution_node : execution_node + worker_here);
    if (far) kiln.join(worker_elsewhere);
    call = execute_echo(kiln, "hello");
    kiln.pass(1s);
    v2::ExecuteOperationMetadata metadata;
    BOOST_TEST_REQUIRE(parse<google::longrunning::Operation>(byte_chain(call->messages().back()))
                           .value()
                           .metadata()
                           .UnpackTo(&metadata));
    name = metadata.stdout_stream_name();
    BOOST_TEST_REQUIRE(!name.empty());
  }
  std::shared_ptr<direct_call> follow(std::int64_t offset = 0, std::int64_t limit = 0) {
    google::bytestream::ReadRequest request;
    request.set_resource_name(name);
    request.set_read_offset(offset);
    request.set_read_limit(limit);
    return kiln.begin("/google.bytestream.ByteStream/Read", request);
  }
  static std::string told(const direct_call& reader) {
    BOOST_TEST(reader.finished_well(), reader.end().value_or(error()).to_string());
    std::string all;
    for (const auto& message : reader.messages())
      all += parse<google::bytestream::ReadResponse>(byte_chain(message)).value().data();
    return all;
  }

  const std::string said = std::string(300'000, 'x') + "last";
  std::shared_ptr<direct_call> call;
  std::string name;
};

}  // namespace

BOOST_AUTO_TEST_CASE(whoever_follows_is_told_all_of_it_however_the_end_comes) {
  for (bool far : {false, true})
    for (std::uint64_t seed = 1; seed <= seeds; ++seed)
      BOOST_TEST_CONTEXT((far ? "far, seed " : "near, seed ") << seed) {
        followed_node node(far, seed);
        auto whole = node.follow();
        auto end = node.follow(300'000);
        auto some = node.follow(299'999, 3);
        auto beyond = node.follow(400'000);
        node.kiln.pass(5s);
        BOOST_TEST(response_of(*node.call).status().code() == 0);
        BOOST_TEST((node.told(*whole) == node.said));
        BOOST_TEST(node.told(*end) == "last");
        BOOST_TEST(node.told(*some) == "xla");
        BOOST_TEST_REQUIRE(beyond->end().has_value());
        BOOST_TEST(beyond->end()->code() == errc::out_of_range);
        auto late = node.follow();
        node.kiln.pass(1s);
        BOOST_TEST((node.told(*late) == node.said));
      }
}

BOOST_AUTO_TEST_CASE(a_worker_that_is_gone_for_good_ends_whoever_follows_it) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    followed_node node(true, seed);
    auto reader = node.follow();
    node.kiln.run();
    node.kiln.end(1);
    node.kiln.pass(20s);
    BOOST_TEST_REQUIRE(reader->end().has_value());
    BOOST_TEST(reader->end()->code() == errc::aborted);
  }
}

BOOST_AUTO_TEST_CASE(a_drain_lets_who_follows_read_to_the_end) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    followed_node node(false, seed);
    auto reader = node.follow();
    node.kiln.run();
    auto drained = node.kiln.begin_drain();
    node.kiln.pass(10s);
    BOOST_TEST_REQUIRE(drained->has_value());
    BOOST_TEST(drained->value().has_value());
    BOOST_TEST((node.told(*reader) == node.said));
  }
}

BOOST_AUTO_TEST_SUITE_END()
