#include "core/contract/stream.hpp"

#include <boost/test/unit_test.hpp>
#include <optional>
#include <string>
#include <vector>

using namespace kiln;

BOOST_AUTO_TEST_SUITE(stream)

namespace {

// Answers from a list, at once; what it lacks it never answers.
class listed final : public blob_source {
public:
  explicit listed(std::vector<expected<byte_chain>> answers) : answers_(std::move(answers)) {}
  void read(next then) override {
    ++reads;
    if (at_ < answers_.size()) then(answers_[at_++]);
  }
  void cancel(const error& why) noexcept override { cancelled = why; }

  int reads = 0;
  std::optional<error> cancelled;

private:
  std::vector<expected<byte_chain>> answers_;
  std::size_t at_ = 0;
};

// Answers when the test says so.
class kept final : public blob_source {
public:
  void read(next then) override { waiting = std::move(then); }
  next waiting;
};

byte_chain piece(std::string text) {
  return bytes::adopt(std::move(text));
}

struct outcome {
  std::string text;
  std::vector<expected<void>> ends;

  void pump_from(blob_source_ptr source) {
    pump(
        std::move(source),
        [this](const byte_chain& pieces) -> expected<void> {
          text += pieces.flatten().view();
          return {};
        },
        [this](expected<void> end) { ends.push_back(std::move(end)); });
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(pump_hands_on_every_piece_in_order_and_ends_once) {
  auto source =
      std::make_shared<listed>(std::vector<expected<byte_chain>>{piece("a"), piece("bc"), byte_chain()});
  outcome out;
  out.pump_from(source);
  BOOST_TEST(out.text == "abc");
  BOOST_REQUIRE(out.ends.size() == 1);
  BOOST_TEST(out.ends[0].has_value());
  BOOST_TEST(source->reads == 3);
}

BOOST_AUTO_TEST_CASE(pump_does_not_grow_the_stack_over_a_source_that_answers_at_once) {
  class many final : public blob_source {
  public:
    void read(next then) override {
      if (left_-- > 0) return then(byte_chain(bytes::of_static("x")));
      then(byte_chain());
    }

  private:
    int left_ = 2'000'000;
  };
  outcome out;
  out.pump_from(std::make_shared<many>());
  BOOST_TEST(out.text.size() == 2'000'000U);
  BOOST_TEST(out.ends.size() == 1U);
}

BOOST_AUTO_TEST_CASE(pump_passes_on_the_error_of_its_source) {
  outcome out;
  out.pump_from(failing_source({errc::data_loss, "rotten"}));
  BOOST_REQUIRE(out.ends.size() == 1);
  BOOST_CHECK(out.ends[0].error().code() == errc::data_loss);
}

BOOST_AUTO_TEST_CASE(pump_cancels_a_source_whose_piece_was_refused) {
  auto source = std::make_shared<listed>(std::vector<expected<byte_chain>>{piece("a"), piece("b")});
  std::vector<expected<void>> ends;
  pump(
      source, [](const byte_chain&) -> expected<void> { return fail(errc::resource_exhausted, "full"); },
      [&](expected<void> end) { ends.push_back(std::move(end)); });
  BOOST_REQUIRE(ends.size() == 1);
  BOOST_CHECK(ends[0].error().code() == errc::resource_exhausted);
  BOOST_REQUIRE(source->cancelled);
  BOOST_CHECK(source->cancelled->code() == errc::resource_exhausted);
  BOOST_TEST(source->reads == 1);
}

BOOST_AUTO_TEST_CASE(pump_ends_when_its_source_drops_it_without_a_word) {
  auto source = std::make_shared<kept>();
  outcome out;
  out.pump_from(source);
  source->waiting(piece("a"));
  BOOST_TEST(out.ends.empty());
  source->waiting = nullptr;
  BOOST_REQUIRE(out.ends.size() == 1);
  BOOST_CHECK(out.ends[0].error().code() == errc::cancelled);
}

BOOST_AUTO_TEST_CASE(pump_outlives_a_source_that_ends_while_it_is_being_read) {
  // The pump is the only owner, and lets go of the source at its end, inside of the source's own `read`.
  class touchy final : public blob_source {
  public:
    explicit touchy(bool* alive) : alive_(alive) {}
    ~touchy() override { *alive_ = false; }
    void read(next then) override {
      then(byte_chain());
      BOOST_TEST(*alive_);
    }

  private:
    bool* alive_;
  };
  bool alive = true;
  outcome out;
  out.pump_from(std::make_shared<touchy>(&alive));
  BOOST_TEST(!alive);
  BOOST_TEST(out.ends.size() == 1U);
}

BOOST_AUTO_TEST_CASE(sure_answers_once_whether_the_source_does_or_not) {
  std::vector<expected<byte_chain>> answers;
  auto remember = [&](expected<byte_chain> answer) { answers.push_back(std::move(answer)); };
  ensure_called(remember)(piece("a"));
  BOOST_REQUIRE(answers.size() == 1);
  BOOST_TEST(answers[0].has_value());
  { auto dropped = ensure_called(remember); }
  BOOST_REQUIRE(answers.size() == 2);
  BOOST_CHECK(answers[1].error().code() == errc::cancelled);
}

BOOST_AUTO_TEST_CASE(collect_joins_what_fits_and_refuses_the_rest) {
  std::vector<expected<bytes>> results;
  auto remember = [&](expected<bytes> result) { results.push_back(std::move(result)); };
  collect(std::make_shared<listed>(std::vector<expected<byte_chain>>{piece("ab"), piece("cd"), byte_chain()}),
          4, remember);
  collect(
      std::make_shared<listed>(std::vector<expected<byte_chain>>{piece("ab"), piece("cde"), byte_chain()}), 4,
      remember);
  BOOST_REQUIRE(results.size() == 2);
  BOOST_TEST(results[0]->view() == "abcd");
  BOOST_CHECK(results[1].error().code() == errc::resource_exhausted);
}

BOOST_AUTO_TEST_SUITE_END()
