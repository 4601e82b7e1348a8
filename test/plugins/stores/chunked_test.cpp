#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/contract/checked_source.hpp"
#include "core/contract/composition.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "plugins/stores/chunked/layout.hpp"
#include "test/contract/claims.hpp"
#include "test/contract/stage.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(chunked_store)

using namespace kiln::contract;

namespace {

// Small enough a bound that small blobs are composed.
const subject composing{
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
  write_blob order() const {
    static const std::shared_ptr<thread_pool> hashing = make_inline_pool();
    return {name, checked(source_of(bytes::copy_of(text)), name, hashing), whole};
  }
  void put_parts(stage& on) const {
    for (const auto& one : texts) put(on, one);
  }
  expected<receipt> compose(stage& on) const {
    put_parts(on);
    return on.tell(order());
  }
};

composed_blob three_parts() {
  return composed_blob({noise(3000, 1), noise(500, 2), noise(90'000, 3)});
}

// As somebody would who can write where layouts lie.
void plant(stage& on, const digest& name, const bytes& record) {
  BOOST_REQUIRE(on.ask(on.within("layouts"), write_blob{name, source_of(record)}).get());
}
bytes old_record(const composition& whole) {
  build::bazel::remote::execution::v2::SplitBlobResponse said;
  for (const auto& part : whole.parts) to_wire(part, said.add_chunk_digests());
  return wrap_result(serialise(said));
}

std::uint64_t bytes_of(stage& on) {
  return on.tell(measure_store{})->bytes;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_composed_blob_costs_its_parts_and_reads_as_the_whole) {
  stage on(composing);
  auto blob = three_parts();
  blob.put_parts(on);
  auto before = bytes_of(on);
  auto kept = on.tell(blob.order());
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
  stage on(composing);
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
  stage on(composing);
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  auto content = on.tell(read_blob{blob.name});
  BOOST_REQUIRE(content);
  BOOST_REQUIRE(content->made_of.has_value());
  BOOST_TEST((content->made_of->parts == blob.whole.parts));
  BOOST_TEST((content->made_of->cut_by == chunking_function::fast_cdc_2020));
}

// Rule 69.
BOOST_AUTO_TEST_CASE(parts_that_are_not_the_blob_are_refused_and_leave_nothing) {
  stage on(composing);
  auto blob = three_parts();
  blob.put_parts(on);
  std::swap(blob.texts[0], blob.texts[2]);
  composed_blob swapped(blob.texts);
  swapped.name = blob.name;
  BOOST_TEST(code_of(on.tell(swapped.order())) == "INVALID_ARGUMENT");
  BOOST_TEST(is_missing(on, blob.name));
  BOOST_TEST(code_of(read(on, blob.name)) == "NOT_FOUND");
}

BOOST_AUTO_TEST_CASE(a_whole_copy_is_given_up_for_its_parts) {
  stage on(composing);
  auto blob = three_parts();
  put(on, blob.text);
  blob.put_parts(on);
  auto before = bytes_of(on);
  auto kept = on.tell(blob.order());
  BOOST_REQUIRE_MESSAGE(kept, text_of(kept));
  BOOST_TEST(kept->was_present);
  BOOST_TEST(bytes_of(on) <= before - blob.text.size());
  BOOST_TEST((read(on, blob.name) == blob.text));
}

BOOST_AUTO_TEST_CASE(bytes_that_come_whole_take_the_place_of_a_layout) {
  stage on(composing);
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  auto again = write(on, blob.name, blob.text);
  BOOST_REQUIRE_MESSAGE(again, text_of(again));
  BOOST_REQUIRE(on.tell(forget_blob{blob.whole.parts[1]}).has_value());
  BOOST_TEST((read(on, blob.name) == blob.text));
}

BOOST_AUTO_TEST_CASE(a_layout_of_other_bytes_is_found_out_before_the_last_of_them_and_goes) {
  stage on(composing);
  auto blob = three_parts();
  blob.put_parts(on);
  std::reverse(blob.whole.parts.begin(), blob.whole.parts.end());
  for (bool in_a_batch : {false, true}) {
    plant(on, chunked::layout_key(blob.name), chunked::write_layout(blob.whole));
    BOOST_TEST(!is_missing(on, blob.name));
    auto told =
        in_a_batch ? code_of(on.tell(read_blobs{{blob.name}})->results[0]) : code_of(read(on, blob.name));
    BOOST_TEST(told == "DATA_LOSS");
    BOOST_TEST(code_of(read(on, blob.name)) == "NOT_FOUND");
  }
  plant(on, chunked::layout_key(blob.name), chunked::write_layout(blob.whole));
  BOOST_REQUIRE(write(on, blob.name, blob.text));
  BOOST_TEST((read(on, blob.name) == blob.text));
}

BOOST_AUTO_TEST_CASE(no_part_of_a_blob_is_served_by_a_layout_of_other_bytes) {
  stage on(composing);
  auto blob = three_parts();
  blob.put_parts(on);
  std::reverse(blob.whole.parts.begin(), blob.whole.parts.end());
  for (std::uint64_t limit : {0UL, 1UL, 100UL}) {
    plant(on, chunked::layout_key(blob.name), chunked::write_layout(blob.whole));
    BOOST_TEST(code_of(read(on, blob.name, 1, limit)) == "DATA_LOSS");
    BOOST_TEST(code_of(read(on, blob.name, 1, limit)) == "NOT_FOUND");
  }
}

// The memory store believes whoever writes; a disk may rot.
BOOST_AUTO_TEST_CASE(no_part_of_a_blob_is_served_out_of_a_chunk_that_changed) {
  stage on(composing);
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  const std::uint64_t last = blob.text.size() - 1;
  BOOST_REQUIRE(read(on, blob.name, last, 1));
  const auto inner = on.within("inner");
  BOOST_REQUIRE(on.ask(inner, forget_blob{blob.whole.parts[2]}).get());
  auto changed = blob.texts[2];
  changed[50'000] = static_cast<char>(changed[50'000] ^ 1);
  BOOST_REQUIRE(on.ask(inner, write_blob{blob.whole.parts[2], source_of(bytes::copy_of(changed))}).get());
  // The others are as they were.
  BOOST_TEST((read(on, blob.name, 10, 3400) == blob.text.substr(10, 3400)));
  BOOST_TEST(code_of(read(on, blob.name, last, 1)) == "DATA_LOSS");
}

BOOST_AUTO_TEST_CASE(a_layout_is_proven_once_for_all_parts_that_are_read_by_it) {
  stage on(composing);
  auto blob = three_parts();
  blob.put_parts(on);
  plant(on, chunked::layout_key(blob.name), chunked::write_layout(blob.whole));
  auto first = on.ask(read_blob{blob.name, 1, 10}), same = on.ask(read_blob{blob.name, 2, 10});
  for (auto* one : {&first, &same}) BOOST_TEST(wait(std::move(*one)).has_value());
  // A chunk that the part does not touch is not looked at again.
  const auto inner = on.within("inner");
  BOOST_REQUIRE(on.ask(inner, forget_blob{blob.whole.parts[2]}).get());
  auto changed = blob.texts[2];
  changed[50'000] = static_cast<char>(changed[50'000] ^ 1);
  BOOST_REQUIRE(on.ask(inner, write_blob{blob.whole.parts[2], source_of(bytes::copy_of(changed))}).get());
  BOOST_TEST((read(on, blob.name, 1, 10) == blob.text.substr(1, 10)));
}

BOOST_AUTO_TEST_CASE(a_layout_of_an_older_release_is_taken_over_once_it_is_proven) {
  stage on(composing);
  auto blob = three_parts();
  blob.put_parts(on);
  plant(on, chunked::old_layout_key(blob.name), old_record(blob.whole));
  BOOST_TEST(!is_missing(on, blob.name));
  BOOST_TEST((read(on, blob.name) == blob.text));
  auto kept = on.ask(on.within("layouts"), find_missing{{chunked::layout_key(blob.name)}}).get();
  BOOST_REQUIRE(kept);
  BOOST_TEST(kept->blobs.empty());
}

// Clients could write there.
BOOST_AUTO_TEST_CASE(a_forged_layout_of_an_older_release_is_as_good_as_none) {
  stage on(composing);
  auto blob = three_parts();
  blob.put_parts(on);
  std::reverse(blob.whole.parts.begin(), blob.whole.parts.end());
  plant(on, chunked::old_layout_key(blob.name), old_record(blob.whole));
  BOOST_TEST(is_missing(on, blob.name));
  BOOST_TEST(code_of(read(on, blob.name)) == "NOT_FOUND");
}

// What is above may look at the bytes, and tells on what they are made of.
BOOST_AUTO_TEST_CASE(below_a_store_that_verifies_it_still_keeps_compositions) {
  stage on(
      subject{"{type: verify, inner: {type: chunked, min_size: 1000B, inner: {type: memory, capacity: 64MiB},"
              " layouts: {type: memory, capacity: 1MiB}}}"});
  auto blob = three_parts();
  blob.put_parts(on);
  auto before = bytes_of(on);
  BOOST_REQUIRE(on.tell(blob.order()));
  BOOST_TEST(bytes_of(on) == before);
  BOOST_TEST((read(on, blob.name) == blob.text));
  composed_blob other({blob.texts[1], blob.texts[0]});
  write_blob lie{other.name, source_of(bytes::copy_of(blob.text)), blob.whole};
  BOOST_TEST(code_of(on.tell(std::move(lie))) == "INVALID_ARGUMENT");
  BOOST_TEST(is_missing(on, other.name));
}

// Rule 63: a layout of which a part is gone is no use to anybody.
BOOST_AUTO_TEST_CASE(a_blob_is_missing_while_one_of_its_parts_is) {
  stage on(composing);
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  BOOST_REQUIRE(on.tell(forget_blob{blob.whole.parts[1]}).has_value());
  BOOST_TEST(is_missing(on, blob.name));
  BOOST_TEST(code_of(read(on, blob.name)) == "NOT_FOUND");
  BOOST_TEST(code_of(on.tell(read_blobs{{blob.name}})->results[0]) == "NOT_FOUND");
  BOOST_TEST((on.tell(lease_blobs{{blob.name}})->missing == std::vector{blob.name}));
  put(on, blob.texts[1]);
  BOOST_TEST((read(on, blob.name) == blob.text));
}

BOOST_AUTO_TEST_CASE(a_blob_of_which_a_part_was_lost_can_be_written_anew) {
  stage on(composing);
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  BOOST_REQUIRE(on.tell(forget_blob{blob.whole.parts[2]}).has_value());
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
  stage on(composing);
  on.watch();
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  BOOST_TEST(on.tell(forget_blob{blob.name})->was_present);
  BOOST_TEST(is_missing(on, blob.name));
  BOOST_TEST((on.gone(1) == std::vector{blob.name}));
  BOOST_TEST(on.tell(find_missing{blob.whole.parts})->blobs.empty());
}

BOOST_AUTO_TEST_CASE(a_blob_whose_parts_are_composed_themselves_is_kept_whole) {
  stage on(composing);
  auto inner = three_parts();
  BOOST_REQUIRE(inner.compose(on));
  composed_blob outer({inner.text, noise(2000, 8)});
  put(on, outer.texts[1]);
  auto kept = on.tell(outer.order());
  BOOST_REQUIRE_MESSAGE(kept, text_of(kept));
  BOOST_REQUIRE(on.tell(forget_blob{inner.name}).has_value());
  BOOST_TEST((read(on, outer.name) == outer.text));
}

BOOST_AUTO_TEST_CASE(a_composed_blob_is_lent_as_one_file) {
  stage on(
      subject{"{type: chunked, min_size: 1000B, layouts: {type: memory, capacity: 1MiB},"
              " inner: {type: filesystem, path: \"${FOLDER}/blobs\", capacity: 64MiB}}"});
  auto blob = three_parts();
  BOOST_REQUIRE(blob.compose(on));
  auto lent = on.lend(blob.name);
  BOOST_REQUIRE_MESSAGE(lent, text_of(lent));
  BOOST_TEST(std::filesystem::file_size(lent->path) == blob.text.size());
}

BOOST_AUTO_TEST_CASE(does_not_come_up_over_a_store_of_results) {
  subject results = composing;
  results.what = store_role::results;
  BOOST_CHECK_EXCEPTION(stage{results}, std::runtime_error, [](const std::runtime_error& fault) {
    return std::string(fault.what()).find("action results") != std::string::npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()
