#include "plugins/stores/redis/slot_map.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

namespace kiln::redis_store {
namespace {

// A cluster has some hundred nodes at most; addresses that are known no more are dropped with the next
// answer.
constexpr std::size_t most_nodes = 4096;

bool is_slot(const resp_reply& item) noexcept {
  return item.what == resp_reply::kind::number && item.number >= 0 && item.number < hash_slots;
}

struct slot_range {
  std::uint16_t first = 0, last = 0;
  server_address master;
};

std::optional<slot_range> read_range(const resp_reply& item, const server_address& teller) {
  if (item.items.size() < 3 || !is_slot(item.items[0]) || !is_slot(item.items[1])) return std::nullopt;
  const auto& node = item.items[2].items;
  if (node.size() < 2 || node[1].what != resp_reply::kind::number) return std::nullopt;
  slot_range found{static_cast<std::uint16_t>(item.items[0].number),
                   static_cast<std::uint16_t>(item.items[1].number),
                   {std::string(node[0].text.view()), std::to_string(node[1].number), teller.encrypted}};
  if (found.master.host.empty() || found.master.host == "?") found.master.host = teller.host;
  if (found.first > found.last) return std::nullopt;
  return found;
}

}  // namespace

const server_address* slot_map::master_of(std::uint16_t slot) const noexcept {
  const auto owner = owner_[slot];
  return owner == nobody ? nullptr : &known_[owner];
}

std::uint16_t slot_map::number_of(const server_address& address) {
  auto found = std::find(known_.begin(), known_.end(), address);
  if (found != known_.end()) return static_cast<std::uint16_t>(found - known_.begin());
  if (known_.size() >= most_nodes) return nobody;
  known_.push_back(address);
  return static_cast<std::uint16_t>(known_.size() - 1);
}

void slot_map::move(std::uint16_t slot, const server_address& to) {
  if (slot < hash_slots) owner_[slot] = number_of(to);
}

bool slot_map::read(const resp_reply& answer, const server_address& teller) {
  if (answer.what != resp_reply::kind::list || answer.items.empty()) return false;
  std::vector<slot_range> ranges;
  for (const auto& item : answer.items) {
    auto range = read_range(item, teller);
    if (!range) return false;
    ranges.push_back(std::move(*range));
  }
  known_.clear();
  std::fill(owner_.begin(), owner_.end(), nobody);
  for (const auto& range : ranges)
    std::fill(owner_.begin() + range.first, owner_.begin() + range.last + 1, number_of(range.master));
  return true;
}

std::vector<server_address> slot_map::masters() const {
  return known_;
}

std::optional<redirection> read_redirection(const resp_reply& answer, const server_address& teller) {
  const bool asks = answer.is_fault("ASK");
  if (!asks && !answer.is_fault("MOVED")) return std::nullopt;
  auto rest = answer.text.view().substr(answer.text.view().find(' ') + 1);
  redirection found;
  found.only_once = asks;
  auto slot = std::from_chars(rest.data(), rest.data() + rest.size(), found.slot);
  if (slot.ec != std::errc() || found.slot >= hash_slots) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(slot.ptr - rest.data()));
  const auto colon = rest.rfind(':');
  if (rest.size() < 2 || rest[0] != ' ' || colon == std::string_view::npos) return std::nullopt;
  found.to = {std::string(rest.substr(1, colon - 1)), std::string(rest.substr(colon + 1)), teller.encrypted};
  if (found.to.host.empty() || found.to.host == "?") found.to.host = teller.host;
  const bool is_port =
      !found.to.port.empty() && found.to.port.find_first_not_of("0123456789") == std::string::npos;
  return is_port ? std::optional(std::move(found)) : std::nullopt;
}

}  // namespace kiln::redis_store
