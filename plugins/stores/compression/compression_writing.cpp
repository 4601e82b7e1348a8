#include "core/contract/checked_source.hpp"
#include "core/contract/joined_reads.hpp"
#include "core/store_kit/all_ended.hpp"
#include "plugins/stores/compression/compression_state.hpp"

namespace kiln::compressing {
namespace {

// Of a blob that is larger the record would be.
constexpr std::int64_t largest_packed_blob = std::int64_t{256} << 30;

}  // namespace

// What comes as a composition may be kept as that below.
caf::result<receipt> compression_state::take(write_blob& order) {
  if (!is_large(order.blob) || order.blob.size > largest_packed_blob || order.made_of || !order.source)
    return pass_on(order);
  auto asker = owe<write_blob>();
  find_missing plain{{order.blob}, order.until};
  ask(std::move(plain), [this, asker, order](expected<missing_blobs> missing) mutable {
    if (!missing) return asker.deliver(failure(missing.error()));
    const receipt present{static_cast<std::uint64_t>(order.blob.size), true};
    if (missing->blobs.empty()) return asker.deliver(present);
    find({order.blob}, order.until, [=, this, order = std::move(order)](expected<found> known) mutable {
      if (!known) return asker.deliver(failure(known.error()));
      if (!known->empty()) return asker.deliver(present);
      pack_blob(std::move(order),
                [asker](expected<receipt> kept) mutable { asker.deliver(std::move(kept)); });
    });
  });
  return asker;
}

void compression_state::pack_blob(write_blob order, kept then) {
  auto keep = [this, to = home(), until = order.until](packed_segment one, done kept) {
    caf::anon_send(to, resume{[=, this] { keep_segment(one, until, kept); }});
  };
  auto ended = come_home<packing_end>(
      home(), [this, then = std::move(then), blob = order.blob, until = order.until](
                  expected<packing_end> end) { packed(blob, until, std::move(end), then); });
  pack(order.blob, std::move(order.source), std::move(order.sent), with_.rules,
       {std::move(keep), std::move(ended)});
}

void compression_state::packed(const digest& blob, order_deadline until, expected<packing_end> end,
                               const kept& then) {
  if (!end) return then(failure(std::move(end).error()));
  if (end->lies_plain) {
    with_.counted.plain_blobs.add();
    return ask(write_blob{blob, std::move(end->lies_plain), {}, until}, then);
  }
  keep_form(blob, end->form, until, [then, blob](expected<void> noted) {
    then(noted ? expected<receipt>(receipt{static_cast<std::uint64_t>(blob.size), false})
               : failure(noted.error()));
  });
}

void compression_state::keep_form(const digest& blob, const packed_form& form, order_deadline until,
                                  done then) {
  if (auto suspected = suspects_.find(blob); suspected != suspects_.end()) suspected->second = true;
  forms_.keep(blob, form, until, [=, this](expected<void> kept) {
    if (!kept) return then(with_context(kept.error(), "noting in which form blob {} is kept", blob));
    proofs_.remember(claim_of(blob, form));
    with_.counted.packed_blobs.add();
    with_.counted.plain_bytes.add(static_cast<std::uint64_t>(blob.size));
    for (const auto& one : form.segments)
      with_.counted.packed_bytes.add(static_cast<std::uint64_t>(one.name.size));
    listeners_.note_stored(blob);
    listeners_.tell();
    then({});
  });
}

void compression_state::keep_segment(const packed_segment& one, order_deadline until, done kept) {
  ask(write_blob{one.what.name, source_of(one.content), {}, until}, [=, this](const expected<receipt>& how) {
    if (!how) return kept(failure(how.error()));
    how->was_present ? check_segment(one, until, kept) : kept({});
  });
}

void compression_state::check_segment(const packed_segment& one, order_deadline until, done kept) {
  auto lies = join_reads(self()->system(), inner(), {read_blob{one.what.name, 0, 0, until}});
  auto looked = come_home<void>(home(), [=, this](const expected<void>& right) {
    right ? kept({}) : replace_segment(one, until, kept);
  });
  pump(
      checked(std::move(lies), one.what.name, with_.rules.threads, errc::data_loss),
      [](const byte_chain&) { return expected<void>(); }, std::move(looked));
}

void compression_state::replace_segment(const packed_segment& one, order_deadline until, done kept) {
  ask(forget_blob{one.what.name, until}, [=, this](const expected<forgotten>& gone) {
    if (!gone) return kept(failure(gone.error()));
    ask(write_blob{one.what.name, source_of(one.content), {}, until},
        [kept](const expected<receipt>& how) { kept(how ? expected<void>() : failure(how.error())); });
  });
}

/// Blobs that were written together. What is packed and what is not go to the inner store in one batch.
struct compression_state::batch_write {
  struct blob {
    write_blobs::entry entry;
    std::optional<packed_segment> packed;
    error refused;
    std::size_t place = 0;  ///< in what is written
    receipt how;
  };
  std::vector<blob> blobs;
  order_deadline until;
  answer<receipts> asker;

