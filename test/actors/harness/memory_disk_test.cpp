#include "test/harness/memory_disk.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <boost/test/unit_test.hpp>

#include <cerrno>

#include "test/harness/temporary_folder.hpp"

/// The disk in memory does as the machine's own, as far as stores and workers see; and loses what was not
/// synced.
namespace kiln::test {
BOOST_AUTO_TEST_SUITE(disks_in_memory)

namespace {

template <class T>
std::string told(const disk_result<T>& result) {
  return result ? "fine" : std::to_string(result.error().number);
}
std::string told(const disk_result<file_facts>& facts) {
  if (!facts) return std::to_string(facts.error().number);
  return fmt::format("kind {} size {} links {} mode {:o}", static_cast<int>(facts->kind),
                     facts->kind == file_kind::file ? facts->size : 0,
                     facts->kind == file_kind::folder ? 0 : facts->links, facts->mode);
}

descriptor file_with(disk& on, const descriptor& folder, const char* name, const std::string& content) {
  auto file = on.open(folder, name, O_RDWR | O_CREAT | O_EXCL, 0600);
  BOOST_REQUIRE(file.has_value());
  BOOST_REQUIRE(write_all(on, *file, content, 0).has_value());
  return std::move(*file);
}

std::string content_of(disk& on, const descriptor& folder, const char* name) {
  auto file = on.open(folder, name, O_RDONLY);
  if (!file) return "error " + std::to_string(file.error().number);
  std::string all(100, '\0');
  all.resize(read_all(on, *file, all, 0).value());
  return all;
}

/// What a disk says of all that stores and workers do with it.
std::vector<std::string> conversation(disk& on, const std::string& place) {
  std::vector<std::string> said;
  auto say = [&](std::string what) { said.push_back(std::move(what)); };
  say(told(make_folders(on, place + "/deep/er", 0755)));
  say(told(make_folders(on, place + "/deep/er", 0755)));
  say(told(on.open_folder(place + "/nothing")));
  auto root = on.open_folder(place).value();
  auto file = file_with(on, root, "file", "content");
  say(told(on.open(root, "file", O_RDWR | O_CREAT | O_EXCL, 0600)));
  say(told(on.open(root, "deep", O_RDONLY)));
  say(told(on.open(root, "file/below", O_RDONLY)));
  say(told(on.open(root, "nothing", O_RDONLY)));
  say(told(on.open(root, "deep/nothing", O_RDONLY | O_DIRECTORY)));
  say(told(on.make_link("file", root, "link")));
  say(told(on.make_link("deep", root, "way")));
  say(told(on.make_link("/", root, "out")));
  say(on.read_link(root, "link").value());
  say(told(on.read_link(root, "file")));
  say(told(on.open(root, "link", O_RDONLY)));
  for (auto links : {follow::none, follow::but_the_last, follow::all})
    for (const char* path :
         {"", "file", "link", "way/er", "way", "out", "out/etc", "deep/..", "..", "nothing/x"})
      say(fmt::format("{} {}", path, told(on.open_beneath(root, path, O_PATH, links, 0))));
  auto itself = on.open_beneath(root, "link", O_PATH, follow::but_the_last, 0).value();
  say(told(on.facts(itself)));
  say(on.read_link(itself, "").value());
  say(told(on.link(root, "file", root, "second")));
  say(told(on.link(root, "file", root, "second")));
  say(told(on.link(root, "deep", root, "folder")));
  say(told(on.link(descriptor(), (place + "/file").c_str(), root, "third")));
  for (const char* name : {"file", "link", "deep", "nothing"}) say(told(on.facts(root, name)));
  say(told(on.resize(file, 3)));
  say(content_of(on, root, "second"));
  say(told(on.set_mode(file, 0555)));
  say(told(on.set_mode(root, "second", 0640)));
  say(told(on.facts(file)));
  auto copied = file_with(on, root, "copy", "");
  say(std::to_string(on.copy(file, copied, 0, 2).value()));
  say(std::to_string(on.copy(file, copied, 2, 2).value()));
  say(std::to_string(on.copy(file, copied, 3, 2).value()));
  say(content_of(on, root, "copy"));
  say(told(on.rename(root, "copy", root, "second", RENAME_NOREPLACE)));
  say(told(on.rename(root, "copy", root, "second")));
  say(told(on.rename(root, "copy", root, "second")));
  say(told(on.rename(root, "second", root, "deep")));
  say(told(on.rename(root, "deep", root, "second")));
  say(told(on.remove(root, "deep")));
  say(told(on.remove_folder(root, "deep")));
  say(told(on.remove_folder(root, "file")));
  say(told(on.remove_folder(root, "deep/er")));
  say(told(on.remove_folder(root, "deep")));
  say(told(on.remove(root, "deep")));
  auto lock = on.open(root, "file", O_RDONLY).value();
  say(told(on.lock(lock)));
  say(told(on.lock(file)));
  lock = descriptor();
  say(told(on.lock(file)));
  auto names = names_in(on, root, 100).value();
  said.insert(said.end(), names.begin(), names.end());
  auto nameless = on.open(root, ".", O_TMPFILE | O_RDWR, 0600);
  say(told(nameless));
  if (nameless) say(told(write_all(on, *nameless, "x", 0)));
  auto appended = on.open_beneath(root, "log", O_RDWR | O_CREAT | O_APPEND, follow::none, 0600).value();
  say(told(write_all(on, appended, "one", 0)));
  say(told(write_all(on, appended, "two", 0)));
  say(content_of(on, root, "log"));
  return said;
}

struct cut_disk {
  manual_clock time;
  std::unique_ptr<random_source> chance = make_seeded_random(3);
  memory_disk disk{time};
  descriptor root = (void(make_folders(disk, "/place", 0755)), disk.open_folder("/place").value());

