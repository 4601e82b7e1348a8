#include "actors/system/access_log.hpp"

#include <boost/test/unit_test.hpp>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/message.hpp"
#include "google/bytestream/bytestream.pb.h"
#include "test/harness/cluster.hpp"

using namespace kiln;
using namespace kiln::test;
namespace v2 = build::bazel::remote::execution::v2;

BOOST_AUTO_TEST_SUITE(access_log)

const std::string find_missing_blobs =
    "/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs";

std::string node_with(const std::string& log) {
  return "stores: {blobs: {type: memory, capacity: 64MiB}}\n"
         "transports: {door: {type: direct, listen: [cache]}}\n"
         "serve: {content: blobs}\nlog: {" +
         log + "}\n";
}

v2::FindMissingBlobsRequest question() {
  v2::FindMissingBlobsRequest asked;
  asked.set_instance_name("a/b");
  return asked;
}

std::size_t lines_of_calls(cluster& kiln) {
  auto log = kiln.system().log_lines();
  std::size_t found = 0;
  for (auto at = log.find(" call peer="); at != log.npos; at = log.find(" call peer=", at + 1)) ++found;
  return found;
}

struct with_log {
  with_log() { log_calls(hooks, log); }
  std::string line_of(const call_info& info, const error& status, const ended_call& figures) {
    for (const auto& tell : hooks.ended)
      tell({info, status, figures.took, figures.received, figures.sent, figures.subject});
    log.flush(std::chrono::minutes(1));
    return std::exchange(lines, {});
  }

  std::string lines;
  manual_clock time;
  call_hooks hooks;
  logger log{[this](std::string_view text) {
               lines += text;
               return true;
             },
             time};
};

BOOST_AUTO_TEST_CASE(a_call_leaves_a_line_where_that_is_asked_for) {
  cluster kiln(node_with("calls: true"));
  kiln.call(find_missing_blobs, question());
  BOOST_TEST(lines_of_calls(kiln) == 1u);
  const auto log = kiln.system().log_lines();
  for (const auto& part : {" peer=direct:0 ", "FindMissingBlobs instance=a/b status=OK bytes_in=5 "})
    BOOST_TEST(log.find(part) != std::string::npos, log);
  kiln.call("/kiln.test/Nothing", question());
  BOOST_TEST(kiln.system().log_lines().find("status=UNIMPLEMENTED") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(calls_leave_no_line_unless_that_is_asked_for) {
  cluster kiln(node_with(""));
  kiln.call(find_missing_blobs, question());
  BOOST_TEST(lines_of_calls(kiln) == 0u);
}

BOOST_AUTO_TEST_CASE(the_instance_is_found_in_what_is_asked) {
  BOOST_TEST(instance_of_message(find_missing_blobs, serialise(question())) == "a/b");
  google::bytestream::ReadRequest read;
  for (const auto& [name, instance] :
       std::vector<std::pair<std::string, std::string>>{{"in/here/blobs/abc/3", "in/here"},
                                                        {"blobs/abc/3", ""},
                                                        {"x/compressed-blobs/zstd/abc/3", "x"},
                                                        {"x/uploads/u/blobs/abc/3", "x"},
                                                        {"uploads/u/blobs/abc/3", ""},
                                                        {"nonsense", ""}}) {
    read.set_resource_name(name);
    BOOST_TEST(instance_of_message("/google.bytestream.ByteStream/Read", serialise(read)) == instance, name);
  }
  v2::WaitExecutionRequest wait;
  wait.set_name("operations/1");
  BOOST_TEST(
      instance_of_message("/build.bazel.remote.execution.v2.Execution/WaitExecution", serialise(wait)) == "");
  BOOST_TEST(instance_of_message("/grpc.health.v1.Health/Check", serialise(wait)) == "");
  for (const std::string broken : {"", "\x0a", "\x0a\xff\xff\xff\xff\xff\x01",
                                   "\x0a\x05"
                                   "ab",
                                   "\x12\x01x"})
    BOOST_TEST(instance_of_message(find_missing_blobs, bytes::copy_of(broken)).size() <= 2u);
}

BOOST_FIXTURE_TEST_CASE(a_line_of_http_tells_the_request_without_its_query, with_log) {
  call_info info;
  info.peer = "ipv4:10.0.0.1:4000";
  info.method = "/kiln.http/PUT/some/where/cas/" + std::string(64, 'a') + "?token=secret";
  auto line = line_of(info, {errc::not_found, "x"}, {info, {}, std::chrono::milliseconds(5), 10, 20, "none"});
  BOOST_TEST(line.find("method=\"PUT /some/where/cas/aaa") != std::string::npos, line);
  BOOST_TEST(
      line.find("instance=some/where status=NOT_FOUND bytes_in=10 bytes_out=20 took=5") != std::string::npos,
      line);
  BOOST_TEST(line.find("secret") == std::string::npos, line);
}

BOOST_FIXTURE_TEST_CASE(a_line_is_bounded_whatever_a_client_sends, with_log) {
  call_info info;
  info.certificate = std::string(10'000, 'c');
  for (const std::string prefix : {"/", "/kiln.http/GET/", "/kiln.http/"}) {
    info.method = prefix + std::string(100'000, 'x') + "/cas/" + std::string(64, 'a');
    BOOST_TEST(line_of(info, {}, {info, {}}).size() < 2000u);
  }
}

BOOST_AUTO_TEST_SUITE_END()
