#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "plugins/stores/range_cache/chunk.hpp"
#include "plugins/stores/range_cache/chunk_room.hpp"
#include "plugins/stores/range_cache/origin.hpp"
#include "plugins/stores/range_cache/range_stats.hpp"

namespace kiln::range_cache {

struct range_settings {
  std::uint64_t chunk_size = 4 << 20;
  duration stall_timeout = std::chrono::seconds(15);  ///< without a byte
  duration fetch_timeout = std::chrono::seconds(60);  ///< for a chunk
  duration max_age = std::chrono::minutes(10);        ///< of what is kept
};

/// A large object elsewhere, of which chunks are fetched as they are asked for. Who asks waits for the bytes
/// that it asked for, not for their chunk; who asks for what is on its way already waits with the others. A
/// fetch that fails, or takes too long, fails those that wait for what it did not bring: what it brought
/// stays, and the next one goes on behind it. Nothing that failed is remembered.
///
/// Confined to its owner, who calls `expire` from time to time; no threads, no clock of its own.
/// Continuations may be called before `read` returns, and may read again or drop the object.
class ranged_object : public std::enable_shared_from_this<ranged_object> {
public:
  using done = std::function<void(expected<byte_chain>)>;

  /// Without a size, the first answer says it. `time`, `room` and `stats` outlive the object.
  ranged_object(const range_settings& settings, const clock& time, chunk_room& room, range_stats& stats,
                origin from, std::optional<std::uint64_t> size = {});
  ~ranged_object();
  ranged_object(const ranged_object&) = delete;
  ranged_object& operator=(const ranged_object&) = delete;

  /// Bytes [offset, offset + size), fewer at the object's end; OUT_OF_RANGE behind it. RESOURCE_EXHAUSTED if
  /// there is no room for their chunks. No bytes are there at once, also while nothing is known.
  void read(std::uint64_t offset, std::uint64_t size, done then);
  /// How many bytes from there on could be read at once, up to their chunk's end.
  std::uint64_t at_hand(std::uint64_t offset) const;
  /// Somebody will want the chunk there soon. Nothing happens if there is no room.
  void fetch_ahead(std::uint64_t offset);

  /// Ends fetches whose time is over.
  void expire();
  /// Nothing of it is kept any more, and nobody waits.
  void drop_all(const error& why);

  /// Nothing is kept, and nobody waits.
  bool is_idle() const noexcept { return chunks_.empty() && unsized_.empty(); }
  /// Something is on its way, and `expire` has to be called.
  bool is_fetching() const noexcept;
  std::optional<std::uint64_t> size() const;
  /// Another one after each change of the object elsewhere: bytes of several are not of one object.
  std::uint64_t generation() const noexcept { return generation_; }

private:
  struct running {
    std::uint64_t number;
    steady_time began;
    steady_time moved;  ///< when it last brought something
    fetch handle;
  };
  struct entry {
    chunk content;
    steady_time since;  ///< when its first byte was asked for
    std::optional<running> now;
    std::optional<chunk_room::place> idle;
  };
  struct request {
    std::uint64_t offset;
    std::uint64_t size;
    done then;
  };
  using chunk_map = std::unordered_map<std::uint64_t, entry>;

  std::uint64_t chunk_of(std::uint64_t offset) const noexcept { return offset / settings_.chunk_size; }
  std::uint64_t begin_of(std::uint64_t index) const noexcept { return index * settings_.chunk_size; }
  entry* running_entry(std::uint64_t index, std::uint64_t number);
  entry* make_entry(std::uint64_t index);
  chunk_map::iterator erase(chunk_map::iterator which);
  void drop_if_old(std::uint64_t index);

  void await(std::uint64_t index, std::uint64_t begin, std::uint64_t end, chunk::hearer then);
  void read_unsized(request one);
  void begin_to_learn();
  void go_on_with_unsized(std::uint64_t index, const error* why);

  void start(std::uint64_t index, entry& one);
  void note_facts(std::uint64_t index, std::uint64_t number, const object_facts& facts);
  void note_size(std::uint64_t index, entry& one);
  void note_bytes(std::uint64_t index, std::uint64_t number, const byte_chain& piece);
  void finish(std::uint64_t index, std::uint64_t number, expected<void> how);
  chunk::calls clear(const error& why);

  const range_settings settings_;
  const clock& time_;
  chunk_room& room_;
  range_stats& stats_;
  const origin from_;
  std::optional<object_facts> facts_;
  bool is_told_ = false;  // by an answer, with a version
  std::uint64_t generation_ = 0;
  std::uint64_t fetches_ = 0;
  chunk_map chunks_;
  std::vector<request> unsized_;           // wait for the size
  std::optional<std::uint64_t> learning_;  // the chunk whose answer will say it
};

}  // namespace kiln::range_cache
