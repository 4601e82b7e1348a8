#include "actors/scheduler/platform.hpp"

#include <algorithm>
#include <charconv>

#include "core/config/units.hpp"
#include "core/wire/utf8.hpp"

namespace kiln::scheduling {
namespace {

constexpr std::size_t max_values_shown = 8;

comparison rule_of(const property_rules& rules, const std::string& name) {
  auto found = rules.find(name);
  return found == rules.end() ? comparison::exact : found->second;
}

expected<std::uint64_t> amount_of(const std::string& name, const std::string& value) {
  std::uint64_t amount = 0;
  auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), amount);
  if (fault != std::errc() || end != value.data() + value.size())
    return fail(errc::invalid_argument,
                "platform property {} is counted and must be a whole number, not \"{}\"", escaped(name),
                escaped(value));
  return amount;
}

/// Splits properties by rule; `add` joins an amount to those of the same name.
template <class Add>
expected<void> sort_out(const platform_properties& from, const property_rules& rules,
                        std::set<std::pair<std::string, std::string>>& exact, Add add) {
  for (const auto& property : from) {
    const auto& [name, value] = property;
    switch (rule_of(rules, name)) {
      case comparison::ignored:
        break;
      case comparison::exact:
        exact.insert(property);
        break;
      case comparison::counted: {
        auto amount = amount_of(name, value);
        if (!amount) return fail(amount.error());
        add(name, *amount);
        break;
      }
    }
  }
  return {};
}

void append_escaped(std::string& key, const std::string& text) {
  key += std::to_string(text.size());
  key += ':';
  key += text;
}

std::string key_of(const std::set<std::pair<std::string, std::string>>& exact, const counted_amounts& counted,
                   duration time) {
  std::string key;
  for (const auto& [name, value] : exact) {
    append_escaped(key, name);
    append_escaped(key, value);
  }
  key += '#';
  for (const auto& [name, amount] : counted) {
    append_escaped(key, name);
    key += std::to_string(amount) + ';';
  }
  if (time > duration::zero()) key += '#' + std::to_string(time.count());
  return key;
}

std::string listed(const std::set<std::string>& values) {
  if (values.empty()) return "none does";
  std::string text;
  std::size_t shown = 0;
  for (const auto& value : values) {
    if (shown == max_values_shown) return text + ", ...";
    text += (shown++ == 0 ? "" : ", ") + ('"' + escaped(value) + '"');
  }
  return text;
}

}  // namespace

std::string needs::key() const {
  return key_of(exact, counted, timeout);
}

std::string offer::key() const {
  return key_of(exact, counted, longest);
}

expected<needs> needs_of(const platform_properties& asked, duration timeout, const property_rules& rules) {
  needs result;
  result.timeout = timeout;
  auto sorted = sort_out(asked, rules, result.exact, [&](const std::string& name, std::uint64_t amount) {
    auto& there = result.counted[name];
    there = std::max(there, amount);
  });
  if (!sorted) return fail(sorted.error());
  return result;
}

expected<offer> offer_of(const platform_properties& declared, const property_rules& rules) {
  offer result;
  auto sorted = sort_out(declared, rules, result.exact, [&](const std::string& name, std::uint64_t amount) {
    result.counted[name] += amount;
  });
  if (!sorted) return fail(sorted.error());
  return result;
}

bool covers(const counted_amounts& there, const counted_amounts& asked) noexcept {
  return std::all_of(asked.begin(), asked.end(), [&](const auto& wanted) {
    auto found = there.find(wanted.first);
    return wanted.second == 0 || (found != there.end() && found->second >= wanted.second);
  });
}

bool could_take(const offer& by, const needs& asked) noexcept {
  return (by.longest == duration::zero() || asked.timeout <= by.longest) &&
         std::includes(by.exact.begin(), by.exact.end(), asked.exact.begin(), asked.exact.end()) &&
         covers(by.counted, asked.counted);
}

void take(counted_amounts& from, const counted_amounts& amounts) noexcept {
  for (const auto& [name, amount] : amounts)
    if (auto found = from.find(name); found != from.end()) found->second -= std::min(found->second, amount);
}

void give_back(counted_amounts& to, const counted_amounts& amounts) noexcept {
  for (const auto& [name, amount] : amounts)
    if (auto found = to.find(name); found != to.end()) found->second += amount;
}

std::string explain_mismatch(const needs& asked, const std::vector<const offer*>& offers) {
  for (const auto& wanted : asked.exact) {
    if (std::any_of(offers.begin(), offers.end(), [&](auto* by) { return by->exact.contains(wanted); }))
      continue;
    std::set<std::string> values;
    for (const auto* by : offers)
      for (const auto& [name, value] : by->exact)
        if (name == wanted.first) values.insert(value);
    return fmt::format("no worker offers platform property {}=\"{}\"; offered: {}", escaped(wanted.first),
                       escaped(wanted.second), listed(values));
  }
  for (const auto& [name, amount] : asked.counted) {
    std::uint64_t most = 0;
    for (const auto* by : offers)
      if (auto found = by->counted.find(name); found != by->counted.end())
        most = std::max(most, found->second);
    if (most < amount)
      return fmt::format("no worker has {} of platform property {}; the largest has {}", amount,
                         escaped(name), most);
  }
  duration longest{0};
  for (const auto* by : offers) longest = std::max(longest, by->longest);
  if (longest > duration::zero() && asked.timeout > longest)
    return fmt::format("the action's timeout is {}, and no worker allows more than {} (worker.max_timeout)",
                       to_string(asked.timeout), to_string(longest));
  return "no single worker offers all the platform properties that the action asks for";
}

std::string explain_undeclared(const needs& asked, const declared_properties& declared) {
  if (declared.empty()) return {};
  for (const auto& [name, value] : asked.exact) {
    auto found = declared.find(name);
    if (found != declared.end() && std::count(found->second.begin(), found->second.end(), value) > 0)
      continue;
    std::set<std::string> values;
    if (found != declared.end()) values.insert(found->second.begin(), found->second.end());
    return fmt::format(
        "no worker here offers platform property {}=\"{}\"; declared in scheduler.platforms: {}",
        escaped(name), escaped(value), values.empty() ? "none" : listed(values));
  }
  for (const auto& [name, amount] : asked.counted) {
    std::uint64_t most = 0;
    if (auto found = declared.find(name); found != declared.end())
      for (const auto& value : found->second) most = std::max(most, amount_of(name, value).value_or(0));
    if (most < amount)
      return fmt::format(
          "no worker here has {} of platform property {}; the largest declared in scheduler.platforms is {}",
          amount, escaped(name), most);
  }
  return {};
}

}  // namespace kiln::scheduling
