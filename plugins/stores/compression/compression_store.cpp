#include "plugins/stores/compression/compression_store.hpp"

#include <caf/actor_system.hpp>
#include <unordered_set>

#include "core/base/machine.hpp"
#include "core/store_kit/ask_all.hpp"
#include "core/store_kit/lend_copies.hpp"
#include "core/store_kit/split.hpp"
#include "plugins/stores/compression/compression_state.hpp"

namespace kiln::compressing {

unpacking_told compression_state::told_of(const digest& blob, const packed_form& form) {
  auto wrong = [this, to = home(), blob, form] {
    caf::anon_send(to, resume{[this, blob, form] { suspect(blob, form); }});
  };
  auto right = [this, to = home(), claim = claim_of(blob, form)] {
    caf::anon_send(to, resume{[this, claim] { proofs_.remember(claim); }});
  };
  return {wrong, right};
}

// Somebody may be writing it anew while it is read for the last time, and then it stays.
void compression_state::suspect(const digest& blob, const packed_form& form) {
  if (!suspects_.try_emplace(blob, false).second) return;
  const auto claim = claim_of(blob, form);
  proofs_.disbelieve(claim);
  auto proof = [this, blob, form](steady_time until) {
    auto what = reading_of(blob, form, until);
    what.told = {[] {}, [] {}};
    return unpacked(std::move(what));
  };
  proofs_.prove(claim, proof, waits_for_ever, [this, blob, form](const expected<void>& right) {
    const bool was_written = suspects_.at(blob);
    if (!right && !was_written && right.error().code() == errc::data_loss) return convict(blob, form);
    suspects_.erase(blob);
  });
}

void compression_state::convict(const digest& blob, const packed_form& form) {
  forms_.look_up({blob}, waits_for_ever, [=, this](const expected<found>& now) {
    const bool is_same = now && now->contains(blob) && now->at(blob) == form;
    if (!is_same || suspects_.at(blob)) {
      suspects_.erase(blob);
      return;
    }
    forms_.forget(blob, waits_for_ever, [this, blob](const expected<bool>&) {
      suspects_.erase(blob);
      listeners_.tell_evicted({blob});
    });
  });
}

caf::result<lent_files> compression_state::take(lend_files& order) {
  if (large_ones(order.blobs).empty()) return pass_on(order);
  auto asker = owe<lend_files>();
  ask(lend_files(order), [this, asker, order](expected<lent_files> lent) mutable {
    if (!lent) return asker.deliver(std::move(lent));
    auto gaps = gaps_in(order.blobs, lent->results);
    if (gaps.empty()) return asker.deliver(std::move(lent));
    std::vector<digest> absent;
    for (auto i : gaps) absent.push_back(order.blobs[i]);
    find(absent, order.until, [=, this](expected<found> packed) mutable {
      if (!packed) return asker.deliver(failure(std::move(packed).error()));
      std::vector<copy_to_lend> copies;
      for (auto i : gaps)
        if (auto one = packed->find(order.blobs[i]); one != packed->end())
          copies.push_back({i, one->first, unpacked(reading_of(one->first, one->second, order.until))});
      if (copies.empty()) return asker.deliver(std::move(lent));
      lend_copies(self(), inner(), std::move(copies), std::move(*lent), order.until, asker);
    });
  });
  return asker;
}

// What a blob was compressed to is held, and the record of that.
caf::result<leased> compression_state::take(lease_blobs& order) {
  if (large_ones(order.blobs).empty()) return pass_on(order);
  auto asker = owe<lease_blobs>();
  const auto until = order.until;
  ask(std::move(order), [this, asker, until](expected<leased> lease) mutable {
    if (!lease) return asker.deliver(std::move(lease));
    auto large = large_ones(lease->missing);
    if (large.empty()) return asker.deliver(std::move(lease));
    find(large, until, [=, this, lease = std::move(*lease)](expected<found> packed) mutable {
      if (!packed) return asker.deliver(failure(std::move(packed).error()));
      if (packed->empty()) return asker.deliver(std::move(lease));
      lease_blobs segments{{}, until}, records{{}, until};
      for (const auto& [blob, form] : *packed) {
        records.blobs.push_back(form_key(blob));
        for (const auto& one : form.segments) segments.blobs.push_back(one.name);
      }
      ask_all(self(), {inner(), index_}, std::vector<std::optional<lease_blobs>>{segments, records},
              [=](std::vector<expected<leased>> held) mutable {
                std::unordered_set<digest> gone;
                std::vector<std::shared_ptr<const void>> holds{std::move(lease.hold)};
                for (auto& one : held) {
                  if (!one) return asker.deliver(failure(one.error()));
                  gone.insert(one->missing.begin(), one->missing.end());
                  holds.push_back(std::move(one->hold));
                }
                std::erase_if(lease.missing, [&](const digest& blob) {
                  const auto known = packed->find(blob);
                  if (known == packed->end() || gone.contains(form_key(blob))) return false;
                  const auto& parts = known->second.segments;
                  return std::none_of(parts.begin(), parts.end(),
                                      [&](const segment& part) { return gone.contains(part.name); });
                });
                lease.hold = hold_together(std::move(holds));
                asker.deliver(std::move(lease));
              });
    });
  });
  return asker;
}

// A segment that is all of the blob is of no use to any other; of several, another blob may begin alike.
caf::result<forgotten> compression_state::take(forget_blob& order) {
  if (!is_large(order.blob)) return pass_on(order);
  auto asker = owe<forget_blob>();
  forms_.look_up({order.blob}, order.until, [=, this](expected<found> packed) mutable {
    if (!packed) return asker.deliver(failure(std::move(packed).error()));
    auto forget_plain = [=, this](expected<bool> was_packed) mutable {
      if (!was_packed) return asker.deliver(failure(std::move(was_packed).error()));
      ask(order, [=, this](expected<forgotten> plain) mutable {
        if (!plain) return asker.deliver(std::move(plain));
        if (*was_packed && !plain->was_present) listeners_.tell_evicted({order.blob});
        asker.deliver(forgotten{*was_packed || plain->was_present});
      });
    };
    if (packed->empty()) return forms_.forget(order.blob, order.until, forget_plain);
    const auto& segments = packed->begin()->second.segments;
    forms_.forget(order.blob, order.until, [=, this](expected<bool> was_packed) mutable {
      if (!was_packed || segments.size() > 1) return forget_plain(std::move(was_packed));
      ask(forget_blob{segments.front().name, order.until}, [=](const expected<forgotten>& gone) mutable {
        // Without it, or without its record, the blob was not there.
        forget_plain(gone ? expected<bool>(*was_packed && gone->was_present) : failure(gone.error()));
      });
    });
  });
  return asker;
}

caf::result<store_flushed> compression_state::take(const flush_store& order) {
  auto asker = owe<flush_store>();
  ask_all(self(), {inner(), index_}, std::vector<std::optional<flush_store>>(2, order),
          [asker](const auto& flushed) mutable { asker.deliver(join_flushed(flushed)); });
  return asker;
}

}  // namespace kiln::compressing

namespace kiln {

expected<store_actor> spawn_compression_store(const compression_store_options& options,
                                              const store_context& context) {
  if (context.what == store_role::results)
    return fail(errc::invalid_argument,
                "it would hold action results, which are small and not named after their bytes: there is "
                "nothing to compress");
  const auto threads = options.threads.value_or(std::max(processors() / 2, 1U));
  compressing::packing_rules rules;
  rules.level = options.level;
  rules.min_saving = options.min_saving;
  rules.memory = std::make_shared<byte_budget>(options.memory.bytes);
  rules.threads = context.env.pools->make("kiln-compress", threads);
  compressing::compression_state::setting with{static_cast<std::int64_t>(options.min_size.bytes),
                                               std::move(rules),
                                               {*context.env.metrics, context.name},
                                               context.env.time};
  return spawn_store<compressing::compression_state>(context.system, context.env, std::move(with),
                                                     context.store(options.inner),
                                                     context.store(options.index));
}

}  // namespace kiln
