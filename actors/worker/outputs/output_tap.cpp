#include "actors/worker/outputs/output_tap.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/base/disk.hpp"

namespace kiln {
namespace {

expected<bytes> read_stream_at(disk& on, const descriptor& file, std::uint64_t offset, std::uint64_t size) {
  std::string text(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    auto more = on.read(file, std::span(text).subspan(got), offset + got);
    if (!more) return fail(more.error().in_words("reading what an action has written"));
    if (*more == 0) break;  // it has cut its own stream short
    got += *more;
  }
  text.resize(got);
  return bytes::adopt(std::move(text));
}

}  // namespace

/// Somebody who reads in the files, outside of the lock.
struct output_tap::visit {
  output_tap& in;
  std::shared_ptr<const action_folder> folder;
  bool over = false;

  visit(output_tap& tap, std::unique_lock<std::mutex>& lock) : in(tap), folder(tap.folder_), over(tap.over_) {
    ++in.visitors_;
    lock.unlock();
  }
  ~visit() {
    std::lock_guard lock(in.mutex_);
    --in.visitors_;
  }
  visit(const visit&) = delete;
  visit& operator=(const visit&) = delete;
};

void output_tap::open(std::shared_ptr<const action_folder> folder) {
  std::lock_guard lock(mutex_);
  if (!closed_) folder_ = std::move(folder);
}

void output_tap::command_over() {
  std::lock_guard lock(mutex_);
  over_ = true;
}

bool output_tap::close() {
  std::shared_ptr<const action_folder> last;  // dropped outside of the lock, for that may remove it
  std::lock_guard lock(mutex_);
  closed_ = true;
  last = std::move(folder_);
  return visitors_ == 0;
}

expected<std::optional<output_piece>> output_tap::read(standard_stream which, std::uint64_t offset,
                                                       std::uint32_t limit) {
  std::unique_lock lock(mutex_);
  if (closed_) return fail(errc::unavailable, "the action is over here");
  if (!folder_) return std::nullopt;
  visit here(*this, lock);
  const auto& file = which == standard_stream::out ? here.folder->out() : here.folder->err();
  // Whether it is over was looked at first: then this is all that there will be.
  auto facts = here.folder->on().facts(file);
  if (!facts) return fail(facts.error().in_words("looking at what an action has written"));
  const auto size = std::min(facts->size, most_);
  if (offset > size && here.over)
    return fail(errc::out_of_range, "offset {} is behind the {} bytes that the action has written", offset,
                size);
  if (offset >= size && !here.over) return std::nullopt;
  auto data = read_stream_at(here.folder->on(), file, offset, std::min<std::uint64_t>(limit, size - offset));
  if (!data) return failure(std::move(data).error());
  const bool end = here.over && offset + data->size() >= size;
  if (data->empty() && !end) return std::nullopt;
  return output_piece{std::move(*data), end};
}

}  // namespace kiln
