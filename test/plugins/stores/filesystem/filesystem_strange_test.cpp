#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cstring>

#include "plugins/stores/filesystem/packs/pack_file.hpp"
#include "test/contract/sources.hpp"
#include "test/plugins/stores/filesystem/filesystem_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;

BOOST_AUTO_TEST_SUITE(filesystem_strange_files)

namespace {

namespace fs = std::filesystem;

enum class strange { pipe, socket, folder, full_folder, link, dead_link };
constexpr strange all_strange[] = {strange::pipe,        strange::socket, strange::folder,
                                   strange::full_folder, strange::link,   strange::dead_link};

// Something else in place of a file. Opening a pipe waits for somebody at its other end, unless one takes
// care.
void put_instead(const fs::path& file, strange what) {
  fs::remove_all(file);
  switch (what) {
    case strange::pipe:
      BOOST_REQUIRE(::mkfifo(file.c_str(), 0666) == 0);
      return;
    case strange::socket: {
      const fs::path here = fs::current_path();
      fs::current_path(file.parent_path());  // the name of a socket is short
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::strcpy(address.sun_path, "socket");
      descriptor made(::socket(AF_UNIX, SOCK_STREAM, 0));
      BOOST_REQUIRE(::bind(made.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
      fs::rename("socket", file);
      fs::current_path(here);
      return;
    }
    case strange::folder:
      fs::create_directory(file);
      return;
    case strange::full_folder:
      fs::create_directories(file / "full");
      return;
    case strange::link:
      fs::create_symlink("/etc/hostname", file);
      return;
    case strange::dead_link:
      fs::create_symlink("nowhere", file);
  }
}

bool says(const error& why, const std::string& what) {
  return why.message().find(what) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_disk_opens_files_and_folders_only_and_waits_for_nobody) {
  filesystem_fixture fixture;
  auto folder = system_disk().open_folder(fixture.folder.string());
  BOOST_REQUIRE(folder.has_value());
  for (auto what : all_strange)
    for (int flags : {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_CREAT, O_WRONLY | O_CREAT | O_TRUNC}) {
      put_instead(fixture.folder / "it", what);
      auto opened = system_disk().open(*folder, "it", flags, 0644);
      BOOST_REQUIRE(!opened.has_value());
      BOOST_TEST(is_no_file(opened.error()), opened.error().number);
      auto cached = system_disk().open(*folder, "it", flags, 0644, disk::lookup::cached);
      BOOST_TEST(!cached.has_value());
    }
  BOOST_TEST(system_disk().open(*folder, "store", O_RDONLY | O_DIRECTORY).has_value());
}

BOOST_AUTO_TEST_CASE(what_takes_a_blobs_place_is_no_blob_and_makes_room_for_one) {
  for (auto what : all_strange)
    for (std::size_t size : {3000U, 300'000U}) {
      filesystem_fixture fixture;
      digest blob = fixture.put(noise(size));
      put_instead(fixture.file_of(blob), what);
      BOOST_TEST(!fixture.read(blob).has_value());
      BOOST_TEST(!fixture.has(blob));
      fixture.put(noise(size));
      BOOST_TEST((fixture.read(blob) == noise(size)));
      fixture.restart();
      BOOST_TEST((fixture.read(blob) == noise(size)));
    }
}

BOOST_AUTO_TEST_CASE(what_takes_a_blobs_place_before_a_start_is_left_alone) {
  for (auto what : all_strange) {
    filesystem_fixture fixture;
    digest blob = fixture.put(noise(3000)), other = fixture.put(noise(4000));
    fixture.close();
    put_instead(fixture.file_of(blob), what);
    fixture.open();
    BOOST_TEST(!fixture.has(blob));
    BOOST_TEST((fixture.read(other) == noise(4000)));
    fixture.put(noise(3000));
    BOOST_TEST((fixture.read(blob) == noise(3000)));
  }
}

BOOST_AUTO_TEST_CASE(what_has_the_name_of_a_pack_an_index_or_marks_stops_nobody) {
  for (auto what : all_strange) {
    filesystem_fixture fixture(filesystem_fixture::packing());
    digest blob = fixture.put(noise(3000));
    fixture.restart();
    fixture.close();
    const auto packs = fixture.folder / "store/packs";
    put_instead(packs / filesystem::pack_index_name(1), what);
    put_instead(packs / filesystem::pack_name(5), what);
    fs::create_directory(fixture.folder / "store/used");
    for (const char* marks : {"now", "000000000001.pack", "000000.files"})
      put_instead(fixture.folder / "store/used" / marks, what);
    fixture.open();
    BOOST_TEST((fixture.read(blob) == noise(3000)));
    digest fresh = fixture.put(noise(4000));
    fixture.restart();
    BOOST_TEST((fixture.read(fresh) == noise(4000)));
    BOOST_TEST((fixture.read(blob) == noise(3000)));
  }
}

BOOST_AUTO_TEST_CASE(a_lent_copy_that_became_something_else_is_made_anew) {
  for (auto what : all_strange) {
    filesystem_fixture fixture(filesystem_fixture::packing());
    digest blob = fixture.put(noise(3000));
    auto lent = fixture.lend(blob);
    BOOST_REQUIRE(lent.has_value());
    put_instead(lent->path, what);
    auto again = fixture.lend(blob);
    BOOST_REQUIRE(again.has_value());
    BOOST_TEST(fs::is_regular_file(fs::symlink_status(again->path)));
  }
}

BOOST_AUTO_TEST_CASE(a_start_says_which_of_its_own_files_is_none) {
  for (auto what : all_strange)
    for (const char* name : {"kiln-store", "lock", "kiln-store.new"}) {
      filesystem_fixture fixture;
      fixture.close();
      put_instead(fixture.folder / "store" / name, what);
      auto why = fixture.try_open();
      BOOST_TEST(says(why, (fixture.folder / "store" / name).string()), why.to_string());
      BOOST_TEST(says(why, "remove it"), why.to_string());
    }
}

BOOST_AUTO_TEST_CASE(a_start_says_which_of_its_folders_is_a_link_or_something_else) {
  for (auto what : all_strange)
    for (const char* name :
         {"trash", "temp", "packs", "used", "content", "lent", "content/sha256", "content/sha256/ab"}) {
      if (what == strange::folder || what == strange::full_folder) continue;
      // A link is looked for everywhere, what is no folder at both depths.
      const std::string_view place = name;
      if (what != strange::link && place != "packs" && place != "content/sha256/ab") continue;
      filesystem_fixture fixture;
      fixture.make_places();
      fixture.close();
      const auto there = fixture.folder / "store" / name;
      put_instead(there, what);
      auto why = fixture.try_open();
      BOOST_TEST((why.code() == errc::failed_precondition));
      BOOST_TEST(says(why, there.string()), why.to_string());
      if (what == strange::link || what == strange::dead_link) {
        BOOST_TEST(says(why, "is a symbolic link to " + fs::read_symlink(there).string()), why.to_string());
        BOOST_TEST(says(why, "put the folder itself in the place of the link"), why.to_string());
      } else {
        BOOST_TEST(says(why, "is no folder: remove it"), why.to_string());
      }
      BOOST_TEST(!fs::is_directory(fs::symlink_status(there)));  // it is left alone
      fs::remove(there);
      fixture.open();
      const digest blob = fixture.put(noise(3000));
      BOOST_TEST((fixture.read(blob) == noise(3000)));
    }
}

BOOST_AUTO_TEST_CASE(the_folder_of_a_store_may_be_a_link_to_one) {
  filesystem_fixture fixture;
  const digest blob = fixture.put(noise(3000));
  fixture.close();
  const auto store = fixture.folder / "store";
  fs::rename(store, fixture.folder / "elsewhere");
  fs::create_directory_symlink(fixture.folder / "elsewhere", store);
  fixture.open();
  BOOST_TEST((fixture.read(blob) == noise(3000)));
  auto lent = fixture.lend(blob);
  BOOST_REQUIRE(lent.has_value());
  BOOST_TEST(fs::file_size(lent->path) == 3000U);
}

BOOST_AUTO_TEST_CASE(what_lies_in_the_way_to_the_folder_of_a_store_is_named) {
  for (auto what : all_strange)
    for (const char* below : {"", "/a/b"}) {
      if (what == strange::folder || what == strange::full_folder) continue;
      filesystem_fixture fixture;
      fixture.close();
      const auto in_the_way = fixture.folder / "it";
      put_instead(in_the_way, what);
      fixture.options.path = in_the_way.string() + below;
      auto why = fixture.try_open();
      BOOST_TEST((why.code() == errc::failed_precondition));
      const bool link = what == strange::link || what == strange::dead_link;
      const auto found =
          link ? " is a symbolic link to " + fs::read_symlink(in_the_way).string() : " is no folder";
      BOOST_TEST(says(why, in_the_way.string() + found), why.to_string());
      BOOST_TEST(says(why, "so the folder " + fixture.options.path), why.to_string());
    }
}

BOOST_AUTO_TEST_CASE(a_folder_of_another_user_is_told_of_with_its_owner_and_what_to_do) {
  for (const std::string name : {"lock", "kiln-store", "packs", "content"}) {
    filesystem_fixture fixture;
    fixture.close();
    const auto folder = fixture.folder / "store";
    fixture.disk.fault = [&](disk_call made, const std::string& path) {
      return made == disk_call::open && path == name ? EACCES : 0;
    };
    auto why = fixture.try_open();
    BOOST_TEST((why.code() == errc::permission_denied));
    BOOST_TEST(says(why, (folder / name).string()), why.to_string());
    BOOST_TEST(says(why, fmt::format("belongs to user {}, as whom kiln runs", ::geteuid())), why.to_string());
    if (::geteuid() != 0) continue;
    BOOST_REQUIRE(::chown((folder / name).c_str(), 12345, 12345) == 0);
    why = fixture.try_open();
    BOOST_TEST(says(why, fmt::format("{} belongs to user 12345", (folder / name).string())), why.to_string());
    BOOST_TEST(says(why, fmt::format("give the folder {}", folder.string())), why.to_string());
  }
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_reached_or_made_is_told_of_by_the_one_above_that_keeps_us_out) {
  filesystem_fixture fixture;
  fixture.close();
  fixture.disk.fault = [&](disk_call made, const std::string& path) {
    const bool below = path.starts_with(fixture.folder.string() + "/");
    return below && (made == disk_call::open || made == disk_call::facts) ? EACCES : 0;
  };
  auto why = fixture.try_open();
  BOOST_TEST(says(why, fixture.folder.string() + " belongs to user"), why.to_string());
}

BOOST_AUTO_TEST_SUITE_END()
