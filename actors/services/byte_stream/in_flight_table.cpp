#include "actors/services/byte_stream/in_flight_table.hpp"

#include "core/wire/status.hpp"

namespace kiln {

in_flight_table::in_flight_table(const in_flight_options& options)
    : options_(options), room_(std::make_shared<byte_budget>(options.memory.bytes)) {}

in_flight_table::~in_flight_table() {
  for (auto& [_, entry] : by_digest_)
    entry->fail(try_again(errc::unavailable, "uploads are no longer taken here"));
}

std::shared_ptr<in_flight_blob> in_flight_table::add(const digest& blob) {
  if (by_digest_.size() >= options_.max_uploads && !by_digest_.contains(blob)) return nullptr;
  auto fresh = std::make_shared<in_flight_blob>(blob, options_.window.bytes, room_);
  by_digest_[blob] = fresh;
  return fresh;
}

std::shared_ptr<in_flight_blob> in_flight_table::find(const digest& blob) const {
  if (by_digest_.empty()) return nullptr;
  auto found = by_digest_.find(blob);
  if (found == by_digest_.end() || found->second->now() == in_flight_blob::state::failed) return nullptr;
  return found->second;
}

void in_flight_table::remove(const std::shared_ptr<in_flight_blob>& ended) {
  auto found = by_digest_.find(ended->blob());
  if (found != by_digest_.end() && found->second == ended) by_digest_.erase(found);
}

void in_flight_table::remove_failed() {
  std::erase_if(by_digest_,
                [](const auto& entry) { return entry.second->now() == in_flight_blob::state::failed; });
}

}  // namespace kiln
