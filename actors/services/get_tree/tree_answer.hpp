#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "actors/services/get_tree/tree_coalescer.hpp"
#include "core/base/bytes.hpp"
#include "core/base/error.hpp"

namespace kiln {

/// How far the answer to one GetTree has come: which directories to send next, and what must be known of them
/// first. Each `next` says one thing to do; what came of it is reported before the next one. One thread.
class tree_answer {
public:
  /// Where to begin: in front of the root, or where a token says.
  struct start {
    std::size_t position = 0;
    std::string token;
  };
  /// `page_size` directories in a message, 0 for any number.
  tree_answer(const digest& root, start from, std::size_t page_size)
      : root_(root), from_(std::move(from)), page_size_(page_size), position_(from_.position) {}

  enum class step : std::uint8_t {
    fetch,   ///< the tree from `position`, with `slot`; report by `take`
    check,   ///< whether `names` are still in the store; report by `lose` what is not, or nothing
    read,    ///< `names` from the store; report by `lose` and `put_in`
    send,    ///< `message`
    end,     ///< `message`, and it is the last one
    refuse,  ///< the token is not one of this tree's
  };
  step next();

  const digest& root() const noexcept { return root_; }
  std::size_t position() const noexcept { return position_; }
  const tree_slot_ptr& slot() const noexcept { return part_.slot; }
  const std::vector<digest>& names() const noexcept { return names_; }
  byte_chain message() { return std::exchange(message_, {}); }

  void take(tree_part part) {
    part_ = std::move(part);
    if (part_.last) part_.slot.reset();
  }
  /// Some of `names` are not there any more: left out, or, if nothing was sent so far, reason enough to fetch
  /// the tree anew. NOT_FOUND if the root is not there.
  expected<void> lose(const std::vector<digest>& gone);
  /// The directories that are called `names`, without those that are lost.
  void put_in(const std::vector<expected<bytes>>& found);

private:
  step check();
  /// The directories [position_, end), but for those that are gone.
  byte_chain present_part(const tree_segment& segment, std::size_t end) const;

  digest root_;
  start from_;  // without the token once it was found good
  std::size_t page_size_;
  tree_part part_;
  std::size_t position_;     // of the next directory to send
  std::size_t checked_ = 0;  // directories in front of this position need no check
  std::unordered_set<digest> gone_;
  std::vector<digest> names_;
  std::optional<byte_chain> read_;  // what was `put_in`: names_.size() directories from `position_` on
  byte_chain message_;
  bool began_anew_ = false;
};

}  // namespace kiln
