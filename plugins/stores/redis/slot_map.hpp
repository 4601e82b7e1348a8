#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "plugins/stores/redis/hash_slot.hpp"
#include "plugins/stores/redis/resp_reply.hpp"
#include "plugins/stores/redis/server_address.hpp"

namespace kiln::redis_store {

/// Which master of a cluster has which slot, as far as is known. Plain class.
class slot_map {
public:
  /// Null where nobody is known.
  const server_address* master_of(std::uint16_t slot) const noexcept;
  void move(std::uint16_t slot, const server_address& to);
  /// Of an answer to CLUSTER SLOTS, given by the server at `teller`. False, and nothing is changed, if it
  /// cannot be read.
  bool read(const resp_reply& answer, const server_address& teller);
  /// The masters, each once.
  std::vector<server_address> masters() const;

private:
  std::uint16_t number_of(const server_address& address);

  static constexpr std::uint16_t nobody = 0xffff;
  std::vector<server_address> known_;
  std::vector<std::uint16_t> owner_ = std::vector<std::uint16_t>(hash_slots, nobody);
};

/// "MOVED 3999 127.0.0.1:6381" and "ASK ...": whom to ask instead. A host that is left out is the teller's.
struct redirection {
  std::uint16_t slot = 0;
  server_address to;
  bool only_once = false;  ///< ASK: this time, for the slot is on its way
};
std::optional<redirection> read_redirection(const resp_reply& answer, const server_address& teller);

}  // namespace kiln::redis_store
