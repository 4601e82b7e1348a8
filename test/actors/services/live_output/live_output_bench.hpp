#pragma once

#include <deque>

#include "actors/services/byte_stream/byte_stream.hpp"
#include "google/bytestream/bytestream.pb.h"
#include "test/actors/services/execution/execution_bench.hpp"

namespace kiln::test {

namespace bs = google::bytestream;

/// Clients that execute and follow, and a worker that shows what the test has its action write.
struct live_output_bench : execution_bench {
  static constexpr const char* read_method = "/google.bytestream.ByteStream/Read";
  explicit live_output_bench(std::size_t max_readers = 4) {
    outputs = own(spawn_live_output(actors(), scheduler, blobs, max_readers));
    add_routes(routes, std::vector{own(spawn_byte_stream(actors(), env(), {}, {}, make_compression(env(), {}),
                                                         blobs, outputs))});
    hire();
  }

  void hire(bool shows_output = true) {
    worker_profile profile{"w" + std::to_string(++hired), {}, 4, 1};
    profile.shows_output = shows_output;
    worker = &workers.emplace_back(*this, scheduler, profile);
    worker->shows([this](const read_output& order) -> expected<output_piece> {
      if (order.stream == standard_stream::err) return output_piece{{}, over};
      if (order.offset > written.size()) return output_piece{};
      auto data = written.substr(order.offset, order.limit);
      bool end = over && order.offset + data.size() == written.size();
      return output_piece{bytes::copy_of(data), end};
    });
    BOOST_REQUIRE(worker->join());
  }

  /// One whose command has begun to run.
  std::shared_ptr<direct_call> begin_action() {
    auto command = echo();
    command.add_arguments(std::to_string(++begun));
    auto client = execute(request(put_action(command), true));
    worker->begin(worker->starts().back());
    return client;
  }
  static std::string name_in(const direct_call& client) {
    return metadata(heard(client).back()).stdout_stream_name();
  }
  std::shared_ptr<direct_call> follow(const std::string& name, std::int64_t offset = 0,
                                      std::int64_t limit = 0, const std::string& peer = "ipv4:10.0.0.1:1") {
    bs::ReadRequest request;
    request.set_resource_name(name);
    request.set_read_offset(offset);
    request.set_read_limit(limit);
    auto call = start(read_method, serialise(request), peer);
    run();
    return call;
  }
  /// Until the worker is asked again.
  void look_again() { pass(std::chrono::milliseconds(250)); }
  void finish(action_outcome outcome) { worker->finish(worker->starts().back(), std::move(outcome)); }

  static std::string said_to(const direct_call& call) {
    std::string all;
    for (const auto& message : call.messages()) all += parse<bs::ReadResponse>(message).value().data();
    return all;
  }
  static errc code_of(const direct_call& call) {
    BOOST_TEST_REQUIRE(call.status().has_value(), "the call was not finished");
    return call.status()->code();
  }
  static v2::ActionResult result_saying(const digest& blob) {
    v2::ActionResult result;
    *result.mutable_stdout_digest() = wire(blob);
    return result;
  }

  std::deque<scripted_worker> workers;
  scripted_worker* worker = nullptr;  ///< the newest of them
  live_output_actor outputs;
  std::string written;
  bool over = false;
  int hired = 0;
  int begun = 0;
};

}  // namespace kiln::test