  void cut() {
    disk.power_cut(*chance);
    disk.power_on();
    root = disk.open_folder("/place").value();
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(one_answers_as_the_machines_own_does) {
  temporary_folder place;
  manual_clock time;
  memory_disk memory(time);
  auto real = conversation(system_disk(), place.path().string());
  auto played = conversation(memory, "/some/place");
  BOOST_TEST(played == real, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_was_synced_with_its_name_outlives_a_power_cut) {
  for (int i = 0; i < 50; ++i) {
    cut_disk one;
    BOOST_REQUIRE(one.disk.sync(one.disk.open_folder("/").value()));
    auto file = file_with(one.disk, one.root, "file", "content");
    BOOST_REQUIRE(one.disk.sync_data(file));
    BOOST_REQUIRE(one.disk.sync(one.root));
    BOOST_REQUIRE(write_all(one.disk, file, "CONT", 0));
    one.cut();
    auto content = content_of(one.disk, one.root, "file");
    BOOST_TEST((content == "content" || content == "CONTent"));
  }
}

BOOST_AUTO_TEST_CASE(what_was_not_synced_is_lost_now_and_then) {
  int names = 0, whole = 0;
  auto chance = make_seeded_random(5);
  for (int i = 0; i < 100; ++i) {
    cut_disk one;
    BOOST_REQUIRE(one.disk.sync(one.disk.open_folder("/").value()));
    auto first = file_with(one.disk, one.root, "first", "content");
    auto second = file_with(one.disk, one.root, "second", "content");
    one.chance = make_seeded_random(chance->next());
    one.cut();
    const bool has_first = one.disk.facts(one.root, "first").has_value();
    if (one.disk.facts(one.root, "second")) BOOST_TEST(has_first, "names come in order");
    names += has_first ? 1 : 0;
    whole += content_of(one.disk, one.root, "first") == "content" ? 1 : 0;
  }
  BOOST_TEST(names > 20);
  BOOST_TEST(names < 100);
  BOOST_TEST(whole < names);
  BOOST_TEST(whole > 0);
}

BOOST_AUTO_TEST_CASE(what_was_open_when_the_power_was_cut_is_lost) {
  cut_disk one;
  auto file = file_with(one.disk, one.root, "file", "content");
  one.disk.power_cut(*one.chance);
  BOOST_TEST(one.disk.write(file, {}, 0).error().number == EIO);
  one.disk.power_on();
  BOOST_TEST(one.disk.sync(file).error().number == EBADF);
  BOOST_TEST(one.disk.open_paths().empty());
}

BOOST_AUTO_TEST_CASE(a_full_one_takes_nothing_more_until_something_is_removed) {
  cut_disk one;
  one.disk.set_capacity(one.disk.room(one.root)->used + 10);
  auto file = file_with(one.disk, one.root, "file", "0123456789");
  BOOST_TEST(write_all(one.disk, file, "more", 10).error().number == ENOSPC);
  BOOST_TEST(one.disk.room(one.root)->available == 0U);
  file = descriptor();
  BOOST_REQUIRE(one.disk.remove(one.root, "file"));
  BOOST_REQUIRE(one.disk.sync(one.root));
  BOOST_TEST(one.disk.room(one.root)->available == 10U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
