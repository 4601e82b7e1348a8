#pragma once

#include "plugins/stores/filesystem/files/file_range_source.hpp"

namespace kiln::filesystem {

/// What the thread pool found where the blob's file should be.
struct opened_read {
  file_stamp stamp = 0;
  bool proved = false;  ///< all of the blob was read and has its digest
  bytes head;           ///< at most one piece
  blob_source_ptr rest;
};

/// Whether more than one piece, or a part, of a blob goes out, which has to be proved before that if it was
/// not since its file was written.
bool is_proved_first(const file_engine& with, const read_blob& order, std::uint64_t size) noexcept;

/// Opens a blob and reads the first piece of what was asked; the rest is read ahead. One that was not proved
/// since its file was written is read whole before that, up to 64 MiB: so damage that came between two
/// processes, or by a write, is NOT_FOUND, and another store may answer. `proved` is the stamp of the file
/// that was, 0 for none. Whatever else is read as a whole is proved before its last piece goes out. NOT_FOUND
/// if it is gone, short or damaged, UNAVAILABLE if the disk cannot read it. For thread pool threads. `tell`
/// is called once if there is a rest.
expected<opened_read> open_read(const file_engine_ptr& with, const read_blob& order, file_stamp proved,
                                file_source::judge tell);

/// The same of one that is open already, and has the offset.
expected<opened_read> read_opened(const file_engine_ptr& with, opened_blob opened, const read_blob& order,
                                  file_stamp proved, file_source::judge tell);

/// All of a blob at once, and the same errors.
expected<opened_read> read_whole(const file_engine& with, const digest& blob);
expected<opened_read> read_whole_of(const file_engine& with, const opened_blob& opened, const digest& blob);

}  // namespace kiln::filesystem
