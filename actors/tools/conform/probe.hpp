#pragma once

#include <google/bytestream/bytestream.pb.h>
#include <google/rpc/status.pb.h>

#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "actors/tools/conform/conversation.hpp"
#include "actors/tools/conform/facts.hpp"
#include "actors/tools/conform/transcript.hpp"
#include "core/base/clock.hpp"
#include "core/wire/message.hpp"

namespace kiln::conform {

namespace bs = google::bytestream;

enum class outcome { pass, fail, unimplemented, skipped };

/// How a body ends early: thrown by the probe, caught by who runs the rule, seen by nobody else.
struct verdict {
  outcome what = outcome::pass;
  std::string reason;    ///< of a skip; of a failure: what was expected
  std::string received;  ///< of a failure
};

/// How one RPC ended, and what came before.
struct ending {
  error status;
  bool silent = false;  ///< there was no answer within the time of a question
  std::shared_ptr<const exchange> said;
  bool ok() const noexcept { return status.ok() && !silent; }
};
template <class Response>
struct answer : ending {
  std::vector<Response> messages;
  /// The first message, the only one of most methods; an empty one if there is none.
  const Response& message() const {
    static const Response none;
    return messages.empty() ? none : messages.front();
  }
};

using metadata = std::vector<std::pair<std::string, std::string>>;

struct asked_with {
  conform::metadata metadata;        ///< beside the token
  std::optional<duration> deadline;  ///< told to the server; by default it is told none
  bool anonymous = false;            ///< without the token
};

class probe;

/// One RPC, message by message. Ends with the probe at the latest.
template <class Request, class Response>
class dialogue {
public:
  dialogue(probe& by, std::unique_ptr<conversation> with, std::shared_ptr<exchange> said)
      : by_(&by), deps_(std::move(with)), said_(std::move(said)) {}

  /// False: the server has ended the call, and `finish` says how.
  bool send(const Request& message) { return send_bytes(serialise(message), shown(message)); }
  /// What no well-formed message says.
  bool send_raw(std::string bytes) {
    auto text = shown(bytes);
    return send_bytes(kiln::bytes::adopt(std::move(bytes)), std::move(text));
  }
  void half_close() { deps_->half_close(); }
  void cancel() { deps_->cancel(); }
  /// The next message, if one comes within `patience` (by default: a question's time). Otherwise it was the
  /// end, or silence; `ended` tells which.
  std::optional<Response> next(std::optional<duration> patience = {});
  bool ended() const noexcept { return ended_; }
  /// Half-closes and hears the rest, which is what the answer holds.
  answer<Response> finish();
  /// The same without saying that nothing more comes from us.
  answer<Response> rest();

private:
  bool send_bytes(byte_chain message, std::string text);

  probe* by_;
  std::unique_ptr<conversation> deps_;
  std::shared_ptr<exchange> said_;
  error garbled_;
  bool ended_ = false;
};

/// How one rule questions a server. Used by one thread. Questions never wait longer than `patience`, and the
/// whole rule no longer than its time; what is over it fails.
class probe {
public:
  struct setting {
    const conform::facts* server = nullptr;
    std::function<std::shared_ptr<channel>()> dial;
    conform::metadata metadata;  ///< the token
    const clock* time = nullptr;
    std::uint64_t nonce = 0;  ///< never the same in two runs
    bool quick = false;
    duration patience = std::chrono::seconds(10);
    duration longest = std::chrono::seconds(30);  ///< for the whole rule
  };

  probe(const rule& about, const setting& where);
  probe(const probe&) = delete;
  probe& operator=(const probe&) = delete;
  ~probe();

  const facts& server() const noexcept { return *where_.server; }
  const std::string& instance() const noexcept { return server().instance; }
  const clock& time() const noexcept { return *where_.time; }
  bool has_token() const noexcept { return !where_.metadata.empty(); }
  /// For slow rules: the first number, or the second with --quick.
  template <class T>
  T scaled(T full, T quick) const noexcept {
    return where_.quick ? quick : full;
  }

