#include "actors/worker/command/action_users.hpp"

#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <fstream>
#include <sstream>

namespace kiln {
namespace {

// Numbers that no user and no container of a common distribution has, in blocks: each work folder has its
// own, so that two workers of one machine do not share users.
constexpr user_range unused_numbers{0x70000000, 0x7fff0000 - 1};
constexpr std::uint64_t block = 65536;
// Where only the numbers of an ordinary container are known: those that systemd gives to passing services.
constexpr user_range passing_numbers{61184, 65519};

std::optional<user_number> parse_number(std::string_view text) {
  user_number number = 0;
  auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return {};
  return number;
}

/// The name of a capability that Kiln lacks; empty if it has all that it takes.
std::string_view lacking_capability() {
  static constexpr std::pair<unsigned, std::string_view> needed[] = {
      {CAP_CHOWN, "CAP_CHOWN"},   {CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"},
      {CAP_FOWNER, "CAP_FOWNER"}, {CAP_KILL, "CAP_KILL"},
      {CAP_SETGID, "CAP_SETGID"}, {CAP_SETUID, "CAP_SETUID"}};
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &head, sets.data()) != 0) return "capabilities";
  for (const auto& [number, name] : needed)
    if ((sets[number / 32].effective >> number % 32 & 1) == 0) return name;
  return {};
}

/// Whether all of these numbers mean something here. A user namespace knows few.
bool are_known(const user_range& numbers, const char* map) {
  std::ifstream file(map);
  std::uint64_t inside = 0, outside = 0, count = 0;
  while (file >> inside >> outside >> count)
    if (inside <= numbers.first && numbers.last < inside + count) return true;
  return false;
}

std::string read_word(const char* path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

/// The first folder on the way that others may not pass; empty if there is none.
std::string closed_folder_of(const std::string& folder) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = folder.empty() ? std::string::npos : folder.find('/', end + 1);
    auto part = folder.empty() ? "/" : folder.substr(0, end);
    struct stat facts {};
    if (::stat(part.c_str(), &facts) != 0 || (facts.st_mode & S_IXOTH) == 0) return part;
  }
  return {};
}

std::string obstacle(const user_range& users, const std::string& folder) {
  if (auto name = lacking_capability(); !name.empty()) return fmt::format("kiln lacks {}", name);
  if (read_word("/proc/self/setgroups") == "deny") return "groups cannot be set in this user namespace";
  if (!are_known(users, "/proc/self/uid_map") || !are_known(users, "/proc/self/gid_map"))
    return fmt::format("the users {} are not known in this user namespace", users.to_string());
  if (auto closed = closed_folder_of(folder.substr(0, folder.rfind('/'))); !closed.empty())
    return fmt::format("other users may not pass through the folder {}", closed);
  return {};
}

user_range numbers_of(const std::string& folder) {
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a: the same numbers at each start
  for (char one : folder) hash = (hash ^ static_cast<std::uint8_t>(one)) * 1099511628211U;
  auto first =
      static_cast<user_number>(unused_numbers.first + hash % (unused_numbers.size() / block) * block);
  return {first, static_cast<user_number>(first + block - 1)};
}

}  // namespace

expected<wanted_users> parse_users(std::string_view text) {
  if (text == "none") return wanted_users{};
  if (text == "auto") return wanted_users{true, {}};
  auto dash = text.find('-');
  auto first = parse_number(text.substr(0, dash));
  auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1));
  if (!first || !last || *first == 0 || *last < *first || *last >= same_user - 1)
    return fail(errc::invalid_argument,
                "action_users is \"auto\", \"none\" or a range of user numbers such as 200000-200999, "
                "without 0; it says \"{}\"",
                text);
  return wanted_users{false, user_range{*first, *last}};
}

expected<user_number> action_users::take() {
  std::lock_guard lock(mutex_);
  if (!given_back_.empty()) {
    auto which = given_back_.back();
    given_back_.pop_back();
    return which;
  }
  if (never_taken_ == all_.size())
    return fail(errc::resource_exhausted, "each of the users {} has an action, or what is left of one",
                all_.to_string());
  return static_cast<user_number>(all_.first + never_taken_++);
}

void action_users::give_back(user_number which) {
  if (which == same_user) return;
  std::lock_guard lock(mutex_);
  given_back_.push_back(which);
}

expected<std::shared_ptr<action_users>> find_action_users(const wanted_users& wanted,
                                                          const std::string& folder, std::uint64_t least,
                                                          std::string& why) {
  if (wanted.range) {
    if (wanted.range->size() < least)
      return fail(errc::failed_precondition, "action_users has {} users, and {} may be needed at once",
                  wanted.range->size(), least);
    why = obstacle(*wanted.range, folder);
    if (!why.empty())
      return fail(errc::failed_precondition, "actions cannot run as users of their own: {}", why);
    return std::make_shared<action_users>(*wanted.range);
  }
  if (!wanted.any) {
    why = "action_users is none";
    return nullptr;
  }
  for (const auto& users : {numbers_of(folder), passing_numbers}) {
    if (users.size() < least) continue;
    why = obstacle(users, folder);
    if (why.empty()) return std::make_shared<action_users>(users);
  }
  return nullptr;
}

}  // namespace kiln
