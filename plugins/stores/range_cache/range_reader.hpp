#pragma once

#include <functional>
#include <memory>

#include "core/store_kit/store_behaviour.hpp"

namespace kiln::range_cache {

/// Part of a blob: what of it is still to be read.
struct blob_part {
  digest blob;
  std::uint64_t begin;
  std::uint64_t end;
  order_deadline until;
};

class range_reader;

/// Whoever has the bytes for readers: all of it runs in its actor.
class piece_giver {
public:
  /// The next bytes for this reader, whose `then` it is.
  virtual void give(const std::shared_ptr<range_reader>& to, blob_source::next then) = 0;
  /// The reader with this number wants nothing any more.
  virtual void note_leaving(std::uint64_t number) = 0;

protected:
  ~piece_giver() = default;
};

/// Part of a blob, piece by piece. Each is asked for in the giver's actor when its reader wants it.
class range_reader final : public blob_source, public std::enable_shared_from_this<range_reader> {
public:
  range_reader(resumable_store home, piece_giver& giver, std::uint64_t number, const blob_part& part)
      : home_(std::move(home)), giver_(giver), number_(number), part_(part) {}
  ~range_reader() override;

  void read(next then) override;
  void cancel(const error& why) noexcept override;

  // For the giver, while a read is outstanding.
  std::uint64_t number() const noexcept { return number_; }
  const blob_part& part() const noexcept { return part_; }
  void advance(std::uint64_t bytes) noexcept { part_.begin += bytes; }
  /// All that is still to be read comes from there.
  void go_on_with(blob_source_ptr rest) noexcept { rest_ = std::move(rest); }

private:
  const resumable_store home_;
  piece_giver& giver_;  // lives in `home_`
  const std::uint64_t number_;
  blob_part part_;
  blob_source_ptr rest_;
};

}  // namespace kiln::range_cache
