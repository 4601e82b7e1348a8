#include "actors/services/common/cache_limits.hpp"

#include <algorithm>

namespace kiln {
namespace {

std::vector<std::pair<std::string, digest_function>> function_words() {
  std::vector<std::pair<std::string, digest_function>> words;
  for (const auto& info : digest_functions()) words.emplace_back(info.name, info.function);
  return words;
}

}  // namespace

using namespace config_literals;

std::vector<digest_function> strong_digest_functions() {
  std::vector<digest_function> strong;
  for (const auto& info : digest_functions())
    if (!info.weak) strong.push_back(info.function);
  return strong;
}

expected<void> cache_limits::check_function(digest_function function) const {
  if (std::find(digest_functions.begin(), digest_functions.end(), function) != digest_functions.end())
    return {};
  return fail(errc::invalid_argument, "digest function {} is not served here", info_of(function).name);
}

schema<cache_limits> cache_limits_schema() {
  return schema<cache_limits>("What clients may ask of the cache; they are told so.")
      .field("max_batch_total_size", &cache_limits::max_batch_total_size,
             "The sum of the blobs in one batch. An answer of that size must fit what clients take, by "
             "default 4 MiB.",
             at_least(1_KiB), at_most(64_MiB))
      .field("max_blob_size", &cache_limits::max_blob_size,
             "The largest blob that is taken, or none for no limit.", or_word("none"))
      .choice(
          "digest_functions", &cache_limits::digest_functions, function_words(),
          "How clients may name blobs, the first being what we would choose. Others can make two contents "
          "with one SHA-1, so it is not served unless it is asked for.")
      .field(
          "max_parsing_memory", &cache_limits::max_parsing_memory,
          "Memory for reading the Trees, Directories, Actions and Commands that requests name, all "
          "together, but at most 8% of what the process may use. Who needs more while others have it waits; "
          "one alone may take more.",
          at_least(1_MiB))
      .check([](const cache_limits& limits) -> expected<void> {
        if (limits.digest_functions.empty())
          return fail(errc::invalid_argument, "no digest function is served");
        return {};
      });
}

}  // namespace kiln
