#pragma once

#include <string>
#include <vector>

#include "test/end_to_end/crash_ledger.hpp"

namespace kiln::end_to_end {

struct check_rules {
  bool may_forget = false;       ///< blobs and results may have left: the store is small, or not durable
  bool may_miss = false;         ///< what was acknowledged may be reported missing; what is listed is read
  bool may_go_back = false;      ///< an earlier result may be found again
  bool serves_unlisted = false;  ///< a store of several may read what it does not say to be there
};

struct check_outcome {
  std::vector<std::string> violations;
  std::uint64_t lost = 0;   ///< of these: what was acknowledged and is not there
  std::uint64_t wrong = 0;  ///< and other bytes or results than those that were given
  std::vector<std::string>
      unavailable;          ///< calls that found no server: no violation if it was killed meanwhile
  std::uint64_t blobs = 0;  ///< read and hashed
  std::uint64_t bytes = 0;
  std::uint64_t results = 0;
};

/// Holds a server to what is selected: everything acknowledged is listed and reads back right, nothing is
/// served wrong, what is not listed is not served. What was found is settled in the ledger.
check_outcome check(const remote& server, crash_ledger& ledger, const crash_ledger::selection& chosen,
                    check_rules rules);

}  // namespace kiln::end_to_end
