#pragma once

#include <span>
#include <utility>
#include <vector>

#include "core/contract/store.hpp"

/// How orders are taken apart and answers put together again.
namespace kiln::size_partitioning {

template <class T>
struct both {
  T small{};
  T large{};
};

/// Which of these go to the small store, in their order.
using sides = std::vector<bool>;

template <class Order, class Entries>
both<Order> split(Order order, Entries Order::*entries, const sides& is_small) {
  both<Order> parts;
  std::size_t next = 0;
  for (auto& entry : order.*entries) {
    Order& part = is_small[next++] ? parts.small : parts.large;
    (part.*entries).push_back(std::move(entry));
  }
  return parts;
}

/// Both lists in the order that was asked.
std::vector<digest> join_missing(std::span<const digest> asked, const both<std::vector<digest>>& missing);

/// INTERNAL if a store answered fewer than it was asked.
template <class Answer>
expected<Answer> join_results(const sides& is_small, both<Answer> parts) {
  Answer all;
  all.results.reserve(is_small.size());
  both<std::size_t> next;
  for (bool small : is_small) {
    auto& results = small ? parts.small.results : parts.large.results;
    std::size_t& at = small ? next.small : next.large;
    if (at == results.size())
      return fail(errc::internal, "the store of {} blobs gave only {} answers", small ? "small" : "large",
                  at);
    all.results.push_back(std::move(results[at++]));
  }
  return all;
}

store_figures join_figures(const both<store_figures>& figures);

}  // namespace kiln::size_partitioning
