#include "plugins/stores/compression/compression_store.hpp"
#include "test/contract/claims.hpp"
#include "test/plugins/stores/compression/compression_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;

BOOST_AUTO_TEST_SUITE(compression_store)

namespace {

constexpr std::size_t mebi = 1 << 20;

write_blobs::entry entry_for(const std::string& content) {
  return {digest_of(content), bytes::copy_of(content)};
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_shrinks_lies_compressed_and_reads_as_it_was) {
  compressed_store on;
  for (std::size_t size : {1000UL, 5000UL, mebi - 1, mebi, mebi + 1, 3 * mebi, 3 * mebi + 7}) {
    const auto text = prose_of(size, size);
    const auto before = on.ask(measure_store{})->bytes;
    const auto blob = on.put(text);
    BOOST_TEST(on.ask(measure_store{})->bytes - before < 500 + size / 2);
    BOOST_TEST((on.ask(on.inner, find_missing{{blob}})->blobs == std::vector{blob}));
    BOOST_TEST(!on.is_missing(blob));
    BOOST_TEST((on.read(blob) == text));
    BOOST_TEST((on.read_zstd(blob) == text));
    auto batch = on.ask(read_blobs{{digest_of("absent"), blob}});
    BOOST_TEST(code_in(batch->results[0]) == "NOT_FOUND");
    BOOST_TEST((batch->results[1]->view() == text));
    auto again = on.ask(write_blob{blob, failing_source({errc::internal, "it was read"})});
    BOOST_TEST((again.has_value() && again->was_present && again->size == size));
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_shrink_lies_plain_and_without_a_record) {
  compressed_store on;
  for (std::size_t size : {2000UL, mebi, 2 * mebi + 5}) {
    const auto blob = on.put(noise(size));
    BOOST_TEST((on.lies_at(blob) == noise(size)));
    BOOST_TEST(!on.form_of(blob).has_value());
    BOOST_TEST((on.read(blob, 3, 1000) == noise(size).substr(3, 1000)));
    auto content = on.ask(read_blob{blob, 0, 0, waits_for_ever, blob_form::zstd});
    BOOST_TEST((content->form == blob_form::plain));
  }
}

BOOST_AUTO_TEST_CASE(small_blobs_cost_the_index_nothing) {
  compressed_store on;
  const auto blob = on.put(std::string(999, 'a'));
  BOOST_TEST(!on.is_missing(blob));
  BOOST_TEST((on.read(blob) == std::string(999, 'a')));
  BOOST_TEST(on.ask(lease_blobs{{blob}})->missing.empty());
  BOOST_TEST(on.ask(forget_blob{blob})->was_present);
  BOOST_TEST(on.beside->orders.counts.empty());
}

BOOST_AUTO_TEST_CASE(any_range_is_read_to_the_byte) {
  for (std::uint64_t segment : {16UL << 20, 400UL << 10}) {
    compressed_store on(segment);
    const auto text = prose_of(4 * mebi + 100);
    const auto blob = on.put(text);
    BOOST_TEST((on.form_of(blob)->segments.size() > 1) == (segment < mebi));
    for (std::uint64_t offset : {0UL, 1UL, mebi - 1, mebi, mebi + 1, 2 * mebi, 4 * mebi + 99, text.size()})
      for (std::uint64_t limit : {0UL, 1UL, 2UL, mebi, mebi + 2, 2 * mebi, text.size(), ~0UL}) {
        auto got = on.read(blob, offset, limit);
        BOOST_TEST_REQUIRE(got.has_value(), (got ? "" : got.error().to_string()));
        BOOST_TEST((*got == text.substr(offset, limit == 0 ? std::string::npos : limit)),
                   "from " << offset << " at most " << limit);
      }
    BOOST_TEST(code_in(on.read(blob, text.size() + 1)) == "OUT_OF_RANGE");
  }
}

BOOST_AUTO_TEST_CASE(a_range_reads_the_table_and_its_own_frames_and_no_others) {
  compressed_store on;
  const auto text = prose_of(8 * mebi);
  const auto blob = on.put(text);
  on.below->reads.clear();
  BOOST_TEST((on.read(blob, 5 * mebi + 10, 20) == text.substr(5 * mebi + 10, 20)));
  // The blob itself is asked for first, and is not there.
  BOOST_REQUIRE(on.below->reads.size() == 3U);
  const auto table = compressing::table_size(text.size());
  BOOST_TEST((on.below->reads[1].offset == 0U && on.below->reads[1].limit == table));
  const auto whole = static_cast<std::uint64_t>(on.form_of(blob)->segments.front().name.size);
  BOOST_TEST(on.below->reads[2].limit < whole / 7);
  BOOST_TEST(on.below->reads[2].offset > whole / 2);
}

BOOST_AUTO_TEST_CASE(a_large_blob_lies_in_several_segments) {
  compressed_store on(300 << 10);
  const auto text = prose_of(5 * mebi + 3);
  const auto blob = on.put(text);
  BOOST_TEST(on.form_of(blob)->segments.size() == 6U);
  BOOST_TEST((on.read(blob) == text));
  BOOST_TEST((on.read_zstd(blob) == text));
  on.start();
  BOOST_TEST((on.read_zstd(blob) == text));
  BOOST_TEST((on.read(blob, 3 * mebi - 5, 10) == text.substr(3 * mebi - 5, 10)));
  BOOST_TEST((on.ask(read_blobs{{blob}})->results.front()->view() == text));
  on.ask(on.inner, forget_blob{on.form_of(blob)->segments[3].name}).value();
  BOOST_TEST(on.is_missing(blob));
  BOOST_TEST((on.ask(lease_blobs{{blob}})->missing == std::vector{blob}));
  on.put(text);
  BOOST_TEST((on.read(blob) == text));
}

// `zstd -d` of what lies there is the blob, and what a reader is given are its frames without the table.
BOOST_AUTO_TEST_CASE(a_reader_that_takes_zstd_is_given_the_frames_as_they_lie) {
  compressed_store on;
  const auto text = prose_of(3 * mebi);
  const auto blob = on.put(text);
  auto wire = on.all_of(on.ask(read_blob{blob, 0, 0, waits_for_ever, blob_form::zstd}));
  const auto lies = on.lies_at(on.form_of(blob)->segments.front().name);
  BOOST_TEST((*wire == lies.substr(compressing::table_size(text.size()))));
  // Of a part, nothing but plain bytes come.
  auto part = on.ask(read_blob{blob, 1, 0, waits_for_ever, blob_form::zstd});
  BOOST_TEST((part->form == blob_form::plain));
  BOOST_TEST((on.all_of(std::move(part)) == text.substr(1)));
}

// A wrapper that wants to see what it passes on asks for plain bytes.
BOOST_AUTO_TEST_CASE(a_wrapper_that_looks_at_bytes_is_given_plain_ones) {
  struct looking_store final : store_wrapper {
    using store_wrapper::store_wrapper;
    caf::result<blob_content> take(read_blob& order) {
      auto asker = owe<read_blob>();
      ask(order, [asker](expected<blob_content> content) mutable { asker.deliver(std::move(content)); });
      return asker;
    }
  };
  compressed_store on;
  const auto text = prose_of(mebi);
  const auto blob = on.put(text);
  auto above = on.system.own(spawn_store<looking_store>(on.system.actors(), on.system.env(), on.top));
  auto content = on.ask(above, read_blob{blob, 0, 0, waits_for_ever, blob_form::zstd});
  BOOST_TEST((content->form == blob_form::plain));
  BOOST_TEST((on.all_of(std::move(content)) == text));
}

BOOST_AUTO_TEST_CASE(bytes_that_are_not_the_blob_are_refused_and_leave_nothing) {
  compressed_store on;
  const auto text = prose_of(2 * mebi);
  auto wrong = text;
  wrong[mebi + 5] = '!';
  for (const auto& sent : {wrong, text + "!", text.substr(1), std::string()})
    BOOST_TEST(code_in(on.write(digest_of(text), sent)) == "INVALID_ARGUMENT");
  BOOST_TEST(code_in(on.ask(write_blobs{{{digest_of(text), bytes::copy_of(wrong)}}})->results.front()) ==
             "INVALID_ARGUMENT");
  BOOST_TEST(on.ask(measure_store{})->blobs == 0U);
  BOOST_TEST(on.ask(on.index, measure_store{})->blobs == 0U);
  BOOST_TEST(on.is_missing(digest_of(text)));
}

BOOST_AUTO_TEST_CASE(a_source_may_give_a_byte_at_a_time) {
  compressed_store on;
  const auto text = prose_of(20'000);
  BOOST_TEST(on.write(digest_of(text), text, 1).has_value());
  BOOST_TEST((on.read(digest_of(text)) == text));
}

BOOST_AUTO_TEST_CASE(a_blob_that_several_write_at_once_is_kept) {
  compressed_store on;
  const auto text = prose_of(3 * mebi);
  const auto blob = digest_of(text);
  auto good = [&] { return write_blob{blob, contract::deliver(text, {100'000, false, {}})}; };
  const error left(errc::cancelled, "the client left");
  auto first = on.system.begin<receipt>(on.top, good());
  auto second = on.system.begin<receipt>(
      on.top, write_blob{blob, contract::deliver(text.substr(0, 2 * mebi), {100'000, false, left})});
  auto third = on.system.begin<receipt>(on.top, good());
  on.system.run();
  BOOST_TEST((*first)->has_value());
  BOOST_TEST(code_in(**second) == "CANCELLED");
  BOOST_TEST((*third)->has_value());
  BOOST_TEST((on.read(blob) == text));
  BOOST_TEST(on.ask(measure_store{})->blobs == 1U);
}

BOOST_AUTO_TEST_CASE(batches_stay_batches) {
  compressed_store on;
  write_blobs order;
  std::vector<digest> names;
  for (std::uint64_t i = 0; i < 30; ++i) {
    const auto content = i % 3 == 0 ? noise(5000, i) : i % 3 == 1 ? prose_of(5000, i) : noise(100, i);
    order.entries.push_back(entry_for(content));
    names.push_back(order.entries.back().blob);
  }
  auto contents = order.entries;
  auto& inner = on.below->orders;
  auto& index = on.beside->orders;
  auto kept = on.ask(std::move(order));
  for (const auto& one : kept->results) BOOST_TEST((one.has_value() && !one->was_present));
  BOOST_TEST((inner.of<write_blobs>() == 1U && index.of<write_blobs>() == 1U));
  auto read = on.ask(read_blobs{names});
  for (std::size_t i = 0; i < names.size(); ++i)
    BOOST_TEST((read->results.at(i)->view() == contents[i].content.view()));
  // The plain ones, and what the others were compressed to.
  BOOST_TEST((inner.of<read_blobs>() == 2U && index.of<read_blobs>() == 1U));
  auto asked = names;
  asked.push_back(digest_of("absent"));
  BOOST_TEST((on.ask(find_missing{asked})->blobs == std::vector{digest_of("absent")}));
  BOOST_TEST((inner.of<find_missing>() == 2U && index.of<read_blobs>() == 2U));
  BOOST_TEST((inner.of<read_blob>() == 0U && inner.of<write_blob>() == 0U));
  BOOST_TEST((index.of<find_missing>() == 0U && index.of<read_blob>() == 0U));
}

BOOST_AUTO_TEST_CASE(a_lease_keeps_what_a_blob_was_compressed_to_and_the_record) {
  compressed_store on(16 << 20, "1MiB");
  const auto text = prose_of(500'000);
  const auto blob = on.put(text), plain = on.put(noise(20'000, 7));
  auto lease = on.ask(lease_blobs{{blob, digest_of(noise(5000)), plain}});
  BOOST_REQUIRE(lease.has_value());
  BOOST_TEST((lease->missing == std::vector{digest_of(noise(5000))}));
  auto press = [&] {
    for (std::uint64_t i = 0; i < 60; ++i) on.is_missing(on.put(noise(50'000, 100 + i)));
  };
  press();
  BOOST_TEST((on.read(blob) == text));
  BOOST_TEST(!on.is_missing(plain));
  BOOST_TEST(on.beside->orders.of<lease_blobs>() == 1U);
  lease->hold.reset();
  press();
  BOOST_TEST(on.is_missing(blob));
}

BOOST_AUTO_TEST_CASE(asking_for_a_blob_keeps_what_it_was_compressed_to) {
  compressed_store on(16 << 20, "1MiB");
  const auto text = prose_of(500'000);
  const auto blob = on.put(text);
  for (std::uint64_t i = 0; i < 60; ++i) {
    BOOST_TEST(!on.is_missing(blob));
    on.put(noise(50'000, 100 + i));
  }
  BOOST_TEST((on.read(blob) == text));
}

BOOST_AUTO_TEST_CASE(orders_bear_the_time_of_the_asker) {
  compressed_store on;
  const auto until = on.system.time().now() + std::chrono::hours(1);
  const auto text = prose_of(2 * mebi), other = noise(5000), third = prose_of(5000, 3);
  for (const auto& content : {text, other})
    BOOST_REQUIRE(on.ask(write_blob{digest_of(content), contract::deliver(content), {}, until}).has_value());
  BOOST_REQUIRE(on.ask(write_blobs{{entry_for(third)}, until}).has_value());
  const std::vector names{digest_of(text), digest_of(other), digest_of(third)};
  BOOST_TEST(on.ask(find_missing{names, until})->blobs.empty());
  for (const auto& blob : names) {
    BOOST_TEST(on.all_of(on.ask(read_blob{blob, 0, 0, until})).has_value());
    BOOST_TEST(on.all_of(on.ask(read_blob{blob, 5, 10, until})).has_value());
  }
  BOOST_REQUIRE(on.ask(read_blobs{names, until}).has_value());
  (void)on.ask(lend_files{names, until});
  BOOST_REQUIRE(on.ask(lease_blobs{names, until}).has_value());
  for (const auto& blob : names) BOOST_TEST(on.ask(forget_blob{blob, until})->was_present);
  BOOST_REQUIRE(on.ask(flush_store{until}).has_value());
  BOOST_REQUIRE(on.ask(measure_store{until}).has_value());
  BOOST_TEST((on.below->orders.times == std::set{until}));
  BOOST_TEST((on.beside->orders.times == std::set{until}));
}

BOOST_AUTO_TEST_CASE(a_forgotten_blob_leaves_no_bytes) {
  compressed_store on;
  const auto blob = on.put(prose_of(mebi));
  BOOST_TEST(on.ask(forget_blob{blob})->was_present);
  BOOST_TEST(on.is_missing(blob));
  BOOST_TEST(code_in(on.read(blob)) == "NOT_FOUND");
  BOOST_TEST(on.ask(measure_store{})->blobs == 0U);
  BOOST_TEST(!on.ask(forget_blob{blob})->was_present);
}

BOOST_AUTO_TEST_CASE(a_compressed_blob_is_lent_as_a_plain_file) {
  contract::stage on(
      contract::subject{"{type: compression, min_size: 1000B, index: {type: memory, capacity: 1MiB},"
                        " inner: {type: filesystem, path: \"${FOLDER}/blobs\", capacity: 64MiB}}"});
  const auto text = prose_of(2 * mebi);
  contract::put(on, text);
  auto lent = on.lend(digest_of(text));
  BOOST_REQUIRE_MESSAGE(lent, contract::text_of(lent));
  BOOST_TEST(std::filesystem::file_size(lent->path) == text.size());
  BOOST_TEST((contract::read(on, digest_of(text)) == text));
}

BOOST_AUTO_TEST_CASE(news_tell_what_came_and_what_was_forgotten) {
  contract::stage on(
      contract::subject{"{type: compression, min_size: 1000B, index: {type: memory, capacity: 1MiB},"
                        " inner: {type: memory, capacity: 64MiB}}"});
  on.watch();
  const auto text = prose_of(2 * mebi);
  const auto blob = contract::put(on, text);
  on.last_word([&](const auto& said) { return said.contains(blob) && said.at(blob); });
  BOOST_REQUIRE(on.tell(forget_blob{blob}));
  on.last_word([&](const auto& said) { return !said.at(blob); });
}

BOOST_AUTO_TEST_CASE(a_store_of_results_is_refused) {
  contract::subject results{
      "{type: compression, index: {type: memory, capacity: 1MiB}, inner: {type: memory, capacity: 64MiB}}",
      store_role::results};
  BOOST_CHECK_EXCEPTION(contract::stage{results}, std::runtime_error, [](const std::runtime_error& fault) {
    return std::string(fault.what()).find("action results") != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(it_promises_no_news_and_what_both_stores_promise) {
  compression_store_options options;
  options.inner.name = "inner";
  options.index.name = "index";
  auto of = [](const store_ref& which) {
    store_promises all{true, true, false, true, true, true};
    if (which.name == "index") all.leases = all.lends_files = false;
    return all;
  };
  const auto promised = compression_store_promises(options, of);
  BOOST_REQUIRE(promised.has_value());
  BOOST_TEST((*promised == store_promises{true, true, false, true, false, false}));
}

BOOST_AUTO_TEST_SUITE_END()
