#include "core/digest/record_key.hpp"

#include <fmt/format.h>

#include "core/digest/hasher.hpp"

namespace kiln {

// The length in front of the only text that may hold anything keeps two preimages from being one.
digest record_key(record_kind kind, std::string_view instance, const digest& about) {
  hasher mixed(digest_function::sha256);
  mixed.update(
      fmt::format("kiln record, kind {}, instance of {} bytes: ", static_cast<int>(kind), instance.size()));
  mixed.update(instance);
  mixed.update(fmt::format("; {}:{}/{}", info_of(about.function).name, about.hex(), about.size));
  return mixed.finish();
}

digest record_names::of(record_kind kind, std::string_view instance, const digest& about) const {
  if (shared_store_ && kind == record_kind::action_result && instance.empty()) return about;
  return record_key(kind, instance, about);
}

}  // namespace kiln
