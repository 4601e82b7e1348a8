#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/services/http_cache/http_cache.hpp"
#include "actors/services/http_cache/http_path.hpp"
#include "actors/services/http_cache/size_index.hpp"

namespace kiln {

/// What the http_cache actor does. Lives in it.
class http_service {
public:
  http_service(http_cache_actor::pointer self, http_cache_options options);

  void handle(const http_request& order);

private:
  /// A request that was understood. Copies share the call.
  struct asked {
    call_ptr call;
    std::string method;
    http_path path;
    std::shared_ptr<void> claim = {};  ///< its path is nobody else's who wants nothing to be there

    std::string_view field(std::string_view name) const noexcept { return call->info().value_of(name); }
    bool head_only() const noexcept { return method == "HEAD"; }
    bool reads() const noexcept { return method == "GET" || head_only(); }
    bool is_conditional() const noexcept {
      return !field("if-match").empty() || !field("if-none-match").empty();
    }
  };
  template <class T>
  using then = std::function<expected<void>(T)>;
  using go_on = std::function<expected<void>()>;

  expected<void> route(asked on);
  static expected<void> check_body(const asked& on);
  expected<void> not_allowed(const asked& on, const char* allowed);
  expected<void> tell_metrics(const asked& on);
  expected<void> tell_readiness(const asked& on);
  expected<void> tell_options(const asked& on);

  // Blobs.
  expected<void> blob(const asked& on);
  expected<void> get_blob(const asked& on);
  expected<void> put_blob(const asked& on);
  expected<void> put_compressed(const asked& on, const digest& blob);
  expected<void> take_blob(const asked& on, const digest& blob, std::uint64_t sent);
  void keep_blob(const asked& on, const digest& blob, blob_source_ptr source);
  /// Its digest whole, or NOT_FOUND.
  void with_size(const asked& on, then<digest> next);
  void tell_blob(const asked& on, const digest& blob);
  void send_blob(const asked& on, const digest& blob);
  /// Compressed, unless as many as may be are being compressed: then null, and the blob goes as it is.
  blob_source_ptr packed(blob_content& content, std::uint64_t size);
  void send_content(const asked& on, const digest& blob, blob_content& content,
                    const std::optional<struct http_range>& part);
  /// Remembered here, and in the store of results for others; then goes on.
  void note_size(const asked& on, const digest& blob, std::function<void()> next);
  void note_sizes(const std::shared_ptr<const std::vector<digest>>& blobs, std::size_t from,
                  std::function<void()> next);

  // Results of actions.
  expected<void> result(const asked& on);
  expected<void> get_result(const asked& on);
  expected<void> put_result(const asked& on);

  // Values, and what WebDAV asks of them.
  expected<void> value(const asked& on);
  expected<void> put_value(const asked& on);
  expected<void> drop_value(const asked& on);
  find_result record_of_value(const asked& on) const;
  void find_value(const asked& on, then<digest> next);
  void keep_value(const asked& on, byte_chain content);
  expected<void> tell_properties(const asked& on);
  expected<void> may_write() const;
  /// Of a conditional PUT; the error is that somebody has it.
  expected<std::shared_ptr<void>> claim(const std::string& path);

  // What has to be so before a request is done.

  /// Goes on, or answers 304 or 412. `there` as check_condition has it.
  static expected<void> check(const asked& on, const std::optional<std::string>& there, const go_on& next);
  /// The same, after a look whether the blob is there. Of reads: NOT_FOUND where it is not.
  void check_blob(const asked& on, const digest& blob, const go_on& next);
  /// The same of a record, which has a tag where it is one of a value.
  void check_record(const asked& on, find_result order, bool value, const go_on& next);

  /// The call's error, with the status 413 if a store says that it will never take so much.
  static std::function<void(const caf::error&)> refuses(const asked& on);

  /// All of the body, at most so many bytes, or 413.
  expected<void> gather(const asked& on, std::uint64_t at_most, then<byte_chain> next);
  /// `body` here, with its error as the call's.
  template <class Body>
  static void answering(const asked& on, Body body) {
    answer_call(on.call, std::move(body));
  }
  static void done(const asked& on, int status);

  const http_cache_actor::pointer self_;
  const http_cache_options options_;
  const std::shared_ptr<thread_pool> hashing_;
  size_index sizes_;
  struct claimed_paths;
  static std::shared_ptr<claimed_paths> make_claims();
  const std::shared_ptr<claimed_paths> claims_;
  std::shared_ptr<std::atomic<unsigned>> encoders_ = std::make_shared<std::atomic<unsigned>>(0);
};

}  // namespace kiln
