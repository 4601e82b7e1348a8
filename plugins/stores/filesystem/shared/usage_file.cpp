#include "plugins/stores/filesystem/shared/usage_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

namespace kiln::filesystem {
namespace {

// The places in the file: a head that nobody reads, the processes, the parts. Numbers are those of this
// machine, for all processes are on it.
constexpr std::uint64_t uploads_at = 64;
constexpr std::uint64_t cells_at = uploads_at + usage_file::processes * 2 * sizeof(std::uint64_t);
constexpr std::uint64_t cell_size = 3 * sizeof(std::uint64_t);
constexpr std::uint64_t usage_size = cells_at + usage_file::parts * cell_size;
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
  if (facts->size < usage_size)
    if (auto done = on.resize(*file, usage_size); !done) return passed_on(done.error());
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
  image all;
  static_assert(sizeof all == usage_size - uploads_at);
  std::array<char, sizeof all> text;
  auto count = read_all(*on_, file_, text, uploads_at);
  if (!count) return passed_on(count.error());
  if (*count < text.size()) return passed_on({EIO});
  std::memcpy(&all, text.data(), sizeof all);
  return all;
}

disk_result<usage_file::cell> usage_file::read_cell(unsigned part) {
  std::array<char, cell_size> text;
  auto count = read_all(*on_, file_, text, cells_at + part * cell_size);
  if (!count) return passed_on(count.error());
  if (*count < text.size()) return passed_on({EIO});
  cell what;
  std::memcpy(&what, text.data(), sizeof what);
  return what;
}

disk_result<void> usage_file::write_cell(unsigned part, const cell& what) {
  static_assert(sizeof what == cell_size);
  return write_all(*on_, file_, std::string_view(reinterpret_cast<const char*>(&what), sizeof what),
                   cells_at + part * cell_size);
}

disk_result<upload_usage> usage_file::read_uploads(unsigned slot) {
  std::array<char, sizeof(upload_usage)> text;
  auto count = read_all(*on_, file_, text, uploads_at + slot * sizeof(upload_usage));
  if (!count) return passed_on(count.error());
  if (*count < text.size()) return passed_on({EIO});
  upload_usage what;
  std::memcpy(&what, text.data(), sizeof what);
  return what;
}

disk_result<void> usage_file::write_uploads(unsigned slot, const upload_usage& what) {
  return write_all(*on_, file_, std::string_view(reinterpret_cast<const char*>(&what), sizeof what),
                   uploads_at + slot * sizeof what);
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

disk_result<std::vector<bool>> usage_file::admit(const std::vector<wish>& all, std::uint64_t capacity) {
  held numbers(*this, latch::numbers);
  if (!numbers.done()) return passed_on(numbers.done().error());
  auto now = read_image();
  if (!now) return passed_on(now.error());
  std::uint64_t taken = 0;
  std::uint64_t promised = 0;
  for (const auto& one : now->cells) taken += one.what.bytes;
  for (const auto& one : now->uploads) {
    taken += one.reserved;
    promised += one.promised;
  }
  upload_usage& mine = now->uploads[slot_];
  std::vector<bool> granted;
  bool any = false;
  for (const auto& one : all) {
    const bool fits = one.reserve <= less(capacity, taken) && one.promise <= less(capacity, promised);
    granted.push_back(fits);
    if (!fits) continue;
    any = true;
    taken += one.reserve;
    promised += one.promise;
    mine.reserved += one.reserve;
    mine.promised += one.promise;
  }
  if (any)
    if (auto done = write_uploads(slot_, mine); !done) return passed_on(done.error());
  return granted;
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
  now->what.bytes = less(now->what.bytes + came.bytes, left.bytes);
  now->what.blobs = less(now->what.blobs + came.blobs, left.blobs);
  now->now = state::settled;
  return of_->write_cell(part_, *now);
}

}  // namespace kiln::filesystem
