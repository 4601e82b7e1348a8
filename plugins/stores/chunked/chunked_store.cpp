#include "plugins/stores/chunked/chunked_store.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>

#include "core/base/machine.hpp"
#include "core/completeness/index_memory.hpp"
#include "core/observe/memory_budget.hpp"
#include "core/store_kit/ask_all.hpp"
#include "core/store_kit/lend_copies.hpp"
#include "core/store_kit/split.hpp"
#include "plugins/stores/chunked/chunked_state.hpp"

namespace kiln::chunked {

blob_source_ptr chunked_state::open(const digest& blob, const composition& whole, order_deadline until) {
  auto right = [this, home = resumable_store(self()), layout = proven_layouts::name_of(blob, whole)] {
    caf::anon_send(home, resume{[this, layout] { proven_.remember(layout); }});
  };
  return proven_source(self()->system(), inner(), blob, whole, until, hashing_, {wrong_of(blob), right},
                       ahead_);
}

std::function<void()> chunked_state::wrong_of(const digest& blob) {
  return [this, home = resumable_store(self()), blob] {
    caf::anon_send(home, resume{[this, blob] { drop_layout(blob); }});
  };
}

caf::result<lent_files> chunked_state::take(lend_files& order) {
  if (!any_large(order.blobs)) return pass_on(order);
  auto asker = owe<lend_files>();
  ask(lend_files(order), [this, asker, order](expected<lent_files> lent) mutable {
    if (!lent) return asker.deliver(std::move(lent));
    auto gaps = gaps_in(order.blobs, lent->results);
    if (gaps.empty()) return asker.deliver(std::move(lent));
    lend_copies(order, std::move(gaps), std::move(*lent), asker);
  });
  return asker;
}

void chunked_state::lend_copies(const lend_files& order, std::vector<std::size_t> gaps, lent_files lent,
                                answer<lent_files> asker) {
  std::vector<digest> absent;
  for (auto i : gaps) absent.push_back(order.blobs[i]);
  const auto until = order.until;
  library_.find(absent, until, [=, this](expected<library::found> composed) mutable {
    if (!composed) return asker.deliver(failure(std::move(composed).error()));
    std::vector<copy_to_lend> copies;
    for (auto i : gaps)
      if (auto whole = composed->find(order.blobs[i]); whole != composed->end())
        copies.push_back({i, whole->first, open(whole->first, whole->second, until)});
    if (copies.empty()) return asker.deliver(std::move(lent));
    kiln::lend_copies(self(), inner(), std::move(copies), std::move(lent), until, asker);
  });
}

caf::result<leased> chunked_state::take(lease_blobs& order) {
  if (!any_large(order.blobs)) return pass_on(order);
  auto asker = owe<lease_blobs>();
  const auto until = order.until;
  ask(std::move(order), [this, asker, until](expected<leased> whole_ones) mutable {
    if (!whole_ones) return asker.deliver(std::move(whole_ones));
    auto large = large_ones(whole_ones->missing);
    if (large.empty()) return asker.deliver(std::move(whole_ones));
    library_.find(large, until, [=, this](expected<library::found> composed) mutable {
      if (!composed) return asker.deliver(failure(std::move(composed).error()));
      lease_parts(*composed, until, std::move(*whole_ones), asker);
    });
  });
  return asker;
}

void chunked_state::lease_parts(const library::found& composed, order_deadline until, leased whole_ones,
                                answer<leased> asker) {
  lease_blobs parts{{}, until};
  for (const auto& [blob, whole] : composed)
    parts.blobs.insert(parts.blobs.end(), whole.parts.begin(), whole.parts.end());
  std::sort(parts.blobs.begin(), parts.blobs.end());
  parts.blobs.erase(std::unique(parts.blobs.begin(), parts.blobs.end()), parts.blobs.end());
  ask(std::move(parts), [=](expected<leased> held) mutable {
    if (!held) return asker.deliver(std::move(held));
    auto is_held = [&](const digest& blob) {
      auto found = composed.find(blob);
      if (found == composed.end()) return false;
      const auto& parts = found->second.parts;
      return std::find_first_of(parts.begin(), parts.end(), held->missing.begin(), held->missing.end()) ==
             parts.end();
    };
    std::erase_if(whole_ones.missing, is_held);
    whole_ones.hold = hold_together({whole_ones.hold, held->hold});
    asker.deliver(std::move(whole_ones));
  });
}

// From now on the end of composed blobs is told, which takes hearing of their parts and layouts. Who listens
// hears of what is whole from the store that has it.
void chunked_state::take(watch_store& order) {
  if (!known_.listens()) {
    known_.listen();
    for (const auto& store : {inner(), layouts_})
      self()->send(store, watch_store{store_observer(resumable_store(self()))});
  }
  listeners_.add(order.listener);
  pass_on(order);
}

// The parts may be others', too; they leave when nobody has used them for long.
caf::result<forgotten> chunked_state::take(forget_blob& order) {
  if (!is_large(order.blob)) return pass_on(order);
  const bool is_told = known_.goes(order.blob);
  auto asker = owe<forget_blob>();
  library_.forget(order.blob, order.until, [=, this](expected<bool> was_composed) mutable {
    if (!was_composed) return asker.deliver(failure(std::move(was_composed).error()));
    ask(order, [=, this, composed = *was_composed](expected<forgotten> copy) mutable {
      if (!copy) return asker.deliver(std::move(copy));
      if (composed && !copy->was_present && !is_told) listeners_.tell_evicted({order.blob});
      asker.deliver(forgotten{composed || copy->was_present});
    });
  });
  return asker;
}

caf::result<store_flushed> chunked_state::take(const flush_store& order) {
  auto asker = owe<flush_store>();
  ask_all(self(), {inner(), layouts_}, std::vector<std::optional<flush_store>>(2, order),
          [asker](const auto& flushed) mutable { asker.deliver(join_flushed(flushed)); });
  return asker;
}

}  // namespace kiln::chunked

namespace kiln {
expected<store_actor> spawn_chunked_store(const chunked_options& options, const store_context& context) {
  if (context.what == store_role::results)
    return fail(errc::invalid_argument,
                "it would hold action results, which are small and not named after their bytes: there is "
                "nothing to cut");
  std::shared_ptr<thread_pool> hashing =
      context.env.pools->make("kiln-chunked", std::max(processors() / 2, 1U));
  read_ahead ahead;
  ahead.memory = std::make_shared<byte_budget>(options.read_ahead_memory.bytes);
  claim_memory(context.env.metrics,
               {"store " + context.name, "read_ahead_memory", options.read_ahead_memory.bytes});
  const auto index_bytes = index_memory(options.index_memory);
  claim_memory(context.env.metrics, {"store " + context.name, "index_memory", index_bytes});
  return spawn_store<chunked::chunked_state>(
      context.system, context.env, options,
      chunked::chunked_state::setup{context.store(options.inner), context.store(options.layouts),
                                    std::move(hashing), std::move(ahead), index_bytes, context.env.time});
}

}  // namespace kiln
