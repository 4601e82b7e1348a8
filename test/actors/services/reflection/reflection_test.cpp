#include "actors/services/reflection/reflection.hpp"

#include <google/protobuf/descriptor.pb.h>

#include <set>

#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "test/actors/services/common/service_bench.hpp"

using namespace kiln;
using namespace kiln::test;
namespace reflection_v1 = grpc::reflection::v1alpha;

namespace reflection {

const std::string method = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

struct reflection_bench : service_bench {
  reflection_bench() {
    add_routes(routes, own(spawn_reflection(actors(), {"google.bytestream.ByteStream", "kiln.Other"})));
    stream = start(method);
    run();
  }

  reflection_v1::ServerReflectionResponse ask_about(const reflection_v1::ServerReflectionRequest& question) {
    stream->send(serialise(question));
    run();
    BOOST_TEST_REQUIRE(stream->messages().size() == ++asked);
    return parse<reflection_v1::ServerReflectionResponse>(stream->messages().back()).value();
  }
  static std::set<std::string> files_in(const reflection_v1::ServerReflectionResponse& answer) {
    std::set<std::string> names;
    for (const auto& encoded : answer.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      BOOST_TEST_REQUIRE(file.ParseFromString(encoded));
      BOOST_TEST(names.insert(file.name()).second);
    }
    return names;
  }

  std::shared_ptr<direct_call> stream;
  std::size_t asked = 0;
};

}  // namespace reflection

BOOST_FIXTURE_TEST_SUITE(reflection, reflection_bench)

BOOST_AUTO_TEST_CASE(the_services_are_listed) {
  reflection_v1::ServerReflectionRequest question;
  question.set_host("here");
  question.set_list_services("");
  auto answer = ask_about(question);
  BOOST_TEST_REQUIRE(answer.list_services_response().service_size() == 2);
  BOOST_TEST(answer.list_services_response().service(0).name() == "google.bytestream.ByteStream");
  BOOST_TEST(answer.original_request().host() == "here");
}

BOOST_AUTO_TEST_CASE(a_symbol_leads_to_its_file_and_all_that_it_needs) {
  reflection_v1::ServerReflectionRequest question;
  question.set_file_containing_symbol("build.bazel.remote.execution.v2.Execution.Execute");
  auto files = files_in(ask_about(question));
  BOOST_TEST(files.count("build/bazel/remote/execution/v2/remote_execution.proto") == 1u);
  BOOST_TEST(files.count("google/longrunning/operations.proto") == 1u);
  BOOST_TEST(files.count("google/protobuf/any.proto") == 1u);
}

BOOST_AUTO_TEST_CASE(a_stream_takes_one_question_after_the_other) {
  reflection_v1::ServerReflectionRequest question;
  question.set_file_by_filename("google/bytestream/bytestream.proto");
  BOOST_TEST(files_in(ask_about(question)).size() == 1u);
  question.set_file_by_filename("no/such/file.proto");
  BOOST_TEST(ask_about(question).error_response().error_code() == static_cast<int>(errc::not_found));
  question.set_file_containing_symbol("no.such.Symbol");
  BOOST_TEST(ask_about(question).error_response().error_code() == static_cast<int>(errc::not_found));
  question.set_all_extension_numbers_of_type("google.bytestream.ReadRequest");
  BOOST_TEST(ask_about(question).has_error_response());
  question.set_list_services("");
  BOOST_TEST(ask_about(question).has_list_services_response());
  stream->close();
  run();
  BOOST_TEST(stream->finished_well());
}

BOOST_AUTO_TEST_CASE(garbage_ends_the_stream) {
  stream->send(bytes::of_static("\xff\xff"));
  run();
  BOOST_TEST_REQUIRE(stream->status().has_value());
  BOOST_TEST(stream->status()->code() == errc::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
