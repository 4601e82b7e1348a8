#include "plugins/stores/filesystem/store.hpp"

#include <cerrno>

namespace kiln::filesystem {
namespace {

// Results are small protobuf messages; their size is not known before they came.
constexpr std::uint64_t result_limit = 16 << 20;
constexpr std::uint64_t result_guess = 64 << 10;

}  // namespace

caf::result<receipt> store::write(write_blob order) {
  if (!order.source) order.source = source_of({});
  if (with_->what == holds::content) {
    if (is_empty_blob(order.blob)) return receipt{0, true};
    if (auto there = index_.find(order.blob)) {
      index_.use(*there);
      return receipt{there->second.size, true};
    }
  }
  auto reply = make_answer<receipt>(this);
  if (with_->what == holds::content && scanning_) {
    look_on_disk({order.blob}, [this, order, reply]() mutable {
      auto there = index_.find(order.blob);
      if (there)
        reply.deliver(receipt{there->second.size, true});
      else
        begin_upload(std::move(order), reply);
    });
  } else {
    begin_upload(std::move(order), reply);
  }
  return reply;
}

expected<std::uint64_t> store::reserve_for(const digest& blob) {
  bool known = with_->what == holds::content;
  std::uint64_t weight = blob_index::weight_of(known ? static_cast<std::uint64_t>(blob.size) : result_guess);
  if (weight > index_.capacity())
    return fail(errc::resource_exhausted, "blob {} can never fit store {}, whose capacity is {} bytes", blob,
                with_->name, index_.capacity());
  std::vector<digest> evicted;
  if (!index_.reserve(weight, evicted)) {
    figures_.refused.add();
    return fail(errc::resource_exhausted,
                "no room for blob {} in store {}: {} of its {} bytes are in use by actions and uploads", blob,
                with_->name, index_.pinned_weight() + index_.reserved(), index_.capacity());
  }
  figures_.evictions.add(evicted.size());
  dismiss(std::move(evicted));
  return weight;
}

void store::begin_upload(write_blob order, answer<receipt> reply) {
  auto reserved = reserve_for(order.blob);
  if (!reserved) {
    order.source->cancel(reserved.error());
    return reply.deliver(fail(std::move(reserved).error()));
  }
  std::uint64_t id = ++last_writing_;
  auto ended = tickets_.issue<expected<uploaded_ptr>>(
      [this, id](expected<uploaded_ptr> result) { upload_ended(id, std::move(result)); });
  auto full = tickets_.issue<std::shared_ptr<upload>>([this, id](std::shared_ptr<upload> waiting) {
    auto found = writings_.find(id);
    if (found == writings_.end()) return;
    make_room_on_disk(found->second.reserved, [waiting] { waiting->go_on(); });
  });
  upload::order what{
      order.blob, std::move(order.source),
      with_->what == holds::content ? static_cast<std::uint64_t>(order.blob.size) : result_limit,
      index_.largest_hot()};
  auto progress = std::make_shared<upload>(
      with_, std::move(what),
      [tell = tell_, ended](expected<uploaded_ptr> result) {
        tell(ended, std::make_shared<expected<uploaded_ptr>>(std::move(result)));
      },
      [tell = tell_, full](std::shared_ptr<upload> waiting) {
        tell(full, std::make_shared<std::shared_ptr<upload>>(std::move(waiting)));
      });
  writings_.emplace(id, writing{order.blob, std::move(reply), *reserved, progress, full, false});
  writings_of_.emplace(order.blob, id);
  progress->start();
}

void store::upload_ended(std::uint64_t id, expected<uploaded_ptr> result) {
  auto found = writings_.find(id);
  if (found == writings_.end()) return;
  if (!result) return finish_writing(id, fail(std::move(result).error()));
  // Whoever finished first has published it, and hard links to that file stay good.
  if (with_->what == holds::content && index_.find(found->second.blob))
    return finish_writing(id, receipt{(*result)->size, false});
  publish(id, std::move(*result));
}

void store::publish(std::uint64_t id, uploaded_ptr what) {
  auto ticket = tickets_.issue<disk_result<void>>(
      [this, id, what](disk_result<void> result) { published(id, what, result); });
  const digest& blob = writings_.at(id).blob;
  std::shared_ptr<temp_file> file(what, &what->file);
  auto taken = lane_->submit({{blob, std::move(file), with_->what == holds::results, ticket}});
  if (taken) return;
  tickets_.cancel(ticket);
  finish_writing(id, fail(std::move(taken).error()));
}

void store::published(std::uint64_t id, const uploaded_ptr& what, disk_result<void> result) {
  auto found = writings_.find(id);
  if (found == writings_.end()) return;
  writing& mine = found->second;
  if (!result && result.error().number == ENOSPC && !std::exchange(mine.retried, true))
    return make_room_on_disk(mine.reserved, [this, id, what] {
      if (writings_.contains(id)) publish(id, what);
    });
  if (!result)
    return finish_writing(id, fail(result.error().in_words(fmt::format("keeping blob {}", mine.blob))));
  const digest blob = mine.blob;
  index_.release(std::exchange(mine.reserved, 0));
  enter(blob, *what);
  finish_writing(id, receipt{what->size, false});
  if (with_->what == holds::content) finish_others(blob);
}

void store::enter(const digest& blob, const uploaded& what) {
  auto there = index_.find(blob);
  if (there && with_->what == holds::content) return index_.use(*there);
  removed_meanwhile_.erase(blob);
  auto& which = there ? index_.resize(*there, what.size) : index_.insert(blob, what.size);
  index_.use(which);
  which.second.verified = what.stamp;
  if (!what.small.empty()) index_.warm(which, what.small);
  if (with_->what == holds::content) return;
  // Only now its size is known.
  std::vector<digest> evicted;
  index_.reserve(0, evicted);
  figures_.evictions.add(evicted.size());
  dismiss(std::move(evicted));
}

// The disk is fuller than our count says: somebody else fills it too.
void store::make_room_on_disk(std::uint64_t weight, std::function<void()> then) {
  std::vector<digest> evicted;
  index_.shed(weight, evicted);
  figures_.evictions.add(evicted.size());
  dismiss(std::move(evicted));
  // Behind the removals in the lane.
  auto ticket = tickets_.issue<disk_result<void>>([then](disk_result<void>) { then(); });
  if (auto taken = lane_->submit({{std::nullopt, nullptr, false, ticket}}); !taken) {
    tickets_.cancel(ticket);
    then();
  }
}

void store::finish_writing(std::uint64_t id, expected<receipt> result) {
  auto found = writings_.find(id);
  if (found == writings_.end()) return;
  writing mine = std::move(found->second);
  writings_.erase(found);
  auto [from, to] = writings_of_.equal_range(mine.blob);
  for (auto at = from; at != to; ++at) {
    if (at->second != id) continue;
    writings_of_.erase(at);
    break;
  }
  tickets_.cancel(mine.when_full);
  index_.release(mine.reserved);
  mine.reply.deliver(std::move(result));
}

// They need not bring the rest of what is there now.
void store::finish_others(const digest& blob) {
  auto [from, to] = writings_of_.equal_range(blob);
  std::vector<std::uint64_t> others;
  for (auto at = from; at != to; ++at) others.push_back(at->second);
  for (auto id : others) {
    auto progress = writings_.at(id).progress.lock();
    finish_writing(id, receipt{static_cast<std::uint64_t>(blob.size), true});
    if (!progress) continue;
    progress->give_up({errc::already_exists, "another writer has brought this blob"});
  }
}

}  // namespace kiln::filesystem
