#include "plugins/stores/filesystem/shared/usage_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

#include "plugins/stores/filesystem/packs/pack_format.hpp"

namespace kiln::filesystem {
namespace {

constexpr std::uint64_t places_at = 64;  // behind a head that nobody reads
constexpr std::size_t places = usage_file::processes + usage_file::parts;
constexpr byte_range numbers_latch{0, 1};
// Behind the numbers, which nobody locks.
constexpr std::uint64_t part_latches_at = std::uint64_t{1} << 20;

std::uint64_t less(std::uint64_t from, std::uint64_t what) noexcept {
  return from - std::min(from, what);
}

tl::unexpected<disk_error> passed_on(const disk_error& why) {
  return tl::unexpected(why);
}

}  // namespace

/// What stands in the file for each process, and then for each part: three numbers of this machine, for all
/// processes are on it, and what proves them. Where nobody has written yet, or where somebody cut the file,
/// there are zeros, which prove nothing.
struct usage_file::place {
  std::array<std::uint64_t, 3> numbers{};
  std::uint64_t sum = 0;

  static constexpr std::uint64_t of_upload(unsigned slot) { return places_at + slot * sizeof(place); }
  static constexpr std::uint64_t of_part(unsigned part) { return of_upload(processes + part); }

  static place with(const upload_usage& what, unsigned slot) {
    return sealed({what.reserved, what.promised, 0}, slot);
  }
  static place with(const cell& what, unsigned part) {
    return sealed({what.what.bytes, what.what.blobs, static_cast<std::uint64_t>(what.now)}, processes + part);
  }
  upload_usage as_upload(unsigned slot) const {
    return proves_itself(slot) ? upload_usage{numbers[0], numbers[1]} : upload_usage{};
  }
  cell as_cell(unsigned part) const {
    if (!proves_itself(processes + part)) return {{}, state::in_doubt};
    return {{numbers[0], numbers[1]}, static_cast<state>(numbers[2])};
  }

private:
  static place sealed(const std::array<std::uint64_t, 3>& numbers, unsigned index) {
    return {numbers, sum_of(numbers, index)};
  }
  static std::uint64_t sum_of(const std::array<std::uint64_t, 3>& numbers, unsigned index) {
    return checksum({reinterpret_cast<const char*>(numbers.data()), sizeof numbers}, index);
  }
  bool proves_itself(unsigned index) const { return sum == sum_of(numbers, index); }
};

/// A latch, until the end of the block.
class usage_file::held {
public:
  held(usage_file& of, latch which, unsigned part = 0)
      : of_(of), which_(which), part_(part), done_(of.lock(which, part)) {}
  ~held() {
    if (done_) of_.unlock(which_, part_);
  }
  held(const held&) = delete;
  held& operator=(const held&) = delete;
  const disk_result<void>& done() const noexcept { return done_; }
  /// It is let go by somebody else.
  void keep() noexcept { done_ = passed_on({EINVAL}); }

private:
  usage_file& of_;
  const latch which_;
  const unsigned part_;
  disk_result<void> done_;
};

disk_result<usage_file> usage_file::open(disk& on, const descriptor& folder, lock_mode mode, unsigned slot) {
  auto file = on.open(folder, "usage", O_RDWR | O_CREAT, 0644);
  if (!file) return passed_on(file.error());
  // Who makes it longer changes nothing in it. Each does, for who made it may have died before that.
  auto facts = on.facts(*file);
  if (!facts) return passed_on(facts.error());
  constexpr auto size = place::of_part(parts);
  if (facts->size < size)
    if (auto done = on.resize(*file, size); !done) return passed_on(done.error());
  return usage_file(on, std::move(*file), mode, slot);
}

disk_result<void> usage_file::lock(latch which, unsigned part) {
  if (mode_ == lock_mode::fine) {
    const byte_range where = which == latch::part ? byte_range{part_latches_at + part, 1} : numbers_latch;
    return on_->lock_range(file_, where, lock_kind::exclusive, when_held::wait);
  }
  if (depth_++ > 0) return {};
  auto done = on_->lock_whole(file_, lock_kind::exclusive, when_held::wait);
  if (!done) --depth_;
  return done;
}

void usage_file::unlock(latch which, unsigned part) noexcept {
  if (mode_ == lock_mode::fine) {
    const byte_range where = which == latch::part ? byte_range{part_latches_at + part, 1} : numbers_latch;
    (void)on_->unlock_range(file_, where);
  } else if (--depth_ == 0) {
    (void)on_->unlock_whole(file_);
  }
}

disk_result<usage_file::image> usage_file::read_image() {
  std::array<place, places> all;
  if (auto done = read_places(all.data(), all.size(), places_at); !done) return passed_on(done.error());
  image result;
  for (unsigned slot = 0; slot < processes; ++slot) result.uploads[slot] = all[slot].as_upload(slot);
  for (unsigned part = 0; part < parts; ++part) result.cells[part] = all[processes + part].as_cell(part);
  return result;
}

disk_result<void> usage_file::read_places(place* into, std::size_t count, std::uint64_t at) {
  const std::size_t size = count * sizeof(place);
  auto* text = reinterpret_cast<char*>(into);
  auto got = read_all(*on_, file_, {text, size}, at);
  if (!got) return passed_on(got.error());
  std::fill(text + *got, text + size, '\0');
  return {};
}

disk_result<void> usage_file::write_place(const place& what, std::uint64_t at) {
  return write_all(*on_, file_, std::string_view(reinterpret_cast<const char*>(&what), sizeof what), at);
}

disk_result<usage_file::cell> usage_file::read_cell(unsigned part) {
  place there;
  if (auto done = read_places(&there, 1, place::of_part(part)); !done) return passed_on(done.error());
  return there.as_cell(part);
}

disk_result<void> usage_file::write_cell(unsigned part, const cell& what) {
  return write_place(place::with(what, part), place::of_part(part));
}

disk_result<upload_usage> usage_file::read_uploads(unsigned slot) {
  place there;
  if (auto done = read_places(&there, 1, place::of_upload(slot)); !done) return passed_on(done.error());
  return there.as_upload(slot);
}

disk_result<void> usage_file::write_uploads(unsigned slot, const upload_usage& what) {
  return write_place(place::with(what, slot), place::of_upload(slot));
}

disk_result<usage_file::totals> usage_file::read() {
  held numbers(*this, latch::numbers);
  if (!numbers.done()) return passed_on(numbers.done().error());
  auto all = read_image();
  if (!all) return passed_on(all.error());
  totals sum;
  for (const auto& one : all->uploads) {
    sum.reserved += one.reserved;
    sum.promised += one.promised;
  }
  for (unsigned i = 0; i < parts; ++i) {
    sum.bytes += all->cells[i].what.bytes;
    sum.blobs += all->cells[i].what.blobs;
    if (all->cells[i].now == state::in_doubt) sum.in_doubt.push_back(i);
    if (all->cells[i].now == state::in_change) sum.in_change.push_back(i);
  }
  return sum;
}

disk_result<usage_file::admission> usage_file::admit(const std::vector<wish>& all, std::uint64_t capacity) {
  held numbers(*this, latch::numbers);
  if (!numbers.done()) return passed_on(numbers.done().error());
  auto now = read_image();
  if (!now) return passed_on(now.error());
  std::uint64_t taken = 0;
  std::uint64_t promised = 0;
  admission result;
  for (unsigned part = 0; part < parts; ++part) {
    taken += now->cells[part].what.bytes;
    if (now->cells[part].now == state::in_doubt) result.in_doubt.push_back(part);
  }
  if (!result.in_doubt.empty()) return result;
  for (const auto& one : now->uploads) {
    taken += one.reserved;
    promised += one.promised;
  }
  upload_usage& mine = now->uploads[slot_];
  bool any = false;
  for (const auto& one : all) {
    const bool fits = one.reserve <= less(capacity, taken) && one.promise <= less(capacity, promised);
    result.granted.push_back(fits);
    if (!fits) continue;
    any = true;
    taken += one.reserve;
    promised += one.promise;
    mine.reserved += one.reserve;
    mine.promised += one.promise;
  }
  if (any)
    if (auto done = write_uploads(slot_, mine); !done) return passed_on(done.error());
  return result;
}

disk_result<void> usage_file::release(const wish& what) {
  held numbers(*this, latch::numbers);
  if (!numbers.done()) return numbers.done();
  auto mine = read_uploads(slot_);
  if (!mine) return passed_on(mine.error());
  return write_uploads(slot_, {less(mine->reserved, what.reserve), less(mine->promised, what.promise)});
}

disk_result<void> usage_file::clear(unsigned slot) {
  held numbers(*this, latch::numbers);
  if (!numbers.done()) return numbers.done();
  return write_uploads(slot, {});
}

disk_result<void> usage_file::doubt_all() {
  held numbers(*this, latch::numbers);
  if (!numbers.done()) return numbers.done();
  for (unsigned i = 0; i < parts; ++i)
    if (auto done = write_cell(i, {{}, state::in_doubt}); !done) return done;
  return {};
}

disk_result<usage_file::change> usage_file::begin(unsigned part, const recount& count) {
  held here(*this, latch::part, part);
  if (!here.done()) return passed_on(here.done().error());
  auto now = read_cell(part);
  if (!now) return passed_on(now.error());
  // Nobody else has the latch: who left this mark has died, or could not write what it did.
  if (now->now != state::settled) {
    auto counted = count(part);
    if (!counted) return passed_on(counted.error());
    now->what = *counted;
  }
  held numbers(*this, latch::numbers);
  if (!numbers.done()) return passed_on(numbers.done().error());
  if (auto done = write_cell(part, {now->what, state::in_change}); !done) return passed_on(done.error());
  here.keep();
  return change(this, part);
}

disk_result<void> usage_file::settle_doubt(unsigned part, const recount& count) {
  auto opened = begin(part, count);
  if (!opened) return passed_on(opened.error());
  return opened->settle({}, {}, {});
}

usage_file::change::change(change&& other) noexcept
    : of_(std::exchange(other.of_, nullptr)), part_(other.part_) {}

usage_file::change::~change() {
  if (of_) of_->unlock(latch::part, part_);
}

disk_result<void> usage_file::change::settle(part_usage came, part_usage left, const wish& given_back) {
  held numbers(*of_, latch::numbers);
  if (!numbers.done()) return numbers.done();
  if (given_back.reserve > 0 || given_back.promise > 0) {
    auto mine = of_->read_uploads(of_->slot_);
    if (!mine) return passed_on(mine.error());
    auto done = of_->write_uploads(
        of_->slot_, {less(mine->reserved, given_back.reserve), less(mine->promised, given_back.promise)});
    if (!done) return done;
  }
  auto now = of_->read_cell(part_);
  if (!now) return passed_on(now.error());
  // What it was cannot be read any more.
  if (now->now != state::in_change) return of_->write_cell(part_, {{}, state::in_doubt});
  now->what.bytes = less(now->what.bytes + came.bytes, left.bytes);
  now->what.blobs = less(now->what.blobs + came.blobs, left.blobs);
  now->now = state::settled;
  return of_->write_cell(part_, *now);
}

}  // namespace kiln::filesystem
