#include "actors/services/common/compression.hpp"

#include <algorithm>
#include <bit>

#include "core/base/machine.hpp"
#include "core/compress/zstd.hpp"
#include "core/compress/zstd_source.hpp"
#include "core/observe/metrics.hpp"
#include "core/store_kit/sources_in_a_row.hpp"

namespace kiln {
namespace {

// To compress so much takes as long as waking another thread.
constexpr std::size_t in_place = 4096;

}  // namespace

using namespace config_literals;

schema<compression_options> compression_schema() {
  return schema<compression_options>("Blobs compressed on the wire, for clients that ask for it.")
      .field("level", &compression_options::level,
             "The level of zstd for what clients read. Higher ones are slower, and little smaller.",
             at_least(1), at_most(zstd_encoder::highest_level))
      .field("max_window", &compression_options::max_window,
             "The largest window of what clients send, which is what decoding it takes of memory. Its next "
             "lower power of 2 counts.",
             at_least(1_MiB), at_most(8_MiB));
}

compression make_compression(const environment& env, const compression_options& options) {
  auto& encoded = env.metrics->counters("kiln_zstd_encoded_downloads_total",
                                        "Downloads that were compressed on the way, since their blobs do not "
                                        "lie compressed.");
  return {options.level, static_cast<unsigned>(std::bit_width(options.max_window.bytes) - 1),
          env.pools->make("kiln-zstd", std::max(processors() / 2, 1U)), &encoded.with()};
}

blob_source_ptr compression::encode(blob_content content, std::uint64_t size) const {
  if (content.form == blob_form::zstd) return source_of_content(std::move(content));
  if (encoded != nullptr) encoded->add();
  return zstd_encoded(std::move(content.head), std::move(content.rest), size, level, threads);
}

expected<void> compression::run(std::size_t size, thread_pool::job work) const {
  if (size > in_place) return threads->post(std::move(work));
  work();
  return {};
}

}  // namespace kiln
