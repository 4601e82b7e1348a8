#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "test/end_to_end/remote.hpp"

namespace kiln::end_to_end {

/// What the server was given and what it answered, so that a later one on the same folder can be held to it.
/// Uploaders write into it from their threads; between loads it belongs to the one who checks.
class crash_ledger {
public:
  struct blob_record {
    digest name;
    bool acknowledged = false;
  };
  /// The versions of one action's result that may be found: what was acknowledged last, and what was sent
  /// after it without an answer.
  struct result_record {
    digest action;
    std::optional<v2::ActionResult> acknowledged;
    std::optional<v2::ActionResult> sent;
    std::set<std::string> earlier;  ///< all of them, as bytes
  };
  /// Of one check: everything that was not checked often enough yet, and a few of the others.
  struct selection {
    std::vector<blob_record> blobs;
    std::vector<result_record> results;
  };

  void blob_sent(const digest& blob);
  void blob_acknowledged(const digest& blob);
  void result_sent(const digest& action, v2::ActionResult result);
  void result_acknowledged(const digest& action);

  /// What was seen in fewer than two checks, and `sample` of the rest; `sample` nothing means all.
  selection select(std::mt19937_64& chance, std::optional<std::size_t> sample) const;
  /// A check found the blob, so it has to stay, whatever was answered; or it is not there, as it may be.
  void settle_blob(const digest& blob, bool present);
  /// A check found this result (or none): the next one has to find it, too.
  void settle_result(const digest& action, std::optional<v2::ActionResult> found);

  std::uint64_t acknowledgements() const;
  std::uint64_t bytes_acknowledged() const;

private:
  struct blob_state {
    bool acknowledged = false;
    unsigned checks = 0;
  };
  struct result_state {
    result_record record;
    unsigned checks = 0;
  };

  mutable std::mutex mutex_;
  std::unordered_map<digest, blob_state> blobs_;
  std::unordered_map<digest, result_state> results_;
  std::uint64_t acknowledgements_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace kiln::end_to_end
