#include "actors/services/byte_stream/byte_stream.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <unordered_map>

#include "actors/services/byte_stream/byte_stream_messages.hpp"
#include "actors/services/byte_stream/download_table.hpp"
#include "actors/services/byte_stream/in_flight_source.hpp"
#include "actors/services/byte_stream/upload_offers.hpp"
#include "actors/services/byte_stream/upload_table.hpp"
#include "actors/services/byte_stream/zstd_upload.hpp"
#include "core/base/peer.hpp"
#include "core/contract/on_response.hpp"
#include "core/wire/status.hpp"

namespace kiln {
namespace {

// So many ticks make a resume_time.
constexpr int ticks_to_resume = 4;

upload_table::bounds bounds_of(const byte_stream_options& options, duration tick) {
  return {ticks_to_resume, static_cast<int>(options.stall_time / tick) + 1, options.max_parked,
          options.max_parked_bytes.bytes};
}

// What an upload is told of a blob that is there: how large it would be compressed nobody knows.
std::int64_t committed_if_present(const resource_name& name) {
  return name.form == compressor::identity ? name.blob.size : -1;
}

class byte_stream_state {
public:
  byte_stream_state(byte_stream_actor::pointer self, const environment& env,
                    const byte_stream_options& options, const cache_limits& limits, const compression& zstd,
                    store_actor blobs, live_output_actor outputs)
      : self_(self),
        time_(*env.time),
        tick_(std::max<duration>(options.resume_time / ticks_to_resume, std::chrono::milliseconds(1))),
        stall_ticks_(static_cast<int>(options.stall_time / tick_) + 1),
        limits_(limits),
        zstd_(zstd),
        blobs_(std::move(blobs)),
        outputs_(std::move(outputs)),
        uploads_(bounds_of(options, tick_)),
        offers_(self, blobs_, uploads_),
        in_flight_(options.in_flight) {}

  void read(const read_stream& order);
  void write(const write_stream& order);
  void query(const query_write_status& order);

private:
  // A call whose first message is still to come.
  struct opening {
    call_ptr call;
    int ticks = 0;
  };
  using in_flight_ptr = std::shared_ptr<in_flight_blob>;

  void tick();
  void send(const call_ptr& to, const read_range& range, blob_content& content);
  expected<void> send_in_flight(const call_ptr& to, const read_range& range, in_flight_ptr from,
                                const error& absent);
  /// Of an upload that was read while it came, the store has the rest.
  void read_on(const read_blob& what, std::function<void(expected<blob_content>)> then);
  expected<void> send_output(const call_ptr& to, const output_range& range);
  void follow(std::shared_ptr<download> started);
  /// The first message of a write has come, or its end, or its client is gone.
  void begun(std::uint64_t opened, expected<std::optional<byte_chain>> first);
  expected<void> route_upload(const call_ptr& from, write_request first);
  void begin_upload(const call_ptr& from, const std::string& key, const resource_name& name,
                    write_request first);
  void answer_if_present(const call_ptr& from, const resource_name& name, std::int64_t offset);
  void tick_openings();
  void arm();

