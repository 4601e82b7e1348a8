#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "test/contract/claims.hpp"
#include "test/harness/temporary_folder.hpp"

using namespace kiln;

// Stores that have another one to ask: what is damaged on the disk of the one that is read first costs nobody
// a read, however large it is and wherever the damage is.
BOOST_AUTO_TEST_SUITE(damaged_copies)

using namespace kiln::contract;
using kiln::test::temporary_folder;

namespace {

std::string disk(const temporary_folder& in, const std::string& name) {
  return "{type: filesystem, path: \"" + (in / name).string() + "\", capacity: 1GiB}";
}

void change_a_byte(const std::filesystem::path& below, std::uint64_t at) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(below / "content")) {
    if (!entry.is_regular_file()) continue;
    std::filesystem::permissions(entry.path(), std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::add);
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const int letter = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(letter ^ 1));
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_large_blob_is_read_from_the_other_store_and_mended_in_the_one_that_rotted) {
  constexpr std::size_t mebibyte = 1 << 20;
  const auto content = noise(5 * mebibyte);
  for (const std::string type : {"fast_slow", "mirror"})
    for (const std::uint64_t at : {std::size_t{0}, 2 * mebibyte, content.size() - 1})
      for (const bool restarts : {false, true}) {
        const temporary_folder folder;
        const auto near = disk(folder, "near"), far = disk(folder, "far");
        stage on({type == "mirror" ? "{type: mirror, stores: [" + near + ", " + far + "]}"
                                   : "{type: fast_slow, fast: " + near + ", slow: " + far + "}"});
        const auto blob = put(on, content);
        change_a_byte(folder / "near", at);
        if (restarts) on.restart();
        const auto read_again = read(on, blob);
        BOOST_TEST((read_again == content), type << ", a byte at " << at << ": " << code_of(read_again));
      }
}

BOOST_AUTO_TEST_SUITE_END()
