#include "actors/services/byte_stream/byte_stream.hpp"

namespace kiln {

using namespace config_literals;
using namespace std::chrono_literals;

schema<in_flight_options> in_flight_schema() {
  return schema<in_flight_options>(
             "Blobs that are being uploaded can be read already. A reader hears of their end when they are "
             "verified and kept.")
      .field("window", &in_flight_options::window,
             "How far a reader may be behind the upload; one that is further behind goes on when the blob is "
             "kept. 0B keeps nothing.",
             at_most(1_GiB))
      .field("memory", &in_flight_options::memory,
             "What all windows may hold together. These are messages as they were received, so they count in "
             "the transport's max_bytes_in_flight.")
      .field("max_uploads", &in_flight_options::max_uploads,
             "Uploads that can be read at once; others can be when they are kept.");
}

schema<byte_stream_options> byte_stream_schema() {
  return schema<byte_stream_options>("How patient uploads and downloads of single blobs are.")
      .field("resume_time", &byte_stream_options::resume_time,
             "How long an interrupted upload is kept for its client to come back.", at_least(1s))
      .field("max_parked", &byte_stream_options::max_parked, "Interrupted uploads kept at once.")
      .field("max_parked_bytes", &byte_stream_options::max_parked_bytes,
             "What they may have received together.")
      .field("stall_time", &byte_stream_options::stall_time,
             "Until a client that neither sends nor takes anything is given up.", at_least(1s))
      .field("output_readers", &byte_stream_options::output_readers,
             "Clients that can follow at once what running actions write; one client has at most half of "
             "these.",
             at_least(1))
      .section("in_flight", &byte_stream_options::in_flight, in_flight_schema(),
               "Reading what is still being uploaded.");
}

}  // namespace kiln
