#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/scheduler/operation.hpp"
#include "actors/scheduler/platform.hpp"
#include "core/base/clock.hpp"
#include "core/contract/worker_messages.hpp"

/// Workers and what they hold.
namespace kiln::scheduling {

/// One try of one operation.
struct attempt_key {
  std::string operation;
  std::uint64_t attempt = 0;
  auto operator<=>(const attempt_key&) const noexcept = default;
};

struct worker_kind;

/// What a worker has failed by itself since it last did its work.
struct worker_trouble {
  std::vector<digest> actions;  ///< different ones, the first of them
  std::uint32_t times_aside = 0;
  bool aside = false;     ///< it is given nothing until `until`
  bool on_trial = false;  ///< back from that: it is given one action at a time until it has done one
  steady_time until{};
};

struct worker {
  std::string id;
  worker_profile profile;  ///< its slots are those it has now
  std::uint32_t registered_slots = 0;
  offer offered;
  counted_amounts left;  ///< of what is counted
  /// What occupies a slot, and how much of the counted properties with it. An attempt that was killed stays
  /// until the worker reports its end, since it uses the machine until then.
  std::map<attempt_key, counted_amounts> held;
  std::set<attempt_key> apart;  ///< of these, what shares it with no other of its like
  steady_time heard;
  bool accepting = true;
  worker_trouble trouble;
  bool away = false;  ///< its connection broke, and it is not back yet
  /// What it says that it has, until it is told what to do with it: filled when it has come back.
  std::optional<std::set<attempt_key>> claims;
  std::uint64_t last_given = 0;
  operation* kept_for = nullptr;  ///< it takes nothing else until this fits
  worker_kind* kind = nullptr;    ///< while it accepts work

  bool has_slot() const noexcept {
    return accepting && !away && !trouble.aside &&
           held.size() < (trouble.on_trial ? std::min(1U, profile.slots) : profile.slots);
  }
  /// Whether it could start this now.
  bool has_room_for(const needs& asked) const noexcept {
    return has_slot() && kept_for == nullptr && covers(left, asked.counted);
  }
};

/// Workers that offer the same: a farm has few kinds, however many workers. Who could take what is decided
/// once for a kind.
struct worker_kind {
  struct less_loaded {
    bool operator()(const worker* left, const worker* right) const noexcept;
  };

  std::uint64_t number = 0;  ///< counted through all kinds
  offer offered;
  std::map<std::string, worker*> members;  ///< by id
  std::set<worker*, less_loaded> ready;    ///< those with a free slot, least loaded first
  /// What waits that they could take, most urgent first. Kept by the queue, lazily: a place may be one that
  /// has been left since, for a later one or for good.
  std::map<place, demand*> waiting;
};

/// Live workers by id and by name, and by kind. Confined to one actor. Addresses stay good until a worker is
/// removed, or the last one of a kind.
class worker_table {
public:
  worker& add(std::unique_ptr<worker> made);
  void remove(const std::string& id);
  worker* find(const std::string& id) noexcept;
  worker* find_by_name(const std::string& name) noexcept;

  /// Makes it one of its kind, if it accepts work and is none yet. The kind, if that is new.
  worker_kind* join_kind(worker& which);
  /// The other way round. The kind, if that was its last worker: to be given to `drop` when nobody refers to
  /// it.
  worker_kind* leave_kind(worker& which);
  void drop(const worker_kind& kind);
  const std::map<std::uint64_t, std::unique_ptr<worker_kind>>& kinds() const noexcept { return kinds_; }

  /// Occupies a slot and what the action counts.
  void occupy(worker& by, const attempt_key& what, const counted_amounts& amounts, bool apart);
  /// False if it held no such thing: a report that came twice or too late.
  bool vacate(worker& by, const attempt_key& what);
  /// Any other change of what decides whether and when it is given work.
  template <class Change>
  void change(worker& which, Change how) {
    if (which.kind != nullptr) which.kind->ready.erase(&which);
    how(which);
    if (which.kind != nullptr && which.has_slot()) which.kind->ready.insert(&which);
  }

  /// Those that were last heard before `time`.
  std::vector<std::string> silent_since(steady_time time) const;
  /// By id.
  const std::map<std::string, std::unique_ptr<worker>>& all() const noexcept { return by_id_; }

private:
  std::map<std::string, std::unique_ptr<worker>> by_id_;
  std::unordered_map<std::string, worker*> by_name_;
  std::map<std::uint64_t, std::unique_ptr<worker_kind>> kinds_;
  std::map<std::string, worker_kind*> kinds_by_offer_;
  std::uint64_t kinds_made_ = 0;
  std::uint64_t given_ = 0;
};

}  // namespace kiln::scheduling
