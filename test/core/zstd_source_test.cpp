#include "core/compress/zstd_source.hpp"

#include <boost/test/unit_test.hpp>
#include <optional>

#include "core/base/random.hpp"
#include "core/compress/zstd.hpp"
#include "test/harness/print.hpp"

using namespace kiln;

namespace zstd_sources {

std::string noise(std::size_t size) {
  auto random = make_seeded_random(size);
  std::string text(size, '\0');
  for (auto& c : text) c = static_cast<char>(random->next());
  return text;
}

// A text in pieces, and then the end, or a fault.
class pieces final : public blob_source {
public:
  pieces(std::string text, std::size_t step, error fault = {})
      : text_(bytes::adopt(std::move(text))), step_(step), fault_(std::move(fault)) {}
  void read(next then) override {
    auto piece = text_.slice(at_, step_);
    at_ += piece.size();
    if (piece.empty() && !fault_.ok()) return then(failure(fault_));
    then(piece);
  }
  void cancel(const error&) noexcept override { cancelled = true; }

  bool cancelled = false;

private:
  bytes text_;
  std::size_t step_;
  std::size_t at_ = 0;
  error fault_;
};

struct heard {
  std::string wire;
  std::size_t largest = 0;
  std::optional<error> fault;
};

heard listen(const blob_source_ptr& source) {
  heard result;
  pump(
      source,
      [&](const byte_chain& piece) -> expected<void> {
        result.wire += piece.flatten().view();
        result.largest = std::max(result.largest, piece.size());
        return {};
      },
      [&](expected<void> end) {
        if (!end) result.fault = end.error();
      });
  return result;
}

struct encoding_bench {
  std::shared_ptr<thread_pool> threads = make_inline_pool();
};

}  // namespace zstd_sources

BOOST_FIXTURE_TEST_SUITE(zstd_sources, encoding_bench)

BOOST_AUTO_TEST_CASE(a_head_and_what_follows_become_one_frame) {
  for (std::size_t size : {0u, 1u, 100'000u, 3'000'000u}) {
    auto text = noise(size);
    for (std::size_t head : {std::size_t{0}, size / 2, size}) {
      auto rest = head == size ? nullptr : std::make_shared<pieces>(text.substr(head), 70'000);
      auto result = listen(zstd_encoded(bytes::copy_of(text.substr(0, head)), rest, size, 1, threads));
      BOOST_TEST(!result.fault.has_value());
      BOOST_TEST(result.largest <= 256u << 10);
      BOOST_TEST((zstd_decode(result.wire, size, 23).value().view() == text));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_blob_that_fails_on_the_way_fails_compressed_too) {
  auto failing = std::make_shared<pieces>("hello", 2, error(errc::data_loss, "the disk is worn"));
  BOOST_TEST(listen(zstd_encoded({}, failing, 6, 1, threads)).fault->code() == errc::data_loss);
  auto early = std::make_shared<pieces>("hello", 2);
  BOOST_TEST(listen(zstd_encoded({}, early, 6, 1, threads)).fault->code() == errc::internal);
  auto late = std::make_shared<pieces>("hello", 2);
  BOOST_TEST(listen(zstd_encoded({}, late, 4, 1, threads)).fault->code() == errc::internal);
  BOOST_TEST(late->cancelled);
}

BOOST_AUTO_TEST_CASE(who_gives_up_gives_up_the_blob) {
  auto from = std::make_shared<pieces>(noise(1 << 20), 70'000);
  auto source = zstd_encoded({}, from, 1 << 20, 1, threads);
  source->read([](const expected<byte_chain>& piece) { BOOST_TEST(piece->size() > 0u); });
  source->cancel({errc::cancelled, "the client has left"});
  BOOST_TEST(from->cancelled);
}

BOOST_AUTO_TEST_CASE(threads_that_are_too_busy_fail_it) {
  auto busy = std::shared_ptr<thread_pool>(make_thread_pool("busy", 1, 0));
  auto from = std::make_shared<pieces>("hello", 2);
  BOOST_TEST(listen(zstd_encoded({}, from, 5, 1, busy)).fault->code() == errc::resource_exhausted);
  BOOST_TEST(from->cancelled);
}

BOOST_AUTO_TEST_SUITE_END()
