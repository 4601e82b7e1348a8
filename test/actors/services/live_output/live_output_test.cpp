#include "test/actors/services/live_output/live_output_bench.hpp"

/// Clients that follow what an action writes while it runs.
using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace live_output {

struct crowded_bench : live_output_bench {
  crowded_bench() : live_output_bench(500) {}
};

}  // namespace live_output

BOOST_FIXTURE_TEST_SUITE(live_output, live_output_bench)

BOOST_AUTO_TEST_CASE(the_names_of_an_actions_streams_are_told_while_it_runs) {
  auto client = execute(request(put_action(echo()), true));
  BOOST_TEST(name_in(*client).empty());
  worker->begin(worker->starts().back());
  auto operation = heard(*client).back();
  auto told = metadata(operation);
  BOOST_TEST(told.stdout_stream_name() == operation.name() + "/attempts/1/stdout");
  BOOST_TEST(told.stderr_stream_name() == operation.name() + "/attempts/1/stderr");
  finish({{}, a_result(), 0, false});
  BOOST_TEST(name_in(*client).empty());
}

BOOST_AUTO_TEST_CASE(what_is_in_the_action_cache_has_no_stream) {
  auto action = put_action(echo());
  (*cached)[action] = a_result();
  auto client = execute(request(action));
  BOOST_TEST(response(heard(*client).back()).cached_result());
  BOOST_TEST(name_in(*client).empty());
}

BOOST_AUTO_TEST_CASE(a_reader_is_told_what_is_written_when_it_is_written) {
  auto reader = follow(name_in(*begin_action()));
  BOOST_TEST(said_to(*reader).empty());
  written = "first line\n";
  look_again();
  BOOST_TEST(said_to(*reader) == "first line\n");
  BOOST_TEST(!reader->status().has_value());
  written += "second line\n";
  over = true;
  look_again();
  BOOST_TEST(said_to(*reader) == written);
  BOOST_TEST(reader->finished_well());
}

BOOST_AUTO_TEST_CASE(the_two_streams_are_told_apart) {
  written = "out";
  over = true;
  auto name = name_in(*begin_action());
  BOOST_TEST(said_to(*follow(name)) == "out");
  auto errors = follow(name.substr(0, name.size() - 3) + "err");
  BOOST_TEST(errors->finished_well());
  BOOST_TEST(said_to(*errors).empty());
}