  void deliver() {
    receipts all;
    for (const auto& one : blobs)
      if (one.refused.ok())
        all.results.emplace_back(one.how);
      else
        all.results.emplace_back(failure(one.refused));
    asker.deliver(std::move(all));
  }
};

caf::result<receipts> compression_state::take(write_blobs& order) {
  const auto needs_work = [this](const auto& entry) { return is_large(entry.blob); };
  if (std::none_of(order.entries.begin(), order.entries.end(), needs_work)) return pass_on(order);
  auto asker = owe<write_blobs>();
  auto batch = std::make_shared<batch_write>(batch_write{{}, order.until, asker});
  for (auto& entry : order.entries) batch->blobs.push_back({std::move(entry), {}, {}, 0, {}});
  auto work = [batch, rules = with_.rules, min_size = with_.min_size]() -> expected<void> {
    zstd_frame_encoder encoder(rules.level);
    for (auto& one : batch->blobs) {
      if (one.entry.blob.size < min_size) continue;
      auto made = pack_now(one.entry.blob, one.entry.content, rules, encoder);
      if (made)
        one.packed = std::move(*made);
      else
        one.refused = made.error();
    }
    return {};
  };
  offload(home(), *with_.rules.threads, std::move(work), [=, this](const expected<void>& packed) mutable {
    packed ? keep_batch(batch) : asker.deliver(failure(packed.error()));
  });
  return asker;
}

void compression_state::keep_batch(const std::shared_ptr<batch_write>& batch) {
  write_blobs order{{}, batch->until};
  for (auto& one : batch->blobs) {
    if (!one.refused.ok()) continue;
    one.place = order.entries.size();
    if (one.packed)
      order.entries.push_back({one.packed->what.name, one.packed->content.flatten()});
    else
      order.entries.push_back(one.entry);
  }
  ask(std::move(order), [this, batch](expected<receipts> kept) {
    kept ? kept_batch(batch, std::move(*kept)) : batch->asker.deliver(failure(kept.error()));
  });
}

void compression_state::kept_batch(const std::shared_ptr<batch_write>& batch, receipts kept) {
  auto checked_all = std::make_shared<all_ended>([this, batch] { keep_forms(batch); });
  for (auto& one : batch->blobs) {
    if (!one.refused.ok()) continue;
    if (one.place >= kept.results.size()) {
      one.refused = {errc::internal, "the inner store gave too few answers to a batch"};
      continue;
    }
    auto& how = kept.results[one.place];
    if (!how) {
      one.refused = how.error();
      continue;
    }
    one.how = {static_cast<std::uint64_t>(one.entry.blob.size), how->was_present};
    if (!one.packed || !how->was_present) continue;
    checked_all->begin();
    check_segment(*one.packed, batch->until, [&one, batch, checked_all](const expected<void>& right) {
      if (!right) one.refused = right.error();
      checked_all->end();
    });
  }
  checked_all->end();
}

void compression_state::keep_forms(const std::shared_ptr<batch_write>& batch) {
  write_blobs records{{}, batch->until};
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < batch->blobs.size(); ++i) {
    const auto& one = batch->blobs[i];
    if (!one.refused.ok() || !is_large(one.entry.blob)) continue;
    (one.packed ? with_.counted.packed_blobs : with_.counted.plain_blobs).add();
    if (!one.packed) continue;
    with_.counted.plain_bytes.add(one.entry.content.size());
    with_.counted.packed_bytes.add(one.packed->content.size());
    places.push_back(i);
    records.entries.push_back({form_key(one.entry.blob), write_form({{one.packed->what}, false})});
    if (auto suspected = suspects_.find(one.entry.blob); suspected != suspects_.end())
      suspected->second = true;
  }
  if (records.entries.empty()) return batch->deliver();
  on_response(
      self()->request(index_, caf::infinite, std::move(records)),
      [this, batch, places](const receipts& noted) {
        for (std::size_t i = 0; i < places.size(); ++i) {
          auto& one = batch->blobs[places[i]];
          if (i >= noted.results.size() || !noted.results[i]) {
            one.refused = i < noted.results.size()
                              ? noted.results[i].error()
                              : error(errc::internal, "the index gave too few answers to a batch");
            continue;
          }
          proofs_.remember(claim_of(one.entry.blob, {{one.packed->what}, false}));
          listeners_.note_stored(one.entry.blob);
        }
        listeners_.tell();
        batch->deliver();
      },
      [batch](const caf::error& fault) { batch->asker.deliver(fail(from_caf(fault))); });
}

}  // namespace kiln::compressing
