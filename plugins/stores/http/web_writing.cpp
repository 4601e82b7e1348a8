#include <mutex>
#include <utility>

#include "core/contract/checked_source.hpp"
#include "core/net/collect_in_time.hpp"
#include "core/store_kit/one_by_one.hpp"
#include "core/wire/action_record.hpp"
#include "plugins/stores/http/web_orders.hpp"

namespace kiln::web_store {
namespace {

constexpr std::size_t put_answer = 64 << 10;
constexpr std::uint64_t gathered_up_to = 1 << 20;

failure cannot_be_named(const digest& blob) {
  return fail(errc::unimplemented, "the plain cache protocol has no name for {}: it knows SHA-256 alone",
              blob);
}

void put(const remote_ptr& where, const digest& blob, const bytes& content, steady_time until,
         const done<receipt>& then) {
  auto order = where->order("PUT", blob, until);
  order.body = content;
  if (!where->holds_content()) {
    // Others look for the plain message there.
    auto result = unwrap_result(content);
    if (!result) return then(fail(errc::invalid_argument, "{}", result.error().message()));
    order.body = std::move(*result);
  }
  where->ask(std::move(order), put_answer, [size = content.size(), then](const expected<web_answer>& answer) {
    if (!answer) return then(failure(answer.error()));
    then(receipt{size, false});
  });
}

expected<void> may_be_put(const web_remote& where, const digest& blob, const bytes& content) {
  if (!where.can_name(blob)) return cannot_be_named(blob);
  if (where.holds_content()) return check(blob, content);
  if (content.size() <= where.options().max_result_size.bytes) return {};
  return fail(errc::invalid_argument, "the result of action {} has {} bytes, and at most {} are kept", blob,
              content.size(), where.options().max_result_size.bytes);
}

/// Passes on what the source says, one piece behind: the last one goes out when the source has ended well.
/// Remembers why it failed, for that is the writer's answer.
class one_behind final : public blob_source, public std::enable_shared_from_this<one_behind> {
public:
  explicit one_behind(blob_source_ptr source) : source_(std::move(source)) {}
  void read(next then) override {
    if (ended_) return then(byte_chain());
    source_->read([self = shared_from_this(), then = std::move(then)](expected<byte_chain> piece) {
      self->take(std::move(piece), then);
    });
  }
  void cancel(const error& why) noexcept override { source_->cancel(why); }
  error fault() const {
    std::lock_guard lock(mutex_);
    return fault_;
  }

private:
  void take(expected<byte_chain> piece, const next& then) {
    if (!piece) {
      {
        std::lock_guard lock(mutex_);
        fault_ = piece.error();
      }
      return then(std::move(piece));
    }
    ended_ = piece->empty();
    const bool was_first = held_.empty() && !ended_;
    auto before = std::exchange(held_, std::move(*piece));
    if (was_first) return read(then);
    then(std::move(before));
  }

  const blob_source_ptr source_;
  byte_chain held_;
  bool ended_ = false;
  mutable std::mutex mutex_;
  error fault_;
};

// The hash is proven before the last bytes are on their way, so a wrong blob is one that is cut short, which
// no server keeps.
void put_as_it_comes(const remote_ptr& where, const digest& blob, blob_source_ptr source, steady_time until,
                     done<receipt> then) {
  auto order = where->order("PUT", blob, until);
  auto from = std::make_shared<one_behind>(std::move(source));
  order.source = from;
  order.length = static_cast<std::uint64_t>(blob.size);
  where->ask(std::move(order), put_answer,
             [from, size = static_cast<std::uint64_t>(blob.size),
              then = std::move(then)](const expected<web_answer>& answer) {
               if (const auto why = from->fault(); !why.ok()) return then(failure(why));
               if (!answer) return then(failure(answer.error()));
               then(receipt{size, false});
             });
}

void write_absent(const remote_ptr& where, const write_blob& order, done<receipt> then) {
  const auto size = static_cast<std::uint64_t>(order.blob.size);
  auto source = checked(order.source, order.blob, where->engine().hashing);
  if (size > gathered_up_to)
    return put_as_it_comes(where, order.blob, std::move(source), order.until, std::move(then));
  collect_in_time(
      where->engine().web, std::move(source), static_cast<std::size_t>(size),
      time_left(order.until, where->now()), "a blob was written",
      [where, blob = order.blob, until = order.until, then = std::move(then)](expected<bytes> content) {
        if (!content) return then(failure(content.error()));
        put(where, blob, *content, until, then);
      });
}

}  // namespace

void write_blob_there(const remote_ptr& where, write_blob order, done<receipt> then) {
  if (is_empty_blob(order.blob)) return then(receipt{0, true});
  if (!where->can_name(order.blob)) {
    auto why = cannot_be_named(order.blob);
    order.source->cancel(why.value());
    return then(std::move(why));
  }
  where->look(order.blob, order.until,
              [where, order, then = std::move(then)](const expected<std::optional<std::uint64_t>>& found) {
                if (found && !*found) return write_absent(where, order, then);
                order.source->cancel(found ? error(errc::already_exists, "the blob is there already")
                                           : found.error());
                if (!found) return then(failure(found.error()));
                then(receipt{static_cast<std::uint64_t>(order.blob.size), true});
              });
}

void write_result_there(const remote_ptr& where, write_blob order, done<receipt> then) {
  if (!where->can_name(order.blob)) {
    auto why = cannot_be_named(order.blob);
    order.source->cancel(why.value());
    return then(std::move(why));
  }
  collect_in_time(
      where->engine().web, std::move(order.source),
      static_cast<std::size_t>(where->options().max_result_size.bytes), time_left(order.until, where->now()),
      "a result was written",
      [where, action = order.blob, until = order.until, then = std::move(then)](expected<bytes> record) {
        if (!record) return then(failure(record.error()));
        put(where, action, *record, until, then);
      });
}

void write_many_there(const remote_ptr& where, write_blobs order, done<receipts> then) {
  auto write = [where, until = order.until](const write_blobs::entry& entry, done<receipt> written) {
    // Hashes, so on the thread pool.
    auto posted = where->engine().hashing->post([where, entry, until, written] {
      const auto& [blob, content] = entry;
      if (auto good = caught([&] { return may_be_put(*where, blob, content); }); !good)
        return written(failure(good.error()));
      if (where->holds_content() && is_empty_blob(blob)) return written(receipt{0, true});
      put(where, blob, content, until, written);
    });
    if (!posted) written(failure(posted.error()));
  };
  one_by_one::write_all(std::move(order), where->of_one_order(), std::move(write), std::move(then));
}

void forget_there(const remote_ptr& where, const forget_blob& order, done<forgotten> then) {
  where->look(order.blob, order.until,
              [where, order, then = std::move(then)](const expected<std::optional<std::uint64_t>>& found) {
                if (!found) return then(failure(found.error()));
                const bool was_there = found->has_value();
                if (!where->can_name(order.blob)) return then(forgotten{});
                where->ask(where->order("DELETE", order.blob, order.until), put_answer,
                           [was_there, then](const expected<web_answer>& answer) {
                             if (!answer && answer.error().code() != errc::not_found)
                               return then(failure(answer.error()));
                             then(forgotten{was_there});
                           });
              });
}

}  // namespace kiln::web_store
