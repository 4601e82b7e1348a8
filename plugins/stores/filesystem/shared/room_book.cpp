#include "plugins/stores/filesystem/shared/room_book.hpp"

#include <cerrno>

namespace kiln::filesystem {
namespace {

// A part that is in doubt again as soon as it was counted lies on a disk that keeps nothing.
constexpr int rounds_of_counting = 4;

}  // namespace

disk_result<room_book> room_book::open(shared_engine_ptr with) {
  auto usage =
      usage_file::open(with->on(), with->folder->locks(), with->folder->mode(), with->folder->slot());
  if (!usage) return tl::unexpected(usage.error());
  return room_book(std::move(with), std::move(*usage));
}

// What nobody knows the size of is counted before anything is let in: all parts after a power cut, one whose
// place in the file was damaged.
disk_result<std::vector<bool>> room_book::admit(const std::vector<usage_file::wish>& wanted) {
  for (int round = 0; round < rounds_of_counting; ++round) {
    auto result = usage_.admit(wanted, with_->capacity);
    if (!result) return tl::unexpected(result.error());
    if (result->in_doubt.empty()) return std::move(result->granted);
    for (unsigned part : result->in_doubt)
      if (auto done = usage_.settle_doubt(part, with_->recount()); !done) return tl::unexpected(done.error());
  }
  return tl::unexpected(disk_error{EIO});
}

disk_result<std::vector<bool>> room_book::carry_out(const std::vector<room_order>& orders) {
  usage_file::wish given_back;
  std::vector<usage_file::wish> wanted;
  for (const auto& one : orders) {
    if (!one.gives_back) {
      wanted.push_back(one.what);
      continue;
    }
    given_back.reserve += one.what.reserve;
    given_back.promise += one.what.promise;
  }
  if (given_back.reserve > 0 || given_back.promise > 0)
    if (auto done = usage_.release(given_back); !done) return tl::unexpected(done.error());
  std::vector<bool> answers(orders.size(), true);
  if (wanted.empty()) return answers;
  auto granted = admit(wanted);
  if (!granted) return tl::unexpected(granted.error());
  std::size_t next = 0;
  for (std::size_t i = 0; i < orders.size(); ++i)
    if (!orders[i].gives_back) answers[i] = (*granted)[next++];
  return answers;
}

std::vector<room_outcome> room_book::work(std::vector<room_order> orders) noexcept {
  std::vector<room_outcome> outcomes;
  try {
    outcomes.reserve(orders.size());
    auto answers = caught([&]() -> expected<std::vector<bool>> {
      auto done = carry_out(orders);
      if (!done) return fail(done.error().in_words("asking for room in locks/usage"));
      return std::move(*done);
    });
    for (std::size_t i = 0; i < orders.size(); ++i) {
      if (!orders[i].then) continue;
      expected<bool> result = false;
      if (answers)
        result = (*answers)[i];
      else
        result = failure(answers.error());
      outcomes.push_back({std::move(orders[i].then), std::move(result)});
    }
  } catch (...) {  // what the others hold is dropped, which answers who asked
  }
  return outcomes;
}

}  // namespace kiln::filesystem
