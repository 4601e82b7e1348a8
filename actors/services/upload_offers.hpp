#pragma once

#include <functional>
#include <list>
#include <memory>
#include <unordered_set>

#include "actors/services/byte_stream.hpp"
#include "actors/services/upload_table.hpp"

namespace kiln {

/// Uploads on their way into the store, and the room that it promises them. A client may have no more than
/// half of the store in uploads that have not ended, unless it is a single one. An upload that finds no room
/// has those end whose clients are gone, and is offered again then. Confined to the actor, to whose state
/// `uploads` belongs.
class upload_offers {
public:
  using outcome = std::function<void(expected<receipt>)>;

  upload_offers(byte_stream_actor::pointer self, store_actor blobs, upload_table& uploads);

  /// RESOURCE_EXHAUSTED, and to come again, if that would be more than this client's share.
  expected<void> check_share(const std::string& client, const digest& blob);
  /// `source` is the upload of this number. `then` hears how the store ended it.
  void offer(std::uint64_t number, const digest& blob, blob_source_ptr source, outcome then);

private:
  struct offered {
    std::uint64_t number = 0;
    digest blob;
    blob_source_ptr source;
    outcome then;
    std::unordered_set<std::uint64_t> waits_for{};  // uploads that are ending
  };
  using offered_ptr = std::shared_ptr<offered>;

  void ask(const offered_ptr& what);
  bool wait_for_others(const offered_ptr& what);
  void end(const offered_ptr& what, expected<receipt> how);

  const byte_stream_actor::pointer self_;
  const store_actor blobs_;
  upload_table& uploads_;
  std::list<offered_ptr> waiting_;
  std::uint64_t capacity_ = 0;  // of the store, once that is known
};

}  // namespace kiln
