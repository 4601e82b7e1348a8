#include "core/contract/checked_source.hpp"
#include "test/plugins/stores/compression/compression_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(compression_of_what_was_sent)

namespace {

constexpr std::size_t mebi = 1 << 20;

std::string packed(const std::string& text, int level = 3) {
  return std::string(zstd_encode(text, level, text.size() + 1000)->view());
}

struct uploads : compressed_store {
  using compressed_store::compressed_store;

  expected<receipt> upload(const digest& blob, const std::shared_ptr<sent_upload>& what) {
    return ask(write_blob{blob, what, {}, waits_for_ever, what});
  }
  /// The frames that a reader is given who takes zstd.
  std::string wire_of(const digest& blob) {
    auto wire = all_of(ask(read_blob{blob, 0, 0, waits_for_ever, blob_form::zstd}));
    BOOST_TEST_REQUIRE(wire.has_value());
    return *wire;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(what_a_client_sent_is_kept_as_it_is_and_leaves_as_it_is) {
  uploads on;
  for (std::size_t size : {2000UL, mebi, 5 * mebi + 3}) {
    const auto text = prose_of(size, size);
    const auto wire = packed(text.substr(0, size / 2)) + packed(text.substr(size / 2));
    const auto blob = digest_of(text);
    BOOST_TEST(on.upload(blob, std::make_shared<sent_upload>(wire, text)).has_value());
    BOOST_TEST(on.form_of(blob)->as_sent);
    BOOST_TEST((on.lies_at(on.form_of(blob)->segments.front().name) == wire));
    BOOST_TEST((on.wire_of(blob) == wire));
    BOOST_TEST((on.read(blob) == text));
    BOOST_TEST((on.ask(read_blobs{{blob}})->results.front()->view() == text));
    on.start();
    BOOST_TEST((on.wire_of(blob) == wire));
    BOOST_TEST((on.read(blob) == text));
  }
}

// From then on it lies in frames, and nobody decodes what stands before a part.
BOOST_AUTO_TEST_CASE(it_is_compressed_in_frames_when_somebody_wants_a_part) {
  uploads on;
  const auto text = prose_of(6 * mebi);
  const auto blob = digest_of(text);
  BOOST_REQUIRE(on.upload(blob, std::make_shared<sent_upload>(packed(text), text)).has_value());
  auto one = on.system.begin<blob_content>(on.top, read_blob{blob, 5 * mebi + 1, 10});
  auto other = on.system.begin<blob_content>(on.top, read_blob{blob, 3, 4});
  on.system.run();
  BOOST_TEST((on.all_of(std::move(**one)) == text.substr(5 * mebi + 1, 10)));
  BOOST_TEST((on.all_of(std::move(**other)) == text.substr(3, 4)));
  BOOST_TEST(!on.form_of(blob)->as_sent);
  BOOST_TEST(on.below->orders.of<write_blob>() == 2U);
  on.below->reads.clear();
  BOOST_TEST((on.read(blob, 2 * mebi, 5) == text.substr(2 * mebi, 5)));
  BOOST_TEST(on.below->reads.size() == 3U);
  BOOST_TEST((on.read_zstd(blob) == text));
}

BOOST_AUTO_TEST_CASE(whoever_wants_a_part_of_what_the_store_below_does_not_give_waits_for_his_time) {
  uploads on;
  const auto text = prose_of(6 * mebi);
  const auto blob = digest_of(text);
  BOOST_REQUIRE(on.upload(blob, std::make_shared<sent_upload>(packed(text), text)).has_value());
  on.below->unanswered = on.form_of(blob)->segments.front().name;
  const auto now = on.system.time().now();
  auto one = on.system.begin<blob_content>(on.top, read_blob{blob, 5, 10, now + std::chrono::seconds(5)});
  auto other = on.system.begin<blob_content>(on.top, read_blob{blob, 5, 10, now + std::chrono::minutes(5)});
  on.system.run();
  BOOST_TEST(!on.below->owed.empty());
  BOOST_TEST((!one->has_value() && !other->has_value()));
  on.system.pass(std::chrono::seconds(6));
  BOOST_REQUIRE(one->has_value());
  BOOST_TEST(code_in(**one) == "DEADLINE_EXCEEDED");
  BOOST_TEST(!other->has_value());
  on.system.pass(std::chrono::minutes(5));
  BOOST_REQUIRE(other->has_value());
  BOOST_TEST(code_in(**other) == "DEADLINE_EXCEEDED");
}

BOOST_AUTO_TEST_CASE(a_client_that_came_back_has_its_blob_compressed_here) {
  for (const std::size_t at : {1UL, 100UL, 200'000UL, 500'000UL, 900'000UL}) {
    uploads on;
    const auto text = prose_of(4 * mebi);
    const auto blob = digest_of(text);
    auto kept = on.upload(blob, std::make_shared<sent_upload>(packed(text), text, 50'000, at));
    BOOST_TEST_REQUIRE(kept.has_value(), (kept ? "" : kept.error().to_string()));
    BOOST_TEST(!on.form_of(blob)->as_sent);
    BOOST_TEST((on.read(blob) == text));
  }
}

BOOST_AUTO_TEST_CASE(what_is_larger_than_a_segment_is_compressed_here) {
  uploads on(400 << 10);
  const auto text = prose_of(4 * mebi);
  const auto blob = digest_of(text);
  BOOST_TEST(on.upload(blob, std::make_shared<sent_upload>(packed(text), text)).has_value());
  BOOST_TEST(on.form_of(blob)->segments.size() > 1U);
  BOOST_TEST((on.read(blob) == text));
}

BOOST_AUTO_TEST_CASE(what_a_client_compressed_badly_is_compressed_here) {
  uploads on;
  const auto text = prose_of(200'000);
  std::string wire;  // a frame for every few bytes
  for (std::size_t at = 0; at < text.size(); at += 32) wire += packed(text.substr(at, 32));
  BOOST_REQUIRE(wire.size() > text.size());
  const auto blob = digest_of(text);
  BOOST_TEST(on.upload(blob, std::make_shared<sent_upload>(wire, text)).has_value());
  BOOST_TEST(!on.form_of(blob)->as_sent);
  BOOST_TEST((on.read(blob) == text));
}

BOOST_AUTO_TEST_CASE(what_does_not_shrink_lies_plain_though_it_was_sent_compressed) {
  uploads on;
  const auto text = contract::noise(2 * mebi);
  const auto blob = digest_of(text);
  BOOST_TEST(on.upload(blob, std::make_shared<sent_upload>(packed(text), text)).has_value());
  BOOST_TEST((on.lies_at(blob) == text));
}

BOOST_AUTO_TEST_CASE(frames_of_other_bytes_are_refused) {
  uploads on;
  const auto text = prose_of(3 * mebi);
  auto other = text;
  other[2 * mebi] = '!';
  auto refused = on.upload(digest_of(text), std::make_shared<sent_upload>(packed(other), other));
  BOOST_TEST(code_in(refused) == "INVALID_ARGUMENT");
  BOOST_TEST(on.ask(measure_store{})->blobs == 0U);
  // And those that are more, or less, than the blob.
  for (const auto& sent : {text + "more", text.substr(10)})
    BOOST_TEST(code_in(on.upload(digest_of(text), std::make_shared<sent_upload>(packed(sent), sent))) ==
               "INVALID_ARGUMENT");
  BOOST_TEST(on.is_missing(digest_of(text)));
}

BOOST_AUTO_TEST_CASE(damage_of_what_was_sent_is_found_out) {
  const auto text = prose_of(3 * mebi);
  const auto blob = digest_of(text);
  for (const int way : {0, 1, 2, 3})
    for (const bool was_restarted : {false, true}) {
      uploads on;
      BOOST_REQUIRE(on.upload(blob, std::make_shared<sent_upload>(packed(text), text)).has_value());
      if (was_restarted) on.start();
      const auto lies = on.form_of(blob)->segments.front().name;
      on.flip(lies, static_cast<std::size_t>(lies.size) / 2);
      auto batch = [&] {
        return on.ask(read_blobs{{blob}})->results.front().map([](const bytes& all) {
          return std::string(all.view());
        });
      };
      auto read = way == 0   ? on.read(blob)
                  : way == 1 ? on.all_of(on.ask(read_blob{blob, 0, 0, waits_for_ever, blob_form::zstd}))
                  : way == 2 ? on.read(blob, mebi, 5)
                             : batch();
      BOOST_TEST(code_in(read) == "DATA_LOSS");
      BOOST_TEST(on.is_missing(blob));
      BOOST_TEST(on.upload(blob, std::make_shared<sent_upload>(packed(text), text)).has_value());
      BOOST_TEST((on.read(blob) == text));
      BOOST_TEST((on.read_zstd(blob) == text));
    }
}

// Through a store that hashes on the way, and none where one source is read for two.
BOOST_AUTO_TEST_CASE(only_who_reads_alone_is_told_what_was_sent) {
  uploads on;
  const auto text = prose_of(2 * mebi);
  auto first = std::make_shared<sent_upload>(packed(text), text);
  BOOST_TEST(first->claim());
  BOOST_TEST(on.upload(digest_of(text), first).has_value());
  BOOST_TEST(!on.form_of(digest_of(text))->as_sent);
  BOOST_TEST((on.read(digest_of(text)) == text));
}

BOOST_AUTO_TEST_SUITE_END()
