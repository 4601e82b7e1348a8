#pragma once

#include <cstdint>
#include <string>

namespace kiln::end_to_end {

struct shared_ledger;

/// One of the processes that share a folder, until it is killed or told to end (SIGTERM).
struct shared_child_options {
  std::string folder;  ///< with the stores and the ledger
  unsigned number = 0;
  std::uint64_t seed = 1;
  std::uint64_t capacity = 0;  ///< bytes, of the store of content
  std::uint64_t blobs = 0;     ///< that there are, by their numbers
  bool all_fit = false;        ///< nothing that was acknowledged may be missing
  bool coarse = false;
  bool relaxed = true;
  unsigned askers = 4;  ///< orders at once
};

/// Says in the ledger what the blobs are. Before anybody uses it.
void name_shared_blobs(shared_ledger& in, std::uint64_t count);

/// Writes, reads, looks, leases and borrows at random, and prints a line for everything that is wrong. 0 if
/// nothing was.
int run_shared_child(const shared_child_options& options);

/// When all others are gone: opens the folder once more and holds what is there to what is counted, and to
/// the ledger. 0 if it is right.
int check_shared_folder(const shared_child_options& options);

}  // namespace kiln::end_to_end
