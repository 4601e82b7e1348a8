#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "actors/worker/inputs/input_cache.hpp"
#include "actors/worker/inputs/input_flight.hpp"
#include "actors/worker/inputs/lent_file.hpp"
#include "actors/worker/inputs/lent_inputs.hpp"

/// What the input cache knows: who waits for what (input_cache.cpp), and what is fetched because it is
/// missing (input_cache_fetch.cpp).
namespace kiln::lending {

constexpr std::int64_t small_blob = 1 << 20;  // up to here blobs travel in batches
// Each is a round trip and more, and takes a piece of memory: over a wire of 50 ms, 400 files of 1.1 MiB take
// 19 s by eight at a time and 3 s by so many.
constexpr std::size_t streams_at_once = 128;
constexpr std::size_t copies_at_once = 8;  // of large files, on this disk

inline bool is_large(const digest& blob) noexcept {
  return blob.size > small_blob;
}

struct input_cache_state;
using input_cache_service =
    input_cache_actor::extend<caf::reacts_to<blobs_stored>, caf::reacts_to<blobs_evicted>>;
using input_cache_self = input_cache_service::stateful_pointer<input_cache_state>;

struct input_cache_state {
  input_cache_self self = nullptr;
  input_cache_context context;
  bool lends = true;  // until the cache says that it has no files

  std::optional<lent_inputs> lent;
  bool armed = false;  // sweep_lent will come
  std::unordered_map<wanted_input, flight_ptr> flights;
  std::deque<flight_ptr> to_ask, small, large;
  std::size_t asking = 0, batches = 0, streams = 0, copies = 0;
  struct to_look_at {
    flight_ptr one;
    lent_file file;
    std::shared_ptr<lent_input::sharing> shared;
  };
  std::vector<to_look_at> to_mark;
  std::size_t marking = 0;  ///< jobs that look at lent files

  bool has_cache() const { return static_cast<bool>(context.cache); }
  const store_actor& lending_store() const { return has_cache() ? context.cache : context.cas; }
  input_cache_actor me() const { return caf::actor_cast<input_cache_actor>(self); }

  void ask_capacity();
  caf::result<borrowed_inputs> borrow(const borrow_inputs& order);
  void begin(const borrow_inputs& order, const answer<borrowed_inputs>& reply);
  void recheck(const recheck_inputs& order);
  void hear(const blobs_evicted& news);
  void go_on();

  void ask_some();
  void take_lent(const flight_ptr& one, expected<lent_file> file);
  void after_refusal(const flight_ptr& one, const error& fault);
  void fetch(const flight_ptr& one);
  void fetch_batch();
  void ask_for_batch(std::vector<flight_ptr>& batch);
  void fail_batch(const std::vector<flight_ptr>& batch, const error& why);
  void keep_batch(std::vector<flight_ptr> batch, blob_batch content);
  void fetch_large(const flight_ptr& one);
  void keep_large(const flight_ptr& one, blob_content content);
  void mark_some();
  void mark(std::vector<to_look_at> some, std::size_t& jobs);
  void take_marked(const flight_ptr& one, expected<lent_input_ptr> result);

  void land(const flight_ptr& one, const expected<lent_input_ptr>& result);
  void arm();
  void sweep();
};

}  // namespace kiln::lending
