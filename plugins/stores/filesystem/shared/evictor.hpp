#pragma once

#include <memory>
#include <vector>

#include "plugins/stores/filesystem/shared/shared_engine.hpp"

namespace kiln::filesystem {

/// A blob that may leave, and when it was used last, as far as was seen.
struct leaving_blob {
  digest blob;
  use_time used = 0;
};

/// Of all blobs in the folder those that were used least lately, at most `most`, the very last one behind.
/// The folder is listed for it: who does not fit into memory is found by the next round.
disk_result<std::vector<leaving_blob>> list_least_used(const shared_engine& with, std::size_t most);

/// Takes files away for want of room. Its process holds the eviction lease, and of each blob the lock that
/// nobody else does. One thread at a time; for thread pool threads.
class evictor {
public:
  static disk_result<evictor> open(shared_engine_ptr with);

  /// How much of the capacity is taken, when what dead processes left has been given back and what nobody
  /// knows any more has been counted anew.
  expected<usage_file::totals> look();

  enum class fate : std::uint8_t { gone, used_again, failed };
  struct outcome {
    fate what = fate::gone;
    std::uint64_t weight = 0;  ///< what its leaving freed
    use_time used = 0;         ///< used_again: when
  };
  outcome evict(const leaving_blob& which);

private:
  evictor(shared_engine_ptr with, usage_file usage) : with_(std::move(with)), usage_(std::move(usage)) {}
  outcome put_aside(const leaving_blob& which, const char* aside);

  shared_engine_ptr with_;
  usage_file usage_;
};

}  // namespace kiln::filesystem
