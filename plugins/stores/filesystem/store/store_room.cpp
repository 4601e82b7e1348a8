#include "core/observe/log.hpp"
#include "core/wire/status.hpp"
#include "core/wire/too_large.hpp"
#include "plugins/stores/filesystem/store/filesystem_store.hpp"

namespace kiln::filesystem {
namespace {

// The size of a result is not known before it came.
constexpr std::uint64_t result_guess = 16 << 10;
// Moved out of a leaving pack at once.
constexpr std::uint64_t moved_at_once = 4 << 20;
constexpr std::size_t most_moved_at_once = 4096;
// Blobs leave for it when an upload has sent a byte, and a client may begin many: little, then twice what has
// come.
constexpr std::uint64_t least_grant = 128 << 10;
// How the failure of a move is told: the disk could not read what was to be moved.
constexpr errc unreadable = errc::data_loss;

// In `places`, from where it lies now. For thread pool threads; `then` is called once.
void move_all(const engine_ptr& with, const std::shared_ptr<pack_writer>& packer,
              const std::vector<std::pair<digest, pack_place>>& places,
              const std::vector<std::uint64_t>& sequences,
              std::function<void(std::vector<placed_blob>)> then) {
  struct share {
    std::vector<placed_blob> placed;
    std::vector<pack_writer::order> orders;
    std::vector<std::size_t> good;  // beside the orders
  };
  auto mine = std::make_shared<share>();
  auto submitted = caught([&]() -> expected<void> {
    for (std::size_t i = 0; i < places.size(); ++i) {
      auto [content, may_pass] = read_packed(*with, places[i].first, places[i].second);
      if (content) {
        mine->good.push_back(i);
        mine->orders.push_back({places[i].first, *content, sequences[i], record_kind::blob});
        mine->placed.push_back({std::move(*content), pack_place{}, sequences[i]});
      } else {
        // What the disk may read another time is not lost.
        const errc code = may_pass ? unreadable : content.error().code();
        mine->placed.push_back({{}, fail(error(code, content.error().message())), sequences[i]});
      }
    }
    packer->submit(std::move(mine->orders), [mine, then](pack_writer::places moved) {
      for (std::size_t i = 0; i < moved.size(); ++i) mine->placed[mine->good[i]].place = std::move(moved[i]);
      then(std::move(mine->placed));
    });
    return {};
  });
  if (submitted) return;
  std::vector<placed_blob> failed;
  for (auto sequence : sequences) failed.push_back({{}, fail(submitted.error()), sequence});
  then(std::move(failed));
}

}  // namespace

expected<std::uint64_t> store::weight_of(const digest& blob) const {
  std::uint64_t weight =
      deps_->what == store_role::results ? result_guess : static_cast<std::uint64_t>(blob.size);
  weight = deps_->packs(blob) ? record_size(blob.function, weight) : blob_index::file_weight(weight);
  if (weight <= index_.space()) return weight;
  // What a file takes of the disk are whole blocks, and a record has a header.
  const auto block = blob_index::file_weight(1);
  const auto most = deps_->packs(blob)
                        ? index_.space() - std::min(index_.space(), record_size(blob.function, 0))
                        : index_.space() / block * block;
  return fail(too_large_for_store(blob, deps_->name, most));
}

// What could make room is not known before the packs are: a full store must not refuse because it has just
// started.
void store::want_room(std::uint64_t weight, std::function<void(bool)> then) {
  if (index_.promise(weight))
    wait_for_room(weight, std::move(then));
  else if (loading_)
    when_loaded_.push_back([this, weight, then = std::move(then)] { want_room(weight, then); });
  else
    then(false);
}

void store::wait_for_room(std::uint64_t promised, std::function<void(bool)> then) {
  wanting_room_.push_back({promised, std::move(then)});
  give_room();
}

// In the order in which they came.
void store::give_room() {
  if (std::exchange(giving_room_, true)) return;
  bool again = false;
  if (wanting_room_.empty() && index_.is_dropping()) {
    evicted_blobs gone;
    index_.go_on_dropping(gone);
    evict(std::move(gone));
  }
  while (!wanting_room_.empty()) {
    evicted_blobs gone;
    room answer = index_.redeem(wanting_room_.front().promised, first_to_stay(), gone);
    evict(std::move(gone));
    if (answer == room::none && loading_) {
      when_loaded_.push_back([this] { give_room(); });
      break;
    }
    if (answer == room::soon || answer == room::later) {
      again = answer == room::soon || !index_.is_leaving();
      break;
    }
    room_wish first = std::move(wanting_room_.front());
    wanting_room_.pop_front();
    if (answer == room::none) index_.take_back(first.promised);
    outlive([&] { first.then(answer == room::made); });
  }
  giving_room_ = false;
  if ((!again && !index_.is_dropping()) || std::exchange(room_asked_, true)) return;
  later([this] {
    room_asked_ = false;
    give_room();
  });
}

// A client may name any size, and leave. So what is there stays until the bytes come that it has to go for;
// but who is let in will find room to the end.
void store::grant(std::uint64_t id, std::uint64_t wanted, std::function<void(expected<std::uint64_t>)> then) {
  writing& to = writings_.at(id);
  const auto size = static_cast<std::uint64_t>(to.blob.size);
  const auto most = std::min(size, std::max(2 * wanted, least_grant));
  const auto more = blob_index::file_weight(most) - to.reserved;
  to.promised -= more;
  wait_for_room(more, [this, id, more, most, then = std::move(then)](bool reserved) {
    auto found = writings_.find(id);
    if (found == writings_.end()) {  // it has ended meanwhile
      if (reserved) index_.release(more);
      return;
    }
    if (!reserved) return then(no_room(found->second.blob));
    found->second.reserved += more;
    found->second.granted = most;
    then(most);
  });
}

failure store::no_room(const digest& blob) {
  stats_.refused.add();
  if (index_.size() > index_.max_blobs())
    return fail(try_again(errc::resource_exhausted,
                          fmt::format("no room for blob {} in store {}: it holds the {} blobs that its "
                                      "index_memory has room for, and none of them may leave",
                                      blob, deps_->name, index_.max_blobs())));
  auto kept = index_.pinned() + index_.reserved() + index_.promised();
  return fail(
      try_again(errc::resource_exhausted,
                fmt::format("no room for blob {} in store {}: {} of its {} bytes are leased or being written",
                            blob, deps_->name, kept, index_.capacity())));
}

// The disk is fuller than our count says: somebody else fills it too.
void store::make_room_on_disk(std::uint64_t weight, std::function<void()> then) {
  evicted_blobs gone;
  index_.shed(weight, first_to_stay(), gone);
  evict(std::move(gone));
  after_removals(std::move(then));
}

// Behind them in the lane, and in the thread pool. While that is full, neither are they done.
void store::after_removals(std::function<void()> then) {
  auto removed = [this, then](disk_result<void>) {
    surely_on_pool([]() -> expected<void> { return {}; }, [then](const expected<void>&) { then(); });
  };
  auto taken = lane_->submit({{std::nullopt, blob_tree::content, nullptr, std::move(removed)}});
  if (taken) return;
  if (taken.error().code() != errc::resource_exhausted) return then();
  stall([this, then = std::move(then)] { after_removals(then); });
}

bool store::is_there(const digest& blob) {
  auto there = index_.find(blob);
  if (!there || !index_.stands(*there)) return false;
  index_.use(*there);
  return true;
}

bool store::is_unreadable(const digest& blob) {
  auto there = index_.find(blob);
  return there && there->unread;
}

void store::enter_file(const digest& blob, const uploaded& what) {
  note_unsynced();
  if (auto there = index_.find(blob)) {
    index_.use(*there);
    if (!there->unread) return;
    now_readable(*there);
    return index_.set_verified(*there, what.stamp);
  }
  removed_meanwhile_.erase(blob);
  slot& which = index_.insert_file(blob, what.size);
  index_.set_verified(which, what.stamp);
  listeners_.note_stored(blob);
}

// Of content the first one stays, of results the one that was ordered last.
void store::enter_packed(const digest& blob, std::uint64_t sequence, const placed_blob& what) {
  note_unsynced();
  heard_of_ = what.place->in->number;
  if (auto there = index_.find(blob)) {
    index_.use(*there);
    // The record that was written nevertheless takes its room.
    if (deps_->what == store_role::content || there->sequence > sequence)
      return index_.count_record(*what.place);
  }
  index_.insert_packed(blob, *what.place, sequence);
  listeners_.note_stored(blob);
}

// Only now the size of a result is known.
void store::trim() {
  if (wanting_room_.empty()) want_room(0, [](bool) {});
}

void store::evict(evicted_blobs gone) {
  stats_.evictions.add(gone.blobs.size());
  dismiss(std::move(gone));
}

void store::dismiss(evicted_blobs gone) {
  std::vector<name_lane::order> removals;
  for (const auto& blob : gone.files) {
    removals.push_back({blob, blob_tree::content, nullptr, {}});
    if (still_looking()) removed_meanwhile_.insert(blob);
  }
  for (const auto& blob : gone.copies) removals.push_back({blob, blob_tree::lent, nullptr, {}});
  if (!removals.empty()) remove_files(std::move(removals));
  if (!gone.packs.empty()) remove_packs(std::move(gone.packs));
  for (auto* pack : gone.leaving) move_on(pack->file->number);
  listeners_.tell_evicted(std::move(gone.blobs));
}

void store::remove_files(std::vector<name_lane::order> removals) {
  auto taken = lane_->submit(removals);
  if (taken || taken.error().code() != errc::resource_exhausted) return;
  // Nobody counts these files any more, so they must go even if there is no hand free just now. What came
  // anew meanwhile stays.
  stall([this, removals = std::move(removals)]() mutable {
    std::erase_if(removals, [this](const name_lane::order& one) {
      auto there = index_.find(*one.blob);
      return publishing_.contains(*one.blob) ||
             (there && (one.tree == blob_tree::content ? !there->packed() : there->copied));
    });
    if (!removals.empty()) remove_files(std::move(removals));
  });
}

void store::remove_packs(std::vector<std::uint64_t> numbers) {
  surely_on_pool(
      [with = deps_, numbers = std::move(numbers)]() -> expected<void> {
        for (auto number : numbers) remove_pack(*with, number);
        return {};
      },
      [](const expected<void>&) {});
}

void store::drop_broken(const digest& blob, const error& why, bool may_pass) {
  auto which = index_.find(blob);
  if (!which) return;
  // Not for ever, if the disk may read it another time: the next start finds it again.
  if (which->packed() && may_pass && more_may_come()) index_.note_tombstone(blob, which->sequence);
  if (which->packed() && !may_pass) record_tombstone(blob, which->sequence);
  evicted_blobs gone;
  index_.erase(*which, gone);
  stats_.broken.add();
  if (deps_->env.log)
    deps_->env.log->warn("a blob was dropped", {{"store", deps_->name}, {"blob", blob}, {"error", why}});
  if (!may_pass && std::erase(gone.blobs, blob) > 0) listeners_.tell_damaged(blob);
  dismiss(std::move(gone));
}

error store::judge_file(const digest& blob, std::uint64_t serial, error why) {
  auto there = slot_of(blob, serial);
  if (there && why.code() == errc::not_found) drop_broken(blob, why);
  if (why.code() != errc::unavailable) return why;
  if (there && !there->unread) note_unreadable(*there, why);
  return {errc::not_found, why.message()};
}

void store::note_unreadable(slot& which, const error& why) {
  const digest blob = index_.name_of(which);
  index_.set_unread(which, true);
  stats_.broken.add();
  if (deps_->env.log)
    deps_->env.log->warn("a blob cannot be read now; its file is kept",
                         {{"store", deps_->name}, {"blob", blob}, {"error", why}});
  listeners_.tell_evicted({blob});
}

void store::now_readable(slot& which) {
  if (!which.unread) return;
  index_.set_unread(which, false);
  listeners_.note_stored(index_.name_of(which));
  listeners_.tell();
}

// A write that failed may have left a record that could not be wiped either, and nobody knows of it: so it is
// not enough to be above the one that is known. What is being written now gets a sequence above this one.
std::uint64_t store::sequence_above(const digest& blob) {
  for (auto& [id, one] : writings_)
    if (one.blob == blob) one.overtaken = true;
  overtake_in_batches(blob);
  return index_.next_sequence();
}

// Without it the next start would find the record again.
void store::record_tombstone(const digest& blob, std::uint64_t sequence,
                             std::function<void(expected<void>)> then) {
  if (more_may_come()) index_.note_tombstone(blob, sequence);
  auto recorded = [this, then = std::move(then)](expected<pack_writer::places> places) {
    auto place = places ? std::move(places->front()) : expected<pack_place>(fail(places.error()));
    if (place) {
      heard_of_ = place->in->number;
      index_.count_record(*place);
    }
    if (!then) return;
    if (place)
      then({});
    else
      then(fail(std::move(place).error()));
  };
  packer_->submit({{blob, {}, sequence, record_kind::tombstone}},
                  home<pack_writer::places>(std::move(recorded)));
}

// What is still wanted of a leaving pack is read from it and appended to the newest, some of it at a time.
void store::move_on(std::uint64_t number) {
  held_pack* pack = index_.find_pack(number);
  if (!pack || !pack->leaving) return;
  if (pack->blobs.empty()) return stop_moving(number);
  std::vector<std::pair<digest, std::uint64_t>> which;
  std::vector<std::pair<digest, pack_place>> places;
  std::vector<std::uint64_t> sequences;
  for (const slot* one : index_.blobs_in(*pack, moved_at_once, most_moved_at_once)) {
    which.emplace_back(index_.name_of(*one), one->serial);
    places.emplace_back(which.back().first, index_.place_of(*one));
    sequences.push_back(one->sequence);
  }
  using all = std::vector<placed_blob>;
  auto taken =
      begin_on_pool<all>([with = deps_, packer = packer_, places, sequences](
                             auto done) { move_all(with, packer, places, sequences, std::move(done)); },
                         [this, number, which](const expected<all>& placed) {
                           placed ? moved(number, which, *placed) : stop_moving(number);
                         });
  if (!taken) stop_moving(number);
}

// What cannot be written anew stays where it is: it was used lately, or is leased.
void store::moved(std::uint64_t number, const std::vector<std::pair<digest, std::uint64_t>>& which,
                  const std::vector<placed_blob>& placed) {
  bool stuck = false;
  bool again = false;
  for (std::size_t i = 0; i < which.size(); ++i) {
    slot* one = slot_of(which[i].first, which[i].second);
    held_pack* in = one ? index_.pack_of(*one) : nullptr;
    const bool still_here = in && in->file->number == number;
    if (placed[i].place) heard_of_ = placed[i].place->in->number;
    if (still_here && placed[i].place) {
      index_.move(*one, *placed[i].place);
    } else if (still_here && placed[i].place.error().code() == errc::not_found && !one->pinned) {
      drop_broken(which[i].first, placed[i].place.error());
    } else if (still_here && placed[i].place.error().code() == unreadable && in->was_stuck && !one->pinned) {
      // Twice, and others want the room: it leaves with its pack.
      drop_broken(which[i].first, placed[i].place.error(), true);
    } else if (still_here && placed[i].place.error().code() == unreadable && in->stale && !one->pinned) {
      again = true;  // nothing else may leave before it
    } else if (still_here) {
      stuck = true;
    } else if (placed[i].place) {
      // It left or was replaced while it was moved: the moved record must not count at the next start.
      index_.count_record(*placed[i].place);
      record_tombstone(which[i].first, placed[i].sequence);
    }
  }
  if (stuck) return stop_moving(number);
  if (held_pack* pack = again ? index_.find_pack(number) : nullptr) pack->was_stuck = true;
  move_on(number);
}

void store::stop_moving(std::uint64_t number) {
  held_pack* pack = index_.find_pack(number);
  if (!pack || !pack->leaving) return;
  evicted_blobs gone;
  index_.finish_leaving(*pack, gone);
  dismiss(std::move(gone));
  give_room();
}

}  // namespace kiln::filesystem
