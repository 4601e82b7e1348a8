#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/scheduler/operation.hpp"

namespace kiln::scheduling {

/// All operations by name, and by action where they can be joined; and the claims of clients on them, which
/// are what clients see. Confined to one actor. Addresses stay good until a claim is forgotten, and those of
/// operations until their last claim is.
class operation_table {
public:
  /// How much of what has ended is kept.
  struct bounds {
    std::size_t most = 0;
    std::uint64_t bytes = 0;  ///< of results
  };

  operation& add(std::shared_ptr<operation> made);
  operation* find(const std::string& name) noexcept;
  /// The newest operation in flight for this action that others may join.
  operation* find_joinable(const std::string& instance, const digest& action) noexcept;

  /// Another client asks for it. Without a listener so far.
  claim& claim_for(operation& what, std::string name, steady_time now);
  claim* find_claim(const std::string& name) noexcept;

  void listen(claim& to, listener_id who);
  /// True if that was its last listener.
  bool unlisten(claim& from, listener_id who, steady_time now);
  /// Ends all that this listener heard.
  void listener_gone(listener_id who, steady_time now);
  /// Not over and without a listener since before `time`, longest first.
  std::vector<claim*> abandoned_before(steady_time time) const;

  /// It is over for this client: it hears nothing more, and its name waits to be forgotten.
  void cancel(claim& which, steady_time now);
  /// Its name is forgotten now. The operation must be over for this client.
  void drop(const std::string& name);
  /// The operation is done: nobody joins it any more, and the names of all its clients wait to be forgotten.
  void retire(operation& what, steady_time now);
  /// Forgets what ended before `time`, and the oldest of what is beyond the bounds.
  void forget(steady_time time, const bounds& most);

  /// At most `limit` behind `after`, by name. Looks at no others.
  std::vector<operation_state> list(const std::string& after, std::size_t limit) const;
  std::size_t size() const noexcept { return claims_.size(); }
  std::uint64_t retained_bytes() const noexcept { return retained_bytes_; }

private:
  struct ended {
    steady_time since;
    std::string name;
  };
  struct action_hash {
    std::size_t operator()(const std::pair<std::string, digest>& key) const noexcept {
      return std::hash<digest>{}(key.second) ^ std::hash<std::string>{}(key.first);
    }
  };

  void end(claim& which, steady_time now);

  std::unordered_map<std::string, std::shared_ptr<operation>> by_name_;
  std::unordered_map<std::pair<std::string, digest>, operation*, action_hash> joinable_;
  std::map<std::string, claim> claims_;
  std::map<moment, claim*> abandoned_;
  std::deque<ended> done_;
  std::uint64_t retained_bytes_ = 0;
  std::uint64_t claimed_ = 0;
};

}  // namespace kiln::scheduling