  byte_stream_actor::pointer self_;
  const clock& time_;
  const duration tick_;
  const int stall_ticks_;
  const cache_limits limits_;
  const compression zstd_;
  const store_actor blobs_;
  const live_output_actor outputs_;
  upload_table uploads_;
  upload_offers offers_;
  in_flight_table in_flight_;
  std::unordered_map<std::uint64_t, opening> openings_;
  std::uint64_t next_opening_ = 0;
  download_table downloads_;
  bool armed_ = false;
};

void byte_stream_state::read(const read_stream& order) {
  begin_call(order.call, time_, [&]() -> expected<void> {
    auto wanted = read_read_request(order.request);
    if (!wanted) return failure(wanted.error());
    if (const auto* output = std::get_if<output_range>(&*wanted)) return send_output(order.call, *output);
    const auto* range = std::get_if<read_range>(&*wanted);
    if (auto fine = limits_.check_function(range->blob.function); !fine) return fine;
    if (is_empty_blob(range->blob)) {
      blob_content nothing;
      send(order.call, *range, nothing);
      return {};
    }
    // Looked up first, as the upload may end before the store has answered.
    auto in_flight = in_flight_.find(range->blob);
    read_blob what{range->blob, range->offset, range->limit, waits_until(order.call)};
    if (range->form == compressor::zstd) what.takes = blob_form::zstd;
    on_response(
        self_->request(blobs_, caf::infinite, what),
        [this, call = order.call, range = *range](blob_content& content) {
          answer_call(call, [&]() -> expected<void> {
            send(call, range, content);
            return {};
          });
        },
        [this, call = order.call, range = *range, in_flight](const caf::error& fault) {
          answer_call(call, [&] { return send_in_flight(call, range, in_flight, from_caf(fault)); });
        });
    return {};
  });
}

// The store has the first word: what is kept is verified, and whoever uploads it again has no say in it.
expected<void> byte_stream_state::send_in_flight(const call_ptr& to, const read_range& range,
                                                 in_flight_ptr from, const error& absent) {
  if (absent.code() != errc::not_found) return failure(absent);
  if (!from) from = in_flight_.find(range.blob);
  if (!from) return failure(absent);
  auto read = [this, self = byte_stream_actor(self_), blob = range.blob, until = waits_until(to)](
                  std::uint64_t offset, std::uint64_t limit, auto then) {
    caf::anon_send(
        self, resume{[this, what = read_blob{blob, offset, limit, until}, then] { read_on(what, then); }});
  };
  blob_content content{{}, read_in_flight(std::move(from), range.offset, range.size, std::move(read))};
  send(to, range, content);
  return {};
}

void byte_stream_state::read_on(const read_blob& what, std::function<void(expected<blob_content>)> then) {
  on_response(
      self_->request(blobs_, caf::infinite, what),
      [then](blob_content& content) { then(std::move(content)); },
      [then](const caf::error& fault) { then(fail(from_caf(fault))); });
}

void byte_stream_state::send(const call_ptr& to, const read_range& range, blob_content& content) {
  bool whole = !content.rest && content.head.size() == range.size;
  if (range.form != compressor::identity)
    return follow(std::make_shared<download>(to, byte_chain(), zstd_.encode(std::move(content), range.size),
                                             std::nullopt));
  if (whole && content.head.size() <= download::message_size)
    return content.head.empty() ? to->finish({}) : to->reply(write_read_response(content.head));
  follow(std::make_shared<download>(to, std::move(content.head), std::move(content.rest), range.size));
}

expected<void> byte_stream_state::send_output(const call_ptr& to, const output_range& range) {
  if (!outputs_) return fail(errc::not_found, "no actions run here, so nothing of what they write is here");
  follow_output order{range.name, range.offset, range.limit, std::string(client_of(to->info().peer)),
                      waits_until(to)};
  on_response(
      self_->request(outputs_, caf::infinite, std::move(order)),
      [this, to](followed_output& output) {
        answer_call(to, [&]() -> expected<void> {
          follow(std::make_shared<download>(to, byte_chain(), std::move(output.content), std::nullopt));
          return {};
        });
      },
      fails(to));
  return {};
}

void byte_stream_state::follow(std::shared_ptr<download> started) {
  downloads_.add(started);
  arm();
  started->start();
}

void byte_stream_state::write(const write_stream& order) {
  begin_call(order.call, time_, [&]() -> expected<void> {
    auto id = next_opening_++;
    openings_[id] = {order.call};
    arm();
    using message = std::optional<byte_chain>;
    order.call->read(come_home<message>(
        byte_stream_actor(self_), [this, id](expected<message> first) { begun(id, std::move(first)); }));
    return {};
  });
}

void byte_stream_state::begun(std::uint64_t opened, expected<std::optional<byte_chain>> first) {
  auto found = openings_.find(opened);
  if (found == openings_.end()) return;
  auto call = std::move(found->second.call);
  openings_.erase(found);
  answer_call(call, [&]() -> expected<void> {
    if (!first) return failure(first.error());
    if (!*first) return fail(errc::invalid_argument, "the stream ended before its first message");
    auto request = read_write_request(**first);
    if (!request) return failure(request.error());
    return route_upload(call, std::move(*request));
  });
}

// A stream begins an upload, or goes on with one that was interrupted.
expected<void> byte_stream_state::route_upload(const call_ptr& from, write_request first) {
  auto name = name_to_write(first.resource_name);
  if (!name) return failure(name.error());
  if (auto fine = limits_.check_function(name->blob.function); !fine) return fine;
  if (limits_.too_large(name->blob.size))
    return fail(errc::invalid_argument, "blob {} is larger than the {} bytes that are taken", name->blob,
                limits_.max_blob_size->bytes);
  if (first.offset < 0 || first.offset > name->blob.size)
    return fail(errc::invalid_argument, "offset {} is not within {}", first.offset, name->blob);
  if (is_empty_blob(name->blob)) {
    if (name->form != compressor::identity) {
      from->reply(write_write_response(committed_if_present(*name)));
      return {};
    }
    if (!first.data.empty()) return fail(errc::invalid_argument, "more bytes came than none");
    from->reply({});
    return {};
  }
  auto key = make_write_name(*name);
  auto existing = uploads_.find(key);
  if (first.offset == 0) {
    begin_upload(from, key, *name, std::move(first));
  } else if (existing && existing->goes_on_at(first.offset)) {
    existing->attach(from, std::move(first));
  } else if (existing) {
    return fail(errc::invalid_argument, "the upload stands at {}, not at {}", existing->received(),
                first.offset);
  } else {
    answer_if_present(from, *name, first.offset);
  }
  return {};
}

void byte_stream_state::begin_upload(const call_ptr& from, const std::string& key, const resource_name& name,
                                     write_request first) {
  auto in_flight = in_flight_.add(name.blob);
  auto number = uploads_.new_number();
  auto parked = [this, to = byte_stream_actor(self_), in_flight, number] {
    // Its readers are not to wait for a client that may never come back.
    if (in_flight) in_flight->fail(try_again(errc::unavailable, "its client has left"));
    caf::anon_send(to, resume{[this, number] {
                     in_flight_.remove_failed();
                     uploads_.parked(number);
                   }});
  };
  auto fresh = std::make_shared<upload>(name.blob, std::move(parked), name.form);
  blob_source_ptr source = fresh;
  std::shared_ptr<sent_bytes> sent;
  if (name.form != compressor::identity) {
    auto decoding = decoded(fresh, zstd_);
    source = std::move(decoding.source);
    sent = std::move(decoding.sent);
  }
  if (in_flight) source = shared_source(std::move(source), in_flight);
  const std::string client(client_of(from->info().peer));
  uploads_.add(key, number, fresh, client);
  fresh->attach(from, std::move(first));
  auto ended = [this, key, number, fresh, in_flight](expected<receipt> outcome) {
    if (in_flight) {
      in_flight_.remove(in_flight);
      in_flight->settle(outcome);
    }
    if (outcome) uploads_.overtake(fresh);
    fresh->settle(std::move(outcome));
    uploads_.remove(key, number, fresh);
  };
  offers_.offer(number, client, {name.blob, std::move(source), {}, waits_for_ever, std::move(sent)},
                std::move(ended));
}

// The client goes on with an upload we do not know: it may have been finished, here or by somebody else.
void byte_stream_state::answer_if_present(const call_ptr& from, const resource_name& name,
                                          std::int64_t offset) {
  on_response(
      self_->request(blobs_, caf::infinite, find_missing{{name.blob}, waits_until(from)}),
      [from, name, offset](const missing_blobs& missing) {
        if (missing.blobs.empty())
          from->reply(write_write_response(committed_if_present(name)));
        else
          from->finish({errc::invalid_argument,
                        fmt::format("no upload of {} stands at {}; begin at 0", name.blob, offset)});
      },
      fails(from));
}

void byte_stream_state::query(const query_write_status& order) {
  begin_call(order.call, time_, [&]() -> expected<void> {
    auto name = read_query_request(order.request);
    if (!name) return failure(name.error());
    if (auto fine = limits_.check_function(name->blob.function); !fine) return fine;
    if (auto existing = uploads_.find(make_write_name(*name))) {
      order.call->reply(write_query_response(existing->tell(), false));
      return {};
    }
    if (is_empty_blob(name->blob)) {
      order.call->reply(write_query_response(0, true));
      return {};
    }
    // A name we never heard of stands at its beginning: clients recover from that, not from NOT_FOUND.
    on_response(
        self_->request(blobs_, caf::infinite, find_missing{{name->blob}, waits_until(order.call)}),
        [call = order.call, size = name->blob.size](const missing_blobs& missing) {
          bool present = missing.blobs.empty();
          call->reply(write_query_response(present ? size : 0, present));
        },
        fails(order.call));
    return {};
  });
}

void byte_stream_state::tick() {
  armed_ = false;
  uploads_.tick();
  downloads_.tick(stall_ticks_);
  tick_openings();
  if (!uploads_.empty() || !downloads_.empty() || !openings_.empty()) arm();
}

void byte_stream_state::tick_openings() {
  for (auto entry = openings_.begin(); entry != openings_.end();) {
    if (++entry->second.ticks < stall_ticks_) {
      ++entry;
      continue;
    }
    entry->second.call->finish({errc::deadline_exceeded, "the client sent nothing for too long"});
    entry = openings_.erase(entry);
  }
}

void byte_stream_state::arm() {
  if (std::exchange(armed_, true)) return;
  self_->delayed_send(self_, tick_, resume{[this] { tick(); }});
}

}  // namespace

byte_stream_actor spawn_byte_stream(caf::actor_system& system, const environment& env,
                                    const byte_stream_options& options, const cache_limits& limits,
                                    const compression& zstd, store_actor blobs, live_output_actor outputs) {
  using pointer = byte_stream_actor::stateful_pointer<std::unique_ptr<byte_stream_state>>;
  return system.spawn([=](pointer self) -> byte_stream_actor::behavior_type {
    self->state = std::make_unique<byte_stream_state>(self, env, options, limits, zstd, blobs, outputs);
    auto* state = self->state.get();
    return {
        [state](const read_stream& order) { state->read(order); },
        [state](const write_stream& order) { state->write(order); },
        [state](const query_write_status& order) { state->query(order); },
        resuming(),
    };
  });
}

void add_routes(router& routes, const std::vector<byte_stream_actor>& lanes) {
  add_route<read_stream>(routes, "/google.bytestream.ByteStream/Read", lanes);
  add_route<write_stream>(routes, "/google.bytestream.ByteStream/Write", lanes.front(), requests::many);
  add_route<query_write_status>(routes, "/google.bytestream.ByteStream/QueryWriteStatus", lanes.front());
}

}  // namespace kiln
