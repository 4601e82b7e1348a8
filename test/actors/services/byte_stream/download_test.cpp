#include "actors/services/byte_stream/download.hpp"

#include <boost/test/unit_test.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "test/actors/services/byte_stream/stream_bench.hpp"

using namespace kiln;
using namespace kiln::test;

namespace downloads {

constexpr std::size_t piece = 1 << 20;

// A wire that takes one message at a time, and keeps them as they are.
class narrow_wire final : public call {
public:
  const call_info& info() const noexcept override { return info_; }
  void read(message_in) override {}
  void write(byte_chain message, std::function<void(bool)> then) override {
    messages.push_back(std::move(message));
    writing_ = std::move(then);
  }
  void finish(error status) override { end = std::move(status); }
  void reply(byte_chain) override {}
  void on_cancel(std::function<void()>) override {}
  bool cancelled() const noexcept override { return false; }

  bool take() {
    if (!writing_) return false;
    std::exchange(writing_, nullptr)(true);
    return true;
  }

  std::vector<byte_chain> messages;
  std::optional<error> end;

private:
  call_info info_;
  std::function<void(bool)> writing_;
};

// A large buffer, piece by piece.
class cut_source final : public blob_source {
public:
  explicit cut_source(bytes all) : all_(std::move(all)) {}
  void read(next then) override {
    auto more = all_.slice(at, piece);
    at += more.size();
    then(std::move(more));
  }

  std::size_t at = 0;

private:
  const bytes all_;
};

struct download_bench {
  const bytes content = bytes::adopt(noise(16 * piece));
  std::shared_ptr<cut_source> source = std::make_shared<cut_source>(content);
  std::shared_ptr<narrow_wire> wire = std::make_shared<narrow_wire>();

  void start() { std::make_shared<download>(wire, byte_chain(), source, content.size())->start(); }
};

}  // namespace downloads

BOOST_FIXTURE_TEST_SUITE(downloads, download_bench)

BOOST_AUTO_TEST_CASE(bytes_go_from_source_to_wire_without_a_copy) {
  start();
  while (wire->take()) {
  }
  BOOST_TEST_REQUIRE(wire->end.has_value());
  BOOST_TEST(wire->end->ok());
  std::size_t shared = 0;
  for (const auto& message : wire->messages)
    for (const auto& part : message.pieces())
      if (part.data() >= content.data() && part.data() < content.data() + content.size())
        shared += part.size();
  BOOST_TEST(shared == content.size());
}

// Rules 90 and 91.
BOOST_AUTO_TEST_CASE(a_client_that_is_slow_has_one_piece_waiting_at_most) {
  start();
  while (!wire->end) {
    std::size_t written = 0;
    for (const auto& message : wire->messages) written += message.size();
    BOOST_TEST(source->at <= written + piece);
    wire->take();
  }
}

BOOST_AUTO_TEST_SUITE_END()
