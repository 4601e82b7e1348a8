#include <csignal>

#include "test/end_to_end/server_fixture.hpp"

namespace kiln::end_to_end {

BOOST_FIXTURE_TEST_SUITE(http_store, server_fixture)

// A cache that keeps everything in another Kiln, by HTTP, at the port at which that one's own clients speak
// gRPC.
BOOST_AUTO_TEST_CASE(a_kiln_stands_before_another_one) {
  auto behind = serve("cache");
  const auto there = address_of(behind);
  const std::string store = "{type: http, url: \"http://" + there + "\", compression: zstd}";
  auto before = start(
      {"serve",
       write_file("before.yaml", "stores:\n  blobs: " + store + "\n  results: " + store +
                                     "\ntransports:\n  public: {type: grpc, listen: [\"127.0.0.1:0\"]}\n"
                                     "serve: {content: blobs, results: results}\n")},
      "before.log");
  remote client(dial(address_of(before))), owner(dial(there));
  const auto small = made_bytes(1, 1000), large = made_bytes(2, 5 << 20), theirs = std::string(3 << 20, 'x');
  auto written = client.update_blobs({{digest_of(small), small}});
  BOOST_REQUIRE_MESSAGE(written, why(written));
  BOOST_TEST(written->front().ok(), written->front().to_string());
  auto streamed = client.write(digest_of(large), bytes::copy_of(large));
  BOOST_REQUIRE_MESSAGE(streamed, why(streamed));
  auto put = owner.write(digest_of(theirs), bytes::copy_of(theirs));
  BOOST_REQUIRE_MESSAGE(put, why(put));
  const std::vector<digest> all{digest_of(small), digest_of(large), digest_of(theirs)};
  for (const auto* one : {&client, &owner}) {
    auto missing = one->find_missing({all[0], digest_of("none"), all[1], all[2]});
    BOOST_REQUIRE_MESSAGE(missing, why(missing));
    BOOST_TEST((*missing == std::vector<digest>{digest_of("none")}));
    for (const auto& blob : all) {
      auto same = one->check_blob(blob);
      BOOST_TEST(same.has_value(), why(same));
    }
  }
  v2::ActionResult result;
  auto* output = result.add_output_files();
  output->set_path("out");
  output->mutable_digest()->set_hash(all[1].hex());
  output->mutable_digest()->set_size_bytes(all[1].size);
  const auto action = digest_of("an action");
  BOOST_TEST(!client.get_result(action));
  auto kept = client.update_result(action, result);
  BOOST_REQUIRE_MESSAGE(kept, why(kept));
  auto found = client.get_result(action);
  BOOST_REQUIRE_MESSAGE(found, why(found));
  BOOST_TEST(found->output_files(0).digest().hash() == all[1].hex());
  before.signal(SIGTERM);
  require_code(before, 0);
  behind.signal(SIGTERM);
  require_code(behind, 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::end_to_end
