#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace blaze::worker {
class WorkRequest;
}

/// The language of Bazel's persistent workers, as bytes in the pipes of a tool.
namespace kiln {

enum class work_protocol : std::uint8_t {
  proto,  ///< each message behind its length
  json,   ///< one object after the other
};

/// A WorkResponse.
struct work_answer {
  std::int32_t request = 0;
  std::int32_t exit_code = 0;
  std::string output;
  bool was_cancelled = false;
};

/// A request as it is written. INVALID_ARGUMENT where it cannot be said in this protocol.
expected<std::string> encode_request(work_protocol protocol, const blaze::worker::WorkRequest& request);

/// Takes what a tool writes, however it comes in pieces. Confined to one thread.
class answer_reader {
public:
  /// `most`: bytes of one answer.
  answer_reader(work_protocol protocol, std::uint64_t most) : protocol_(protocol), most_(most) {}

  /// Calls `then` for each answer that is whole. INVALID_ARGUMENT, quoting it, for what is none, and for one
  /// that is too large: nothing can be read after that.
  expected<void> take(std::string_view piece, const std::function<void(work_answer)>& then);

private:
  expected<bool> take_message(const std::function<void(work_answer)>& then);
  expected<bool> take_object(const std::function<void(work_answer)>& then);
  bool find_end();
  error no_answer(std::string_view why) const;

  const work_protocol protocol_;
  const std::uint64_t most_;
  std::string pending_;
  // Of the object that `pending_` begins with, as far as it was looked at.
  std::size_t seen_ = 0;
  std::uint32_t depth_ = 0;
  bool in_text_ = false;
  bool escaped_ = false;
};

}  // namespace kiln
