#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "core/contract/stream.hpp"
#include "core/digest/hasher.hpp"
#include "plugins/stores/filesystem/files/inspect.hpp"

namespace kiln::filesystem {

enum class blob_state : std::uint8_t { unknown, proved, broken };

/// What reading a blob taught about it.
struct read_verdict {
  blob_state found = blob_state::unknown;
  file_stamp stamp = 0;  ///< of the file that was read
  error why;             ///< where it is broken: see read_segment
};

/// A segment of a file, in pieces of at most 1 MiB, read on the thread pool one piece ahead of whoever pulls.
/// It holds the file open, so a blob that is evicted meanwhile is read to its end. A reader that stalls costs
/// one piece of memory.
class file_source final : public blob_source, public std::enable_shared_from_this<file_source> {
public:
  static constexpr std::uint64_t piece_size = 1 << 20;

  struct segment {
    digest blob;
    std::shared_ptr<const descriptor> file;
    std::uint64_t offset = 0;
    std::uint64_t end = 0;
    file_stamp stamp = 0;
    /// Set where the bytes from the first on are still to be proved; fed with those before `offset` already.
    /// The last piece is held back until they are.
    std::optional<hasher> proof;
  };
  /// Called exactly once, on any thread, at the latest when the source is dropped.
  using judge = std::function<void(read_verdict)>;

  file_source(file_engine_ptr with, segment what, judge tell);
  ~file_source() override;
  /// Starts to read ahead.
  void start();

  void read(next then) override;
  void cancel(const error& why) noexcept override;

private:
  void fetch();
  expected<byte_chain> next_piece();
  expected<void> check(const bytes& piece);
  void tell(read_verdict found);

  const file_engine_ptr deps_;
  segment what_;
  judge tell_;

  std::mutex mutex_;
  std::optional<expected<byte_chain>> ready_;
  next waiting_;
  bool fetching_ = false;
  bool over_ = false;  // the end or an error was handed out, or nobody wants more
};

/// Reads [offset, offset + size) of a file whose blob should have those bytes. NOT_FOUND from a file that is
/// too short, UNAVAILABLE from one that the disk cannot read. For thread pool threads.
expected<bytes> read_segment(disk& on, const descriptor& file, const digest& blob, std::uint64_t offset,
                             std::uint64_t size);

}  // namespace kiln::filesystem
