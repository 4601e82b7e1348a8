#include "actors/tools/bench/process_time.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

namespace kiln::bench {
namespace {

struct one_process {
  pid_t parent = 0;
  double ticks = 0;  ///< its own, and those of its children that have ended and were waited for
};

std::optional<one_process> look_at(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  // The name in brackets may hold spaces; fields are counted behind it: state is the first, the parent the
  // second, utime the twelfth.
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::vector<std::string> all{std::istream_iterator<std::string>(fields), {}};
  if (all.size() < 15) return std::nullopt;
  one_process found{static_cast<pid_t>(std::stol(all[1])), 0};
  for (std::size_t i = 11; i <= 14; ++i) found.ticks += std::stod(all[i]);
  return found;
}

}  // namespace

std::optional<double> cpu_seconds(pid_t process) {
  std::multimap<pid_t, std::pair<pid_t, double>> children;
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", unreadable)) {
    const std::string name = entry.path().filename().string();
    pid_t number = 0;
    auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (fault != std::errc() || end != name.data() + name.size()) continue;
    if (auto one = look_at(number)) children.emplace(one->parent, std::pair(number, one->ticks));
  }
  auto root = look_at(process);
  if (!root) return std::nullopt;
  double ticks = root->ticks;
  std::vector<pid_t> parents{process};
  while (!parents.empty()) {
    auto [first, last] = children.equal_range(parents.back());
    parents.pop_back();
    for (; first != last; ++first) {
      ticks += first->second.second;
      parents.push_back(first->second.first);
    }
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace kiln::bench
