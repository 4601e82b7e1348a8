#include "plugins/stores/chunked/chunked_store.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <utility>

#include "core/base/machine.hpp"
#include "core/contract/listeners.hpp"
#include "core/wire/message_limits.hpp"
#include "plugins/stores/chunked/front.hpp"
#include "plugins/stores/chunked/gathered_batch.hpp"
#include "plugins/stores/chunked/layout.hpp"
#include "plugins/stores/chunked/library.hpp"
#include "plugins/stores/chunked/proven_layouts.hpp"
#include "plugins/stores/chunked/proven_part.hpp"
#include "plugins/stores/chunked/proven_source.hpp"

namespace kiln::chunked {
namespace {

template <class T>
auto fails(answer<T> asker) {
  return [asker](const caf::error& fault) mutable { asker.deliver(fail(from_caf(fault))); };
}

bool is_missing(const expected<bytes>& one) {
  return !one && one.error().code() == errc::not_found;
}

// Orders about small blobs go straight to the inner store (front.hpp). Of the others, what is found whole
// there is answered from there: only what is large and missing is looked up among the layouts.
class chunked_state {
public:
  chunked_state(chunked_actor::pointer self, std::int64_t min_size, store_actor inner, store_actor layouts,
                std::shared_ptr<crew> hashing)
      : self_(self),
        min_size_(min_size),
        inner_(std::move(inner)),
        layouts_(std::move(layouts)),
        hashing_(std::move(hashing)),
        library_(self, inner_, layouts_, hashing_, [this](then next) { return back_here(std::move(next)); }),
        proven_(self, inner_, hashing_, [this](then next) { return back_here(std::move(next)); }) {}

  caf::result<missing_blobs> find_those_missing(find_missing order);
  caf::result<blob_content> read(const read_blob& order);
  caf::result<blob_batch> read_batch(read_blobs order);
  caf::result<receipt> write(write_blob order);
  caf::result<lent_file> lend(const lend_file& order);
  caf::result<leased> lease(lease_blobs order);
  caf::result<forgotten> forget(const forget_blob& order);
  caf::result<store_flushed> flush();
  void watch(const watch_store& order) {
    listeners_.add(order.listener);
    self_->send(inner_, order);
  }
  /// Nobody is told the blob again by this layout, and its true bytes may come.
  void drop_layout(const digest& blob) {
    library_.forget(blob, [](const expected<bool>&) {});
  }
  void remember(const digest& layout) { proven_.remember(layout); }
  void ended(source_ended news) {
    auto place = reading_.extract(news.id);
    if (!place.empty()) place.mapped()(std::move(news.outcome));
  }

private:
  using then = std::function<void(expected<bytes>)>;

  bool is_large(const digest& blob) const noexcept { return blob.size >= min_size_; }
  std::vector<digest> large_ones(const std::vector<digest>& blobs) const {
    std::vector<digest> large;
    std::copy_if(blobs.begin(), blobs.end(), std::back_inserter(large),
                 [this](const digest& blob) { return is_large(blob); });
    return large;
  }
  /// What is read whole is the blob, or does not end well.
  blob_source_ptr open(const digest& blob, const composition& whole) {
    auto right = [to = chunked_actor(self_), layout = proven_layouts::name_of(blob, whole)] {
      caf::anon_send(to, layout_right{layout});
    };
    return proven_source(self_->system(), inner_, blob, whole, hashing_, {wrong_of(blob), right});
  }
  std::function<void()> wrong_of(const digest& blob) {
    return [to = chunked_actor(self_), blob] { caf::anon_send(to, layout_wrong{blob}); };
  }
  /// What may be called on any thread, once, to go on with `next` here.
  then back_here(then next) {
    auto id = next_id_++;
    reading_.emplace(id, std::move(next));
    return [to = chunked_actor(self_), id](expected<bytes> outcome) {
      caf::anon_send(to, source_ended{id, std::move(outcome)});
    };
  }
  void read_composed(const composition& whole, const read_blob& order, answer<blob_content> asker);
  void read_part(const composition& whole, const read_blob& order, answer<blob_content> asker);
  void fill_gaps(const std::vector<digest>& asked, const std::vector<std::size_t>& gaps, blob_batch batch,
                 answer<blob_batch> asker);
  void write_whole(write_blob order, answer<receipt> asker);
  void write_parts(write_blob order, const composition& whole, answer<receipt> asker);
  void compose(write_blob order, const composition& whole, answer<receipt> asker);
  void keep_layout(const digest& blob, const composition& whole, answer<receipt> asker);
  void give_up_copy(receipt kept, const digest& blob, answer<receipt> asker);

