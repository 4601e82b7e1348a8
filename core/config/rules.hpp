#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "core/config/codec.hpp"

namespace kiln {

/// Rules stand behind a field's sentence: .field("threads", &options::threads, 4, "...", at_least(1),
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
    return inside;
  }
};

}  // namespace detail
}  // namespace kiln
