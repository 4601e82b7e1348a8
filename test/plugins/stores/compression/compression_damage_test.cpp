#include "test/harness/zstd_frames.hpp"
#include "test/plugins/stores/compression/compression_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(compression_damage)

namespace {

constexpr std::size_t mebi = 1 << 20;

// A blob of ours, what it lies as, and ways to ask for it.
struct one_blob : compressed_store {
  std::string text = prose_of(3 * mebi);
  digest blob;
  digest lies;

  one_blob() : blob(put(text)), lies(form_of(blob)->segments.front().name) {}

  // A segment of somebody's making, true to its digest, as what the blob lies as.
  void forge(const std::string& segment, std::uint64_t plain) {
    const auto name = digest_of(segment);
    BOOST_REQUIRE(ask(inner, write_blob{name, source_of(bytes::copy_of(segment))}).has_value());
    plant(blob, {{{name, plain}}});
    start();
  }
  void check_that_it_is_lost_and_can_come_again(const expected<std::string>& read_once) {
    BOOST_TEST(code_in(read_once) == "DATA_LOSS");
    BOOST_TEST(is_missing(blob));
    BOOST_TEST(code_in(read(blob)) == "NOT_FOUND");
    BOOST_TEST(code_in(ask(read_blobs{{blob}})->results.front()) == "NOT_FOUND");
    BOOST_TEST((ask(lease_blobs{{blob}})->missing == std::vector{blob}));
    put(text);
    BOOST_TEST((read(blob) == text));
    BOOST_TEST((read(blob, mebi, 10) == text.substr(mebi, 10)));
    BOOST_TEST((read_zstd(blob) == text));
  }
  expected<std::string> read_in_a_batch() {
    return ask(read_blobs{{blob}})->results.front().map([](const bytes& all) {
      return std::string(all.view());
    });
  }
};

std::string table_of(const std::vector<std::uint32_t>& sizes) {
  std::vector<compressing::frame> frames;
  for (const auto size : sizes) frames.push_back({size, 0});
  return std::string(compressing::write_table(frames).view());
}
std::string frame_of(const std::string& text) {
  return std::string(zstd_encode(text, 1, text.size() + 1000)->view());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_damaged_blob_is_found_out_in_whichever_form_it_is_read) {
  using reading = expected<std::string> (*)(one_blob&);
  const reading ways[] = {
      [](one_blob& on) { return on.read(on.blob); },
      [](one_blob& on) { return on.read_zstd(on.blob); },
      [](one_blob& on) { return on.read_in_a_batch(); },
      [](one_blob& on) { return on.read(on.blob, 2 * mebi + 5, 100); },
  };
  for (const bool was_restarted : {false, true})
    for (const auto way : ways) {
      one_blob on;
      if (was_restarted) on.start();
      on.flip(on.lies, static_cast<std::size_t>(on.lies.size) - 1000);
      on.check_that_it_is_lost_and_can_come_again(way(on));
    }
}

BOOST_AUTO_TEST_CASE(damage_of_the_table_is_found_out) {
  for (const std::size_t at : {0U, 4U, 8U, 13U}) {
    one_blob on;
    on.flip(on.lies, at);
    on.check_that_it_is_lost_and_can_come_again(at < 8 ? on.read(on.blob, 5, 10) : on.read(on.blob));
  }
}

BOOST_AUTO_TEST_CASE(nothing_of_a_damaged_frame_is_handed_out) {
  one_blob on;
  on.flip(on.lies, static_cast<std::size_t>(on.lies.size) - 1000);
  std::string came;
  std::optional<expected<void>> end;
  auto content = on.ask(read_blob{on.blob});
  pump(
      content->rest,
      [&](const byte_chain& piece) {
        came += piece.flatten().view();
        return expected<void>();
      },
      [&](expected<void> how) { end = std::move(how); });
  on.system.run();
  BOOST_TEST((end && !*end));
  BOOST_TEST((came == on.text.substr(0, 2 * mebi)));
}

// Whoever can write to the index: what lies there decides nothing.
BOOST_AUTO_TEST_CASE(a_record_that_leads_to_another_blob_is_found_out_and_that_one_stays) {
  one_blob on;
  const auto other_text = prose_of(3 * mebi, 2);
  const auto other = on.put(other_text);
  for (const bool as_zstd : {false, true}) {
    on.start();
    on.plant(on.blob, *on.form_of(other));
    on.check_that_it_is_lost_and_can_come_again(as_zstd ? on.read_zstd(on.blob) : on.read(on.blob));
    BOOST_TEST((on.read(other) == other_text));
  }
  on.start();
  on.plant(on.blob, *on.form_of(other));
  on.check_that_it_is_lost_and_can_come_again(on.read(on.blob, 1, 1));
  BOOST_TEST((on.read(other) == other_text));
}

BOOST_AUTO_TEST_CASE(a_table_that_lies_is_found_out) {
  one_blob on;
  const auto one = frame_of(on.text.substr(0, mebi)), two = frame_of(on.text.substr(mebi, mebi)),
             three = frame_of(on.text.substr(2 * mebi));
  const auto size_of = [](const std::string& frame) { return static_cast<std::uint32_t>(frame.size()); };
  // A good one, to begin with.
  on.forge(table_of({size_of(one), size_of(two), size_of(three)}) + one + two + three, 3 * mebi);
  BOOST_TEST((on.read(on.blob) == on.text));
  const std::vector<std::vector<std::uint32_t>> lies = {
      {size_of(one) + 1, size_of(two) - 1, size_of(three)},   // adds up, and leads elsewhere
      {size_of(one), size_of(two), size_of(three) + 5},       // more than there is
      {size_of(one) + size_of(two), size_of(three), 0},       // nothing
      {0xffffffff, size_of(two), size_of(three)},             // as if it could be allocated
      {size_of(one) + size_of(two), size_of(three) - 1, 1}};  // two frames for one
  for (const auto& table : lies)
    for (const bool part : {false, true}) {
      on.forge(table_of(table) + one + two + three, 3 * mebi);
      on.check_that_it_is_lost_and_can_come_again(part ? on.read(on.blob, 2 * mebi, 5) : on.read(on.blob));
    }
}

BOOST_AUTO_TEST_CASE(frames_of_another_making_are_refused_before_they_are_decoded) {
  one_blob on;
  const auto first = frame_of(on.text.substr(0, mebi)), second = frame_of(on.text.substr(mebi, mebi));
  const std::vector<std::string> thirds = {
      zstd_bomb(1000),                                                     // does not say how much it holds
      frame_declaring(std::uint64_t{1} << 40, block_of("x")),              // more than anybody has
      frame_declaring(mebi, block_of(zstd_block::repeated, 131072, "b")),  // less than it says
      frame_declaring(mebi + 1, block_of("x")),
      frame_of(on.text.substr(2 * mebi)) + frame_of("and more"),
      skippable(std::string(100, 'x')),
      std::string(100, '\0')};
  for (const auto& third : thirds) {
    const auto segment =
        table_of({static_cast<std::uint32_t>(first.size()), static_cast<std::uint32_t>(second.size()),
                  static_cast<std::uint32_t>(third.size())}) +
        first + second + third;
    on.forge(segment, 3 * mebi);
    on.check_that_it_is_lost_and_can_come_again(on.read(on.blob));
  }
}

// A store that gives less than a digest says breaks its word.
BOOST_AUTO_TEST_CASE(what_ends_too_soon_is_found_out) {
  one_blob on;
  const auto lies = on.lies_at(on.lies);
  const std::shared_ptr<thread_pool> here = make_inline_pool();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{30}, lies.size() - 1}) {
    bool is_wrong = false;
    auto source = compressing::unpacked({on.blob,
                                         *on.form_of(on.blob),
                                         contract::deliver(lies.substr(0, size)),
                                         here,
                                         {[&] { is_wrong = true; }, [] { BOOST_TEST(false); }}});
    BOOST_TEST(code_in(on.all_of(blob_content{{}, source})) == "DATA_LOSS");
    BOOST_TEST(is_wrong);
  }
}

