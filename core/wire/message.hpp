#pragma once

#include <google/protobuf/message_lite.h>

#include <utility>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"

namespace kiln {

/// Fills `message` from a peer's bytes, wherever their pieces end; nothing is copied together first. Nested
/// deeper than 100, not the message it should be, or text that is not UTF-8: INVALID_ARGUMENT. Any thread.
expected<void> parse_into(google::protobuf::MessageLite& message, const byte_chain& from);

template <class Message>
expected<Message> parse(const byte_chain& from) {
  Message message;
  if (auto parsed = parse_into(message, from); !parsed) return failure(std::move(parsed).error());
  return message;
}

/// The message as it travels. Equal messages made by this process give equal bytes (maps are sorted).
bytes serialise(const google::protobuf::MessageLite& message);

}  // namespace kiln
