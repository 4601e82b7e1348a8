#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "core/store_kit/take_up.hpp"
#include "plugins/stores/s3/known_objects.hpp"
#include "plugins/stores/s3/s3_client.hpp"

namespace kiln::s3_store {

/// How results say what their bytes are: their names do not.
inline constexpr const char* hash_header = "x-amz-meta-kiln-sha256";

/// What the head of an answer says of an object.
struct object_facts {
  std::uint64_t size = 0;
  duration age{};
  std::string etag;
  std::string hash;
};

/// What the orders of one store are done with: its objects, and what is remembered of them. Any thread.
class s3_bucket : public std::enable_shared_from_this<s3_bucket> {
public:
  s3_bucket(engine_ptr engine, std::shared_ptr<s3_client> client);

  const s3_engine& engine() const noexcept { return *engine_; }
  const s3_options& options() const noexcept { return engine_->options; }
  const std::shared_ptr<s3_client>& client() const noexcept { return client_; }
  /// Requests of one order that are under way: half of all, so that none of them keeps out the others.
  std::size_t of_one_order() const { return (options().max_requests + 1) / 2; }
  std::string key_of(const digest& blob) const { return engine_->address.key_of(blob); }

  object_facts facts_in(const web_head& head, std::uint64_t size) const;
  /// Whether these are of the object that was asked for, and it is not about to be deleted.
  bool is_there(const digest& blob, const object_facts& facts) const;
  failure no_such(const digest& blob) const;
  error too_large(const digest& blob) const;

  /// Asks the service; nothing if it is not there.
  void look(const digest& blob, steady_time until, done<std::optional<object_facts>> then);
  /// It was used, and is there: it is remembered, and made new where it would expire.
  void saw(const digest& blob, const object_facts& facts);
  void lost(const digest& blob);
  /// Its bytes were wrong: whoever has the right ones can bring them again.
  void drop_damaged(const digest& blob, const error& why);

  /// On the web client's thread only.
  bool remembers(const digest& blob) const;

private:
  void copy_forward(const digest& blob, const object_facts& facts);

  const engine_ptr engine_;
  const std::shared_ptr<s3_client> client_;

  // On the web client's thread.
  known_objects known_;
  std::unordered_set<digest> copying_;
};

using bucket_ptr = std::shared_ptr<s3_bucket>;

}  // namespace kiln::s3_store
