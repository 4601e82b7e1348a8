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
#include "test/plugins/stores/filesystem/filesystem_house.hpp"

using namespace kiln;
using namespace kiln::test;
using contract::noise;

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

BOOST_AUTO_TEST_SUITE(filesystem_strange_files)

BOOST_AUTO_TEST_CASE(a_disk_opens_files_and_folders_only_and_waits_for_nobody) {
  filesystem_house house;
  auto folder = system_disk().open_folder(house.folder.string());
  BOOST_REQUIRE(folder.has_value());
  for (auto what : all_strange)
    for (int flags : {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_CREAT, O_WRONLY | O_CREAT | O_TRUNC}) {
      put_instead(house.folder / "it", what);
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
      filesystem_house house;
      digest blob = house.put(noise(size));
      put_instead(house.file_of(blob), what);
      BOOST_TEST(!house.read(blob).has_value());
      BOOST_TEST(!house.has(blob));
      house.put(noise(size));
      BOOST_TEST((house.read(blob) == noise(size)));
      house.restart();
      BOOST_TEST((house.read(blob) == noise(size)));
    }
}

BOOST_AUTO_TEST_CASE(what_takes_a_blobs_place_before_a_start_is_left_alone) {
  for (auto what : all_strange) {
    filesystem_house house;
    digest blob = house.put(noise(3000)), other = house.put(noise(4000));
    house.close();
    put_instead(house.file_of(blob), what);
    house.open();
    BOOST_TEST(!house.has(blob));
    BOOST_TEST((house.read(other) == noise(4000)));
    house.put(noise(3000));
    BOOST_TEST((house.read(blob) == noise(3000)));
  }
}

BOOST_AUTO_TEST_CASE(what_has_the_name_of_a_pack_an_index_or_marks_stops_nobody) {
  for (auto what : all_strange) {
    filesystem_house house(filesystem_house::packing());
    digest blob = house.put(noise(3000));
    house.restart();
    house.close();
    const auto packs = house.folder / "store/packs";
    put_instead(packs / filesystem::pack_index_name(1), what);
    put_instead(packs / filesystem::pack_name(5), what);
    fs::create_directory(house.folder / "store/used");
    for (const char* marks : {"now", "000000000001.pack", "000000.files"})
      put_instead(house.folder / "store/used" / marks, what);
    house.open();
    BOOST_TEST((house.read(blob) == noise(3000)));
    digest fresh = house.put(noise(4000));
    house.restart();
    BOOST_TEST((house.read(fresh) == noise(4000)));
    BOOST_TEST((house.read(blob) == noise(3000)));
  }
}

BOOST_AUTO_TEST_CASE(a_lent_copy_that_became_something_else_is_made_anew) {
  for (auto what : all_strange) {
    filesystem_house house(filesystem_house::packing());
    digest blob = house.put(noise(3000));
    auto lent = house.lend(blob);
    BOOST_REQUIRE(lent.has_value());
    put_instead(lent->path, what);
    auto again = house.lend(blob);
    BOOST_REQUIRE(again.has_value());
    BOOST_TEST(fs::is_regular_file(fs::symlink_status(again->path)));
  }
}

BOOST_AUTO_TEST_CASE(a_start_says_which_of_its_own_files_is_none) {
  for (auto what : all_strange)
    for (const char* name : {"kiln-store", "lock", "kiln-store.new"}) {
      filesystem_house house;
      house.close();
      put_instead(house.folder / "store" / name, what);
      auto why = house.try_open();
      BOOST_TEST(says(why, (house.folder / "store" / name).string()), why.to_string());
      BOOST_TEST(says(why, "remove it"), why.to_string());
    }
}

BOOST_AUTO_TEST_CASE(a_folder_of_another_user_is_told_of_with_its_owner_and_what_to_do) {
  for (const std::string name : {"lock", "kiln-store", "packs", "content"}) {
    filesystem_house house;
    house.close();
    const auto folder = house.folder / "store";
    house.disk.fault = [&](disk_call made, const std::string& path) {
      return made == disk_call::open && path == name ? EACCES : 0;
    };
    auto why = house.try_open();
    BOOST_TEST((why.code() == errc::permission_denied));
    BOOST_TEST(says(why, (folder / name).string()), why.to_string());
    BOOST_TEST(says(why, fmt::format("belongs to user {}, as whom kiln runs", ::geteuid())), why.to_string());
    if (::geteuid() != 0) continue;
    BOOST_REQUIRE(::chown((folder / name).c_str(), 12345, 12345) == 0);
    why = house.try_open();
    BOOST_TEST(says(why, fmt::format("{} belongs to user 12345", (folder / name).string())), why.to_string());
    BOOST_TEST(says(why, fmt::format("give the folder {}", folder.string())), why.to_string());
  }
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_reached_or_made_is_told_of_by_the_one_above_that_keeps_us_out) {
  filesystem_house house;
  house.close();
  house.disk.fault = [&](disk_call made, const std::string& path) {
    const bool below = path.starts_with(house.folder.string() + "/");
    return below && (made == disk_call::open || made == disk_call::facts) ? EACCES : 0;
  };
  auto why = house.try_open();
  BOOST_TEST(says(why, house.folder.string() + " belongs to user"), why.to_string());
}

BOOST_AUTO_TEST_SUITE_END()
