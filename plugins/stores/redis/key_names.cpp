#include "plugins/stores/redis/key_names.hpp"

#include <charconv>
#include <utility>

namespace kiln::redis_store {

key_names::key_names(std::string prefix, store_role what)
    : prefix_(std::move(prefix)), beginning_(prefix_ + (what == store_role::content ? "cas:" : "ac:")) {}

std::string key_names::of(const digest& blob) const {
  return fmt::format("{}{}:{}-{}", beginning_, info_of(blob.function).name, blob.hex(), blob.size);
}

std::string key_names::on_its_way(std::string_view key, std::uint64_t random) const {
  return fmt::format("{}tmp:{{{}}}:{:016x}", prefix_, key, random);
}

std::string key_names::forgotten(std::string_view key) const {
  return fmt::format("{}gone:{{{}}}", prefix_, key);
}

std::optional<digest> key_names::read(std::string_view key) const {
  if (!key.starts_with(beginning_)) return std::nullopt;
  key.remove_prefix(beginning_.size());
  const auto colon = key.find(':');
  const auto dash = key.rfind('-');
  if (colon == std::string_view::npos || dash == std::string_view::npos || dash < colon) return std::nullopt;
  const auto* function = find_function(key.substr(0, colon));
  if (function == nullptr) return std::nullopt;
  const auto digits = key.substr(dash + 1);
  std::int64_t size = -1;
  auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  auto blob = parse_digest(function->function, key.substr(colon + 1, dash - colon - 1), size);
  return blob ? std::optional(*blob) : std::nullopt;
}

}  // namespace kiln::redis_store
