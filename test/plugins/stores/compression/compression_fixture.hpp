#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/random.hpp"
#include "core/compress/zstd.hpp"
#include "core/digest/hasher.hpp"
#include "plugins/stores/compression/compression_state.hpp"
#include "test/contract/sources.hpp"
#include "test/harness/deterministic_system.hpp"
#include "test/harness/seen_orders.hpp"

namespace kiln::test {

/// Counts orders, and writes down every read of bytes. Never answers what the test says.
class noting_store final : public store_wrapper {
public:
  struct notes {
    seen_orders orders;
    std::vector<read_blob> reads;
    std::optional<digest> unanswered;
    std::vector<answer<blob_content>> owed;
  };
  noting_store(resumable_store::pointer self, store_actor inner, std::shared_ptr<notes> seen)
      : store_wrapper(self, std::move(inner)), seen_(std::move(seen)) {}

  template <class Order>
  caf::result<answer_to<Order>> take(Order& order) {
    ++seen_->orders.counts[typeid(Order).name()];
    seen_->orders.times.insert(order.until);
    if constexpr (std::is_same_v<Order, read_blob>) {
      seen_->reads.push_back(order);
      if (seen_->unanswered == order.blob) return seen_->owed.emplace_back(owe<read_blob>());
    }
    return pass_on(order);
  }
  void take(watch_store& order) { pass_on(order); }

private:
  const std::shared_ptr<notes> seen_;
};

/// A store that compresses, over memory, with somebody between them who counts. A segment is full with
/// `segment` bytes.
struct compressed_store {
  deterministic_system system;
  std::shared_ptr<noting_store::notes> below = std::make_shared<noting_store::notes>();
  std::shared_ptr<noting_store::notes> beside = std::make_shared<noting_store::notes>();
  std::uint64_t segment;
  store_actor inner, index, top;

  explicit compressed_store(std::uint64_t full = 16 << 20, const std::string& capacity = "256MiB")
      : segment(full) {
    inner = noted(system.spawn_store("{type: memory, capacity: " + capacity + ", policy: lru}"), below);
    index = noted(system.spawn_store("{type: memory, capacity: 16MiB}", store_role::results), beside);
    start();
  }
  /// Anew, with nothing in its memory.
  void start() {
    if (top) system.end(top);
    compressing::packing_rules rules;
    rules.full = rules.scarce = segment;
    rules.memory = std::make_shared<byte_budget>(256 << 20);
    rules.threads = system.env().pools->make("compress", 2);
    compressing::compression_state::setting with{
        1000, rules, {*system.env().metrics, "packed"}, system.env().time};
    top = system.own(spawn_store<compressing::compression_state>(system.actors(), system.env(),
                                                                 std::move(with), inner, index));
  }

  template <class Order>
  expected<answer_to<Order>> ask(Order order) {
    return system.ask<answer_to<Order>>(top, std::move(order));
  }
  template <class Order>
  expected<answer_to<Order>> ask(const store_actor& whom, Order order) {
    return system.ask<answer_to<Order>>(whom, std::move(order));
  }

  expected<receipt> write(const digest& blob, const std::string& content, std::size_t piece = 300'000) {
    return ask(write_blob{blob, contract::deliver(content, {piece, false, {}})});
  }
  digest put(const std::string& content) {
    const auto blob = digest_of(content);
    auto kept = write(blob, content);
    BOOST_TEST_REQUIRE(kept.has_value(), (kept ? "" : kept.error().to_string()));
    return blob;
  }
  expected<std::string> all_of(expected<blob_content> content) {
    if (!content) return failure(content.error());
    std::string text(content->head.flatten().view());
    if (!content->rest) return text;
    std::optional<expected<void>> end;
    pump(
        std::move(content->rest),
        [&](const byte_chain& piece) {
          for (const auto& one : piece.pieces()) text += one.view();
          return expected<void>();
        },
        [&](expected<void> how) { end = std::move(how); });
    system.run();
    BOOST_TEST_REQUIRE(end.has_value());
    if (!*end) return failure(end->error());
    return text;
  }
  expected<std::string> read(const digest& blob, std::uint64_t offset = 0, std::uint64_t limit = 0) {
    return all_of(ask(read_blob{blob, offset, limit}));
  }
  /// As zstd, which is taken apart here.
  expected<std::string> read_zstd(const digest& blob) {
    auto content = ask(read_blob{blob, 0, 0, waits_for_ever, blob_form::zstd});
    if (!content) return failure(content.error());
    BOOST_TEST((content->form == blob_form::zstd));
    auto wire = all_of(std::move(content));
    if (!wire) return wire;
    return zstd_decode(*wire, static_cast<std::uint64_t>(blob.size), 23).map([](const bytes& text) {
      return std::string(text.view());
    });
  }
  bool is_missing(const digest& blob) { return !ask(find_missing{{blob}})->blobs.empty(); }

