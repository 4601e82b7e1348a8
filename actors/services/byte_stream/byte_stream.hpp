#pragma once

#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>
#include <chrono>
#include <vector>

#include "actors/services/byte_stream/in_flight_table.hpp"
#include "actors/services/common/cache_limits.hpp"
#include "actors/services/common/compression.hpp"
#include "actors/services/common/rpc.hpp"
#include "actors/services/live_output/live_output.hpp"
#include "core/config/schema.hpp"
#include "core/contract/resume.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"

/// google.bytestream.ByteStream: blobs of any size, and what running actions write. The actor begins reads
/// and writes and bounds them; their bytes flow between call and store without it.
namespace kiln {

struct byte_stream_options {
  duration resume_time = std::chrono::seconds(30);
  std::size_t max_parked = 1000;
  byte_size max_parked_bytes = 8_GiB;
  duration stall_time = std::chrono::minutes(5);
  in_flight_options in_flight;
  std::size_t output_readers = 500;
};
schema<byte_stream_options> byte_stream_schema();

struct read_stream : inbound {};
struct write_stream : inbound {};
struct query_write_status : inbound {};

using byte_stream_actor = caf::typed_actor<caf::reacts_to<read_stream>, caf::reacts_to<write_stream>,
                                           caf::reacts_to<query_write_status>, caf::reacts_to<resume>>;

/// `blobs` is a store of content. With a null `outputs` there is none of actions to be read.
byte_stream_actor spawn_byte_stream(caf::actor_system& system, const environment& env,
                                    const byte_stream_options& options, const cache_limits& limits,
                                    const compression& zstd, store_actor blobs,
                                    live_output_actor outputs = live_output_actor());
/// Reads are shared among the lanes. Writes go to the first, for uploads are known by name.
void add_routes(router& routes, const std::vector<byte_stream_actor>& lanes);

}  // namespace kiln

KILN_MESSAGE(kiln::read_stream)
KILN_MESSAGE(kiln::write_stream)
KILN_MESSAGE(kiln::query_write_status)
