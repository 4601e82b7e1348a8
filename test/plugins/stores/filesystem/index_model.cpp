#include "test/plugins/stores/filesystem/index_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace kiln::test {

using namespace kiln::filesystem;

namespace {

constexpr std::uint64_t largest_record = 8192;

}  // namespace

modelled_store::modelled_store(std::uint64_t capacity, std::size_t blobs, std::size_t at_once)
    : index({capacity, 2 * (capacity / 64 + largest_record), 0, 0, blobs, at_once}, 1),
      pack_size_(capacity / 64) {}

bool modelled_store::use(const digest& blob) {
  auto there = index.find(blob);
  if (there) index.use(*there);
  return there != nullptr;
}

bool modelled_store::reserve(std::uint64_t weight) {
  for (;;) {
    evicted_blobs gone;
    room answer = index.reserve(weight, open_ + 1, gone);
    note(gone);
    std::uint64_t moving = 0;
    for (auto number : leaving_) moving += index.find_pack(number)->size;
    max_on_disk_ = std::max(max_on_disk_, index.weight() + index.reserved() + moving);
    if (answer == room::soon) continue;
    if (answer != room::later) return answer == room::made;
    carry();
  }
}

void modelled_store::note(const evicted_blobs& gone) {
  for (auto* pack : gone.leaving) leaving_.push_back(pack->file->number);
}

void modelled_store::carry() {
  for (auto number : std::exchange(leaving_, {})) {
    held_pack& pack = *index.find_pack(number);
    for (auto* blob : index.blobs_in(pack)) {
      carried_ += record_size(blob->length);
      index.move(*blob, place(blob->length));
    }
    evicted_blobs gone;
    index.finish_leaving(pack, gone);
  }
}

void modelled_store::fail_to_carry() {
  for (auto number : std::exchange(leaving_, {})) {
    evicted_blobs gone;
    index.finish_leaving(*index.find_pack(number), gone);
  }
}

pack_place modelled_store::place(std::uint32_t size) {
  if (!current_ || filled_ >= pack_size_) {
    auto fresh = std::make_shared<pack_file>();
    fresh->number = ++open_;
    current_ = std::move(fresh);
    filled_ = 0;
  }
  pack_place result{current_, filled_ + record_size(0), size, 0};
  filled_ += record_size(size);
  return result;
}

bool modelled_store::put_small(const digest& blob, std::uint32_t size) {
  if (!reserve(record_size(size))) return false;
  index.release(record_size(size));
  index.insert_packed(blob, place(size), ++sequence_);
  return true;
}

// As an upload does it: a piece of room after the other.
bool modelled_store::put_file(const digest& blob, std::uint64_t size) {
  std::uint64_t got = 0;
  bool enough = true;
  while (enough && got < blob_index::file_weight(size)) {
    const std::uint64_t more = std::min(blob_index::file_weight(size) - got, pack_size_ / 4);
    enough = reserve(more);
    if (enough) got += more;
  }
  index.release(got);
  if (enough) index.insert_file(blob, size);
  return enough;
}

bool plain_lru::use(const digest& blob) {
  auto found = places_.find(blob);
  if (found == places_.end()) return false;
  line_.splice(line_.end(), line_, found->second);
  return true;
}

void plain_lru::put(const digest& blob, std::uint64_t weight) {
  weight_ += weight;
  while (weight_ > capacity_) {
    weight_ -= line_.front().second;
    places_.erase(line_.front().first);
    line_.pop_front();
  }
  places_[blob] = line_.insert(line_.end(), {blob, weight});
}

zipf::zipf(std::size_t count) {
  double sum = 0;
  for (std::size_t i = 1; i <= count; ++i) sums_.push_back(sum += std::pow(static_cast<double>(i), -0.9));
}

std::size_t zipf::operator()(double chance) const {
  auto found = std::upper_bound(sums_.begin(), sums_.end() - 1, chance * sums_.back());
  return static_cast<std::size_t>(found - sums_.begin());
}

digest numbered(std::uint64_t number) {
  digest result;
  std::uint64_t mixed = number;
  for (std::size_t at = 0; at < 32; at += sizeof mixed) {
    mixed = (mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9 + 0x9e3779b97f4a7c15;
    std::memcpy(result.hash.data() + at, &mixed, sizeof mixed);
  }
  result.size = static_cast<std::int64_t>(number % 1000 + 1);
  return result;
}

}  // namespace kiln::test
