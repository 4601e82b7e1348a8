#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/contract/store.hpp"

/// How orders to several stores are taken apart and their answers put together again, in the order asked.
namespace kiln {

/// Of each entry of an order, which store it belongs to.
using homes = std::vector<std::size_t>;

/// What an order names, one entry each.
inline std::vector<write_blobs::entry>& entries_of(write_blobs& order) noexcept {
  return order.entries;
}
template <class Order>
std::vector<digest>& entries_of(Order& order) noexcept {
  return order.blobs;
}
inline const digest& name_of(const digest& entry) noexcept {
  return entry;
}
inline const digest& name_of(const write_blobs::entry& entry) noexcept {
  return entry.blob;
}

/// `home_of(digest)` is a number below that of the stores.
template <class Order, class HomeOf>
homes homes_of(Order& order, const HomeOf& home_of) {
  homes result;
  result.reserve(entries_of(order).size());
  for (const auto& entry : entries_of(order)) result.push_back(home_of(name_of(entry)));
  return result;
}

/// One batch for each of `count` stores that is concerned, with the entries in their order.
template <class Order>
std::vector<std::optional<Order>> split(Order order, const homes& where, std::size_t count) {
  std::vector<std::optional<Order>> parts(count);
  for (std::size_t i = 0; i < where.size(); ++i) {
    auto& part = parts[where[i]];
    if (!part) part.emplace().until = order.until;
    entries_of(*part).push_back(std::move(entries_of(order)[i]));
  }
  return parts;
}

/// Batches: a store that failed fails its own entries, and INTERNAL those that it gave no answer for.
template <class Answer>
Answer join_results(const homes& where, std::vector<expected<Answer>> parts) {
  Answer all;
  all.results.reserve(where.size());
  std::vector<std::size_t> next(parts.size());
  for (const std::size_t from : where) {
    auto& part = parts[from];
    if (!part)
      all.results.emplace_back(failure(part.error()));
    else if (next[from] < part->results.size())
      all.results.push_back(std::move(part->results[next[from]++]));
    else
      all.results.emplace_back(
          fail(errc::internal, "a store gave only {} answers to a batch of more", part->results.size()));
  }
  return all;
}

/// What is asked of all as one: the error of one is the error of all.
expected<missing_blobs> join_missing(std::span<const digest> asked, const homes& where,
                                     std::vector<expected<missing_blobs>> parts);
/// What was leased is held as one, and given back if one store failed.
expected<leased> join_leases(std::span<const digest> asked, const homes& where,
                             std::vector<expected<leased>> parts);
/// Sums. Without a bound if one is.
expected<store_stats> join_stats(const std::vector<expected<store_stats>>& parts);
expected<store_flushed> join_flushed(const std::vector<expected<store_flushed>>& parts);

/// Several holds as one, which ends when it is dropped and not before.
std::shared_ptr<const void> hold_together(std::vector<std::shared_ptr<const void>> holds);

}  // namespace kiln
