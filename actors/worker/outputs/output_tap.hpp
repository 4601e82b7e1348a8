#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "actors/worker/folders/work_root.hpp"
#include "core/contract/worker_messages.hpp"

namespace kiln {

/// An action's standard streams while it runs, for those who follow it. Its folder is handed on to another
/// action when it is over, and the files of the streams with it; so the tap is closed first, and says whether
/// somebody is reading in them at that moment. Any thread.
class output_tap {
public:
  /// Of each stream no more than this is shown, as the result has no more of it.
  explicit output_tap(std::uint64_t max_stream_size) : most_(max_stream_size) {}

  /// The command is about to be started.
  void open(std::shared_ptr<const action_folder> folder);
  /// Nobody writes any more, and the outputs are about to be collected.
  void command_over();
  /// Nothing is shown any more. False if somebody is reading just now: then the files are not to be used
  /// again.
  bool close();

  /// What there is from `offset` on, at most `limit` bytes; nothing, if it is too soon to tell. OUT_OF_RANGE
  /// for an offset behind the end, UNAVAILABLE once it is closed. Blocks.
  expected<std::optional<output_piece>> read(standard_stream which, std::uint64_t offset,
                                             std::uint32_t limit);

private:
  struct visit;

  const std::uint64_t most_;
  std::mutex mutex_;
  std::shared_ptr<const action_folder> folder_;
  bool over_ = false;
  bool closed_ = false;
  std::size_t visitors_ = 0;
};

}  // namespace kiln
