#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "core/contract/stream.hpp"
#include "core/digest/hasher.hpp"
#include "plugins/stores/filesystem/files/temp_file.hpp"

namespace kiln::filesystem {

/// What came of an upload: the bytes, checked, in a file without a name.
struct uploaded {
  temp_file file;
  std::uint64_t size = 0;
  std::int64_t stamp = 0;  ///< its mtime
};

/// The same for bytes that are all there. For thread pool threads.
expected<std::shared_ptr<uploaded>> store_whole(const file_engine_ptr& with, const digest& blob,
                                                const bytes& content);

/// A copy to be lent, of bytes that are known to be right. For thread pool threads.
expected<std::shared_ptr<uploaded>> store_copy(const file_engine_ptr& with, const digest& blob,
                                               const bytes& content);

/// One blob on its way in. Between two pieces of its source it is an object and no more; a piece is hashed
/// and written on the thread pool, wherever it was delivered.
class upload : public std::enable_shared_from_this<upload> {
public:
  /// Called on any thread. The result is shared, for functions want to be copied.
  using ended = std::function<void(expected<std::shared_ptr<uploaded>>)>;
  /// It can write no more: so many bytes in all are beyond what was granted, or, if they are not, the disk is
  /// full. Somebody else makes room and calls `go_on`, or `give_up`. Until then only they keep it.
  struct stopped {
    std::shared_ptr<upload> which;
    std::uint64_t wanted = 0;
    bool beyond_grant = false;
  };
  using stop = std::function<void(stopped)>;

  struct order {
    digest blob;
    blob_source_ptr source;
    std::uint64_t granted = 0;  ///< bytes that there is room for
  };

  upload(file_engine_ptr with, order what, ended then, stop when_stopped);
  /// Between two pieces only the source's continuation keeps it: a source that lets go of that has given up.
  ~upload();

  /// Any thread. `ended` is called exactly once from now on.
  void start();
  void go_on();
  /// The same, with room for more: so many bytes in all.
  void go_on(std::uint64_t granted);
  /// Ends with this error as soon as it can; the source is cancelled at once.
  void give_up(error why);

private:
  using piece = expected<byte_chain>;

  void ask();
  void take_on_pool(piece next);
  void take(piece next);
  bool store(byte_chain next);
  disk_result<void> create();
  bool wait_for_room(byte_chain rest, bool beyond_grant);
  expected<void> check_more(std::uint64_t more) const;
  expected<void> check_whole();
  void finish();
  void report(expected<std::shared_ptr<uploaded>> result);

  const file_engine_ptr deps_;
  const order what_;
  ended then_;
  const stop when_stopped_;
  std::atomic<bool> reported_{false};
  std::atomic<bool> given_up_{false};

  // The thread pool's, one job at a time.
  std::optional<hasher> hash_;
  std::shared_ptr<uploaded> result_;
  std::uint64_t granted_;
  std::uint64_t allocated_ = 0;
  byte_chain unwritten_;  // the piece that found no room
  bool retried_ = false;
};

}  // namespace kiln::filesystem
