#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/base/bytes.hpp"

namespace kiln::redis_store {

/// One command as it goes over the wire. Bytes of a blob in it are shared, not copied: that is why it is not
/// hiredis that writes commands.
struct resp_command {
  std::string text;      ///< all of it, or what stands before the payload
  byte_chain payload;    ///< one argument
  std::string tail;      ///< what stands behind the payload
  std::uint16_t slot{};  ///< of its key, in a cluster
  bool has_key = false;  ///< it goes to the node of its slot, and to any node otherwise

  std::uint64_t size() const noexcept { return text.size() + payload.size() + tail.size(); }
};

using command_words = std::initializer_list<std::string_view>;

/// A command about no key.
resp_command make_command(command_words words);
/// One about the key that is its second word.
resp_command key_command(command_words words);
/// ... with `payload` behind the words, and `more` behind that.
resp_command key_command(command_words words, byte_chain payload, command_words more = {});

}  // namespace kiln::redis_store
