#include "plugins/stores/filesystem/index/blob_table.hpp"

namespace kiln::filesystem {
namespace {

constexpr std::uint32_t first_places = 8;  // a line of the processor's cache

}  // namespace

void blob_table::put(part& in, place what) noexcept {
  std::uint32_t at = what.tag & in.mask;
  while (in.places[at].entry != 0) at = (at + 1) & in.mask;
  in.places[at] = what;
}

void blob_table::grow(part& which) {
  part larger;
  const std::uint32_t places = which.places ? 2 * (which.mask + 1) : first_places;
  larger.places = std::make_unique<place[]>(places);
  larger.mask = places - 1;
  larger.count = which.count;
  if (which.places)
    for (std::uint32_t at = 0; at <= which.mask; ++at)
      if (which.places[at].entry != 0) put(larger, which.places[at]);
  which = std::move(larger);
}

void blob_table::insert(std::uint64_t hash, entry_id which) {
  part& in = part_of(hash);
  if (!in.places || in.count + 1 > (in.mask + 1) / 4 * 3) grow(in);
  put(in, {static_cast<std::uint32_t>(hash), which});
  ++in.count;
  ++size_;
}

// What stands behind a freed place, and would be looked for from there or before, moves up.
void blob_table::erase(std::uint64_t hash, entry_id which) noexcept {
  part& in = part_of(hash);
  std::uint32_t hole = static_cast<std::uint32_t>(hash) & in.mask;
  while (in.places[hole].entry != which) hole = (hole + 1) & in.mask;
  for (std::uint32_t at = (hole + 1) & in.mask; in.places[at].entry != 0; at = (at + 1) & in.mask) {
    const std::uint32_t way = (at - in.places[at].tag) & in.mask;
    if (way < ((at - hole) & in.mask)) continue;
    in.places[hole] = in.places[at];
    hole = at;
  }
  in.places[hole] = {};
  --in.count;
  --size_;
}

}  // namespace kiln::filesystem
