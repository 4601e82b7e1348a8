#include <csignal>

#include "test/end_to_end/server_fixture.hpp"

namespace kiln::end_to_end {

// A Kiln of the profile two_tier before another one that a whole site would share. Each keeps its data and
// its address over all its lives.
namespace two_tier {

class two_servers : public server_fixture {
public:
  struct blob {
    digest name;
    std::string content;
  };

  two_servers() {
    start_site();
    start_near();
  }

  /// The other one's data lie in this folder.
  void start_site(const std::string& data = "site") {
    site_.emplace(start({"serve", "--profile", "cache", "--data", path(data), "--capacity", "2GiB",
                         "--listen", site_address()},
                        "site.log"));
    address_of(*site_);
  }
  void start_near(const std::string& data = "near") {
    near_.emplace(start({"serve", "--profile", "two_tier", "--data", path(data), "--capacity", "1GiB",
                         "--listen", "unix:" + path("near.socket"), "--cache", site_address()},
                        "near.log"));
    address_of(*near_);
  }
  /// The near one looks for the site again after a second or so, and says until then that it is away.
  void await_site() {
    const auto until = system_clock().now() + patience;
    while (code_of(near().find_missing({digest_of("anything")})) == "UNAVAILABLE" &&
           system_clock().now() < until) {
    }
  }
  void kill_site() { kill(site_); }
  void kill_near() { kill(near_); }
  void end_both() {
    for (auto* one : {&near_, &site_}) {
      (*one)->signal(SIGTERM);
      require_code(**one, 0);
    }
  }

  /// Clients of their own, so that none waits for a connection that broke before.
  remote near() { return remote(dial("unix:" + path("near.socket"))); }
  remote site() { return remote(dial(site_address())); }

  static blob made(std::uint64_t key, std::size_t size) {
    auto content = made_bytes(key, size);
    const auto name = digest_of(content);
    return {name, std::move(content)};
  }
  /// A small blob, one of a file and one of several pieces.
  static std::vector<blob> some(std::uint64_t key) {
    return {made(key, 1000), made(key + 1, 100'000), made(key + 2, 5 << 20)};
  }
  static void put(const remote& where, const std::vector<blob>& blobs) {
    for (const auto& one : blobs) {
      const auto written = where.write(one.name, bytes::copy_of(one.content));
      BOOST_REQUIRE_MESSAGE(written, why(written));
    }
  }
  static void reads(const remote& where, const std::vector<blob>& blobs) {
    for (const auto& one : blobs) {
      const auto read = where.check_blob(one.name);
      BOOST_TEST(read.has_value(), why(read));
    }
  }
  static std::size_t missing(const remote& where, const std::vector<blob>& blobs) {
    std::vector<digest> names;
    for (const auto& one : blobs) names.push_back(one.name);
    const auto found = where.find_missing(names);
    BOOST_REQUIRE_MESSAGE(found, why(found));
    return found->size();
  }
  static v2::ActionResult naming(const blob& output) {
    v2::ActionResult result;
    auto* file = result.add_output_files();
    file->set_path("out");
    file->mutable_digest()->set_hash(output.name.hex());
    file->mutable_digest()->set_size_bytes(output.name.size);
    return result;
  }
  template <class T>
  static std::string code_of(const expected<T>& answer) {
    return std::string(name_of(answer ? errc::ok : answer.error().code()));
  }

private:
  std::string site_address() const { return "unix:" + path("site.socket"); }
  static void kill(std::optional<server_process>& server) {
    server->signal(SIGKILL);
    BOOST_REQUIRE(server->wait(patience));
    server.reset();
  }

  std::optional<server_process> site_;
  std::optional<server_process> near_;
};

}  // namespace two_tier

BOOST_FIXTURE_TEST_SUITE(two_tier, two_servers)

BOOST_AUTO_TEST_CASE(what_is_written_near_is_at_the_site_and_what_the_site_has_is_found_near) {
  const auto ours = some(1), theirs = some(10);
  const auto action = digest_of("ours"), their_action = digest_of("theirs");
  put(near(), ours);
  put(site(), theirs);
  const auto kept = near().update_result(action, naming(ours[2]));
  BOOST_REQUIRE_MESSAGE(kept, why(kept));
  const auto their_result = site().update_result(their_action, naming(theirs[2]));
  BOOST_REQUIRE_MESSAGE(their_result, why(their_result));
  for (const auto* blobs : {&ours, &theirs}) {
    BOOST_TEST(missing(near(), *blobs) == 0U);
    reads(site(), *blobs);
    reads(near(), *blobs);
  }
  for (const auto& each : {action, their_action}) {
    BOOST_TEST(code_of(near().get_result(each)) == "OK");
    BOOST_TEST(code_of(site().get_result(each)) == "OK");
  }
  end_both();
}

BOOST_AUTO_TEST_CASE(while_the_site_is_away_what_is_near_is_read_and_nothing_is_acknowledged) {
  const auto ours = some(1), theirs = some(10), unread = some(20);
  put(near(), ours);
  put(site(), theirs);
  put(site(), unread);
  reads(near(), theirs);
  kill_site();
  reads(near(), ours);
  reads(near(), theirs);
  const auto found = near().find_missing({ours[0].name});
  BOOST_TEST(code_of(found) == "UNAVAILABLE");
  for (const auto& one : unread) BOOST_TEST(code_of(near().check_blob(one.name)) == "UNAVAILABLE");
  const auto late = some(30);
  for (const auto& one : late)
    BOOST_TEST(code_of(near().write(one.name, bytes::copy_of(one.content))) == "UNAVAILABLE");
  BOOST_TEST(code_of(near().update_result(digest_of("late"), naming(ours[0]))) == "UNAVAILABLE");
  // It comes back with what it had, and everything goes on.
  start_site();
  await_site();
  BOOST_TEST(missing(near(), ours) + missing(near(), theirs) + missing(near(), unread) == 0U);
  reads(near(), unread);
  put(near(), late);
  reads(site(), late);
  BOOST_TEST(code_of(near().update_result(digest_of("late"), naming(late[0]))) == "OK");
  BOOST_TEST(code_of(site().get_result(digest_of("late"))) == "OK");
  end_both();
}

BOOST_AUTO_TEST_CASE(the_near_disk_may_be_lost_and_its_server_killed) {
  const auto ours = some(1);
  put(near(), ours);
  const auto kept = near().update_result(digest_of("ours"), naming(ours[1]));
  BOOST_REQUIRE_MESSAGE(kept, why(kept));
  for (const char* data : {"near", "another_disk"}) {
    kill_near();
    start_near(data);
    BOOST_TEST(missing(near(), ours) == 0U);
    reads(near(), ours);
    BOOST_TEST(code_of(near().get_result(digest_of("ours"))) == "OK");
  }
  // All of it is on that disk now.
  kill_site();
  reads(near(), ours);
}

BOOST_AUTO_TEST_CASE(what_the_site_has_lost_is_missing_until_it_is_written_again) {
  const auto ours = some(1);
  put(near(), ours);
  const auto kept = near().update_result(digest_of("ours"), naming(ours[1]));
  BOOST_REQUIRE_MESSAGE(kept, why(kept));
  kill_site();
  start_site("an_empty_disk");
  await_site();
  // The site says what is there: others could not read what is near.
  BOOST_TEST(missing(near(), ours) == ours.size());
  reads(near(), ours);
  BOOST_TEST(code_of(near().get_result(digest_of("ours"))) == "NOT_FOUND");
  put(near(), ours);
  BOOST_TEST(missing(near(), ours) == 0U);
  reads(site(), ours);
  end_both();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::end_to_end
