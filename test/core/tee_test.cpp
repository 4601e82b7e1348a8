#include <boost/test/unit_test.hpp>
#include <optional>
#include <string>

#include "core/store_kit/tee.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(tee_of_a_source)

// Answers when the test says so.
class held_source final : public blob_source {
public:
  void read(next then) override {
    ++reads;
    waiting_ = std::move(then);
  }
  void cancel(const error& why) noexcept override { cancelled = why; }
  void give(expected<byte_chain> piece) { std::exchange(waiting_, nullptr)(std::move(piece)); }

  int reads = 0;
  std::optional<error> cancelled;

private:
  next waiting_;
};

byte_chain piece(std::string text) {
  return bytes::adopt(std::move(text));
}

struct two_readers {
  std::shared_ptr<held_source> source = std::make_shared<held_source>();
  std::vector<blob_source_ptr> readers = tee(source, 2);
  std::string got[2];
  std::optional<expected<void>> ends[2];

  void read(std::size_t which) {
    readers[which]->read([this, which](expected<byte_chain> one) {
      if (!one || one->empty())
        ends[which] = one ? expected<void>() : failure(one.error());
      else
        got[which] += one->flatten().view();
    });
  }
};

BOOST_FIXTURE_TEST_CASE(the_slowest_reader_sets_the_pace, two_readers) {
  read(0);
  BOOST_TEST(source->reads == 0);
  read(1);
  BOOST_TEST(source->reads == 1);
  source->give(piece("ab"));
  BOOST_TEST((got[0] == "ab" && got[1] == "ab"));
  read(1);
  BOOST_TEST(source->reads == 1);
  read(0);
  source->give(byte_chain());
  BOOST_TEST((ends[0]->has_value() && ends[1]->has_value()));
}

BOOST_FIXTURE_TEST_CASE(a_reader_that_gives_up_holds_up_nobody, two_readers) {
  read(0);
  readers[1]->cancel({errc::cancelled, "enough"});
  BOOST_TEST(source->reads == 1);
  source->give(piece("ab"));
  BOOST_TEST(got[0] == "ab");
  BOOST_TEST(!source->cancelled);
  readers.clear();
  BOOST_TEST(source->cancelled.has_value());
}

BOOST_FIXTURE_TEST_CASE(an_error_ends_all_readers, two_readers) {
  read(0);
  read(1);
  source->give(fail(errc::data_loss, "rotten"));
  for (const auto& end : ends) BOOST_TEST((end->error().code() == errc::data_loss));
  readers.clear();
  BOOST_TEST(!source->cancelled);
}

BOOST_AUTO_TEST_CASE(long_sources_that_answer_at_once_do_not_grow_the_stack) {
  class many final : public blob_source {
  public:
    void read(next then) override { then(left_-- > 0 ? byte_chain(bytes::of_static("x")) : byte_chain()); }

  private:
    int left_ = 500'000;
  };
  auto readers = tee(std::make_shared<many>(), 2);
  std::size_t counts[2] = {};
  int ended = 0;
  for (std::size_t i : {0U, 1U})
    pump(
        std::move(readers[i]),
        [&, i](const byte_chain& one) -> expected<void> {
          counts[i] += one.size();
          return {};
        },
        [&](const expected<void>& end) { ended += end ? 1 : 0; });
  BOOST_TEST((counts[0] == 500'000U && counts[1] == 500'000U && ended == 2));
}

BOOST_AUTO_TEST_SUITE_END()
