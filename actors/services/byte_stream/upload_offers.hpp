#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "actors/services/byte_stream/byte_stream.hpp"
#include "actors/services/byte_stream/upload_table.hpp"

namespace kiln {

/// Admits uploads to the store, which reserves space for each. One client's admitted uploads take at most
/// half of the store, unless it is a single one; its others wait unread, as many as the transport lets a
/// client have calls. If there is no space, uploads whose clients are gone are ended and the upload is
/// offered again. Confined to the actor, to whose state `uploads` belongs.
class upload_offers {
public:
  using outcome = std::function<void(expected<receipt>)>;

  upload_offers(byte_stream_actor::pointer self, store_actor blobs, upload_table& uploads);

  /// The source is the upload of this number, of this client. `then` hears how the store ended it.
  void offer(std::uint64_t number, const std::string& client, write_blob order, outcome then);

private:
  struct offered {
    std::uint64_t number = 0;
    std::string client;
    std::uint64_t size = 0;  // that it counts for
    digest blob;
    blob_source_ptr source;
    std::shared_ptr<sent_bytes> sent;
    outcome then;
    std::unordered_set<std::uint64_t> waits_for{};  // uploads that are ending
  };
  using offered_ptr = std::shared_ptr<offered>;

  std::uint64_t counted(const digest& blob) const;
  bool has_share(const std::string& client, std::uint64_t size) const;
  void admit(const offered_ptr& what);
  void admit_queued();
  void give_share_back(offered& what);
  void ask(const offered_ptr& what);
  bool wait_for_others(const offered_ptr& what);
  void end(const offered_ptr& what, expected<receipt> how);

  const byte_stream_actor::pointer self_;
  const store_actor blobs_;
  upload_table& uploads_;
  std::list<offered_ptr> waiting_;  // for others to end
  std::list<offered_ptr> queued_;   // for their client's share
  std::unordered_map<std::string, std::size_t> queued_of_;
  std::unordered_map<std::string, std::uint64_t> held_;  // bytes of what was admitted
  std::uint64_t capacity_ = 0;                           // of the store, once that is known
};

}  // namespace kiln
