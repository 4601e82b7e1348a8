#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace kiln::bench {

/// One look at an object. The first of each is its writing: no policy could have it already.
struct cache_access {
  std::uint32_t object;
  std::uint32_t bytes;
};

struct cache_trace {
  std::string name;
  std::vector<cache_access> accesses;
  std::uint32_t objects = 0;       ///< they are numbered from 0
  std::uint64_t object_bytes = 0;  ///< of all objects, each once
};

/// What a cache sees of builds of one repository, one after the other, on a trunk and four branches: each
/// asks for the outputs of every action that is cached, and for the inputs of every action that is not. From
/// build to build one or two per cent of the sources change, and sometimes a header that many include.
cache_trace trace_of_builds(std::uint64_t seed);
/// A working set by Zipf's law, and long rows of objects in between that are looked at once.
cache_trace trace_with_scans(std::uint64_t seed);
/// Zipf's law with drift and sizes from bytes to 64 MiB, as a content delivery network sees it.
cache_trace trace_of_downloads(std::uint64_t seed);
/// Fresh outputs, each asked for again soon or never, beside a working set by Zipf's law and a scan.
cache_trace trace_of_outputs(std::uint64_t seed);

/// What real builds looked at: the form is that of test/bench/record_builds.py.
expected<cache_trace> recorded_trace(const std::string& path);

}  // namespace kiln::bench
