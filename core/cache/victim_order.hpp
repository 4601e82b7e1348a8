#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/base/clock.hpp"
#include "core/cache/eviction_limits.hpp"

namespace kiln {

/// What is known of a cache's entry to whoever decides which leaves first.
struct evictable {
  using hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;

  std::uint64_t weight = 0;
  steady_time used{};
  hook link{};
  std::uint32_t hash = 0;  ///< of the key
  std::uint8_t line = 0;   ///< where it stands
};

/// Entries in order, and what they weigh together.
class entry_line {
public:
  using list =
      boost::intrusive::list<evictable,
                             boost::intrusive::member_hook<evictable, evictable::hook, &evictable::link>,
                             boost::intrusive::constant_time_size<true>>;

  entry_line() = default;
  entry_line(const entry_line&) = delete;
  entry_line& operator=(const entry_line&) = delete;
  ~entry_line() { entries_.clear(); }

  void push_back(evictable& entry) noexcept {
    entries_.push_back(entry);
    weight_ += entry.weight;
  }
  void remove(evictable& entry) noexcept {
    entries_.erase(entries_.iterator_to(entry));
    weight_ -= entry.weight;
  }
  evictable* front() noexcept { return entries_.empty() ? nullptr : &entries_.front(); }
  const list& entries() const noexcept { return entries_; }
  std::size_t size() const noexcept { return entries_.size(); }
  std::uint64_t weight() const noexcept { return weight_; }

private:
  list entries_;
  std::uint64_t weight_ = 0;
};

/// How an entry came into the order.
enum class arrival : std::uint8_t {
  fresh,     ///< written under a key that was unknown
  again,     ///< it replaces a value, or was held until now: this is a use
  restored,  ///< from an earlier life, oldest first: no use
};

/// A policy of eviction: in which order entries leave that nobody holds. The cache has everything else. It
/// never refuses anybody: what is added may be next, but is there until it is.
///
/// Confined to the cache's actor; every operation is O(1) and throws nothing.
class victim_order {
public:
  virtual ~victim_order() = default;

  /// So many entries are coming.
  virtual void expect(std::size_t entries) noexcept { (void)entries; }
  virtual void add(evictable& entry, arrival how) noexcept = 0;
  /// Of one that is in the order.
  virtual void use(evictable& entry) noexcept = 0;
  /// Who leaves next, so that newcomers of this weight and number may come; nullptr if there is nobody. It
  /// stays until it is removed.
  virtual evictable* next(std::uint64_t weight, std::uint64_t entries) noexcept = 0;
  void remove(evictable& entry) noexcept { lines_[entry.line].remove(entry); }

  /// About in the order of leaving; in each, what was used last stands at the back.
  std::span<const entry_line> lines() const noexcept { return lines_; }
  std::span<entry_line> lines() noexcept { return lines_; }

protected:
  entry_line& line(std::uint8_t which) noexcept { return lines_[which]; }
  void put(evictable& entry, std::uint8_t where) noexcept {
    entry.line = where;
    lines_[where].push_back(entry);
  }
  void move(evictable& entry, std::uint8_t where) noexcept {
    remove(entry);
    put(entry, where);
  }

private:
  std::array<entry_line, 3> lines_;
};

std::unique_ptr<victim_order> make_victim_order(const eviction_limits& limits);

/// A part of both bounds of a cache.
struct share_of_bounds {
  share_of_bounds(const eviction_limits& limits, std::uint64_t percent) noexcept
      : weight(percent_of(limits.max_weight, percent)), entries(percent_of(limits.max_entries, percent)) {}

  bool fits(std::uint64_t some_weight, std::uint64_t some_entries) const noexcept {
    return some_weight <= weight && some_entries <= entries;
  }
  bool fits(const entry_line& whole) const noexcept { return fits(whole.weight(), whole.size()); }

  const std::uint64_t weight;
  const std::uint64_t entries;

private:
  static std::uint64_t percent_of(std::uint64_t whole, std::uint64_t percent) noexcept {
    return whole / 100 * percent + whole % 100 * percent / 100;
  }
};

}  // namespace kiln
