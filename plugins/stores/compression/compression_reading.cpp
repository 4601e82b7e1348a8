#include "core/contract/joined_reads.hpp"
#include "core/store_kit/batch_answer.hpp"
#include "core/store_kit/sources_in_a_row.hpp"
#include "plugins/stores/compression/compression_state.hpp"

namespace kiln::compressing {
namespace {

// Keeps `hold` as long as the source is read.
blob_source_ptr holding(blob_source_ptr source, std::shared_ptr<const void> hold) {
  if (!hold) return source;
  using both = std::pair<std::shared_ptr<const void>, blob_source_ptr>;
  auto held = std::make_shared<both>(std::move(hold), std::move(source));
  return {held, held->second.get()};
}

std::vector<read_blob> whole_segments(const packed_form& form, std::size_t from, order_deadline until) {
  std::vector<read_blob> reads;
  for (auto i = from; i < form.segments.size(); ++i) reads.push_back({form.segments[i].name, 0, 0, until});
  return reads;
}

// Of the segments that a part touches.
struct touched {
  std::vector<segment> segments;
  std::uint64_t skip = 0;  ///< bytes of the first of them
  std::uint64_t size = 0;  ///< of the part
};

touched touched_by(const packed_form& form, const read_blob& order) {
  const auto size = static_cast<std::uint64_t>(order.blob.size);
  const auto end = order.limit == 0 ? size : order.offset + std::min(order.limit, size - order.offset);
  touched all{{}, 0, end - order.offset};
  std::uint64_t at = 0;
  for (const auto& one : form.segments) {
    const auto next = at + one.plain;
    if (next > order.offset && at < end) {
      if (all.segments.empty()) all.skip = order.offset - at;
      all.segments.push_back(one);
    }
    at = next;
  }
  return all;
}

// What has to be read of each, once their tables are known.
struct plan {
  std::vector<read_blob> reads;
  std::vector<frame> frames;
  std::uint64_t skip = 0;
};

expected<plan> plan_of(const touched& what, const bytes& tables, order_deadline until) {
  plan all;
  std::uint64_t skip = what.skip, left = what.skip + what.size;  // from the first segment's beginning
  std::size_t at = 0;
  for (const auto& one : what.segments) {
    auto frames = read_table(tables.slice(at, table_size(one.plain)), one);
    if (!frames) return failure(frames.error());
    at += table_size(one.plain);
    std::uint64_t offset = table_size(one.plain), size = 0;
    for (const auto& each : *frames) {
      if (left == 0) break;
      if (skip >= each.plain) {
        skip -= each.plain;
        left -= each.plain;
        offset += each.packed;
        continue;
      }
      if (all.frames.empty()) all.skip = std::exchange(skip, 0);
      all.frames.push_back(each);
      size += each.packed;
      left -= std::min<std::uint64_t>(left, each.plain);
    }
    all.reads.push_back({one.name, offset, size, until});
  }
  return all;
}

}  // namespace

std::vector<digest> compression_state::large_ones(const std::vector<digest>& blobs) const {
  std::vector<digest> large;
  std::copy_if(blobs.begin(), blobs.end(), std::back_inserter(large),
               [this](const digest& blob) { return is_large(blob); });
  return large;
}

void compression_state::find(const std::vector<digest>& blobs, order_deadline until,
                             form_library::heard then) {
  forms_.find(blobs, until, [this, then = std::move(then)](expected<found> known) {
    if (known) std::erase_if(*known, [this](const auto& one) { return suspects_.contains(one.first); });
    then(std::move(known));
  });
}

caf::result<missing_blobs> compression_state::take(find_missing& order) {
  if (std::none_of(order.blobs.begin(), order.blobs.end(), [this](const auto& one) { return is_large(one); }))
    return pass_on(order);
  auto asker = owe<find_missing>();
  const auto until = order.until;
  ask(std::move(order), [this, asker, until](expected<missing_blobs> missing) mutable {
    if (!missing) return asker.deliver(std::move(missing));
    auto large = large_ones(missing->blobs);
    if (large.empty()) return asker.deliver(std::move(missing));
    find(large, until, [asker, missing = std::move(*missing)](expected<found> packed) mutable {
      if (!packed) return asker.deliver(failure(std::move(packed).error()));
      std::erase_if(missing.blobs, [&](const digest& blob) { return packed->contains(blob); });
      asker.deliver(std::move(missing));
    });
  });
  return asker;
}

caf::result<blob_content> compression_state::take(read_blob& order) {
  if (!is_large(order.blob)) return pass_on(order);
  auto asker = owe<read_blob>();
  ask_as_it_is(order, [this, asker, order](expected<blob_content> content) mutable {
    if (content || content.error().code() != errc::not_found) return asker.deliver(std::move(content));
    forms_.look_up({order.blob}, order.until, [=, this](expected<found> packed) mutable {
      if (!packed) return asker.deliver(failure(std::move(packed).error()));
      if (packed->empty() || suspects_.contains(order.blob)) return asker.deliver(std::move(content));
      read_packed(packed->begin()->second, order, asker);
    });
  });
  return asker;
}

void compression_state::read_packed(const packed_form& form, const read_blob& order,
                                    answer<blob_content> asker) {
  const auto size = static_cast<std::uint64_t>(order.blob.size);
  if (order.offset > size)
    return asker.deliver(
        fail(errc::out_of_range, "offset {} is behind the end of blob {}", order.offset, order.blob));
  if (order.offset == size) return asker.deliver(blob_content{});
  const bool whole = order.offset == 0 && (order.limit == 0 || order.limit >= size);
  const bool proven_on_the_way = !form.as_sent || order.takes == blob_form::plain;
  if (whole && (proven_on_the_way || proofs_.is_known(claim_of(order.blob, form))))
    return read_whole(form, order, asker);
  if (!whole && form.as_sent) return repack(form, order, asker);
  auto proof = [this, blob = order.blob, form](steady_time until) {
    return unpacked(reading_of(blob, form, until));
  };
  // That the segments have their digests does not say that they are this blob.
  proofs_.prove(claim_of(order.blob, form), proof, order.until,
                [=, this](const expected<void>& right) mutable {
                  if (!right) return asker.deliver(failure(right.error()));
                  whole ? read_whole(form, order, asker) : read_part(form, order, asker);
                });
}

void compression_state::repack(const packed_form& form, const read_blob& order, answer<blob_content> asker) {
  auto& waiting = repacking_[order.blob];
  auto read_again = [=, this](const expected<void>& done) mutable {
    if (!done) return asker.deliver(failure(done.error()));
    on_response(
        self()->request(home(), caf::infinite, order),
        [asker](blob_content& content) mutable { asker.deliver(std::move(content)); },
        [asker](const caf::error& fault) mutable { asker.deliver(fail(from_caf(fault))); });
  };
  waiting.push_back(awaited<void>::make(times_, order.until, std::move(read_again)));
  if (waiting.size() > 1) return;
  const auto until = times_.time().now() + proofs::longest;
  pack_blob({order.blob, unpacked(reading_of(order.blob, form, until)), {}, until},
            [this, blob = order.blob](const expected<receipt>& kept) {
              auto all = repacking_.extract(blob);
              const auto how = kept ? expected<void>() : with_context(kept.error(), "packing it for a part");
              for (const auto& one : all.mapped()) one->settle(how);
            });
}

whole_reading compression_state::reading_of(const digest& blob, const packed_form& form,
                                            order_deadline until) {
  return {blob, form, join_reads(self()->system(), inner(), whole_segments(form, 0, until)),
          with_.rules.threads, told_of(blob, form)};
}

// The first segment is opened before the asker hears, so that it is read to its end even if the blob is
// forgotten or evicted meanwhile; those that follow are leased where the inner store can.
void compression_state::read_whole(const packed_form& form, const read_blob& order,
                                   answer<blob_content> asker) {
  auto open = [=, this](std::shared_ptr<const void> hold) mutable {
    ask(read_blob{form.segments.front().name, 0, 0, order.until},
        [=, this](expected<blob_content> first) mutable {
          if (!first && first.error().code() == errc::not_found)
            return asker.deliver(
                fail(errc::not_found, "no blob {}: what it was compressed to is gone", order.blob));
          if (!first) return asker.deliver(std::move(first));
          whole_reading what{order.blob, form, source_of_content(std::move(*first)), with_.rules.threads,
                             told_of(order.blob, form)};
          if (form.segments.size() > 1)
            what.lies = holding(
                sources_in_a_row(
                    {what.lies, join_reads(self()->system(), inner(), whole_segments(form, 1, order.until))}),
                hold);
          const bool is_packed = order.takes_whole_as(blob_form::zstd);
          (is_packed ? with_.counted.read_as_it_lies : with_.counted.read_unpacked).add();
          if (!is_packed) return asker.deliver(blob_content{{}, unpacked(std::move(what))});
          const bool known = proofs_.is_known(claim_of(order.blob, form));
          asker.deliver(blob_content{{}, as_it_lies(std::move(what), known), {}, blob_form::zstd});
        });
  };
  if (form.segments.size() == 1) return open(nullptr);
  ask(lease_blobs{names_in(form), order.until},
      [open](const expected<leased>& held) mutable { open(held ? held->hold : nullptr); });
}

void compression_state::read_part(const packed_form& form, const read_blob& order,
                                  answer<blob_content> asker) {
  auto what = touched_by(form, order);
  std::vector<read_blob> tables;
  std::size_t size = 0;
  for (const auto& one : what.segments) {
    tables.push_back({one.name, 0, table_size(one.plain), order.until});
    size += table_size(one.plain);
  }
  auto known = come_home<bytes>(home(), [=, this](const expected<bytes>& said) mutable {
    if (!said) return asker.deliver(failure(said.error()));
    auto told = told_of(order.blob, form);
    auto next = said->size() == size ? plan_of(what, *said, order.until)
                                     : fail(errc::data_loss, "the tables of blob {} are cut off", order.blob);
    if (!next) {
      told.wrong();
      return asker.deliver(failure(next.error()));
    }
    with_.counted.read_unpacked.add();
    asker.deliver(blob_content{{},
                               unpacked_part({order.blob, std::move(next->frames), next->skip, what.size,
                                              join_reads(self()->system(), inner(), std::move(next->reads)),
                                              with_.rules.threads, std::move(told.wrong)})});
  });
  collect(join_reads(self()->system(), inner(), std::move(tables)), size, std::move(known));
}

caf::result<blob_batch> compression_state::take(read_blobs& order) {
  if (std::none_of(order.blobs.begin(), order.blobs.end(), [this](const auto& one) { return is_large(one); }))
    return pass_on(order);
  auto asker = owe<read_blobs>();
  auto asked = order;
  ask(std::move(order), [this, asker, asked = std::move(asked)](expected<blob_batch> batch) mutable {
    if (!batch) return asker.deliver(std::move(batch));
    auto gaps = gaps_in(asked.blobs, batch->results);
    if (gaps.empty()) return asker.deliver(std::move(batch));
    fill_gaps(asked, std::move(gaps), std::move(*batch), asker);
  });
  return asker;
}

// What it lies as is small by itself, so all of it comes in one batch; the asker bounds the sum.
void compression_state::fill_gaps(const read_blobs& order, std::vector<std::size_t> gaps, blob_batch batch,
                                  answer<blob_batch> asker) {
  std::vector<digest> absent;
  for (auto i : gaps) absent.push_back(order.blobs[i]);
  forms_.look_up(absent, order.until, [=, this](expected<found> packed) mutable {
    if (!packed) return asker.deliver(failure(std::move(packed).error()));
    std::erase_if(gaps, [&](std::size_t i) {
      return !packed->contains(order.blobs[i]) || suspects_.contains(order.blobs[i]);
    });
    if (gaps.empty()) return asker.deliver(std::move(batch));
    read_blobs lies{{}, order.until};
    for (auto i : gaps)
      for (const auto& one : packed->at(order.blobs[i]).segments) lies.blobs.push_back(one.name);
    ask(std::move(lies), [=, this](expected<blob_batch> segments) mutable {
      if (!segments) return asker.deliver(failure(segments.error()));
      batch_answer<blob_batch> all(asker, order.blobs.size());
      std::size_t next = 0, gap = 0;
      for (std::size_t i = 0; i < batch.results.size(); ++i) {
        if (gap == gaps.size() || gaps[gap] != i) {
          all[i].deliver(std::move(batch.results[i]));
          continue;
        }
        ++gap;
        const auto& blob = order.blobs[i];
        const auto& form = packed->at(blob);
        byte_chain whole;
        bool is_there = true;
        for (std::size_t part = 0; part < form.segments.size(); ++part, ++next) {
          is_there = is_there && next < segments->results.size() && segments->results[next];
          if (is_there) whole.append(*segments->results[next]);
        }
        if (!is_there) {
          all[i].deliver(std::move(batch.results[i]));  // that it was not found
          continue;
        }
        with_.counted.read_unpacked.add();
        collect(unpacked({blob, form, source_of(std::move(whole)), with_.rules.threads, told_of(blob, form)}),
                static_cast<std::size_t>(blob.size),
                come_home<bytes>(home(), [place = all[i]](expected<bytes> content) mutable {
                  place.deliver(std::move(content));
                }));
      }
    });
  });
}

}  // namespace kiln::compressing
