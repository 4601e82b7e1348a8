#pragma once

#include <stdlib.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <string>

namespace kiln::test {

/// What a process sees of /proc and /sys, in a folder of the test's own.
struct played_system {
  played_system() {
    std::string name = (std::filesystem::temp_directory_path() / "kiln-system-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    root = name;
  }
  ~played_system() {
    std::error_code ignored;
    std::filesystem::remove_all(root, ignored);
  }
  played_system(const played_system&) = delete;
  played_system& operator=(const played_system&) = delete;

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
  void version_2(const std::string& own, const std::string& top = "/") const {
    write("proc/self/cgroup", "0::" + own + "\n");
    write("proc/self/mountinfo", "24 1 254:1 / / rw - ext4 /dev/vda1 rw\n30 24 0:26 " + top +
                                     " /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
  }

  std::filesystem::path root;
};

}  // namespace kiln::test