  chunked_actor::pointer self_;
  const std::int64_t min_size_;
  const store_actor inner_;
  const store_actor layouts_;
  const std::shared_ptr<crew> hashing_;
  library library_;
  proven_layouts proven_;
  store_listeners listeners_;
  std::unordered_map<std::uint64_t, then> reading_;
  std::uint64_t next_id_ = 0;
};

caf::result<missing_blobs> chunked_state::find_those_missing(find_missing order) {
  auto asker = make_answer<missing_blobs>(self_);
  self_->request(inner_, caf::infinite, std::move(order))
      .then(
          [this, asker](missing_blobs& missing) mutable {
            auto large = large_ones(missing.blobs);
            if (large.empty()) return asker.deliver(std::move(missing));
            library_.find_present(large, [asker, missing](auto composed) mutable {
              if (!composed) return asker.deliver(failure(std::move(composed).error()));
              std::erase_if(missing.blobs, [&](const digest& blob) { return composed->contains(blob); });
              asker.deliver(std::move(missing));
            });
          },
          fails(asker));
  return asker;
}

void chunked_state::read_composed(const composition& whole, const read_blob& order,
                                  answer<blob_content> asker) {
  const auto size = static_cast<std::uint64_t>(order.blob.size);
  if (order.offset > size)
    return asker.deliver(
        fail(errc::out_of_range, "offset {} is behind the end of blob {}", order.offset, order.blob));
  if (order.offset == size) return asker.deliver(blob_content{size, {}, nullptr});
  if (order.offset == 0 && (order.limit == 0 || order.limit >= size))
    return asker.deliver(blob_content{size, {}, open(order.blob, whole)});
  read_part(whole, order, asker);
}

// That each chunk has its digest does not say that they are this blob.
void chunked_state::read_part(const composition& whole, const read_blob& order, answer<blob_content> asker) {
  proven_.prove(order.blob, whole, [=, this](const expected<void>& right) mutable {
    if (!right) return asker.deliver(failure(right.error()));
    auto part = proven_part(self_->system(), inner_, whole, order.offset, order.limit, hashing_,
                            wrong_of(order.blob));
    asker.deliver(blob_content{static_cast<std::uint64_t>(order.blob.size),
                               {},
                               std::make_shared<composed_source>(whole, std::move(part))});
  });
}

caf::result<blob_content> chunked_state::read(const read_blob& order) {
  auto asker = make_answer<blob_content>(self_);
  self_->request(inner_, caf::infinite, order)
      .then([asker](blob_content& content) mutable { asker.deliver(std::move(content)); },
            [this, asker, order](const caf::error& raw) mutable {
              auto fault = from_caf(raw);
              if (fault.code() != errc::not_found) return asker.deliver(failure(fault));
              library_.find({order.blob}, [=, this](expected<library::found> composed) mutable {
                if (!composed) return asker.deliver(failure(std::move(composed).error()));
                if (composed->empty()) return asker.deliver(failure(fault));
                read_composed(composed->begin()->second, order, asker);
              });
            });
  return asker;
}

caf::result<blob_batch> chunked_state::read_batch(read_blobs order) {
  auto asker = make_answer<blob_batch>(self_);
  auto asked = order.blobs;
  self_->request(inner_, caf::infinite, std::move(order))
      .then(
          [this, asker, asked = std::move(asked)](blob_batch& batch) mutable {
            std::vector<std::size_t> gaps;
            for (std::size_t i = 0; i < asked.size() && i < batch.results.size(); ++i)
              if (is_missing(batch.results[i]) && is_large(asked[i])) gaps.push_back(i);
            if (gaps.empty()) return asker.deliver(std::move(batch));
            fill_gaps(asked, gaps, std::move(batch), asker);
          },
          fails(asker));
  return asker;
}

// The asker bounds the sum of a batch, so the composed ones may be gathered at once.
void chunked_state::fill_gaps(const std::vector<digest>& asked, const std::vector<std::size_t>& gaps,
                              blob_batch batch, answer<blob_batch> asker) {
  auto state = std::make_shared<gathered_batch>(gathered_batch{std::move(batch), asker});
  std::vector<digest> absent;
  for (auto i : gaps) absent.push_back(asked[i]);
  library_.find(absent, [this, asked, gaps, state](expected<library::found> composed) {
    if (!composed) return state->asker.deliver(failure(std::move(composed).error()));
    for (auto i : gaps) {
      auto whole = composed->find(asked[i]);
      if (whole == composed->end()) continue;
      ++state->left;
      collect(open(asked[i], whole->second), static_cast<std::size_t>(asked[i].size),
              back_here([state, i](expected<bytes> content) {
                state->batch.results[i] = std::move(content);
                state->one_less();
              }));
    }
    state->one_less();
  });
}

caf::result<receipt> chunked_state::write(write_blob order) {
  auto asker = make_answer<receipt>(self_);
  auto parts = std::dynamic_pointer_cast<composed_source>(order.source);
  parts ? write_parts(std::move(order), parts->made_of(), asker) : write_whole(std::move(order), asker);
  return asker;
}

void chunked_state::write_parts(write_blob order, const composition& whole, answer<receipt> asker) {
  auto blob = order.blob;
  library_.find({blob}, [=, this, order = std::move(order)](expected<library::found> composed) mutable {
    if (!composed) return asker.deliver(failure(std::move(composed).error()));
    if (!composed->empty()) return give_up_copy({static_cast<std::uint64_t>(blob.size), true}, blob, asker);
    self_->request(inner_, caf::infinite, find_missing{whole.parts})
        .then(
            [=, this, order = std::move(order)](const missing_blobs& missing) mutable {
              // A part may itself be composed. Layouts do not nest, so such a blob is kept whole.
              const bool fits = check_size(largest::layout, write_layout(whole).size()).has_value();
              if (!missing.blobs.empty() || !fits) return write_whole(std::move(order), asker);
              compose(std::move(order), whole, asker);
            },
            fails(asker));
  });
}

// Bytes that come whole are taken whole, whatever a layout says of the blob, and take its place.
void chunked_state::write_whole(write_blob order, answer<receipt> asker) {
  auto blob = order.blob;
  self_->request(inner_, caf::infinite, std::move(order))
      .then(
          [this, blob, asker](const receipt& kept) mutable {
            drop_layout(blob);
            asker.deliver(kept);
          },
          fails(asker));
}

// The source hashes what it joins and ends in an error if that is not the blob, so it is read for that alone.
void chunked_state::compose(write_blob order, const composition& whole, answer<receipt> asker) {
  auto verified = back_here([=, this, blob = order.blob](expected<bytes> outcome) mutable {
    if (!outcome) return asker.deliver(failure(std::move(outcome).error()));
    remember(proven_layouts::name_of(blob, whole));
    keep_layout(blob, whole, asker);
  });
  pump(
      std::move(order.source), [](const byte_chain&) { return expected<void>(); },
      [verified](expected<void> end) {
        verified(end ? expected<bytes>(bytes()) : failure(std::move(end).error()));
      });
}

void chunked_state::keep_layout(const digest& blob, const composition& whole, answer<receipt> asker) {
  self_->request(layouts_, caf::infinite, write_blob{layout_key(blob), source_of(write_layout(whole))})
      .then(
          [=, this](const receipt&) {
            give_up_copy({static_cast<std::uint64_t>(blob.size), false}, blob, asker);
          },
          fails(asker));
}

// The parts were acknowledged before, so with the layout all is durable, and a whole copy may go.
void chunked_state::give_up_copy(receipt kept, const digest& blob, answer<receipt> asker) {
  self_->request(inner_, caf::infinite, forget_blob{blob})
      .then(
          [=](const forgotten& copy) mutable {
            kept.was_present = kept.was_present || copy.was_present;
            asker.deliver(kept);
          },
          [=](const caf::error&) mutable { asker.deliver(kept); });  // it stays, which does no harm
}

// A file has to be whole. The copy stays in the inner store until it is the one used least.
caf::result<lent_file> chunked_state::lend(const lend_file& order) {
  auto asker = make_answer<lent_file>(self_);
  auto lent = [asker](lent_file& file) mutable { asker.deliver(std::move(file)); };
  self_->request(inner_, caf::infinite, order).then(lent, [=, this](const caf::error& raw) mutable {
    auto fault = from_caf(raw);
    if (fault.code() != errc::not_found) return asker.deliver(failure(fault));
    library_.find({order.blob}, [=, this](expected<library::found> composed) mutable {
      if (!composed) return asker.deliver(failure(std::move(composed).error()));
      if (composed->empty()) return asker.deliver(failure(fault));
      self_
          ->request(inner_, caf::infinite,
                    write_blob{order.blob, open(order.blob, composed->begin()->second)})
          .then(
              [=, this](const receipt&) {
                self_->request(inner_, caf::infinite, order).then(lent, fails(asker));
              },
              fails(asker));
    });
  });
  return asker;
}

caf::result<leased> chunked_state::lease(lease_blobs order) {
  auto asker = make_answer<leased>(self_);
  self_->request(inner_, caf::infinite, std::move(order))
      .then(
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
              self_->request(inner_, caf::infinite, std::move(parts))
                  .then(
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
    self_->request(inner_, caf::infinite, order)
        .then(
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
    self_->request(layouts_, caf::infinite, flush_store{}).then(both, fails(asker));
  };
  self_->request(inner_, caf::infinite, flush_store{}).then(first, fails(asker));
  return asker;
}

chunked_actor::behavior_type chunked_store(
    chunked_actor::stateful_pointer<std::unique_ptr<chunked_state>> self, std::int64_t min_size,
    const store_actor& inner, const store_actor& layouts, const std::shared_ptr<crew>& hashing) {
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
  std::shared_ptr<crew> hashing = context.env.crews->make("kiln-chunked", std::max(processors() / 2, 1U));
  store_actor composed = context.system.spawn(chunked::chunked_store, min_size, inner,
                                              context.store(options.layouts), std::move(hashing));
  return chunked::make_front(context.system, min_size, inner, composed);
}

}  // namespace kiln
