#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace kiln::test {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

/// Whether a process lives; one that is dead but not yet waited for does not.
inline bool is_alive(pid_t pid) {
  auto status = read_file("/proc/" + std::to_string(pid) + "/stat");
  auto state = status.rfind(')');
  return state != std::string::npos && status.substr(state + 2, 1) != "Z";
}

/// A pipe at which an action and the test wait for one another, so that nobody has to look again and again.
class meeting_point {
public:
  explicit meeting_point(std::filesystem::path path) : path_(std::move(path)) {
    if (::mkfifo(path_.c_str(), 0666) != 0) throw std::runtime_error("no pipe can be made");
  }
  std::string path() const { return path_.string(); }

  /// With this a shell says that it has come so far, and who it is.
  std::string script() const { return "echo $$ > " + path(); }
  /// Waits for that.
  pid_t wait() const { return std::stoi(read_file(path_)); }
  /// For an action that reads from it.
  void send(const std::string& words) const { std::ofstream(path_) << words; }

private:
  std::filesystem::path path_;
};

}  // namespace kiln::test