BOOST_AUTO_TEST_CASE(a_reader_begins_where_it_likes_and_ends_where_it_has_enough) {
  auto name = name_in(*begin_action());
  written = "0123456789";
  auto late = follow(name, 4);
  auto some = follow(name, 2, 3);
  BOOST_TEST(said_to(*late) == "456789");
  BOOST_TEST(!late->status().has_value());
  BOOST_TEST(said_to(*some) == "234");
  BOOST_TEST(some->finished_well());
  auto ahead = follow(name, 12, 2);
  BOOST_TEST(!ahead->status().has_value());
  written += "abcdef";
  look_again();
  BOOST_TEST(said_to(*ahead) == "cd");
  BOOST_TEST(ahead->finished_well());
  BOOST_TEST(code_of(*follow(name, -1)) == errc::out_of_range);
  BOOST_TEST(code_of(*follow(name, 0, -1)) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(large_output_comes_in_pieces_and_whole) {
  auto name = name_in(*begin_action());
  for (int i = 0; written.size() < 3u << 20; ++i) written += std::to_string(i) + '\n';
  over = true;
  auto reader = follow(name);
  BOOST_TEST(reader->finished_well());
  BOOST_TEST((said_to(*reader) == written));
  for (const auto& message : reader->messages()) BOOST_TEST(message.size() <= 2u << 20);
  for (const auto& read : worker->reads()) BOOST_TEST(read.limit <= 128u << 10);
}

BOOST_AUTO_TEST_CASE(a_client_that_takes_nothing_costs_no_more_than_a_few_pieces) {
  auto name = name_in(*begin_action());
  written.assign(64 << 20, 'x');
  bs::ReadRequest request;
  request.set_resource_name(name);
  auto reader = std::make_shared<direct_call>(read_method);
  reader->hold_writes();
  hand_over(reader, serialise(request));
  run();
  const auto asked = worker->reads().size();
  BOOST_TEST(asked <= 10u);
  pass(1min);
  BOOST_TEST(worker->reads().size() == asked);
}

BOOST_AUTO_TEST_CASE(several_read_one_stream_each_at_its_own_pace) {
  auto name = name_in(*begin_action());
  written = "abc";
  auto one = follow(name);
  auto other = follow(name, 1);
  written += "def";
  look_again();
  BOOST_TEST(said_to(*one) == "abcdef");
  BOOST_TEST(said_to(*other) == "bcdef");
}

BOOST_AUTO_TEST_CASE(a_reader_that_leaves_is_asked_for_no_more) {
  auto name = name_in(*begin_action());
  auto reader = follow(name);
  reader->cancel();
  run();
  const auto asked = worker->reads().size();
  pass(2s);
  BOOST_TEST(worker->reads().size() == asked);
  BOOST_TEST(reader.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(readers_have_places_which_are_given_back) {
  auto name = name_in(*begin_action());
  std::vector<std::shared_ptr<direct_call>> readers;
  for (const auto* peer : {"ipv4:10.0.0.1:1", "ipv4:10.0.0.1:2"}) readers.push_back(follow(name, 0, 0, peer));
  auto third = follow(name, 0, 0, "ipv4:10.0.0.1:3");
  BOOST_TEST(code_of(*third) == errc::resource_exhausted);
  BOOST_TEST(!third->status()->details().empty());  // to come again
  for (const auto* peer : {"ipv4:10.0.0.2:1", "ipv4:10.0.0.3:1"}) readers.push_back(follow(name, 0, 0, peer));
  BOOST_TEST(code_of(*follow(name, 0, 0, "ipv4:10.0.0.4:1")) == errc::resource_exhausted);
  for (const auto& reader : readers) BOOST_TEST(!reader->status().has_value());
  readers[0]->cancel();
  look_again();
  auto next = follow(name, 0, 0, "ipv4:10.0.0.4:1");
  BOOST_TEST(!next->status().has_value());
  over = true;
  look_again();
  BOOST_TEST(next->finished_well());
  BOOST_TEST(follow(name)->finished_well());
}

BOOST_FIXTURE_TEST_CASE(hundreds_follow_one_action_and_all_hear_its_end, crowded_bench) {
  auto name = name_in(*begin_action());
  std::vector<std::shared_ptr<direct_call>> readers;
  for (int i = 0; i < 400; ++i)
    readers.push_back(follow(name, i % 3, 0, "ipv4:10.0." + std::to_string(i % 20) + ".1:1"));
  written = "first";
  look_again();
  for (const auto& reader : readers) BOOST_TEST(!reader->status().has_value());
  written += " and last";
  over = true;
  look_again();
  for (std::size_t i = 0; i < readers.size(); ++i) {
    BOOST_TEST(readers[i]->finished_well());
    BOOST_TEST(said_to(*readers[i]) == written.substr(i % 3));
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_output_is_not_found) {
  auto name = name_in(*begin_action());
  BOOST_TEST(code_of(*follow("main/operations/00000000000000000000000000000000/attempts/1/stdout")) ==
             errc::not_found);
  auto base = name.substr(0, name.find("/attempts"));
  BOOST_TEST(code_of(*follow(base + "/attempts/2/stdout")) == errc::not_found);
  BOOST_TEST(code_of(*follow("other/" + base.substr(base.find('/') + 1) + "/attempts/1/stdout")) ==
             errc::not_found);
  BOOST_TEST(code_of(*follow(base + "/attempts/1/stdin")) == errc::invalid_argument);
  BOOST_TEST(code_of(*follow(base)) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(nobody_writes_to_what_an_action_writes) {
  auto name = name_in(*begin_action());
  bs::QueryWriteStatusRequest query;
  query.set_resource_name(name);
  auto asked = ask_service("/google.bytestream.ByteStream/QueryWriteStatus", query);
  BOOST_TEST(code_of(*asked) == errc::invalid_argument);
  BOOST_TEST(asked->status()->message().find("only read") != std::string::npos);
  bs::WriteRequest words;
  words.set_resource_name(name);
  words.set_data("forged");
  auto writing = start("/google.bytestream.ByteStream/Write");
  writing->send(serialise(words));
  run();
  BOOST_TEST(code_of(*writing) == errc::invalid_argument);
  BOOST_TEST(writing->status()->message().find("only read") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_server_that_runs_no_actions_has_no_output) {
  router others;
  add_routes(
      others,
      std::vector{own(spawn_byte_stream(actors(), env(), {}, {}, make_compression(env(), {}), blobs))});
  auto call = std::make_shared<direct_call>(read_method);
  bs::ReadRequest request;
  request.set_resource_name("operations/0/attempts/1/stdout");
  others.find(read_method)->handler(call, serialise(request));
  run();
  BOOST_TEST(code_of(*call) == errc::not_found);
}

BOOST_AUTO_TEST_SUITE_END()
