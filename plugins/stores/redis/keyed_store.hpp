#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/contract/store.hpp"
#include "plugins/stores/redis/key_names.hpp"
#include "plugins/stores/redis/redis_client.hpp"

namespace kiln::redis_store {

/// Whoever waits for a T. Called once, on any thread, and must not block.
template <class T>
using done = std::function<void(expected<T>)>;

/// What the orders of one store are done with: the way to its servers, and how things are named there. Any
/// thread.
struct keyed_store {
  const client_ptr client;
  const key_names names;

  const redis_engine& engine() const noexcept { return client->engine(); }
  const redis_options& options() const noexcept { return client->options(); }
  bool holds_content() const noexcept { return engine().what == store_role::content; }
  std::uint64_t chunk() const noexcept { return options().chunk_size.bytes; }

  /// Behind a command that uses the key: where keys expire, that counts from now on.
  void add_touch(std::vector<resp_command>& to, const std::string& key) const;
  std::size_t commands_per_key() const noexcept { return options().ttl ? 2 : 1; }
  /// SET, for as long as it is kept.
  resp_command set_command(const std::string& key, byte_chain content) const;
  /// Tells others of what was written, if that is wanted.
  void publish(const std::string& key) const;
  /// Its bytes were wrong: whoever has the right ones can bring them again.
  void drop_damaged(const digest& blob, const error& why) const;
  error too_large(const digest& blob) const;
};

using keyed_ptr = std::shared_ptr<const keyed_store>;

/// Results that come one by one, from any thread, each once; `then` has them all.
template <class T>
class gathering {
public:
  gathering(std::size_t count, std::function<void(std::vector<expected<T>>)> then)
      : results_(count, fail(errc::unavailable, "no answer came")),
        then_(std::move(then)),
        open_(count + 1) {}

  void settle(std::size_t at, expected<T> one) {
    results_[at] = std::move(one);
    close();
  }
  /// When everything was begun.
  void close() {
    if (--open_ == 0) then_(std::move(results_));
  }

private:
  std::vector<expected<T>> results_;
  const std::function<void(std::vector<expected<T>>)> then_;
  std::atomic<std::size_t> open_;
};

/// Each once, in their order; of content without the empty blob, which needs no asking.
std::vector<digest> named_once_of(const std::vector<digest>& blobs, bool without_empty);

// Stores of results put this in front of each, so that no value is ever empty: an empty one is none.
inline constexpr std::string_view result_mark = "r";

}  // namespace kiln::redis_store
