#include "plugins/stores/compression/segment_builder.hpp"

#include <utility>

#include "core/digest/hasher.hpp"

namespace kiln::compressing {

void segment_builder::add(bytes packed, std::uint64_t plain) {
  frames_.push_back({static_cast<std::uint32_t>(packed.size()), static_cast<std::uint32_t>(plain)});
  plain_ += plain;
  content_.append(std::move(packed));
}

packed_segment segment_builder::finish() {
  byte_chain whole(write_table(frames_));
  whole.append(std::exchange(content_, {}));
  hasher seen(function_);
  seen.update(whole);
  frames_.clear();
  return {{seen.finish(), std::exchange(plain_, 0)}, std::move(whole)};
}

}  // namespace kiln::compressing
