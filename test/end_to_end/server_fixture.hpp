#pragma once

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "test/end_to_end/dialler.hpp"
#include "test/end_to_end/remote.hpp"
#include "test/end_to_end/server_process.hpp"
#include "test/places.hpp"

namespace kiln::end_to_end {

/// For messages: what went wrong, if anything.
template <class T>
std::string why(const expected<T>& result) {
  return result ? "nothing went wrong" : result.error().to_string();
}

/// A folder of its own, and servers in it.
class server_fixture {
public:
  server_fixture() {
    std::string name = (std::filesystem::temp_directory_path() / "kiln-test-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    auto loaded = dialler::load(KILN_PLUGIN_FOLDER);
    BOOST_REQUIRE_MESSAGE(loaded, why(loaded));
    out_.emplace(std::move(*loaded));
  }
  ~server_fixture() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write_file(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
    return path(name);
  }

  /// `kiln WORDS...`, once it listens.
  server_process start(std::vector<std::string> words, const std::string& log = "log") {
    words.insert(words.begin(), KILN_BINARY);
    auto started = server_process::start({std::move(words), path(log)});
    BOOST_REQUIRE_MESSAGE(started, why(started));
    return std::move(*started);
  }
  server_process serve(const std::string& profile) {
    std::vector<std::string> words{"serve",  "--profile",  profile,      "--listen", "127.0.0.1:0",
                                   "--data", path("data"), "--capacity", "2GiB"};
    if (profile == "scheduler") words.insert(words.end(), {"--workers", "127.0.0.1:0"});
    return start(std::move(words));
  }
  std::string address_of(server_process& server) {
    auto address = server.address(patience);
    BOOST_REQUIRE_MESSAGE(address, why(address));
    return *address;
  }
  std::shared_ptr<channel> dial(const std::string& address) { return out_->dial(address); }

  static void require_code(server_process& server, int code) {
    auto end = server.wait(patience);
    BOOST_REQUIRE_MESSAGE(end, "the server does not end; it said: " << server.log());
    BOOST_TEST_INFO("it said: " << server.log());
    BOOST_TEST(end->to_string() == fmt::format("exit code {}", code));
  }

  static constexpr duration patience = std::chrono::seconds(60);

private:
  std::filesystem::path folder_;
  std::optional<dialler> out_;
};

}  // namespace kiln::end_to_end
