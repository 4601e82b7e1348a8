#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/config/section_schema.hpp"
#include "core/config/units.hpp"

namespace kiln {

/// What goes along while a section is read.
struct reading {
  faults& collected;
  store_refs& stores;
};

/// How values of one type are written in YAML. A codec has
///   value                        the C++ type
///   std::string type() const     how the reference calls it
///   bool read(const node&, value&, reading&) const    false after a complaint
///   shown show(const value&) const
/// `codec<T>` is the codec of a type that needs no further words; choices and sections bring theirs along.
template <class T>
struct codec;

namespace detail {
std::optional<std::int64_t> read_signed(const node& from, std::int64_t least, std::int64_t most,
                                        faults& collected);
std::optional<std::uint64_t> read_unsigned(const node& from, std::uint64_t most, faults& collected);
/// "numbers", "words out of a, b": a type's words where there are more of them.
std::string several(std::string_view type);
bool expect_scalar(const node& from, std::string_view wanted, faults& collected);
bool expect_list(const node& from, faults& collected);
bool expect_map(const node& from, faults& collected);
/// The index of a word among those known, or nothing after a complaint.
std::optional<std::size_t> read_word(const node& from, const std::vector<std::string_view>& known,
                                     faults& collected);
}  // namespace detail

template <>
struct codec<bool> {
  using value = bool;
  std::string type() const { return "true or false"; }
  bool read(const node& from, bool& into, reading& along) const;
  shown show(bool value) const { return shown::scalar(value ? "true" : "false"); }
};

template <std::integral T>
struct codec<T> {
  using value = T;
  std::string type() const { return "number"; }
  bool read(const node& from, T& into, reading& along) const {
    using limits = std::numeric_limits<T>;
    auto number = [&] {
      if constexpr (std::signed_integral<T>)
        return detail::read_signed(from, limits::min(), limits::max(), along.collected);
      else
        return detail::read_unsigned(from, limits::max(), along.collected);
    }();
    if (number) into = static_cast<T>(*number);
    return number.has_value();
  }
  shown show(T value) const { return shown::scalar(std::to_string(value)); }
};

template <>
struct codec<double> {
  using value = double;
  std::string type() const { return "decimal number"; }
  bool read(const node& from, double& into, reading& along) const;
  shown show(double value) const;
};

template <>
struct codec<std::string> {
  using value = std::string;
  std::string type() const { return "text"; }
  bool read(const node& from, std::string& into, reading& along) const;
  shown show(const std::string& value) const { return shown::scalar(value); }
};

template <>
struct codec<byte_size> {
  using value = byte_size;
  std::string type() const { return "size"; }
  bool read(const node& from, byte_size& into, reading& along) const;
  shown show(byte_size value) const { return shown::scalar(to_string(value)); }
};

template <>
struct codec<capacity> {
  using value = capacity;
  std::string type() const { return "size or percentage"; }
  bool read(const node& from, capacity& into, reading& along) const;
  shown show(capacity value) const { return shown::scalar(value.to_string()); }
};

template <>
struct codec<duration> {
  using value = duration;
  std::string type() const { return "time"; }
  bool read(const node& from, duration& into, reading& along) const;
  shown show(duration value) const { return shown::scalar(to_string(value)); }
};

template <>
struct codec<store_ref> {
  using value = store_ref;
  std::string type() const { return "store"; }
  bool read(const node& from, store_ref& into, reading& along) const;
  shown show(const store_ref& value) const;
};

template <>
struct codec<results_ref> : codec<store_ref> {
  using value = results_ref;
  bool read(const node& from, results_ref& into, reading& along) const;
};
template <>
struct codec<content_ref> : codec<store_ref> {
  using value = content_ref;
  bool read(const node& from, content_ref& into, reading& along) const;
};

/// Several of the same kind, in order. An empty value is an empty list.
template <class Inner>
struct list_codec {
  using value = std::vector<typename Inner::value>;
  Inner inner;

  std::string type() const { return "list of " + detail::several(inner.type()); }
  bool read(const node& from, value& into, reading& along) const {
    into.clear();
    if (!detail::expect_list(from, along.collected)) return false;
    bool good = true;
    for (const node& item : from.items()) {
      typename Inner::value element{};
      good &= inner.read(item, element, along);
      into.push_back(std::move(element));
    }
    return good;
  }
  shown show(const value& values) const {
    shown result = shown::list();
    for (const auto& element : values) result.children.push_back({"", inner.show(element)});
    return result;
  }
};

/// Names of the user's choosing, each with one of the same kind. An empty value is an empty map.
template <class Inner>
struct map_codec {
  using value = std::map<std::string, typename Inner::value>;
  Inner inner;

  std::string type() const { return "map of names to " + detail::several(inner.type()); }
  bool read(const node& from, value& into, reading& along) const {
    into.clear();
    if (!detail::expect_map(from, along.collected)) return false;
    bool good = true;
    for (const auto& [key, where, child] : from.entries()) good &= inner.read(child, into[key], along);
    return good;
  }
  shown show(const value& values) const {
    shown result = shown::map();
    for (const auto& [key, element] : values) result.children.push_back({key, inner.show(element)});
    return result;
  }
};

template <class T>
struct codec<std::vector<T>> : list_codec<codec<T>> {};
template <class T>
struct codec<std::map<std::string, T>> : map_codec<codec<T>> {};

/// One word out of a few, each standing for a value.
template <class T>
struct choice_codec {
  using value = T;
  std::vector<std::pair<std::string, T>> words;

  std::string type() const {
    std::string result = "one of ";
    for (const auto& [word, meaning] : words) result += (&word == &words.front().first ? "" : ", ") + word;
    return result;
  }
  bool read(const node& from, T& into, reading& along) const {
    std::vector<std::string_view> known;
    for (const auto& [word, meaning] : words) known.push_back(word);
    auto index = detail::read_word(from, known, along.collected);
    if (index) into = words[*index].second;
    return index.has_value();
  }
  shown show(const T& value) const {
    for (const auto& [word, meaning] : words)
      if (meaning == value) return shown::scalar(word);
    return {};
  }
};

}  // namespace kiln
