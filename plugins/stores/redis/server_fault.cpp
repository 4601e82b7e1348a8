#include "plugins/stores/redis/server_fault.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "core/wire/status.hpp"

namespace kiln::redis_store {
namespace {

template <std::size_t Count>
bool begins_with_any(const resp_reply& answer, const std::array<std::string_view, Count>& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return answer.is_fault(word); });
}

// What a server says is not to forge a line anywhere.
std::string in_plain_letters(std::string_view said) {
  constexpr std::size_t enough = 300;
  std::string plain(said.substr(0, enough));
  std::replace_if(
      plain.begin(), plain.end(), [](char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return plain;
}

constexpr std::array<std::string_view, 7> passing = {"LOADING",  "READONLY", "MASTERDOWN", "CLUSTERDOWN",
                                                     "TRYAGAIN", "BUSY",     "UNBLOCKED"};
constexpr std::array<std::string_view, 5> unavailable = {"MOVED", "ASK", "MISCONF", "NOREPLICAS",
                                                         "EXECABORT"};
constexpr std::array<std::string_view, 3> not_allowed = {"NOAUTH", "WRONGPASS", "NOPERM"};

}  // namespace

bool is_passing(const resp_reply& answer) {
  return answer.is_fault() && begins_with_any(answer, passing);
}

error error_of(const resp_reply& fault, std::string_view server, std::string_view user) {
  auto sentence = fmt::format("{} said: {}", server, in_plain_letters(fault.text.view()));
  if (fault.is_fault("OOM")) return try_again(errc::resource_exhausted, "the memory is full: " + sentence);
  if (begins_with_any(fault, not_allowed))
    return {errc::failed_precondition, fmt::format("user {} may not do this: {}", user, sentence)};
  if (is_passing(fault) || begins_with_any(fault, unavailable))
    return try_again(errc::unavailable, std::move(sentence));
  if (fault.is_fault("WRONGTYPE")) return {errc::not_found, std::move(sentence)};
  return {errc::internal, std::move(sentence)};
}

}  // namespace kiln::redis_store
