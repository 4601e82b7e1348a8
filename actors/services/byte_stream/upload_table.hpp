#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/services/byte_stream/upload.hpp"

namespace kiln {

/// The uploads under way, by name, how long they may lie still, and what each client has in them. Time comes
/// as ticks, so the table needs no clock: an upload that was not touched for so many of them is over. Where
/// too much is parked, it is what the client who has most in all its uploads has parked longest that ends
/// first. Confined to one actor.
class upload_table {
public:
  struct bounds {
    int parked_ticks = 4;                ///< an upload without its client is kept so long
    int hungry_ticks = 20;               ///< a client that sends nothing is
    std::size_t max_parked = 1;          ///< uploads without their clients
    std::uint64_t max_parked_bytes = 0;  ///< received for them so far
  };

  explicit upload_table(bounds limits) : limits_(limits) {}
  /// All clients hear UNAVAILABLE.
  ~upload_table();
  upload_table(const upload_table&) = delete;
  upload_table& operator=(const upload_table&) = delete;

  /// The upload that a client may go on with under this name, or null.
  std::shared_ptr<upload> find(const std::string& name) const;
  /// For an upload to come, so that its news can say which it is.
  std::uint64_t new_number() noexcept { return ++numbered_; }
  /// From now on the name means this one, of this client. Another that had it goes on, but nobody can come
  /// back to it. Looks at no others.
  void add(const std::string& name, std::uint64_t number, const std::shared_ptr<upload>& fresh,
           const std::string& client);
  /// The store has this one's blob: other uploads of it need not go on.
  void overtake(const std::shared_ptr<upload>& by);
  /// The store has settled this one. It is watched until its client is answered, too.
  void remove(const std::string& name, std::uint64_t number, const std::shared_ptr<upload>& ended);

  void tick();
  /// An upload was parked: it ends if its name means another by now; and those that have become too many end.
  void parked(std::uint64_t number);
  bool empty() const noexcept { return watched_.empty(); }
  /// What the store holds at most. A blob that is larger gets no room, so it counts for nothing; the others
  /// that are parked are to have half of that, all together, when they end.
  void set_capacity(std::uint64_t bytes) noexcept { capacity_ = bytes; }

  /// Bytes of all blobs that this client is uploading, parked or not: a store has promised room for them.
  std::uint64_t sizes_of(const std::string& client) const;
  /// Whether the store may have promised room to this one. Until it is told so, and when it is told no more,
  /// there is nothing to be given back.
  void set_offered(std::uint64_t number, bool offered);
  /// Ends parked uploads until all that are ending have so many bytes reserved, or none is left. Returns all
  /// that are ending. With `client`, only that client's are ended.
  std::vector<std::uint64_t> give_back(std::uint64_t bytes, const std::string* client = nullptr);

private:
  struct watched {
    std::shared_ptr<upload> what;
    std::string client;
    std::uint64_t size = 0;  // of its blob, if the store may have room for that
    bool named = true;
    bool offered = false;   // to the store
    bool given_up = false;  // it ends, and counts among its client's no more
    bool settled = false;   // by the store; the client is still to be heard to its end
    std::uint64_t progress = 0;
    int quiet = 0;  // ticks without progress
  };

  struct parking {
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;  // received
    std::uint64_t size = 0;   // of its blob
  };
  using parkings = std::map<std::uint64_t, parking>;

  bool still_parked(const parkings::value_type& entry) const;
  void tidy_parked();
  void forget(const parking& which) noexcept;
  parkings::iterator next_to_end(const std::string* client, bool only_offered);
  void end_parked(parkings::iterator which, const error& why);
  void hold_bounds();
  void give_up(watched& entry, const error& why);
  void count_out(watched& entry);

  const bounds limits_;
  std::map<std::string, std::uint64_t> by_name_;
  std::map<std::uint64_t, watched> watched_;  // by number, so in the order they came
  // The longest parked first. Some may have gone on or ended since: they are dropped when room is sought.
  parkings parked_;
  std::uint64_t parked_bytes_ = 0;
  std::uint64_t parked_sizes_ = 0;
  std::uint64_t capacity_ = std::numeric_limits<std::uint64_t>::max();
  std::unordered_map<std::string, std::uint64_t> sizes_;              // of clients who have any
  std::unordered_multimap<digest, std::shared_ptr<upload>> by_blob_;  // not yet settled
  std::uint64_t parkings_ = 0;
  std::uint64_t numbered_ = 0;
};

}  // namespace kiln
