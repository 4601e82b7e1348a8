#include "core/observe/log.hpp"
#include "core/wire/status.hpp"
#include "plugins/stores/filesystem/store.hpp"

namespace kiln::filesystem {
namespace {

// The size of a result is not known before it came.
constexpr std::uint64_t result_guess = 16 << 10;
// Moved out of a leaving pack at once.
constexpr std::uint64_t moved_at_once = 4 << 20;
// Most blobs need no second one.
constexpr std::uint64_t least_grant = 4 << 20;

}  // namespace

expected<std::uint64_t> store::weight_of(const digest& blob) const {
  std::uint64_t weight = with_->what == holds::results ? result_guess : static_cast<std::uint64_t>(blob.size);
  weight = with_->packs(blob) ? record_size(weight) : blob_index::file_weight(weight);
  if (weight <= index_.room()) return weight;
  return fail(errc::resource_exhausted, "blob {} can never fit store {}, whose capacity is {} bytes", blob,
              with_->name, index_.capacity());
}

expected<std::uint64_t> store::reserve_for(const digest& blob) {
  auto weight = weight_of(blob);
  if (!weight) return weight;
  departures gone;
  bool enough = index_.reserve(*weight, packer_->newest(), gone);
  evict(std::move(gone));
  if (enough) return weight;
  return no_room(blob);
}

// A client may name any size, and leave. So what is there stays until the bytes come that it has to go for;
// but who is let in will find room to the end.
expected<void> store::admit(writing& fresh) {
  if (with_->packs(fresh.blob)) {
    auto reserved = reserve_for(fresh.blob);
    if (!reserved) return failure(std::move(reserved).error());
    fresh.reserved = *reserved;
    return {};
  }
  auto weight = weight_of(fresh.blob);
  if (!weight) return failure(std::move(weight).error());
  if (!index_.promise(*weight)) return no_room(fresh.blob);
  fresh.promised = *weight;
  auto granted = grant(fresh, 0);
  if (granted) return {};
  index_.take_back(fresh.promised);
  return failure(std::move(granted).error());
}

expected<std::uint64_t> store::grant(writing& to, std::uint64_t wanted) {
  const auto size = static_cast<std::uint64_t>(to.blob.size);
  const auto most = std::min(size, std::max(2 * wanted, least_grant));
  const auto more = blob_index::file_weight(most) - to.reserved;
  departures gone;
  bool enough = index_.redeem(more, packer_->newest(), gone);
  evict(std::move(gone));
  if (!enough) return no_room(to.blob);
  to.promised -= more;
  to.reserved += more;
  to.granted = most;
  return most;
}

failure store::no_room(const digest& blob) {
  figures_.refused.add();
  auto kept = index_.pinned() + index_.reserved() + index_.promised();
  return fail(
      try_again(errc::resource_exhausted,
                fmt::format("no room for blob {} in store {}: {} of its {} bytes are leased or being written",
                            blob, with_->name, kept, index_.capacity())));
}

// The disk is fuller than our count says: somebody else fills it too.
void store::make_room_on_disk(std::uint64_t weight, std::function<void()> then) {
  departures gone;
  index_.shed(weight, packer_->newest(), gone);
  evict(std::move(gone));
  // Behind the removals in the lane, and in the crew.
  auto ticket = tickets_.issue<disk_result<void>>([this, then](disk_result<void>) {
    if (!on_crew([] { return true; }, [then](bool) { then(); })) then();
  });
  if (auto taken = lane_->submit({{std::nullopt, blob_tree::content, nullptr, ticket}}); !taken) {
    tickets_.cancel(ticket);
    then();
  }
}

void store::enter_file(const digest& blob, const uploaded& what) {
  if (auto there = index_.find(blob)) return index_.use(*there);
  removed_meanwhile_.erase(blob);
  slot& which = index_.insert_file(blob, what.size);
  which.second.verified = what.stamp;
  if (!what.small.empty()) index_.warm(which, what.small);
}

// Of content the first one stays, of results the one that was ordered last.
void store::enter_packed(const digest& blob, std::uint64_t sequence, const placed_blob& what) {
  if (auto there = index_.find(blob)) {
    index_.use(*there);
    if (with_->what == holds::content || there->second.sequence > sequence) return;
  }
  slot& which = index_.insert_packed(blob, *what.place, sequence);
  index_.warm(which, what.content);
}

// Only now the size of a result is known.
void store::trim() {
  departures gone;
  index_.reserve(0, packer_->newest(), gone);
  evict(std::move(gone));
}

void store::evict(departures gone) {
  figures_.evictions.add(gone.blobs.size());
  dismiss(std::move(gone));
}

void store::dismiss(departures gone) {
  std::vector<name_lane::order> removals;
  for (const auto& blob : gone.files) {
    removals.push_back({blob, blob_tree::content, nullptr, 0});
    if (still_looking()) removed_meanwhile_.insert(blob);
  }
  for (const auto& blob : gone.copies) removals.push_back({blob, blob_tree::lent, nullptr, 0});
  expected<void> taken;
  if (!removals.empty()) taken = lane_->submit(std::move(removals));
  if (!gone.packs.empty() && taken)
    taken = with_->hands->post([with = with_, packs = gone.packs] {
      for (auto number : packs) remove_pack(*with, number);
    });
  // What cannot be removed now is found again, and counted again, by the next start.
  if (!taken && with_->env.log)
    with_->env.log->warn("files of evicted blobs are left behind",
                         {{"store", with_->name}, {"error", taken.error()}});
  for (auto* pack : gone.leaving) move_on(pack->file->number);
  listeners_.tell(std::move(gone.blobs));
}

void store::drop_broken(const digest& blob, const error& why) {
  auto which = index_.find(blob);
  if (!which) return;
  if (which->second.in) record_erasure(blob, which->second.sequence);
  departures gone;
  index_.erase(*which, gone);
  figures_.broken.add();
  if (with_->env.log)
    with_->env.log->warn("a blob was dropped", {{"store", with_->name}, {"blob", blob}, {"error", why}});
  dismiss(std::move(gone));
}

// Without it the next start would find the record again.
void store::record_erasure(const digest& blob, std::uint64_t sequence,
                           std::function<void(expected<void>)> then) {
  if (loading_) index_.note_erasure(blob, sequence);
  tickets::number ticket = 0;
  if (then) ticket = tickets_.issue<expected<void>>(std::move(then));
  packer_->submit({{blob, {}, sequence, record_kind::erasure}},
                  [tell = tell_, ticket](std::vector<expected<pack_place>> places) {
                    expected<void> result;
                    if (!places.front()) result = fail(places.front().error());
                    if (ticket != 0) tell(ticket, std::make_shared<expected<void>>(std::move(result)));
                  });
}

// What is still wanted of a leaving pack is read from it and appended to the newest, some of it at a time.
void store::move_on(std::uint64_t number) {
  held_pack* pack = index_.find_pack(number);
  if (!pack || !pack->leaving) return;
  auto finish = [&] {
    departures gone;
    index_.finish_leaving(*pack, gone);
    dismiss(std::move(gone));
  };
  if (pack->blobs.empty()) return finish();
  std::vector<std::pair<digest, std::uint64_t>> which;
  std::vector<std::pair<digest, pack_place>> places;
  std::vector<std::uint64_t> sequences;
  std::uint64_t weight = 0;
  for (auto& entry : pack->blobs) {
    const slot& one = blob_index::slot_of(entry);
    which.emplace_back(one.first, entry.serial);
    places.emplace_back(one.first, index_.place_of(one));
    sequences.push_back(entry.sequence);
    weight += entry.size;
    if (weight > moved_at_once) break;
  }
  auto ticket = tickets_.issue<std::vector<placed_blob>>(
      [this, number, which](const std::vector<placed_blob>& placed) { moved(number, which, placed); });
  auto taken = with_->hands->post([with = with_, packer = packer_, tell = tell_, ticket, places, sequences] {
    std::vector<pack_writer::order> orders;
    auto result = std::make_shared<std::vector<placed_blob>>();
    std::vector<std::size_t> good;
    for (std::size_t i = 0; i < places.size(); ++i) {
      auto content = read_packed(*with, places[i].first, places[i].second);
      if (content) {
        good.push_back(i);
        orders.push_back({places[i].first, *content, sequences[i], record_kind::blob});
        result->push_back({std::move(*content), pack_place{}, sequences[i]});
      } else {
        result->push_back({{}, fail(std::move(content).error()), sequences[i]});
      }
    }
    packer->submit(std::move(orders), [tell, ticket, result, good](std::vector<expected<pack_place>> placed) {
      for (std::size_t i = 0; i < good.size(); ++i) (*result)[good[i]].place = std::move(placed[i]);
      tell(ticket, result);
    });
  });
  if (taken) return;
  tickets_.cancel(ticket);
  finish();
}

void store::moved(std::uint64_t number, const std::vector<std::pair<digest, std::uint64_t>>& which,
                  const std::vector<placed_blob>& placed) {
  bool stuck = false;
  departures gone;
  for (std::size_t i = 0; i < which.size(); ++i) {
    slot* one = slot_of(which[i].first, which[i].second);
    bool still_here = one && one->second.in && one->second.in->file->number == number;
    if (still_here && placed[i].place) {
      index_.move(*one, *placed[i].place);
    } else if (still_here && one->second.pins == 0) {
      index_.erase(*one, gone);
    } else if (still_here) {
      stuck = true;  // leased, and the disk does not take it: it stays where it is
    } else if (placed[i].place) {
      // It left or was replaced while it was moved: the moved record must not count at the next start.
      record_erasure(which[i].first, placed[i].sequence);
    }
  }
  evict(std::move(gone));
  if (!stuck) return move_on(number);
  if (held_pack* pack = index_.find_pack(number)) {
    departures none;
    index_.finish_leaving(*pack, none);
    dismiss(std::move(none));
  }
}

}  // namespace kiln::filesystem