  std::optional<compressing::packed_form> form_of(const digest& blob) {
    auto record = ask(index, read_blobs{{compressing::form_key(blob)}});
    if (!record->results.front()) return std::nullopt;
    return compressing::read_form(*record->results.front(), blob).value();
  }
  /// As somebody would who can write to the index.
  void plant(const digest& blob, const compressing::packed_form& form) {
    auto record = compressing::write_form(form);
    BOOST_TEST_REQUIRE(ask(index, write_blob{compressing::form_key(blob), source_of(record)}).has_value());
  }
  std::string lies_at(const digest& name) {
    return std::string(ask(inner, read_blobs{{name}})->results.front().value().view());
  }
  /// What the inner store holds under this name from now on: a memory store believes whoever writes, and a
  /// disk may rot.
  void overwrite(const digest& name, const std::string& content) {
    BOOST_TEST_REQUIRE(ask(inner, forget_blob{name}).has_value());
    BOOST_TEST_REQUIRE(ask(inner, write_blob{name, source_of(bytes::copy_of(content))}).has_value());
  }
  void flip(const digest& name, std::size_t at) {
    auto content = lies_at(name);
    content[at] = static_cast<char>(content[at] ^ 0x10);
    overwrite(name, content);
  }

private:
  store_actor noted(const store_actor& what, const std::shared_ptr<noting_store::notes>& seen) {
    return system.own(spawn_store<noting_store>(system.actors(), system.env(), what, seen));
  }
};

/// An upload that came as zstd: gives what it decodes to, and has what was sent. After `breaks_at` bytes of
/// it the client went away, and came back with a frame of the rest.
class sent_upload final : public blob_source, public sent_bytes {
public:
  sent_upload(std::string wire, const std::string& text, std::size_t piece = 50'000,
              std::size_t breaks_at = std::string::npos)
      : wire_(std::move(wire)),
        text_(text),
        piece_(piece),
        breaks_at_(breaks_at),
        decoder_(text.size(), 27) {}

  void read(next then) override {
    if (is_broken_) return then(rest());
    if (at_ >= wire_.size()) return then(byte_chain());
    std::string plain(text_.size() + 1, 0);
    std::size_t wrote = 0;
    while (wrote == 0 && at_ < std::min(wire_.size(), breaks_at_)) {
      const auto count = std::min({piece_, wire_.size() - at_, breaks_at_ - at_});
      const auto part = wire_.substr(at_, count);
      std::string_view from = part;
      at_ += count;
      if (is_claimed_) sent_.append(bytes::copy_of(part));
      wrote = decoder_.decode(from, plain.data(), plain.size()).value();
    }
    given_ += wrote;
    plain.resize(wrote);
    if (wrote > 0) return then(byte_chain(bytes::adopt(std::move(plain))));
    if (at_ >= wire_.size()) return then(byte_chain());
    is_broken_ = true;
    then(rest());
  }
  bool claim() noexcept override { return at_ == 0 && !std::exchange(is_claimed_, true); }
  expected<byte_chain> take() override {
    if (is_broken_) return fail(errc::aborted, "it broke");
    return std::exchange(sent_, {});
  }

private:
  byte_chain rest() {
    return bytes::copy_of(std::string_view(text_).substr(std::exchange(given_, text_.size())));
  }

  const std::string wire_;
  const std::string text_;
  const std::size_t piece_;
  const std::size_t breaks_at_;
  zstd_decoder decoder_;
  std::size_t at_ = 0;
  std::size_t given_ = 0;
  bool is_claimed_ = false;
  bool is_broken_ = false;
  byte_chain sent_;
};

/// Lines that become a third of their size.
inline std::string prose_of(std::size_t size, std::uint64_t seed = 1) {
  auto random = make_seeded_random(seed);
  std::string text;
  text.reserve(size + 20);
  while (text.size() < size) text += "line " + std::to_string(random->next() % 1'000'000) + '\n';
  text.resize(size);
  return text;
}

template <class T>
std::string_view code_in(const expected<T>& answer) {
  return name_of(answer ? errc::ok : answer.error().code());
}

}  // namespace kiln::test
