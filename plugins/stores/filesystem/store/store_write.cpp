#include <cerrno>

#include "plugins/stores/filesystem/store/filesystem_store.hpp"

namespace kiln::filesystem {
namespace {

// Results are small protobuf messages; what is larger is no result.
constexpr std::uint64_t result_limit = 16 << 20;

}  // namespace

caf::result<receipt> store::write(write_blob order) {
  if (!order.source) order.source = source_of({});
  if (deps_->what == store_role::content) {
    if (is_empty_blob(order.blob)) return receipt{0, true};
    if (is_there(order.blob)) return receipt{static_cast<std::uint64_t>(order.blob.size), true};
  }
  auto reply = make_answer<receipt>(this);
  if (deps_->what == store_role::results) {
    begin_writing(std::move(order), reply);
  } else {
    when_known({order.blob}, [this, order, reply]() mutable {
      if (is_there(order.blob))
        reply.deliver(receipt{static_cast<std::uint64_t>(order.blob.size), true});
      else
        begin_writing(std::move(order), reply);
    });
  }
  return reply;
}

void store::begin_writing(write_blob order, answer<receipt> reply) {
  auto refuse = [&](error why) {
    order.source->cancel(why);
    reply.deliver(fail(std::move(why)));
  };
  auto weight = weight_of(order.blob);
  if (!weight) return refuse(std::move(weight).error());
  if (!index_.promise(*weight)) {
    if (!loading_) return refuse(no_room(order.blob).value());
    return when_loaded_.push_back([this, order, reply] { begin_writing(order, reply); });
  }
  const std::uint64_t id = ++last_writing_;
  writing& fresh = writings_.emplace(id, writing{order.blob, reply}).first->second;
  fresh.promised = *weight;
  if (deps_->packs(order.blob))
    bring_small(id, order.source);
  else
    bring_large(id, order.source);
}

void store::bring_small(std::uint64_t id, const blob_source_ptr& source) {
  const std::uint64_t weight = std::exchange(writings_.at(id).promised, 0);
  wait_for_room(weight, [this, id, weight, source](bool reserved) {
    writing& mine = writings_.at(id);
    if (!reserved) return turn_away(id, source, no_room(mine.blob).value());
    mine.reserved = weight;
    begin_small(id, mine.blob, source);
  });
}

void store::bring_large(std::uint64_t id, const blob_source_ptr& source) {
  grant(id, 0, [this, id, source](expected<std::uint64_t> granted) {
    const digest blob = writings_.at(id).blob;
    if (!granted) return turn_away(id, source, std::move(granted).error());
    if (is_there(blob))  // it came while this one waited
      return finish_writing(id, receipt{static_cast<std::uint64_t>(blob.size), true});
    begin_upload(id, blob, source);
  });
}

void store::turn_away(std::uint64_t id, const blob_source_ptr& source, error why) {
  source->cancel(why);
  finish_writing(id, fail(std::move(why)));
}

void store::begin_small(std::uint64_t id, const digest& blob, blob_source_ptr source) {
  std::uint64_t sequence = index_.next_sequence();
  writings_.at(id).overtaken = false;
  std::uint64_t limit =
      deps_->what == store_role::results ? result_limit : static_cast<std::uint64_t>(blob.size);
  auto ended = [this, id, sequence](expected<placed_blob> placed) {
    small_ended(id, sequence, placed ? std::move(*placed) : placed_blob{{}, fail(placed.error()), sequence});
  };
  gather_and_place(deps_, packer_, {blob, {}, sequence}, std::move(source), limit,
                   home<placed_blob>(std::move(ended)));
}

void store::small_ended(std::uint64_t id, std::uint64_t sequence, placed_blob placed) {
  auto found = writings_.find(id);
  if (found == writings_.end()) return;
  writing& mine = found->second;
  if (placed.place && std::exchange(mine.overtaken, false)) {
    heard_of_ = placed.place->in->number;
    index_.count_record(*placed.place);
    return begin_again(id, {mine.blob, placed.content, index_.next_sequence()});
  }
  if (placed.place) {
    index_.release(std::exchange(mine.reserved, 0));
    enter_packed(mine.blob, sequence, placed);
    trim();
    return finish_writing(id, receipt{placed.content.size(), false});
  }
  bool no_room = placed.place.error().code() == errc::resource_exhausted && !placed.content.empty();
  if (!no_room || std::exchange(mine.retried, true))
    return finish_writing(id, fail(std::move(placed.place).error()));
  make_room_on_disk(mine.reserved, [this, id, sequence, blob = mine.blob, content = placed.content] {
    if (writings_.contains(id)) begin_again(id, {blob, content, sequence});
  });
}

void store::begin_again(std::uint64_t id, small_blob what) {
  using all = std::vector<placed_blob>;
  auto taken = begin_on_pool<all>(
      [with = deps_, packer = packer_, what](auto done) { place_all(with, packer, {what}, std::move(done)); },
      [this, id, sequence = what.sequence](expected<all> placed) {
        if (!placed) return finish_writing(id, fail(std::move(placed).error()));
        small_ended(id, sequence, std::move(placed->front()));
      });
  if (!taken) finish_writing(id, fail(std::move(taken).error()));
}

void store::begin_upload(std::uint64_t id, const digest& blob, blob_source_ptr source) {
  auto ended = [this, id](expected<uploaded_ptr> result) { upload_ended(id, std::move(result)); };
  auto stopped = [this, id](const upload::stopped& how) { upload_stopped(id, how); };
  writing& mine = writings_.at(id);
  auto progress = std::make_shared<upload>(deps_, upload::order{blob, std::move(source), mine.granted},
                                           home<uploaded_ptr>(std::move(ended)),
                                           tell_home<upload::stopped>(me(), std::move(stopped)));
  mine.progress = progress;
  uploads_of_.emplace(blob, id);
  progress->start();
}

void store::upload_stopped(std::uint64_t id, const upload::stopped& how) {
  auto found = writings_.find(id);
  if (found == writings_.end()) return;
  if (!how.beyond_grant)
    return make_room_on_disk(found->second.reserved, [waiting = how.which] { waiting->go_on(); });
  grant(id, how.wanted, [waiting = how.which](expected<std::uint64_t> granted) {
    granted ? waiting->go_on(*granted) : waiting->give_up(granted.error());
  });
}

void store::upload_ended(std::uint64_t id, expected<uploaded_ptr> result) {
  auto found = writings_.find(id);
  if (found == writings_.end()) return;
  if (!result) return finish_writing(id, fail(std::move(result).error()));
  // Whoever finished first has published it, and hard links to that file stay good.
  if (is_there(found->second.blob)) return finish_writing(id, receipt{(*result)->size, false});
  publish(id, std::move(*result));
}

void store::publish(std::uint64_t id, uploaded_ptr what) {
  const digest blob = writings_.at(id).blob;
  auto named = [this, id, blob, what](disk_result<void> result) {
    publishing_.erase(publishing_.find(blob));
    published(id, what, result);
  };
  std::shared_ptr<temp_file> file(what, &what->file);
  auto taken =
      lane_->submit({{blob, blob_tree::content, std::move(file), std::move(named), is_unreadable(blob)}});
  if (taken) {
    publishing_.insert(blob);
    return;
  }
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
  enter_file(blob, *what);
  finish_writing(id, receipt{what->size, false});
  finish_others(blob);
}

void store::finish_writing(std::uint64_t id, expected<receipt> result) {
  auto found = writings_.find(id);
  if (found == writings_.end()) return;
  writing mine = std::move(found->second);
  writings_.erase(found);
  auto [from, to] = uploads_of_.equal_range(mine.blob);
  for (auto at = from; at != to; ++at) {
    if (at->second != id) continue;
    uploads_of_.erase(at);
    break;
  }
  index_.release(mine.reserved);
  index_.take_back(mine.promised);
  listeners_.tell();  // whoever hears of the receipt may ask somebody who listens
  mine.reply.deliver(std::move(result));
  give_room();
}

// They need not bring the rest of what is there now.
void store::finish_others(const digest& blob) {
  auto [from, to] = uploads_of_.equal_range(blob);
  std::vector<std::uint64_t> others;
  for (auto at = from; at != to; ++at) others.push_back(at->second);
  for (auto id : others) {
    auto progress = writings_.at(id).progress.lock();
    finish_writing(id, receipt{static_cast<std::uint64_t>(blob.size), true});
    if (progress) progress->give_up({errc::already_exists, "another writer has brought this blob"});
  }
}

}  // namespace kiln::filesystem
