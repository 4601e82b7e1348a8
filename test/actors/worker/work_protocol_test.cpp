#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

#include "actors/worker/persistent/work_protocol.hpp"
#include "blaze/worker/worker_protocol.pb.h"
#include "test/harness/print.hpp"

namespace kiln::test::work_protocols {
namespace {

struct heard {
  std::vector<work_answer> answers;
  error fault;
};

/// In pieces of so many bytes.
heard read(work_protocol protocol, const std::string& text, std::size_t piece, std::uint64_t most = 1000) {
  answer_reader reader(protocol, most);
  heard all;
  for (std::size_t at = 0; at < text.size() && all.fault.ok(); at += piece)
    if (auto taken = reader.take(std::string_view(text).substr(at, piece),
                                 [&](work_answer one) { all.answers.push_back(std::move(one)); });
        !taken)
      all.fault = taken.error();
  return all;
}

std::string framed(const blaze::worker::WorkResponse& said) {
  const auto text = said.SerializeAsString();
  BOOST_REQUIRE(text.size() < 0x80 * 0x80);
  std::string all;
  if (text.size() >= 0x80) all += static_cast<char>((text.size() & 0x7f) | 0x80);
  all += static_cast<char>(text.size() >= 0x80 ? text.size() >> 7 : text.size());
  return all + text;
}

blaze::worker::WorkResponse answer(std::int32_t number, const std::string& output) {
  blaze::worker::WorkResponse said;
  said.set_request_id(number);
  said.set_output(output);
  return said;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(the_protocol_of_persistent_workers)

BOOST_AUTO_TEST_CASE(answers_are_read_however_they_come_in_pieces) {
  const std::string text = framed(answer(1, "eins")) + framed(answer(2, std::string(300, 'x'))) + framed({});
  for (std::size_t piece : {1U, 2U, 7U, 1000U}) {
    auto all = read(work_protocol::proto, text, piece);
    BOOST_TEST(all.fault.ok());
    BOOST_REQUIRE(all.answers.size() == 3U);
    BOOST_TEST(all.answers[0].request == 1);
    BOOST_TEST(all.answers[0].output == "eins");
    BOOST_TEST(all.answers[1].output.size() == 300U);
    BOOST_TEST(all.answers[2].request == 0);
    BOOST_TEST(all.answers[2].exit_code == 0);
  }
}

BOOST_AUTO_TEST_CASE(answers_in_json_are_read_however_they_come_in_pieces) {
  const std::string text =
      "  {\"exitCode\": 3, \"output\": \"a } \\\" { \\\\\", \"requestId\": 5}\n{}"
      "{\"request_id\": 6, \"was_cancelled\": true, \"new\": {\"deep\": [{}]}}\r\n";
  for (std::size_t piece : {1U, 3U, 1000U}) {
    auto all = read(work_protocol::json, text, piece);
    BOOST_TEST(all.fault.ok(), all.fault.to_string());
    BOOST_REQUIRE(all.answers.size() == 3U);
    BOOST_TEST(all.answers[0].exit_code == 3);
    BOOST_TEST(all.answers[0].output == "a } \" { \\");
    BOOST_TEST(all.answers[0].request == 5);
    BOOST_TEST(all.answers[1].request == 0);
    BOOST_TEST(all.answers[2].request == 6);
    BOOST_TEST(all.answers[2].was_cancelled);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_is_quoted) {
  for (const auto& [protocol, text] : std::vector<std::pair<work_protocol, std::string>>{
           {work_protocol::proto, "\xff\xff\xff\xff\xff\xff no length"},
           {work_protocol::proto, std::string("\x03\x0a\x7f") + "x no message"},
           {work_protocol::json, "Compiling...\n"},
           {work_protocol::json, "{\"exitCode\": \"many\"}"},
           {work_protocol::json, "[]"},
           {work_protocol::json, "{nothing}"}}) {
    auto all = read(protocol, text, 1000);
    BOOST_TEST(all.answers.empty());
    BOOST_TEST(all.fault.code() == errc::invalid_argument, text);
    BOOST_TEST(all.fault.message().find('"') != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(an_answer_has_a_bound) {
  BOOST_TEST(read(work_protocol::proto, framed(answer(0, std::string(990, 'x'))), 10).answers.size() == 1U);
  BOOST_TEST(!read(work_protocol::proto, framed(answer(0, std::string(1000, 'x'))), 10).fault.ok());
  // It is not waited for until it is whole.
  BOOST_TEST(!read(work_protocol::proto, "\xff\xff\x7f", 10).fault.ok());
  BOOST_TEST(!read(work_protocol::json, "{\"output\": \"" + std::string(1000, 'x'), 10).fault.ok());
  const std::string many(100, '\n');
  BOOST_TEST(read(work_protocol::json, many + "{}" + many + "{}", 10, 20).answers.size() == 2U);
}

BOOST_AUTO_TEST_CASE(requests_are_written_as_bazel_writes_them) {
  blaze::worker::WorkRequest request;
  request.add_arguments("-a");
  auto& input = *request.add_inputs();
  input.set_path("b");
  input.set_digest("cd");
  request.set_request_id(300);
  auto proto = encode_request(work_protocol::proto, request);
  BOOST_REQUIRE(proto);
  const std::string as_on_the_wire =
      "\x10"
      "\x0a\x02-a"
      "\x12\x07\x0a\x01"
      "b\x12\x02"
      "cd"
      "\x18\xac\x02";
  BOOST_TEST(*proto == as_on_the_wire);
  auto json = encode_request(work_protocol::json, request);
  BOOST_REQUIRE(json);
  BOOST_TEST(
      *json ==
      "{\"arguments\":[\"-a\"],\"inputs\":[{\"path\":\"b\",\"digest\":\"Y2Q=\"}],\"requestId\":300}\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test::work_protocols
