#pragma once

#include <cstdint>
#include <string_view>

#include "core/digest/digest.hpp"

/// Under which names things lie in a store of results.
namespace kiln {

/// What lies there. Each kind has a space of names of its own.
enum class record_kind : std::uint8_t {
  action_result = 1,
  asset = 2,
  blob_layout = 3,
  blob_size = 4,      ///< how large the blob of this hash is, for those who know only that
  raw_value = 5,      ///< whatever it is, under a path of the client's choice
  packed_blob = 6,    ///< in which form a blob lies that is kept compressed
  known_results = 7,  ///< which results were known to be complete, for the next start
};

/// The name of a record: SHA-256 of its kind, its instance and what it is about. Clients choose digests, and
/// some choose instances, but none chooses a record's name: two records meet only where SHA-256 breaks.
digest record_key(record_kind kind, std::string_view instance, const digest& about);

/// How the services of a node name records.
class record_names {
public:
  record_names() = default;
  /// `shared_store`: the store is another server's, whose other clients are to find the same results. There
  /// the results of the nameless instance keep the names of their actions, and who may write results can
  /// write whatever lies in that store.
  explicit record_names(bool shared_store) noexcept : shared_store_(shared_store) {}

  digest of(record_kind kind, std::string_view instance, const digest& about) const;

private:
  bool shared_store_ = false;
};

}  // namespace kiln
