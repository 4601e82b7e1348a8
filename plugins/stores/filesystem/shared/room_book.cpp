#include "plugins/stores/filesystem/shared/room_book.hpp"

namespace kiln::filesystem {

disk_result<room_book> room_book::open(shared_engine_ptr with) {
  auto usage =
      usage_file::open(with->on(), with->folder->locks(), with->folder->mode(), with->folder->slot());
  if (!usage) return tl::unexpected(usage.error());
  return room_book(std::move(with), std::move(*usage));
}

// After a power cut nobody knows how full the folder is, and before that is known nothing is let in.
disk_result<void> room_book::settle_doubts() {
  if (settled_) return {};
  auto now = usage_.read();
  if (!now) return tl::unexpected(now.error());
  for (unsigned part : now->in_doubt)
    if (auto done = usage_.settle_doubt(part, with_->recount()); !done) return done;
  settled_ = true;
  return {};
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
  if (auto done = settle_doubts(); !done) return tl::unexpected(done.error());
  auto granted = usage_.admit(wanted, with_->capacity);
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
