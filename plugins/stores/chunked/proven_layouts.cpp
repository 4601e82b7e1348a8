#include "plugins/stores/chunked/proven_layouts.hpp"

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "core/digest/hasher.hpp"
#include "plugins/stores/chunked/proven_source.hpp"

namespace kiln::chunked {

digest proven_layouts::name_of(const digest& blob, const composition& whole) {
  hasher mixed(digest_function::sha256);
  auto add = [&](const digest& one) {
    const auto hash = one.hash_bytes();
    mixed.update({reinterpret_cast<const char*>(hash.data()), hash.size()});
    mixed.update(fmt::format("/{}/{};", static_cast<int>(one.function), one.size));
  };
  add(blob);
  for (const auto& part : whole.parts) add(part);
  return mixed.finish();
}

void proven_layouts::prove(const digest& blob, const composition& whole, steady_time until, outcome then) {
  auto read = [this, blob, whole](steady_time at_most) {
    resumable_store home(self_);
    auto wrong = [this, home, blob] { caf::anon_send(home, resume{[this, blob] { wrong_(blob); }}); };
    return proven_source(self_->system(), inner_, blob, whole, at_most, hashing_, {std::move(wrong), [] {}},
                         ahead_);
  };
  proofs_.prove(name_of(blob, whole), std::move(read), until, std::move(then));
}

}  // namespace kiln::chunked
