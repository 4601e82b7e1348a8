#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/scheduler/platform.hpp"
#include "core/base/clock.hpp"
#include "core/contract/worker.hpp"

/// Workers and what they hold.
namespace kiln::scheduling {

/// One try of one operation.
struct attempt_key {
  std::string operation;
  std::uint64_t attempt = 0;
  auto operator<=>(const attempt_key&) const noexcept = default;
};

struct operation;

struct worker {
  std::string id;
  worker_profile profile;
  offer offered;
  counted_amounts left;  ///< of what is counted
  /// What occupies a slot, and how much of the counted properties with it. An attempt that was killed stays
  /// until the worker reports its end, since it uses the machine until then.
  std::map<attempt_key, counted_amounts> held;
  steady_time heard;
  bool accepting = true;
  bool troubled = false;  ///< its last report was a failure of its own: others are asked first
  std::uint64_t last_given = 0;
  operation* kept_for = nullptr;  ///< it takes nothing else until this fits

  bool has_slot() const noexcept { return accepting && held.size() < profile.slots; }
  /// Whether it could start this now.
  bool has_room_for(const needs& asked) const noexcept {
    return has_slot() && kept_for == nullptr && covers(left, asked.counted);
  }
};

/// Live workers by id and by name, and those with a free slot, least loaded first. Confined to one actor.
/// Addresses stay good until a worker is removed.
class worker_table {
public:
  worker& add(std::unique_ptr<worker> made);
  void remove(const std::string& id);
  worker* find(const std::string& id) noexcept;
  worker* find_by_name(const std::string& name) noexcept;

  /// Occupies a slot and what the action counts.
  void occupy(worker& by, attempt_key what, const counted_amounts& amounts);
  /// False if it held no such thing: a report that came twice or too late.
  bool vacate(worker& by, const attempt_key& what);
  /// It finishes what it has and is given no more.
  void stop_accepting(worker& which);
  void set_troubled(worker& which, bool troubled);

  /// The least loaded worker that `suits`, among those with a free slot; the one that was given work longest
  /// ago among equals; those in trouble last.
  template <class Suits>
  worker* pick(Suits suits) {
    for (worker* each : ready_)
      if (suits(*each)) return each;
    return nullptr;
  }

  /// Those that were last heard before `time`.
  std::vector<std::string> silent_since(steady_time time) const;
  const std::unordered_map<std::string, std::unique_ptr<worker>>& all() const noexcept { return by_id_; }

private:
  struct less_loaded {
    bool operator()(const worker* left, const worker* right) const noexcept;
  };
  /// Changes what the order of `ready_` depends on.
  template <class Change>
  void change(worker& which, Change how) {
    ready_.erase(&which);
    how(which);
    if (which.has_slot()) ready_.insert(&which);
  }

  std::unordered_map<std::string, std::unique_ptr<worker>> by_id_;
  std::unordered_map<std::string, worker*> by_name_;
  std::set<worker*, less_loaded> ready_;
  std::uint64_t given_ = 0;
};

}  // namespace kiln::scheduling
