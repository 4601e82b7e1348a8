#include <atomic>
#include <csignal>
#include <thread>

#include "test/end_to_end/server_fixture.hpp"

namespace kiln::end_to_end {

// Two servers of one configuration on one shared folder.
namespace one_folder {

class two_sharers : public server_fixture {
public:
  struct blob {
    digest name;
    std::string content;
  };

  two_sharers() {
    for (unsigned i = 0; i < 2; ++i) start_one(i);
  }

  void start_one(unsigned which) {
    const auto store = [this](const std::string& name, const std::string& capacity) {
      return fmt::format("  {}: {{type: filesystem, path: \"{}\", shared: true, capacity: {}}}\n", name,
                         path(name), capacity);
    };
    const auto file =
        write_file(fmt::format("node{}.yaml", which),
                   "stores:\n" + store("content", "1GiB") + store("results", "64MiB") +
                       fmt::format("transports: {{public: {{type: grpc, listen: [\"unix:{}\"]}}}}\n",
                                   path(fmt::format("socket{}", which))) +
                       "serve: {content: content, results: results}\n");
    servers_[which].emplace(start({"serve", file}, fmt::format("log{}", which)));
    address_of(*servers_[which]);
  }
  void kill_one(unsigned which) {
    servers_[which]->signal(SIGKILL);
    BOOST_REQUIRE(servers_[which]->wait(patience));
    servers_[which].reset();
  }
  void end_all() {
    for (auto& one : servers_) {
      one->signal(SIGTERM);
      require_code(*one, 0);
    }
  }
  /// A client of its own, so that none waits for a connection that broke before.
  remote at(unsigned which) { return remote(dial("unix:" + path(fmt::format("socket{}", which)))); }

  static blob made(std::uint64_t key) {
    constexpr std::size_t sizes[] = {700, 30'000, 150'000, 3'000'000};
    auto content = made_bytes(key, sizes[key % std::size(sizes)]);
    const auto name = digest_of(content);
    return {name, std::move(content)};
  }
  void all_are_there(unsigned which, const std::vector<digest>& names) {
    const auto missing = at(which).find_missing(names);
    BOOST_REQUIRE_MESSAGE(missing, why(missing));
    BOOST_TEST(missing->empty());
    for (const auto& name : names) {
      const auto read = at(which).check_blob(name);
      BOOST_TEST(read.has_value(), why(read));
    }
  }
  static v2::ActionResult naming(const digest& output) {
    v2::ActionResult result;
    auto* file = result.add_output_files();
    file->set_path("out");
    file->mutable_digest()->set_hash(output.hex());
    file->mutable_digest()->set_size_bytes(output.size);
    return result;
  }

private:
  std::optional<server_process> servers_[2];
};

}  // namespace one_folder

BOOST_FIXTURE_TEST_SUITE(one_folder, two_sharers)

BOOST_AUTO_TEST_CASE(what_one_has_acknowledged_the_other_has) {
  std::vector<digest> names;
  for (std::uint64_t key = 0; key < 16; ++key) {
    const auto one = made(key);
    const auto written = at(key % 2).write(one.name, bytes::copy_of(one.content));
    BOOST_REQUIRE_MESSAGE(written, why(written));
    names.push_back(one.name);
    all_are_there(1 - key % 2, {one.name});
  }
  for (unsigned which : {0U, 1U}) {
    const auto action = digest_of(fmt::format("action {}", which));
    const auto kept = at(which).update_result(action, naming(names[which]));
    BOOST_REQUIRE_MESSAGE(kept, why(kept));
    const auto found = at(1 - which).get_result(action);
    BOOST_TEST(found.has_value(), why(found));
  }
  for (unsigned which : {0U, 1U}) all_are_there(which, names);
  end_all();
}

// Each in turn, while clients of both write.
BOOST_AUTO_TEST_CASE(one_that_is_killed_costs_the_other_nothing) {
  std::vector<digest> acknowledged;
  for (unsigned round = 0; round < 6; ++round) {
    const unsigned victim = round % 2;
    std::vector<digest> by[2];
    bool failed[2] = {};
    std::atomic<unsigned> written{0};
    std::atomic<bool> is_over{false};
    std::vector<std::thread> writers;
    for (unsigned which : {0U, 1U})
      writers.emplace_back([&, which, to = at(which)] {
        for (std::uint64_t key = 1000 * round; !is_over.load(); ++key) {
          const auto one = made(2 * key + which);
          failed[which] = !to.write(one.name, bytes::copy_of(one.content));
          if (failed[which]) return;
          by[which].push_back(one.name);
          ++written;
        }
      });
    const auto reaches = [&](unsigned count) {
      const auto until = system_clock().now() + patience;
      while (written.load() < count && system_clock().now() < until) std::this_thread::yield();
      return written.load() >= count;
    };
    BOOST_TEST(reaches(10));
    kill_one(victim);
    BOOST_TEST(reaches(written.load() + 10));
    is_over.store(true);
    for (auto& writer : writers) writer.join();
    BOOST_TEST(!failed[1 - victim]);
    for (const auto& names : by) acknowledged.insert(acknowledged.end(), names.begin(), names.end());
    all_are_there(1 - victim, acknowledged);
    start_one(victim);
    all_are_there(victim, acknowledged);
  }
  end_all();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::end_to_end
