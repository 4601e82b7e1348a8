#include <google/bytestream/bytestream.pb.h>

#include <condition_variable>
#include <csignal>
#include <mutex>

#include "core/wire/message.hpp"
#include "test/end_to_end/held_action.hpp"
#include "test/end_to_end/relay.hpp"
#include "test/end_to_end/server_fixture.hpp"

namespace kiln::end_to_end {
namespace workers {

class workers_fixture : public server_fixture {
public:
  server_process serve_scheduler() {
    return start({"serve", "--profile", "scheduler", "--listen", "127.0.0.1:0", "--workers", "127.0.0.1:0",
                  "--data", path("data"), "--capacity", "2GiB"});
  }
  std::string where_workers_join(server_process& scheduler) {
    auto address = scheduler.address_after("kiln takes workers on ", patience);
    BOOST_REQUIRE_MESSAGE(address, why(address));
    return *address;
  }
  server_process work_for(const std::string& scheduler, const std::string& cache) {
    return start({"worker", "--scheduler", scheduler, "--cache", cache, "--worker-token",
                  path("data/worker-token"), "--data", path("worker"), "--capacity", "1GiB", "--sandbox",
                  "folder"},  // they are held by a pipe of the machine
                 "worker.log");
  }
  std::string text_of(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

/// A client that reads what an action writes. Any thread.
class following {
public:
  following(const remote& server, const std::string& name) {
    google::bytestream::ReadRequest request;
    request.set_resource_name(name);
    server.client().follow(
        "/google.bytestream.ByteStream/Read", request,
        [state = state_](byte_chain message) {
          auto response = parse<google::bytestream::ReadResponse>(message);
          std::lock_guard lock(state->mutex);
          if (response) state->text += response->data();
          state->changed.notify_all();
        },
        [state = state_](expected<void> ended) {
          std::lock_guard lock(state->mutex);
          state->ended = std::move(ended);
          state->changed.notify_all();
        });
  }
  /// What it was told, once that is so long; or at the end.
  std::string told(std::size_t bytes = std::string::npos) {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_for(lock, server_fixture::patience,
                             [&] { return state_->text.size() >= bytes || state_->ended; });
    return state_->text;
  }
  expected<void> end() {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_for(lock, server_fixture::patience, [&] { return state_->ended.has_value(); });
    return state_->ended.value_or(fail(errc::deadline_exceeded, "the stream does not end"));
  }

private:
  struct shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::string text;
    std::optional<expected<void>> ended;
  };
  std::shared_ptr<shared> state_ = std::make_shared<shared>();
};

}  // namespace workers

BOOST_FIXTURE_TEST_SUITE(workers, workers_fixture)

BOOST_AUTO_TEST_CASE(a_connection_that_breaks_does_not_end_what_the_worker_runs) {
  auto scheduler = serve_scheduler();
  auto cache = address_of(scheduler);
  relay wire(where_workers_join(scheduler));
  auto worker = work_for(wire.address(), cache);
  remote client(dial(cache));
  held_action action(path("pipe"), client, "echo begun >> " + path("marks"));
  wire.cut();
  BOOST_TEST_REQUIRE(wire.has_passed_on(2, patience));
  auto response = action.let_end();
  BOOST_REQUIRE_MESSAGE(response, why(response));
  BOOST_TEST(response->status().code() == 0, response->status().message());
  BOOST_TEST(response->result().exit_code() == 0);
  BOOST_TEST(text_of("marks") == "begun\n");
  worker.signal(SIGTERM);
  require_code(worker, 0);
  scheduler.signal(SIGTERM);
  require_code(scheduler, 0);
}

BOOST_AUTO_TEST_CASE(who_follows_an_action_notices_nothing_of_a_connection_that_breaks) {
  auto scheduler = serve_scheduler();
  auto cache = address_of(scheduler);
  relay wire(where_workers_join(scheduler));
  auto worker = work_for(wire.address(), cache);
  remote client(dial(cache));
  held_action action(path("pipe"), client, "echo before; trap 'echo after' EXIT");
  BOOST_TEST_REQUIRE(!action.stdout_name().empty());
  following reader(client, action.stdout_name());
  BOOST_TEST(reader.told(7) == "before\n");
  wire.cut();
  BOOST_TEST_REQUIRE(wire.has_passed_on(2, patience));
  following second(client, action.stdout_name());
  BOOST_TEST(second.told(7) == "before\n");
  auto response = action.let_end();
  BOOST_REQUIRE_MESSAGE(response, why(response));
  BOOST_TEST(response->server_logs().empty());
  for (auto* each : {&reader, &second}) {
    auto end = each->end();
    BOOST_TEST(end.has_value(), why(end));
    BOOST_TEST(each->told() == "before\nafter\n");
  }
  worker.signal(SIGTERM);
  require_code(worker, 0);
  scheduler.signal(SIGTERM);
  require_code(scheduler, 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::end_to_end
