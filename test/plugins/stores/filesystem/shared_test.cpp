#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <fstream>

#include "test/plugins/stores/filesystem/shared_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::hand_fed;
using contract::noise;

BOOST_AUTO_TEST_SUITE(filesystem_shared)

namespace {

std::string_view code(const error& why) {
  return name_of(why.code());
}

void press_shared(shared_fixture& on, std::size_t which, std::uint64_t from = 1000) {
  for (std::uint64_t i = 0; i < 30; ++i) on.put(which, noise(100'000, from + i));
}

filesystem::store_options little() {
  return shared_fixture::sharing(1 << 20);
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_one_process_writes_all_of_them_have) {
  shared_fixture on(3);
  for (std::size_t size : {1U, 70'000U, 3'000'000U}) {
    std::string content = noise(size);
    digest blob = on.put(0, content);
    BOOST_TEST(on.has(1, blob));
    BOOST_TEST((on.read(2, blob) == content));
    BOOST_TEST(on.write(1, blob, content)->was_present);
  }
  on.open();
  BOOST_TEST(on.stats(3).blobs == 3U);
  BOOST_TEST(on.stats(0).bytes == on.stats(3).bytes);
}

BOOST_AUTO_TEST_CASE(what_one_process_forgets_none_of_them_has) {
  shared_fixture on(2);
  digest blob = on.put(0, noise(5000));
  BOOST_TEST(on.ask(1, forget_blob{blob})->was_present);
  BOOST_TEST(!on.has(0, blob));
  BOOST_TEST(!on.read(0, blob));
  BOOST_TEST(on.stats(0).bytes == 0U);
}

BOOST_AUTO_TEST_CASE(together_they_stay_within_one_capacity) {
  shared_fixture on(2, little());
  for (std::uint64_t i = 0; i < 40; ++i) {
    on.put(i % 2, noise(100'000, i));
    BOOST_TEST(on.stats(0).bytes <= std::uint64_t{1} << 20);
  }
  // They count together, for they share the metrics of the test.
  BOOST_TEST(on.stats(0).evictions + on.stats(0).blobs == 40U);
}

BOOST_AUTO_TEST_CASE(nothing_leaves_while_there_is_room) {
  shared_fixture on(2, little());
  std::vector<digest> blobs;
  for (std::uint64_t i = 0; i < 10; ++i) blobs.push_back(on.put(i % 2, noise(100'000, i)));
  BOOST_TEST(on.ask(0, find_missing{blobs})->blobs.empty());
  BOOST_TEST(on.stats(0).evictions == 0U);
}

BOOST_AUTO_TEST_CASE(what_one_process_leases_no_other_evicts) {
  shared_fixture on(2, little());
  digest kept = on.put(0, noise(100'000, 1)), other = on.put(0, noise(100'000, 2));
  auto lease = on.ask(0, lease_blobs{{kept}});
  BOOST_REQUIRE(lease);
  press_shared(on, 1);
  BOOST_TEST(on.has(0, kept));
  BOOST_TEST(!on.has(0, other));
  lease->hold.reset();
  press_shared(on, 1, 2000);
  BOOST_TEST(!on.has(0, kept));
}

BOOST_AUTO_TEST_CASE(a_lease_ends_with_its_process) {
  shared_fixture on(2, little());
  digest kept = on.put(0, noise(100'000, 1));
  auto lease = on.ask(0, lease_blobs{{kept}});
  on.kill(0);
  press_shared(on, 1);
  BOOST_TEST(!on.has(1, kept));
}

BOOST_AUTO_TEST_CASE(what_one_process_uses_another_keeps) {
  shared_fixture on(2, little());
  digest used = on.put(0, noise(100'000, 1)), unused = on.put(0, noise(100'000, 2));
  for (std::uint64_t i = 0; i < 30; ++i) {
    BOOST_REQUIRE(on.has(0, used));
    on.put(1, noise(100'000, 1000 + i));
  }
  BOOST_TEST(on.has(0, used));
  BOOST_TEST(!on.has(0, unused));
}

BOOST_AUTO_TEST_CASE(a_second_writer_watches_the_first_and_reads_nothing_of_its_own) {
  shared_fixture on(2);
  std::string content = noise(300'000);
  digest blob = digest_of(content);
  auto first = std::make_shared<hand_fed>(), second = std::make_shared<hand_fed>();
  auto one = on.begin(0, write_blob{blob, first});
  on.run();
  auto two = on.begin(1, write_blob{blob, second});
  on.pass(std::chrono::milliseconds(100));
  BOOST_TEST(!second->was_read());
  first->feed(content);
  on.run();
  first->end();
  on.pass(std::chrono::milliseconds(200));
  BOOST_REQUIRE((*one && *two));
  BOOST_TEST((**one)->was_present == false);
  BOOST_REQUIRE(**two);
  BOOST_TEST((**two)->was_present);
  BOOST_TEST(!second->was_read());
}

BOOST_AUTO_TEST_CASE(a_second_writer_goes_on_when_the_first_has_died_or_given_up) {
  for (bool dies : {true, false}) {
    shared_fixture on(2);
    std::string content = noise(300'000);
    digest blob = digest_of(content);
    auto first = std::make_shared<hand_fed>();
    auto one = on.begin(0, write_blob{blob, first});
    on.run();
    first->feed(content.substr(0, 100'000));
    on.run();
    auto two = on.begin(1, write_blob{blob, contract::deliver(content)});
    on.pass(std::chrono::milliseconds(20));
    BOOST_TEST(!*two);
    if (dies)
      on.kill(0);
    else
      first->feed(fail(errc::cancelled, "the client left"));
    on.pass(std::chrono::milliseconds(200));
    BOOST_REQUIRE(*two);
    BOOST_TEST(!(**two)->was_present);
    BOOST_TEST((on.read(1, blob) == content));
  }
}

BOOST_AUTO_TEST_CASE(a_writer_does_not_watch_for_ever_one_that_has_stopped) {
  shared_fixture on(2);
  std::string content = noise(300'000);
  digest blob = digest_of(content);
  auto stalled = std::make_shared<hand_fed>();
  auto one = on.begin(0, write_blob{blob, stalled});
  on.run();
  auto two = on.begin(1, write_blob{blob, contract::deliver(content)});
  on.pass(std::chrono::seconds(6));
  BOOST_REQUIRE(*two);
  BOOST_TEST((**two).has_value());
  BOOST_TEST(!*one);
  stalled->vanish();
  on.run();
}

BOOST_AUTO_TEST_CASE(what_a_killed_process_left_is_swept_and_its_room_given_back) {
  shared_fixture on(2, little());
  std::string content = noise(900'000);
  auto source = std::make_shared<hand_fed>();
  auto writing = on.begin(0, write_blob{digest_of(content), source});
  on.run();
  source->feed(content.substr(0, 700'000));
  on.run();
  on.kill(0);
  source->vanish();
  on.run();
  BOOST_TEST(on.files_in("temp").size() == 1U);
  // There is room for it only if that of the dead is given back.
  BOOST_TEST(on.put(1, noise(1'000'000, 7)).size == 1'000'000);
  BOOST_TEST(on.files_in("temp").empty());
  BOOST_TEST(on.stats(1).blobs == 1U);
}

BOOST_AUTO_TEST_CASE(a_new_process_sweeps_what_the_dead_left) {
  shared_fixture on(3);
  auto source = std::make_shared<hand_fed>();
  std::string content = noise(300'000);
  auto writing = on.begin(1, write_blob{digest_of(content), source});
  on.run();
  source->feed(content.substr(0, 100'000));
  on.run();
  on.kill(1);
  source->vanish();
  on.run();
  BOOST_TEST(on.files_in("temp").size() == 1U);
  on.open();
  BOOST_TEST(on.files_in("temp").empty());
}

BOOST_AUTO_TEST_CASE(a_process_that_died_between_a_name_and_its_count_leaves_no_wrong_count) {
  shared_fixture on(2);
  on.put(0, noise(5000, 1));
  int renamed = 0;
  on.disk(0).fault = [&](disk_call which, const std::string& path) {
    if (which == disk_call::rename && path.find('/') != std::string::npos) ++renamed;
    return renamed > 0 && which == disk_call::write ? EIO : 0;
  };
  std::string content = noise(6000, 2);
  BOOST_TEST(!on.write(0, digest_of(content), content));
  on.kill(0);
  BOOST_TEST(on.has(1, digest_of(content)));
  // Whoever changes that part next counts it, and so does who makes room.
  std::string again = content;
  BOOST_TEST(on.ask(1, forget_blob{digest_of(again)})->was_present);
  BOOST_TEST(on.stats(1).blobs == 1U);
  BOOST_TEST(on.stats(1).bytes == 8192U);
}

BOOST_AUTO_TEST_CASE(a_writer_that_finds_no_room_is_refused_when_nothing_may_leave) {
  shared_fixture on(2, little());
  std::vector<std::shared_ptr<const void>> holds;
  for (std::uint64_t i = 0; i < 10; ++i)
    holds.push_back(on.ask(0, lease_blobs{{on.put(0, noise(100'000, i))}})->hold);
  std::string content = noise(100'000, 99);
  auto refused = on.write(1, digest_of(content), content);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(code(refused.error()) == "RESOURCE_EXHAUSTED");
  holds.clear();
  on.run();
  BOOST_TEST(on.write(1, digest_of(content), content).has_value());
}

BOOST_AUTO_TEST_CASE(a_writer_waits_for_whoever_makes_room_and_takes_over_when_that_one_dies) {
  shared_fixture on(2, little());
  for (std::uint64_t i = 0; i < 10; ++i) on.put(0, noise(100'000, i));
  // The first begins to make room, and gets no further.
  std::string content = noise(100'000, 50), other = noise(100'000, 51);
  auto first = on.begin(0, write_blob{digest_of(content), contract::deliver(content)});
  on.run_jobs(0, 2);
  on.disk(0).fault = [](disk_call which, const std::string&) { return which == disk_call::list ? EIO : 0; };
  on.kill(0);
  BOOST_TEST(on.write(1, digest_of(other), other).has_value());
  BOOST_TEST(on.stats(1).bytes <= std::uint64_t{1} << 20);
}

BOOST_AUTO_TEST_CASE(a_damaged_blob_goes_and_can_be_brought_anew) {
  shared_fixture on(2);
  for (std::size_t size : {5000U, 2'000'000U}) {
    std::string content = noise(size);
    digest blob = on.put(0, content);
    damage(on.file_of(blob), size - 1);
    auto read = on.read(1, blob);
    BOOST_REQUIRE(!read);
    BOOST_TEST(code(read.error()) == "NOT_FOUND");
    on.run();
    BOOST_TEST(!on.has(0, blob));
    BOOST_TEST(on.put(0, content).size == static_cast<std::int64_t>(size));
    BOOST_TEST((on.read(1, blob) == content));
  }
  BOOST_TEST(on.stats(0).blobs == 2U);
}

BOOST_AUTO_TEST_CASE(a_damaged_file_is_not_lent_and_no_part_of_it_is_read) {
  shared_fixture on(1);
  std::string content = noise(200'000);
  digest blob = on.put(0, content);
  damage(on.file_of(blob), 199'999);
  auto part = on.ask(0, read_blob{blob, 0, 10});
  BOOST_TEST(!part);
  BOOST_TEST(!on.has(0, blob));
  on.put(0, content);
  damage(on.file_of(blob), 5);
  auto lent = contract::files_of(on.ask(0, lend_files{{blob}}), 1).front();
  BOOST_REQUIRE(!lent);
  BOOST_TEST(code(lent.error()) == "NOT_FOUND");
  BOOST_TEST(!on.has(0, blob));
}

BOOST_AUTO_TEST_CASE(what_stands_in_the_place_of_a_blob_and_is_none_is_replaced) {
  shared_fixture on(1);
  std::string content = noise(5000);
  digest blob = on.put(0, content);
  std::filesystem::resize_file(on.file_of(blob), 5000);
  std::filesystem::permissions(on.file_of(blob), std::filesystem::perms::owner_all);
  std::filesystem::resize_file(on.file_of(blob), 100);
  BOOST_TEST(!on.has(0, blob));
  BOOST_TEST((on.put(0, content) == blob));
  BOOST_TEST((on.read(0, blob) == content));
}

// Somebody puts a file there while ours is on its way: it is read before it is taken for the blob.
BOOST_AUTO_TEST_CASE(a_wrong_file_that_was_faster_is_replaced) {
  shared_fixture on(1);
  std::string content = noise(5000);
  digest blob = digest_of(content);
  auto source = std::make_shared<hand_fed>();
  auto writing = on.begin(0, write_blob{blob, source});
  on.run();
  source->feed(content);
  on.run();
  std::filesystem::create_directories(on.file_of(blob).parent_path());
  std::ofstream(on.file_of(blob)) << noise(5000, 77);
  source->end();
  on.run();
  BOOST_REQUIRE(*writing);
  BOOST_TEST((**writing).has_value());
  BOOST_TEST((on.read(0, blob) == content));
}

BOOST_AUTO_TEST_CASE(results_are_replaced_and_prove_themselves) {
  shared_fixture on(2, shared_fixture::sharing(), store_role::results);
  digest action = digest_of("an action"), other = digest_of("another action");
  BOOST_REQUIRE(on.write(0, action, "first"));
  BOOST_REQUIRE(on.write(1, action, "second, and longer"));
  BOOST_TEST((on.read(0, action) == "second, and longer"));
  BOOST_TEST(on.stats(0).blobs == 1U);
  damage(on.file_of(action), 30);
  BOOST_TEST(!on.read(0, action));
  BOOST_TEST(!on.has(1, action));
  // Under another name it is no result, whatever its bytes.
  BOOST_REQUIRE(on.write(0, action, "a result"));
  std::filesystem::create_directories(on.file_of(other).parent_path());
  std::filesystem::copy_file(on.file_of(action), on.file_of(other));
  BOOST_TEST(!on.read(1, other));
}

BOOST_AUTO_TEST_CASE(a_client_that_is_gone_holds_nothing) {
  shared_fixture on(1, little());
  for (std::uint64_t i = 0; i < 20; ++i) {
    auto source = std::make_shared<hand_fed>();
    auto writing = on.begin(0, write_blob{digest_of(noise(900'000, i)), source});
    on.run();
    source->feed(noise(200'000, i));
    on.run();
    source->vanish();
    on.run();
    BOOST_REQUIRE(*writing);
    BOOST_TEST(!**writing);
  }
  BOOST_TEST(on.put(0, noise(900'000, 99)).size == 900'000);
  on.run();
  BOOST_TEST(on.files_in("temp").empty());
}

BOOST_AUTO_TEST_SUITE_END()
