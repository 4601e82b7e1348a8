#include "core/contract/checked_source.hpp"
#include "core/contract/composition.hpp"
#include "test/contract/claims.hpp"
#include "test/contract/stage.hpp"

using namespace kiln;
using namespace kiln::contract;

namespace {

// Small enough a bound that small blobs are composed.
const subject chunked{
    "{type: chunked, min_size: 1000B, inner: {type: memory, capacity: 64MiB},"
    " layouts: {type: memory, capacity: 1MiB}}"};

// Room for a few parts only.
const subject tight{
    "{type: chunked, min_size: 1000B, inner: {type: memory, capacity: \"${CAPACITY}\"},"
    " layouts: {type: memory, capacity: 1MiB}}"};

// A blob of parts, each in the store, told to it as a composition.
struct composed_blob {
  std::vector<std::string> texts;
  composition whole;
  std::string text;
  digest name;

  explicit composed_blob(std::vector<std::string> all) : texts(std::move(all)) {
    for (const auto& one : texts) {
      whole.parts.push_back(digest_of(one));
      text += one;
    }
    whole.cut_by = chunking_function::fast_cdc_2020;
    name = digest_of(text);
  }
  std::shared_ptr<composed_source> source() const {
    static const std::shared_ptr<crew> hashing = make_inline_crew();
    return std::make_shared<composed_source>(whole, checked(source_of(bytes::copy_of(text)), name, hashing));
  }
  void put_parts(stage& on) const {
    for (const auto& one : texts) put(on, one);
  }
  expected<receipt> compose(stage& on) const {
    put_parts(on);
    return on.tell(write_blob{name, source()});
  }
};

composed_blob three_parts() {
  return composed_blob({noise(3000, 1), noise(500, 2), noise(90'000, 3)});
}

std::uint64_t bytes_of(stage& on) {
  return on.tell(measure_store{})->bytes;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chunked_store)

BOOST_AUTO_TEST_CASE(a_composed_blob_costs_its_parts_and_reads_as_the_whole) {
  stage on(chunked);
  auto blob = three_parts();
  blob.put_parts(on);
  auto before = bytes_of(on);
  auto kept = on.tell(write_blob{blob.name, blob.source()});
  BOOST_REQUIRE_MESSAGE(kept, text_of(kept));
  BOOST_TEST(kept->size == blob.text.size());
  BOOST_TEST(!kept->was_present);
  BOOST_TEST(bytes_of(on) == before);
  BOOST_TEST(!is_missing(on, blob.name));
  BOOST_TEST((read(on, blob.name) == blob.text));
  auto batch = on.tell(read_blobs{{digest_of("absent"), blob.name, blob.whole.parts[1]}});
  BOOST_REQUIRE(batch);
  BOOST_TEST(code_of(batch->results[0]) == "NOT_FOUND");
  BOOST_TEST((batch->results[1]->view() == blob.text));
  BOOST_TEST((batch->results[2]->view() == blob.texts[1]));
}

BOOST_AUTO_TEST_CASE(any_range_of_a_composed_blob_is_read_to_the_byte) {
  stage on(chunked);
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  const std::uint64_t size = blob.text.size();
  for (std::uint64_t offset : {0UL, 1UL, 2999UL, 3000UL, 3499UL, 3500UL, 3501UL, size - 1, size})
    for (std::uint64_t limit : {0UL, 1UL, 500UL, 501UL, 4000UL, size, size + 1}) {
      auto got = read(on, blob.name, offset, limit);
      BOOST_REQUIRE_MESSAGE(got, text_of(got));
      BOOST_TEST((*got == blob.text.substr(offset, limit == 0 ? std::string::npos : limit)),
                 "from " << offset << " at most " << limit);
    }
  BOOST_TEST(code_of(read(on, blob.name, size + 1)) == "OUT_OF_RANGE");
}

BOOST_AUTO_TEST_CASE(reading_tells_what_a_blob_is_made_of) {
  stage on(chunked);
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  auto content = on.tell(read_blob{blob.name});
  BOOST_REQUIRE(content);
  auto composed = std::dynamic_pointer_cast<composed_source>(content->rest);
  BOOST_REQUIRE(composed);
  BOOST_TEST((composed->made_of().parts == blob.whole.parts));
  BOOST_TEST((composed->made_of().cut_by == chunking_function::fast_cdc_2020));
}

// Rule 69.
BOOST_AUTO_TEST_CASE(parts_that_are_not_the_blob_are_refused_and_leave_nothing) {
  stage on(chunked);
  auto blob = three_parts();
  blob.put_parts(on);
  std::swap(blob.texts[0], blob.texts[2]);
  composed_blob swapped(blob.texts);
  swapped.name = blob.name;
  BOOST_TEST(code_of(on.tell(write_blob{blob.name, swapped.source()})) == "INVALID_ARGUMENT");
  BOOST_TEST(is_missing(on, blob.name));
  BOOST_TEST(code_of(read(on, blob.name)) == "NOT_FOUND");
}

BOOST_AUTO_TEST_CASE(a_whole_copy_is_given_up_for_its_parts) {
  stage on(chunked);
  auto blob = three_parts();
  put(on, blob.text);
  blob.put_parts(on);
  auto before = bytes_of(on);
  auto kept = on.tell(write_blob{blob.name, blob.source()});
  BOOST_REQUIRE_MESSAGE(kept, text_of(kept));
  BOOST_TEST(kept->was_present);
  BOOST_TEST(bytes_of(on) <= before - blob.text.size());
  BOOST_TEST((read(on, blob.name) == blob.text));
}

BOOST_AUTO_TEST_CASE(a_composed_blob_is_not_written_again) {
  stage on(chunked);
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  auto before = bytes_of(on);
  auto source = std::make_shared<hand_fed>();
  auto again = on.tell(write_blob{blob.name, source});
  BOOST_REQUIRE_MESSAGE(again, text_of(again));
  BOOST_TEST(again->was_present);
  BOOST_TEST(!source->was_read());
  BOOST_TEST(bytes_of(on) == before);
}

// Rule 63: a layout of which a part is gone is no use to anybody.
BOOST_AUTO_TEST_CASE(a_blob_is_missing_while_one_of_its_parts_is) {
  stage on(chunked);
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  on.tell(forget_blob{blob.whole.parts[1]});
  BOOST_TEST(is_missing(on, blob.name));
  BOOST_TEST(code_of(read(on, blob.name)) == "NOT_FOUND");
  BOOST_TEST(code_of(on.tell(read_blobs{{blob.name}})->results[0]) == "NOT_FOUND");
  BOOST_TEST((on.tell(lease_blobs{{blob.name}})->missing == std::vector{blob.name}));
  put(on, blob.texts[1]);
  BOOST_TEST((read(on, blob.name) == blob.text));
}

BOOST_AUTO_TEST_CASE(a_blob_of_which_a_part_was_lost_can_be_written_anew) {
  stage on(chunked);
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  on.tell(forget_blob{blob.whole.parts[2]});
  put(on, blob.text);
  BOOST_TEST((read(on, blob.name) == blob.text));
}

// Rule 67.
BOOST_AUTO_TEST_CASE(asking_for_a_blob_keeps_its_parts) {
  stage on(tight, 400'000);
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  for (std::uint64_t i = 0; i < 40; ++i) {
    BOOST_TEST(!is_missing(on, blob.name));
    put(on, noise(50'000, 100 + i));
  }
  BOOST_TEST((read(on, blob.name) == blob.text));
}

BOOST_AUTO_TEST_CASE(a_lease_on_a_composed_blob_keeps_its_parts) {
  stage on(tight, 400'000);
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  auto lease = on.tell(lease_blobs{{blob.name, digest_of(noise(2000, 9))}});
  BOOST_REQUIRE_MESSAGE(lease, text_of(lease));
  BOOST_TEST((lease->missing == std::vector{digest_of(noise(2000, 9))}));
  for (std::uint64_t i = 0; i < 40; ++i) put(on, noise(50'000, 100 + i));
  BOOST_TEST((read(on, blob.name) == blob.text));
}

BOOST_AUTO_TEST_CASE(a_forgotten_composed_blob_leaves_its_parts) {
  stage on(chunked);
  on.watch();
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  BOOST_TEST(on.tell(forget_blob{blob.name})->was_present);
  BOOST_TEST(is_missing(on, blob.name));
  BOOST_TEST((on.gone(1) == std::vector{blob.name}));
  BOOST_TEST(on.tell(find_missing{blob.whole.parts})->blobs.empty());
}

BOOST_AUTO_TEST_CASE(a_blob_whose_parts_are_composed_themselves_is_kept_whole) {
  stage on(chunked);
  auto inner = three_parts();
  BOOST_REQUIRE(inner.compose(on));
  composed_blob outer({inner.text, noise(2000, 8)});
  put(on, outer.texts[1]);
  auto kept = on.tell(write_blob{outer.name, outer.source()});
  BOOST_REQUIRE_MESSAGE(kept, text_of(kept));
  on.tell(forget_blob{inner.name});
  BOOST_TEST((read(on, outer.name) == outer.text));
}

BOOST_AUTO_TEST_CASE(a_composed_blob_is_lent_as_one_file) {
  stage on(
      subject{"{type: chunked, min_size: 1000B, layouts: {type: memory, capacity: 1MiB},"
              " inner: {type: filesystem, path: \"${FOLDER}/blobs\", capacity: 64MiB}}"});
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  auto lent = on.tell(lend_file{blob.name});
  BOOST_REQUIRE_MESSAGE(lent, text_of(lent));
  BOOST_TEST(std::filesystem::file_size(lent->path) == blob.text.size());
}

BOOST_AUTO_TEST_CASE(does_not_come_up_over_a_store_of_results) {
  subject results = chunked;
  results.what = holds::results;
  BOOST_CHECK_EXCEPTION(stage{results}, std::runtime_error, [](const std::runtime_error& fault) {
    return std::string(fault.what()).find("action results") != std::string::npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()
