#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/contract/router.hpp"
#include "core/contract/transport.hpp"
#include "core/digest/digest.hpp"

namespace kiln::test {

/// Another server that speaks the Remote Execution API, in this process but behind a real wire, and as
/// troublesome as it is told. Keeps everything in maps. The test may look at it and change its mind under
/// `mutex`.
class reapi_peer {
public:
  /// Listens on a port that the system chose.
  reapi_peer();
  ~reapi_peer();

  std::shared_ptr<channel> dial();

  struct manners {
    unsigned unavailable = 0;                      ///< so many calls fail
    std::optional<std::size_t> break_read_after;   ///< one read breaks off after so many bytes
    std::optional<std::size_t> break_write_after;  ///< one upload breaks off after so many bytes
    bool forgets_uploads = false;                  ///< that broke off
    bool flip_a_bit = false;                       ///< in everything that is read
    bool forget_the_end = false;                   ///< reads end well, but short
    bool say_complete_at_once = false;             ///< uploads are answered after their first message
    std::optional<error> refusal;                  ///< of every blob that is sent
    std::int64_t batch_limit = 0;                  ///< as capabilities say it
    bool knows_zstd = false;
    bool hold_batch_reads = false;   ///< until `let_go`
    std::optional<digest> abhorred;  ///< a batch with it is refused whole
  };

  std::mutex mutex;
  manners how;
  std::map<digest, std::string> blobs;
  std::map<digest, std::string> results;
  std::map<std::string, int> calls;                                               ///< by method
  std::map<std::string, std::vector<std::shared_ptr<const call_metadata>>> said;  ///< beside each of them
  std::size_t largest_batch = 0;                                                  ///< bytes of a request
  std::size_t messages_of_last_write = 0;
  std::map<std::string, std::string> partial;  ///< uploads that broke off, by name
  std::size_t uploaded = 0;                    ///< bytes of all uploads
  std::set<std::string> clients;               ///< by their addresses
  std::vector<std::string> names;              ///< of what was streamed
  std::vector<int> batch_reads;                ///< how many blobs each was about
  std::vector<std::function<void()>> held;     ///< answers that stand

  /// Gives the answers that were held, and holds no more.
  void let_go();

private:
  void add_routes();
  void add_cas_routes();
  void add_stream_routes();
  void add_status_route();
  void add_result_routes();
  /// Counts the call; false if it was refused.
  bool admit(const call_ptr& from);

  router routes_;
  std::unique_ptr<transport> wire_;
};

}  // namespace kiln::test
