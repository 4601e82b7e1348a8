#pragma once

#include <memory>
#include <unordered_map>

#include "actors/services/byte_stream/in_flight_blob.hpp"
#include "core/config/schema.hpp"
#include "core/config/units.hpp"

namespace kiln {

/// How much of the uploads under way is kept for those who read the same blobs.
struct in_flight_options {
  byte_size window = 4_MiB;
  byte_size memory = 64_MiB;
  std::size_t max_uploads = 1000;
};
schema<in_flight_options> in_flight_schema();

/// The uploads under way that may be read meanwhile, by digest. Of two uploads of one blob the later one is
/// known: its window is more likely to reach back to the first byte. Readers of the earlier one stay with it,
/// so nobody reads bytes of both. Confined to one actor.
class in_flight_table {
public:
  explicit in_flight_table(const in_flight_options& options);
  /// Who still reads here hears UNAVAILABLE.
  ~in_flight_table();
  in_flight_table(const in_flight_table&) = delete;
  in_flight_table& operator=(const in_flight_table&) = delete;

  /// A new upload, or null if there are too many: then it is not to be read before it is kept.
  std::shared_ptr<in_flight_blob> add(const digest& blob);
  /// One that may be joined, or null. One that has failed might never have been.
  std::shared_ptr<in_flight_blob> find(const digest& blob) const;
  /// It has ended. Nothing happens if the digest means another upload by now.
  void remove(const std::shared_ptr<in_flight_blob>& ended);
  /// Those that have failed, though their uploads go on.
  void remove_failed();

  std::size_t size() const noexcept { return by_digest_.size(); }
  const byte_budget& room() const noexcept { return *room_; }

private:
  const in_flight_options options_;
  const std::shared_ptr<byte_budget> room_;
  std::unordered_map<digest, std::shared_ptr<in_flight_blob>> by_digest_;
};

}  // namespace kiln