BOOST_AUTO_TEST_CASE(what_could_not_be_read_is_not_called_wrong) {
  one_blob on;
  const std::shared_ptr<thread_pool> here = make_inline_pool();
  const error fault(errc::unavailable, "the disk is away");
  auto source = compressing::unpacked(
      {on.blob,
       *on.form_of(on.blob),
       contract::deliver(on.lies_at(on.lies).substr(0, 100'000), {30'000, false, fault}),
       here,
       {[] { BOOST_TEST(false); }, [] { BOOST_TEST(false); }}});
  BOOST_TEST(code_in(on.all_of(blob_content{{}, source})) == "UNAVAILABLE");
}

BOOST_AUTO_TEST_CASE(a_segment_that_is_shorter_than_its_frames_is_found_out) {
  one_blob on;
  on.forge(on.text.substr(0, 100'000), 3 * mebi);
  on.check_that_it_is_lost_and_can_come_again(on.read(on.blob));
  // Shorter than its table would be: as good as no record.
  on.forge("short", 3 * mebi);
  BOOST_TEST(on.is_missing(on.blob));
  on.put(on.text);
  BOOST_TEST((on.read(on.blob) == on.text));
}

BOOST_AUTO_TEST_CASE(a_record_that_makes_no_sense_is_as_good_as_none) {
  one_blob on;
  const auto good = *on.form_of(on.blob);
  auto with = [&](auto change) {
    auto form = good;
    change(form);
    return compressing::write_form(form);
  };
  using compressing::packed_form;
  const std::vector<bytes> records = {
      with([](packed_form& form) { form.segments.clear(); }),
      with([](packed_form& form) { form.segments.front().plain -= 1; }),
      with([](packed_form& form) { form.segments.front().plain = 0; }),
      with([](packed_form& form) { form.segments.front().name.size = std::int64_t{1} << 60; }),
      with([](packed_form& form) { form.segments.push_back(form.segments.front()); }),
      with([](packed_form& form) {
        form.segments.push_back(form.segments.front());
        form.segments[0].plain = 5;
        form.segments[1].plain -= 5;
      }),
      bytes::of_static("something else"),
      bytes()};
  for (const auto& record : records) {
    BOOST_REQUIRE(
        on.ask(on.index, write_blob{compressing::form_key(on.blob), source_of(record)}).has_value());
    BOOST_TEST(on.is_missing(on.blob));
    BOOST_TEST(code_in(on.read(on.blob)) == "NOT_FOUND");
    on.put(on.text);
    BOOST_TEST((on.read(on.blob) == on.text));
  }
}

BOOST_AUTO_TEST_CASE(a_blob_is_missing_without_its_record_or_its_segment_and_comes_again) {
  one_blob on;
  BOOST_REQUIRE(on.ask(on.inner, forget_blob{on.lies}).has_value());
  BOOST_TEST(on.is_missing(on.blob));
  BOOST_TEST(code_in(on.read(on.blob)) == "NOT_FOUND");
  BOOST_TEST(code_in(on.read(on.blob, 5)) == "NOT_FOUND");
  on.put(on.text);
  BOOST_TEST((on.read(on.blob) == on.text));
  BOOST_REQUIRE(on.ask(on.index, forget_blob{compressing::form_key(on.blob)}).has_value());
  BOOST_TEST(on.is_missing(on.blob));
  on.put(on.text);
  BOOST_TEST((on.read(on.blob) == on.text));
}

// The damaged one is there, so nobody would write it again.
BOOST_AUTO_TEST_CASE(a_damaged_segment_that_is_there_already_is_replaced_by_a_write) {
  for (const bool in_a_batch : {false, true}) {
    one_blob on;
    on.flip(on.lies, 1000);
    BOOST_REQUIRE(on.ask(on.index, forget_blob{compressing::form_key(on.blob)}).has_value());
    if (in_a_batch)
      BOOST_TEST(on.ask(write_blobs{{{on.blob, bytes::copy_of(on.text)}}})->results.front().has_value());
    else
      on.put(on.text);
    BOOST_TEST((on.read(on.blob) == on.text));
  }
}

// What was read while it was damaged tells nothing about what was written since.
BOOST_AUTO_TEST_CASE(a_blob_that_is_written_anew_while_it_is_suspected_stays) {
  one_blob on;
  auto content = on.ask(read_blob{on.blob});
  on.flip(on.lies, static_cast<std::size_t>(on.lies.size) - 1000);
  auto damaged = on.ask(read_blob{on.blob});
  auto put_again = on.system.begin<forgotten>(on.top, forget_blob{on.blob});
  on.system.run();
  on.put(on.text);
  BOOST_TEST(code_in(on.all_of(std::move(damaged))) == "DATA_LOSS");
  BOOST_TEST((on.all_of(std::move(content)) == on.text));
  BOOST_TEST(!on.is_missing(on.blob));
  BOOST_TEST((on.read(on.blob) == on.text));
}

BOOST_AUTO_TEST_SUITE_END()
