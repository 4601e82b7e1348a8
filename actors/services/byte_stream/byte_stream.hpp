#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "actors/services/byte_stream/in_flight_table.hpp"
#include "actors/services/common/cache_limits.hpp"
#include "actors/services/common/compression.hpp"
#include "actors/services/common/rpc.hpp"
#include "core/config/schema.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"

/// google.bytestream.ByteStream: blobs of any size. The actor begins reads and writes and bounds them; their
/// bytes flow between call and store without it.
namespace kiln {

struct byte_stream_options {
  duration resume_time = std::chrono::seconds(30);
  std::size_t max_parked = 1000;
  byte_size max_parked_bytes = 8_GiB;
  duration stall_time = std::chrono::minutes(5);
  in_flight_options in_flight;
};
schema<byte_stream_options> byte_stream_schema();

struct read_stream : inbound {};
struct write_stream : inbound {};
struct query_write_status : inbound {};
/// The first message of a write has come, or its end, or its client is gone.
struct write_begun {
  std::uint64_t id = 0;
  expected<std::optional<byte_chain>> first;
};
/// The client of an upload is gone before it has said all.
struct upload_parked {
  std::uint64_t number = 0;
};
struct byte_stream_tick {};
/// Of an upload that was read while it came, the store has the rest. Answered on the actor's thread.
struct read_kept {
  read_blob what;
  std::function<void(expected<blob_content>)> then;
};

using byte_stream_actor = caf::typed_actor<caf::reacts_to<read_stream>, caf::reacts_to<write_stream>,
                                           caf::reacts_to<query_write_status>, caf::reacts_to<write_begun>,
                                           caf::reacts_to<upload_parked>, caf::reacts_to<byte_stream_tick>,
                                           caf::reacts_to<read_kept>>;

/// `blobs` is a store of content.
byte_stream_actor spawn_byte_stream(caf::actor_system& system, const environment& env,
                                    const byte_stream_options& options, const cache_limits& limits,
                                    const compression& zstd, store_actor blobs);
/// Reads are shared among the lanes. Writes go to the first, for uploads are known by name.
void add_routes(router& routes, const std::vector<byte_stream_actor>& lanes);

}  // namespace kiln

KILN_MESSAGE(kiln::read_stream)
KILN_MESSAGE(kiln::write_stream)
KILN_MESSAGE(kiln::query_write_status)
KILN_MESSAGE(kiln::write_begun)
KILN_MESSAGE(kiln::upload_parked)
KILN_MESSAGE(kiln::byte_stream_tick)
KILN_MESSAGE(kiln::read_kept)
