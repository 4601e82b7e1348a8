#include <fcntl.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <optional>

#include "actors/worker/inputs/materializer.hpp"
#include "actors/worker/running_state.hpp"
#include "core/base/clock.hpp"
#include "test/harness/memory_disk.hpp"
#include "test/harness/print.hpp"

// By which way a file of the cache becomes an input, and what is said of it.
namespace kiln::test {
namespace input_methods {

/// A disk that can do what the test says.
class able_disk final : public memory_disk {
public:
  able_disk() : memory_disk(system_clock()) {}

  int link_fault = 0;
  bool shares = false;

  disk_result<void> link(const descriptor& from, const char* path, const descriptor& to,
                         const char* name) override {
    if (link_fault != 0) return tl::unexpected(disk_error{link_fault});
    return memory_disk::link(from, path, to, name);
  }
  disk_result<void> share(const descriptor& from, const descriptor& to) override {
    if (!shares) return memory_disk::share(from, to);
    return memory_disk::copy(from, to, 0, content_size).map([](std::uint64_t) {});
  }
  static constexpr std::uint64_t content_size = 5;
};

struct method_bench {
  able_disk on;
  descriptor root = open_root();
  input_tree tree;

  method_bench() {
    auto lent = files().open(descriptor(), "/cache", O_WRONLY | O_CREAT, 0555).value();
    BOOST_REQUIRE(write_all(on, lent, "bytes", 0).has_value());
    tree.folders.push_back({""});
    tree.files.push_back({0, "one", digest_of("bytes"), true});
    tree.lent[{digest_of("bytes"), true}] = std::make_shared<const lent_input>(
        lent_input{digest_of("bytes"), "/cache", {}, nullptr, std::make_shared<lent_input::sharing>()});
  }
  std::string method() {
    const std::atomic<bool> never{false};
    auto made = lay_out(on, root, tree, same_user, never);
    BOOST_REQUIRE(made.has_value());
    auto file = files().open_beneath(root, "one", O_RDONLY, follow::none).value();
    char content[8];
    BOOST_TEST(on.read(file, content, 0).value() == 5U);
    return running::method_of(*made);
  }

private:
  disk& files() { return on; }
  descriptor open_root() {
    BOOST_REQUIRE(on.make_folder(descriptor(), "/root", 0755).has_value());
    return on.open_folder("/root").value();
  }
};

}  // namespace input_methods

using input_methods::method_bench;
BOOST_AUTO_TEST_SUITE(the_method_of_inputs)

BOOST_FIXTURE_TEST_CASE(is_a_link_where_they_may_be_links, method_bench) {
  tree.links = true;
  on.shares = true;
  BOOST_TEST(method() == "hardlink");
}

BOOST_FIXTURE_TEST_CASE(is_to_share_blocks_where_they_have_to_be_files_of_their_own, method_bench) {
  on.shares = true;
  BOOST_TEST(method() == "reflink");
}

BOOST_FIXTURE_TEST_CASE(is_a_copy_where_nothing_else_is_left, method_bench) {
  BOOST_TEST(method() == "copy");
}

// Found for each file: a cache may lie on several file systems, and one of them may be mounted anew.
BOOST_AUTO_TEST_CASE(is_found_anew_where_no_link_can_be_made) {
  for (int fault : {EXDEV, EMLINK, EPERM})
    for (bool shares : {true, false}) {
      method_bench bench;
      bench.tree.links = true;
      bench.on.link_fault = fault;
      bench.on.shares = shares;
      BOOST_TEST(bench.method() == (shares ? "reflink" : "copy"));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
