#include "actors/worker/inputs/private_copy.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <optional>
#include <utility>

#include "core/digest/hasher.hpp"
#include "test/harness/temporary_folder.hpp"

namespace kiln::test {
namespace private_copies {

// Says what the test says, when it says so.
class told_source final : public blob_source {
public:
  void read(next then) override { waiting_ = std::move(then); }
  void say(expected<byte_chain> what) { std::exchange(waiting_, nullptr)(std::move(what)); }
  void vanish() { waiting_ = nullptr; }

private:
  next waiting_;
};

struct copy_bench {
  const digest blob = digest_of("input");
  temporary_folder folder;
  std::shared_ptr<thread_pool> pool = make_inline_pool();
  std::shared_ptr<work_root> root =
      work_root::open(system_disk(), folder.path() / "work", pool, nullptr).value();
  std::shared_ptr<told_source> source = std::make_shared<told_source>();
  std::optional<expected<lent_input_ptr>> copy;

  copy_bench() {
    make_private_copy(root, pool, {blob}, source, [this](expected<lent_input_ptr> made) { copy = made; });
    source->say(byte_chain(bytes::of_static("input")));
  }
  bool nothing_is_left() const { return std::filesystem::is_empty(root->blobs_path()); }
};

}  // namespace private_copies

// The source may be a blob that is still being uploaded somewhere: all its bytes are no blob yet.
BOOST_FIXTURE_TEST_SUITE(private_copies, copy_bench)

BOOST_AUTO_TEST_CASE(no_file_is_an_input_before_the_good_end_of_its_blob) {
  BOOST_TEST(!copy.has_value());
  source->say(byte_chain());
  BOOST_TEST_REQUIRE(copy.has_value());
  BOOST_TEST(std::filesystem::file_size((**copy)->path) == 5u);
}

BOOST_AUTO_TEST_CASE(a_blob_that_ends_badly_leaves_no_file_though_all_its_bytes_came) {
  source->say(fail(errc::unavailable, "the upload failed"));
  BOOST_TEST_REQUIRE(copy.has_value());
  BOOST_TEST(!copy->has_value());
  BOOST_TEST(nothing_is_left());
}

BOOST_AUTO_TEST_CASE(a_blob_that_stops_coming_leaves_no_file) {
  source->vanish();
  BOOST_TEST_REQUIRE(copy.has_value());
  BOOST_TEST(!copy->has_value());
  BOOST_TEST(nothing_is_left());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
