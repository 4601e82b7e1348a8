#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/base/thread_pool.hpp"
#include "core/contract/store.hpp"
#include "plugins/stores/compression/packed_form.hpp"

/// Reads what lies compressed. Everything that comes out of these is the blob: it ends with DATA_LOSS
/// otherwise, and before the last of it is handed on. Work is done on the threads, of one frame at a time, so
/// one of these holds two frames at most, beside what `lies` gives at once.
namespace kiln::compressing {

struct unpacking_told {
  std::function<void()> wrong;  ///< what came is not the blob; not called where it could not be read
  std::function<void()> right;  ///< all was seen, and is
};

/// Segments one after the other, as they lie.
struct whole_reading {
  digest blob;
  packed_form form;
  blob_source_ptr lies;
  std::shared_ptr<thread_pool> threads;
  unpacking_told told;
};
/// The bytes of the blob.
blob_source_ptr unpacked(whole_reading what);
/// The frames of the blob, without the tables. `is_known`: that the form is the blob, so that only the
/// digests of the segments are looked at; else all is decoded and hashed, too. What lies as it was sent has
/// to be known.
blob_source_ptr as_it_lies(whole_reading what, bool is_known);

/// Some frames in a row, as they lie, and what is wanted of them.
struct part_reading {
  digest blob;
  std::vector<frame> frames;
  std::uint64_t skip = 0;  ///< bytes of the first
  std::uint64_t size = 0;  ///< that come then
  blob_source_ptr lies;
  std::shared_ptr<thread_pool> threads;
  std::function<void()> wrong;
};
/// Of a form that is known to be the blob, and in frames of ours.
blob_source_ptr unpacked_part(part_reading what);

}  // namespace kiln::compressing