  // ---- Things that this server has never seen.

  blob fresh(std::size_t size = 100) { return fresh(size, server().main_function()); }
  blob fresh(std::size_t size, digest_kind function) { return blob_of(fresh_bytes(size), function); }
  std::string fresh_bytes(std::size_t size) { return noise(fresh_number(), size); }
  std::uint64_t fresh_number() { return where_.nonce + 0x100'0000 * number_ + ++made_; }
  std::string fresh_uuid();

  // ---- Names in ByteStream.

  std::string read_name(const blob& what) const { return name_of("blobs/", what); }
  std::string write_name(const blob& what) { return name_of("uploads/" + fresh_uuid() + "/blobs/", what); }
  std::string compressed_read_name(const blob& what) const { return name_of("compressed-blobs/zstd/", what); }
  std::string compressed_write_name(const blob& what) {
    return name_of("uploads/" + fresh_uuid() + "/compressed-blobs/zstd/", what);
  }
  /// With the instance in front, if there is one.
  std::string in_instance(const std::string& name) const {
    return instance().empty() ? name : instance() + "/" + name;
  }

  // ---- Questions. Those with a request of your own say whatever you want said.

  template <class Response, class Request>
  answer<Response> ask(const std::string& method, const Request& request, asked_with with = {}) {
    auto talk = open<Request, Response>(method, std::move(with));
    talk.send(request);
    return talk.finish();
  }
  template <class Response>
  answer<Response> ask_raw(const std::string& method, std::string request, asked_with with = {}) {
    auto talk = open<Response, Response>(method, std::move(with));
    talk.send_raw(std::move(request));
    return talk.finish();
  }
  template <class Request, class Response>
  dialogue<Request, Response> open(const std::string& method, asked_with with = {}) {
    return {*this, start(method, std::move(with)), note(method)};
  }
  /// A request of REAPI that names our instance and, unless it has no such field, the digest function.
  template <class Request>
  Request request() const {
    Request made;
    made.set_instance_name(instance());
    if constexpr (requires { made.set_digest_function(server().main_function()); })
      made.set_digest_function(server().main_function());
    return made;
  }

  answer<v2::FindMissingBlobsResponse> find_missing(const std::vector<v2::Digest>& blobs);
  answer<v2::FindMissingBlobsResponse> find_missing(const blob& one);
  answer<v2::BatchUpdateBlobsResponse> batch_update(const std::vector<blob>& blobs);
  answer<v2::BatchReadBlobsResponse> batch_read(const std::vector<v2::Digest>& blobs);
  answer<v2::GetTreeResponse> get_tree(const v2::Digest& root);
  answer<v2::ActionResult> get_result(const v2::Digest& action);
  answer<v2::ActionResult> update_result(const v2::Digest& action, const v2::ActionResult& result);
  answer<v2::ServerCapabilities> capabilities(const std::string& instance);

  using read_answer = answer<bs::ReadResponse>;
  read_answer read(const std::string& name, std::int64_t offset = 0, std::int64_t limit = 0);
  using write_dialogue = dialogue<bs::WriteRequest, bs::WriteResponse>;
  write_dialogue start_write() { return open<bs::WriteRequest, bs::WriteResponse>(byte_stream("Write")); }
  /// All of `data` under that name, in messages of `piece` bytes, with finish_write in the last.
  answer<bs::WriteResponse> write(const std::string& name, std::string_view data,
                                  std::size_t piece = 1 << 20);
  answer<bs::QueryWriteStatusResponse> query_write_status(const std::string& name);

  // ---- Steps on the way, which must succeed.

  /// Uploads, by batch or by stream as its size demands.
  void store(const blob& what);
  void store(const std::vector<blob>& what);
  template <class Message>
  blob store_message(const Message& message) {
    auto made = blob_of(message.SerializeAsString(), server().main_function());
    store(made);
    return made;
  }
  bool is_missing(const blob& what);

  // ---- Expectations. The first that is not met ends the rule.

  void expect(const ending& got, std::initializer_list<errc> any_of);
  void expect(const ending& got, errc code) { expect(got, {code}); }
  /// OK, and its message.
  template <class Response>
  Response ok(const answer<Response>& got) {
    expect(got, {errc::ok});
    return got.message();
  }
  /// Anything that is no success, and neither silence nor an error that says the server broke (INTERNAL,
  /// UNKNOWN, UNAVAILABLE).
  void refused(const ending& got);
  /// About the last answer that came.
  void check(bool holds, const std::string& expected);
  template <class A, class B>
  void equal(const std::string& what, const A& got, const B& wanted) {
    if (!(got == wanted)) fail(fmt::format("{} {}", what, wanted), fmt::format("{} {}", what, got));
  }
  [[noreturn]] void fail(std::string expected, std::string received);
  [[noreturn]] void skip(std::string why);

  /// Run when the rule has ended, however it did: for what it would leave behind. What it expects changes
  /// nothing.
  void afterwards(std::function<void()> clean) { cleaning_.push_back(std::move(clean)); }

  /// Where the next questions go: a connection of their own.
  void reconnect() { to_ = where_.dial(); }

  /// Up to this long a question waits now.
  duration patience() const;
  /// The last questions and answers.
  const std::deque<std::shared_ptr<exchange>>& transcript() const noexcept { return transcript_; }
  void clean_up();

  static std::string reapi(std::string_view method) {
    return fmt::format("/build.bazel.remote.execution.v2.{}", method);
  }
  static std::string byte_stream(std::string_view method) {
    return fmt::format("/google.bytestream.ByteStream/{}", method);
  }

private:
  std::string name_of(const std::string& kind, const blob& what) const;
  std::shared_ptr<exchange> note(const std::string& method);
  std::unique_ptr<conversation> start(const std::string& method, asked_with with);

  const setting where_;
  const needs what_;
  const std::uint64_t number_;
  const steady_time end_;
  std::shared_ptr<channel> to_;
  std::uint64_t made_ = 0;
  std::deque<std::shared_ptr<exchange>> transcript_;
  std::vector<std::function<void()>> cleaning_;
};

/// The code in a status that stands inside a message.
errc code_of(const google::rpc::Status& status) noexcept;

/// What a read brought.
std::string data_of(const probe::read_answer& got);

// ---- dialogue

template <class Request, class Response>
bool dialogue<Request, Response>::send_bytes(byte_chain message, std::string text) {
  said_->sent.note(std::move(text));
  return deps_->say(std::move(message), by_->patience());
}

template <class Request, class Response>
std::optional<Response> dialogue<Request, Response>::next(std::optional<duration> patience) {
  byte_chain bytes;
  auto heard = deps_->listen(bytes, patience.value_or(by_->patience()));
  ended_ = heard == conversation::heard::end;
  if (ended_) said_->status = shown(deps_->status());
  if (heard != conversation::heard::message) return std::nullopt;
  auto message = parse<Response>(bytes);
  if (!message) {
    said_->received.note("(garbled)");
    garbled_ = std::move(message).error();
    return std::nullopt;
  }
  said_->received.note(shown(*message));
  return std::move(*message);
}

template <class Request, class Response>
answer<Response> dialogue<Request, Response>::finish() {
  half_close();
  return rest();
}

template <class Request, class Response>
answer<Response> dialogue<Request, Response>::rest() {
  answer<Response> got;
  got.said = said_;
  while (auto message = next()) got.messages.push_back(std::move(*message));
  got.silent = !ended_ && garbled_.ok();
  got.status = garbled_.ok() ? deps_->status() : garbled_;
  if (got.silent) said_->status = "(no answer in time)";
  if (!ended_) cancel();
  return got;
}

}  // namespace kiln::conform
