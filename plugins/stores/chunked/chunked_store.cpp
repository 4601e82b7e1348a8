#include "plugins/stores/chunked/chunked_store.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>

#include "core/base/machine.hpp"
#include "plugins/stores/chunked/chunked_state.hpp"
#include "plugins/stores/chunked/front.hpp"

namespace kiln::chunked {

// A file has to be whole. The copy stays in the inner store until it is the one used least.
caf::result<lent_file> chunked_state::lend(const lend_file& order) {
  auto asker = make_answer<lent_file>(self_);
  auto lent = [asker](lent_file& file) mutable { asker.deliver(std::move(file)); };
  hear(self_->request(inner_, caf::infinite, order), lent, [=, this](const caf::error& raw) mutable {
    auto fault = from_caf(raw);
    if (fault.code() != errc::not_found) return asker.deliver(failure(fault));
    library_.find({order.blob}, [=, this](expected<library::found> composed) mutable {
      if (!composed) return asker.deliver(failure(std::move(composed).error()));
      if (composed->empty()) return asker.deliver(failure(fault));
      write_blob copy{order.blob, open(order.blob, composed->begin()->second)};
      hear(
          self_->request(inner_, caf::infinite, std::move(copy)),
          [=, this](const receipt&) {
            hear(self_->request(inner_, caf::infinite, order), lent, fails(asker));
          },
          fails(asker));
    });
  });
  return asker;
}

caf::result<leased> chunked_state::lease(lease_blobs order) {
  auto asker = make_answer<leased>(self_);
  hear(
      self_->request(inner_, caf::infinite, std::move(order)),
      [this, asker](leased& whole_ones) mutable {
        auto large = large_ones(whole_ones.missing);
        if (large.empty()) return asker.deliver(std::move(whole_ones));
        library_.find(large, [this, asker, whole_ones](expected<library::found> composed) mutable {
          if (!composed) return asker.deliver(failure(std::move(composed).error()));
          lease_blobs parts;
          for (const auto& [blob, whole] : *composed)
            parts.blobs.insert(parts.blobs.end(), whole.parts.begin(), whole.parts.end());
          std::sort(parts.blobs.begin(), parts.blobs.end());
          parts.blobs.erase(std::unique(parts.blobs.begin(), parts.blobs.end()), parts.blobs.end());
          hear(
              self_->request(inner_, caf::infinite, std::move(parts)),
              [asker, whole_ones, composed = std::move(*composed)](leased& held) mutable {
                auto is_held = [&](const digest& blob) {
                  auto found = composed.find(blob);
                  if (found == composed.end()) return false;
                  const auto& parts = found->second.parts;
                  return std::find_first_of(parts.begin(), parts.end(), held.missing.begin(),
                                            held.missing.end()) == parts.end();
                };
                std::erase_if(whole_ones.missing, is_held);
                using both = std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>;
                whole_ones.hold = std::make_shared<const both>(whole_ones.hold, held.hold);
                asker.deliver(std::move(whole_ones));
              },
              fails(asker));
        });
      },
      fails(asker));
  return asker;
}

// The parts may be others', too; they leave when nobody has used them for long.
caf::result<forgotten> chunked_state::forget(const forget_blob& order) {
  auto asker = make_answer<forgotten>(self_);
  library_.forget(order.blob, [=, this](expected<bool> was_composed) mutable {
    if (!was_composed) return asker.deliver(failure(std::move(was_composed).error()));
    hear(
        self_->request(inner_, caf::infinite, order),
        [=, this, composed = *was_composed](const forgotten& copy) mutable {
          if (composed && !copy.was_present) listeners_.tell({order.blob});
          asker.deliver(forgotten{composed || copy.was_present});
        },
        fails(asker));
  });
  return asker;
}

caf::result<store_flushed> chunked_state::flush() {
  auto asker = make_answer<store_flushed>(self_);
  auto both = [asker](const store_flushed& done) mutable { asker.deliver(done); };
  auto first = [=, this](const store_flushed&) {
    hear(self_->request(layouts_, caf::infinite, flush_store{}), both, fails(asker));
  };
  hear(self_->request(inner_, caf::infinite, flush_store{}), first, fails(asker));
  return asker;
}

namespace {

chunked_actor::behavior_type chunked_store(
    chunked_actor::stateful_pointer<std::unique_ptr<chunked_state>> self, std::int64_t min_size,
    const store_actor& inner, const store_actor& layouts, const std::shared_ptr<thread_pool>& hashing) {
  self->state = std::make_unique<chunked_state>(self, min_size, inner, layouts, hashing);
  chunked_state* state = self->state.get();
  return {
      [=](find_missing& order) -> caf::result<missing_blobs> {
        return guarded<missing_blobs>([&] { return state->find_those_missing(std::move(order)); });
      },
      [=](const read_blob& order) -> caf::result<blob_content> {
        return guarded<blob_content>([&] { return state->read(order); });
      },
      [=](read_blobs& order) -> caf::result<blob_batch> {
        return guarded<blob_batch>([&] { return state->read_batch(std::move(order)); });
      },
      [=](write_blob& order) -> caf::result<receipt> {
        return guarded<receipt>([&] { return state->write(std::move(order)); });
      },
      [=](write_blobs& order) { return self->delegate(inner, std::move(order)); },
      [=](const lend_file& order) -> caf::result<lent_file> {
        return guarded<lent_file>([&] { return state->lend(order); });
      },
      [=](lease_blobs& order) -> caf::result<leased> {
        return guarded<leased>([&] { return state->lease(std::move(order)); });
      },
      [=](const forget_blob& order) -> caf::result<forgotten> {
        return guarded<forgotten>([&] { return state->forget(order); });
      },
      [=](measure_store& order) { return self->delegate(inner, std::move(order)); },
      [=](const flush_store&) { return state->flush(); },
      [=](const watch_store& order) { state->watch(order); },
      [=](source_ended& news) { state->ended(std::move(news)); },
      [=](const layout_wrong& news) { state->drop_layout(news.blob); },
      [=](const layout_right& news) { state->remember(news.layout); },
  };
}

}  // namespace
}  // namespace kiln::chunked

namespace kiln {

expected<store_actor> spawn_chunked_store(const chunked_options& options, const store_context& context) {
  if (context.what == holds::results)
    return fail(errc::invalid_argument,
                "it would hold action results, which are small and not named after their bytes: there is "
                "nothing to cut");
  const auto min_size = static_cast<std::int64_t>(options.min_size.bytes);
  auto inner = context.store(options.inner);
  std::shared_ptr<thread_pool> hashing =
      context.env.pools->make("kiln-chunked", std::max(processors() / 2, 1U));
  store_actor composed = context.system.spawn(chunked::chunked_store, min_size, inner,
                                              context.store(options.layouts), std::move(hashing));
  return chunked::make_front(context.system, min_size, inner, composed);
}

}  // namespace kiln
