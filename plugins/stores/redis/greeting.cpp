#include "plugins/stores/redis/greeting.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "plugins/stores/redis/server_fault.hpp"

namespace kiln::redis_store {
namespace {

constexpr std::size_t longest_password = 4096;

std::string client_name_of(const redis_engine& engine) {
  std::string name = "kiln-" + engine.name;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isgraph(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

expected<std::string> read_password(disk& files, const std::string& path) {
  auto file = files.open(descriptor(), absolute_path(path).c_str(), O_RDONLY);
  if (!file) return fail(errc::failed_precondition, "{}", file.error().in_words("opening " + path).message());
  std::array<char, longest_password + 1> text{};
  auto size = read_all(files, *file, text, 0);
  if (!size) return fail(errc::failed_precondition, "{}", size.error().in_words("reading " + path).message());
  if (*size > longest_password)
    return fail(errc::failed_precondition, "{} holds no password: it is longer than {} bytes", path,
                longest_password);
  std::string password(text.data(), *size);
  while (!password.empty() && (password.back() == '\n' || password.back() == '\r')) password.pop_back();
  return password;
}

bool is_unknown_command(const resp_reply& answer) {
  return answer.is_fault() && answer.text.view().find("unknown command") != std::string_view::npos;
}

}  // namespace

greeting::greeting(identity who, demand wanted, std::string client_name)
    : who_(std::move(who)), wanted_(wanted), client_name_(std::move(client_name)) {}

std::vector<resp_command> greeting::commands() const {
  std::vector<resp_command> all;
  if (!who_.user.empty())
    all.push_back(make_command({"AUTH", who_.user, who_.password}));
  else if (!who_.password.empty())
    all.push_back(make_command({"AUTH", who_.password}));
  if (who_.database != 0) all.push_back(make_command({"SELECT", std::to_string(who_.database)}));
  all.push_back(make_command({"CLIENT", "SETNAME", client_name_}));
  all.push_back(wanted_ == demand::master ? make_command({"ROLE"}) : make_command({"PING"}));
  return all;
}

expected<void> greeting::judge(const std::vector<resp_reply>& answers, const std::string& server) const {
  std::vector<std::string> said;
  if (!who_.user.empty() || !who_.password.empty()) said.emplace_back("AUTH");
  if (who_.database != 0) said.emplace_back("SELECT");
  said.emplace_back("CLIENT");
  said.emplace_back(wanted_ == demand::master ? "ROLE" : "PING");
  for (std::size_t i = 0; i < said.size() && i < answers.size(); ++i)
    if (auto good = judge_one(said[i], answers[i], server); !good) return good;
  return {};
}

expected<void> greeting::judge_one(const std::string& of, const resp_reply& answer,
                                   const std::string& server) const {
  const std::string user = who_.user.empty() ? "default" : who_.user;
  if (answer.is_fault("NOAUTH"))
    return fail(errc::failed_precondition, "{} asks for a password, and user {} has none here", server, user);
  if (of == "AUTH" && answer.is_fault())
    return fail(errc::failed_precondition, "{} does not let user {} in: {}", server, user,
                answer.text.view());
  if (of == "SELECT" && answer.is_fault())
    return fail(errc::failed_precondition, "database {} at {}: {}", who_.database, server,
                answer.text.view());
  if (of == "ROLE" && !answer.items.empty() && answer.items[0].text.view() != "master") {
    const bool tells = answer.items.size() > 2;
    return fail(errc::unavailable, "{} is a replica{}", server,
                tells ? fmt::format(" of {}:{}", answer.items[1].text.view(), answer.items[2].number) : "");
  }
  // Of the rest nothing is needed: rights may be narrow, and some servers know no such commands.
  if (answer.is_fault() && !answer.is_fault("NOPERM") && !is_passing(answer) && !is_unknown_command(answer) &&
      of == "PING")
    return fail(error_of(answer, server, user));
  return {};
}

expected<greeting> greeting_of(const redis_engine& engine, greeting::demand wanted) {
  const auto& options = engine.options;
  greeting::identity who{options.user, options.password, options.database};
  if (!options.password_file.empty()) {
    auto password = read_password(*engine.env.files, options.password_file);
    if (!password) return failure(password.error());
    who.password = std::move(*password);
  }
  return greeting(std::move(who), wanted, client_name_of(engine));
}

greeting sentinel_greeting(const redis_engine& engine) {
  return greeting({engine.options.sentinel_user, engine.options.sentinel_password, 0}, greeting::demand::any,
                  client_name_of(engine));
}

}  // namespace kiln::redis_store
