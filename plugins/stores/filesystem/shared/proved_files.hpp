#pragma once

#include <optional>
#include <unordered_map>

#include "core/base/clock.hpp"
#include "plugins/stores/filesystem/files/inspect.hpp"

namespace kiln::filesystem {

/// Files whose bytes this process has hashed, by their time of writing: parts of them are read, and they are
/// lent, without reading them again, for as long as a proof is good. Forgets what was not asked for lately
/// when there are many. Confined to one actor.
class proved_files {
public:
  explicit proved_files(std::optional<duration> good_for) : good_for_(good_for) {}

  /// 0 if it was not proved, or too long ago.
  file_stamp find(const digest& blob, steady_time now) {
    auto known = recent_.find(blob);
    if (known == recent_.end()) {
      auto old = older_.find(blob);
      if (old == older_.end()) return 0;
      known = add(blob, old->second);
    }
    return good_for_ && now - known->second.at > *good_for_ ? 0 : known->second.stamp;
  }
  void note(const digest& blob, file_stamp stamp, steady_time now) { add(blob, {stamp, now}); }
  void forget(const digest& blob) {
    recent_.erase(blob);
    older_.erase(blob);
  }

private:
  struct proof_of {
    file_stamp stamp = 0;
    steady_time at;
  };
  using table = std::unordered_map<digest, proof_of>;
  static constexpr std::size_t most = 1 << 15;

  table::iterator add(const digest& blob, proof_of what) {
    if (recent_.size() >= most && !recent_.contains(blob)) {
      older_ = std::move(recent_);
      recent_.clear();
    }
    return recent_.insert_or_assign(blob, what).first;
  }

  const std::optional<duration> good_for_;
  table recent_;
  table older_;
};

}  // namespace kiln::filesystem
