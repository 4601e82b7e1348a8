#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "actors/tools/conform/probe.hpp"

/// What the rules about ByteStream have in common.
namespace kiln::conform {

/// One message of a Write. An empty name or piece is left out.
bs::WriteRequest piece(const std::string& name, std::int64_t offset, std::string_view data,
                       bool finish = false);

/// The read went well and brought this.
void expect_data(probe& ask, const probe::read_answer& got, std::string_view wanted);
/// The same, once decompressed.
void expect_zstd(probe& ask, const probe::read_answer& got, std::string_view wanted);

/// The write went well, and the server committed one of these sizes.
void expect_committed(probe& ask, const answer<bs::WriteResponse>& got,
                      std::initializer_list<std::int64_t> any_of);

/// The blob is there, whole, and no other.
void expect_stored(probe& ask, const blob& what);
/// FindMissingBlobs says that it is not there, because of `why`.
void expect_missing(probe& ask, const blob& what, std::string_view why);

/// Writes `total` bytes of new blobs, and does something now and then.
void flood(probe& ask, std::uint64_t total, const std::function<void(const blob&)>& now_and_then);

/// `size` bytes of text, which zstd makes much smaller.
std::string text(probe& ask, std::size_t size);

}  // namespace kiln::conform
