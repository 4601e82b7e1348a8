#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/config/codec.hpp"

namespace kiln {

/// Rules stand behind a field's sentence: .field("threads", &options::threads, "...", at_least(1),
/// at_most(64)). Of a text, a list or a map they bound the length.
template <class T>
struct at_least {
  T value;
  explicit constexpr at_least(T bound) : value(std::move(bound)) {}
};
template <class T>
struct at_most {
  T value;
  explicit constexpr at_most(T bound) : value(std::move(bound)) {}
};
/// The word that means "none" for an optional field: or_word("unlimited"). Zero never does.
struct or_word {
  std::string word;
  explicit or_word(std::string none) : word(std::move(none)) {}
};
/// A demand on a text, or on each text of a list, unless it is empty: good_if{is_endpoint}. Its error's
/// message is the complaint.
struct good_if {
  expected<void> (*demand)(const std::string&);
};
/// A folder on this machine that belongs to this section alone.
struct own_folder {};
/// A password or a key: never printed, neither in the effective configuration nor in a complaint.
struct secret {};

namespace detail {

template <class T>
concept has_length = requires(const T& value) {
  { value.size() } -> std::convertible_to<std::size_t>;
};
template <class T>
concept has_order = !has_length<T> && std::totally_ordered<T> && requires {
  codec<T>{};
};

/// What a field may be bounded by, and how: nothing (sections, choices) ...
template <class T>
struct measured {
  struct type {};
  static bool less(const T&, type) { return false; }
  static bool more(const T&, type) { return false; }
  static std::string show(type) { return {}; }
};
/// ... its own values ...
template <has_order T>
struct measured<T> {
  using type = T;
  static bool less(const T& value, const T& bound) { return value < bound; }
  static bool more(const T& value, const T& bound) { return bound < value; }
  static std::string show(const T& bound) { return codec<T>{}.show(bound).text; }
};
/// ... how much there is of it ...
std::string show_length(std::size_t length, bool of_text);
template <has_length T>
struct measured<T> {
  using type = std::size_t;
  static bool less(const T& value, std::size_t bound) { return value.size() < bound; }
  static bool more(const T& value, std::size_t bound) { return value.size() > bound; }
  static std::string show(std::size_t bound) { return show_length(bound, std::is_same_v<T, std::string>); }
};
/// ... or a size, where it is one: a percentage is nowhere near to bytes.
template <>
struct measured<capacity> {
  using type = byte_size;
  static bool less(capacity value, byte_size bound) {
    return !value.is_relative() && value.bytes_of(0) < bound.bytes;
  }
  static bool more(capacity value, byte_size bound) {
    return !value.is_relative() && value.bytes_of(0) > bound.bytes;
  }
  static std::string show(byte_size bound) { return to_string(bound); }
};

template <class T>
struct without_optional {
  using type = T;
  static constexpr bool was_optional = false;
};
template <class T>
struct without_optional<std::optional<T>> {
  using type = T;
  static constexpr bool was_optional = true;
};

/// The rules of one field, whose member is a T or an optional T.
template <class T>
struct rule_set {
  using measure = measured<T>;
  std::optional<typename measure::type> least;
  std::optional<typename measure::type> most;
  std::string word;
  bool is_secret = false;
  bool is_own_folder = false;
  expected<void> (*demand)(const std::string&) = nullptr;

  template <class U>
  void add(at_least<U> rule) {
    least = typename measure::type(rule.value);
  }
  template <class U>
  void add(at_most<U> rule) {
    most = typename measure::type(rule.value);
  }
  void add(or_word rule) { word = std::move(rule.word); }
  void add(secret) { is_secret = true; }
  void add(own_folder) { is_own_folder = true; }
  void add(good_if rule) {
    static_assert(std::is_same_v<T, std::string> || std::is_same_v<T, std::vector<std::string>>,
                  "a demand is on texts");
    demand = rule.demand;
  }

  /// "at least 1, at most 64"; empty if free.
  std::string bounds_text() const {
    std::string low, high;
    if (least) low = "at least " + measure::show(*least);
    if (most) high = "at most " + measure::show(*most);
    if constexpr (has_length<T>)
      if (least == 1u) low = "not empty";
    return low + (low.empty() || high.empty() ? "" : ", ") + high;
  }
  /// A secret that there is, is not shown.
  shown show(shown value) const {
    bool hidden = is_secret && !(value.text.empty() && value.children.empty());
    return hidden ? shown::scalar("(secret)") : value;
  }
  /// Complains of a value outside.
  bool hold(const node& from, const T& value, faults& collected) const {
    bool inside = !(least && measure::less(value, *least)) && !(most && measure::more(value, *most));
    if (!inside)
      from.complain(collected, "must be {}, found {}", bounds_text(), is_secret ? "another" : from.found());
    return inside && meets_demand(from, value, collected);
  }

private:
  bool meets_demand(const node& from, const T& value, faults& collected) const {
    if (demand == nullptr) return true;
    auto before = collected.size();
    if constexpr (std::is_same_v<T, std::string>) {
      complain_unless_good(from, value, collected);
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      auto items = from.items();
      for (std::size_t i = 0; i < items.size() && i < value.size(); ++i)
        complain_unless_good(items[i], value[i], collected);
    }
    return collected.size() == before;
  }
  void complain_unless_good(const node& from, const std::string& value, faults& collected) const {
    if (value.empty()) return;
    if (auto good = demand(value); !good) from.complain(collected, "{}", good.error().message());
  }
};

}  // namespace detail
}  // namespace kiln
