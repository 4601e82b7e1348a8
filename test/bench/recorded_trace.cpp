#include <charconv>
#include <fstream>

#include "test/bench/cache_traces.hpp"

namespace kiln::bench {
namespace {

template <class Number>
const char* read_number(const char* at, const char* end, Number& into) {
  const auto read = std::from_chars(at, end, into);
  return read.ec == std::errc() ? read.ptr : nullptr;
}

}  // namespace

expected<cache_trace> recorded_trace(const std::string& path) {
  cache_trace trace;
  trace.name = "recorded";
  std::ifstream file(path);
  if (!file) return fail(errc::not_found, "{} cannot be read", path);
  std::vector<std::uint32_t> sizes;
  for (std::string word; file >> word;) {
    const char* const end = word.data() + word.size();
    std::uint32_t object = 0, size = 0;
    const char* at = read_number(word.data(), end, object);
    const bool is_new = object == sizes.size();
    if (at != nullptr && is_new && *at == ':') at = read_number(at + 1, end, size);
    if (at != end || object > sizes.size())
      return fail(errc::invalid_argument, "{}: {} is no object here: {} are known", path, word, sizes.size());
    if (is_new) {
      sizes.push_back(size);
      trace.object_bytes += size;
    }
    trace.accesses.push_back({object, sizes[object]});
  }
  trace.objects = static_cast<std::uint32_t>(sizes.size());
  return trace;
}

}  // namespace kiln::bench
