#include "plugins/stores/redis/append_upload.hpp"

#include <algorithm>
#include <utility>

#include "core/contract/checked_source.hpp"
#include "core/wire/status.hpp"
#include "plugins/stores/redis/server_fault.hpp"

namespace kiln::redis_store {
namespace {

/// All but what the source calls runs on the thread of the reactor.
class append_upload : public std::enable_shared_from_this<append_upload> {
public:
  append_upload(keyed_ptr where, write_blob order, done<receipt> then)
      : where_(std::move(where)),
        blob_(order.blob),
        until_(order.until),
        key_(where_->names.of(blob_)),
        on_its_way_(where_->names.on_its_way(key_, where_->engine().env.random->next())),
        source_(checked(std::move(order.source), blob_, where_->engine().hashing)),
        then_(std::move(then)),
        late_(*where_->engine().loop) {}

  void start() {
    if (until_ != waits_for_ever)
      late_.set(until_ - where_->engine().now(), [weak = weak_from_this()] {
        if (auto self = weak.lock())
          self->abort({errc::deadline_exceeded,
                       fmt::format("the time was over while blob {} was written", self->blob_)});
      });
    pipeline question;
    question.repeatable = true;
    question.until = until_;
    question.commands.push_back(key_command({"STRLEN", key_}));
    where_->add_touch(question.commands, key_);
    run(std::move(question), [](append_upload& self, outcome& came) {
      const auto& length = came.answers.front();
      if (length && length->number == self.blob_.size) return self.finish(receipt{self.size(), true});
      if (!length && length.error().code() != errc::not_found) return self.abort(length.error());
      self.pull();
    });
  }

private:
  std::uint64_t size() const noexcept { return static_cast<std::uint64_t>(blob_.size); }
  bool is_small() const noexcept { return size() <= where_->chunk(); }

  /// `then` unless it is over by then.
  template <class Then>
  void run(pipeline what, Then then) {
    where_->client->run(std::move(what), [self = shared_from_this(), then](outcome came) {
      if (self->then_) then(*self, came);
    });
  }

  // As fast as the server takes it: what is read waits in `held_`, and that is a chunk and a piece.
  void pull() {
    if (!then_ || pulling_ || ended_ || (!is_small() && held_.size() >= where_->chunk())) return;
    pulling_ = true;
    source_->read(ensure_called([self = shared_from_this()](expected<byte_chain> piece) {
      self->where_->engine().loop->post(
          [self, piece = std::move(piece)]() mutable { self->take(std::move(piece)); });
    }));
  }
  void take(expected<byte_chain> piece) {
    pulling_ = false;
    if (!then_) return;
    if (!piece) return abort(piece.error());
    ended_ = piece->empty();
    held_.append(std::move(*piece));
    go_on();
  }
  void go_on() {
    if (!then_) return;
    if (is_small()) {
      if (ended_) return set();
      return pull();
    }
    // The first chunk chooses the connection.
    const std::size_t most = over_ ? where_->options().chunks_in_flight : 1;
    while (in_flight_ < most && (held_.size() >= where_->chunk() || (ended_ && !held_.empty()))) append();
    if (ended_ && held_.empty() && in_flight_ == 0) return commit();
    pull();
  }

  void set() {
    pipeline order;
    order.repeatable = true;
    order.until = until_;
    order.commands.push_back(where_->set_command(key_, std::exchange(held_, {})));
    run(std::move(order), [](append_upload& self, outcome& came) {
      const auto& answer = came.answers.front();
      if (!answer) return self.abort(answer.error());
      self.kept();
    });
  }

  pipeline transaction() const {
    pipeline order;
    order.is_transaction = true;
    order.until = until_;
    order.pinned = over_;
    order.commands.push_back(make_command({"MULTI"}));
    return order;
  }
  void append() {
    auto chunk = held_.slice(0, where_->chunk());
    held_ = held_.slice(chunk.size());
    sent_ += chunk.size();
    ++in_flight_;
    const auto life = std::chrono::duration_cast<std::chrono::milliseconds>(where_->options().upload_ttl);
    auto order = transaction();
    order.commands.push_back(key_command({"APPEND", on_its_way_}, std::move(chunk)));
    order.commands.push_back(key_command({"PEXPIRE", on_its_way_, std::to_string(life.count())}));
    order.commands.push_back(make_command({"EXEC"}));
    run(std::move(order), [wanted = sent_](append_upload& self, outcome& came) {
      --self.in_flight_;
      auto done = self.executed(came);
      if (!done) return self.abort(done.error());
      // Evicted on its way, or expired: what was appended since is the end of nothing.
      if (done->items.empty() || done->items[0].number != static_cast<std::int64_t>(wanted))
        return self.abort(
            try_again(errc::unavailable,
                      fmt::format("the server has lost a part of blob {} while it was written", self.blob_)));
      self.over_ = came.over;
      self.go_on();
    });
  }
  void commit() {
    auto order = transaction();
    const auto& ttl = where_->options().ttl;
    if (ttl) {
      const auto life = std::chrono::duration_cast<std::chrono::milliseconds>(*ttl);
      order.commands.push_back(key_command({"PEXPIRE", on_its_way_, std::to_string(life.count())}));
    } else {
      order.commands.push_back(key_command({"PERSIST", on_its_way_}));
    }
    order.commands.push_back(key_command({"RENAME", on_its_way_, key_}));
    order.commands.push_back(make_command({"EXEC"}));
    run(std::move(order), [](append_upload& self, outcome& came) {
      auto done = self.executed(came);
      if (!done) return self.abort(done.error());
      self.sent_ = 0;  // nothing is left under the other name
      self.kept();
    });
  }
  /// What EXEC answered; the fault of one of the commands is the fault of all.
  expected<resp_reply> executed(const outcome& came) const {
    for (const auto& one : came.answers)
      if (!one) return failure(one.error());
    const auto& last = *came.answers.back();
    for (const auto& item : last.items) {
      if (!item.is_fault()) continue;
      if (item.text.view().find("no such key") != std::string_view::npos)
        return fail(try_again(errc::unavailable,
                              fmt::format("the server has lost blob {} while it was written", blob_)));
      const auto& user = where_->options().user;
      return where_->client->explain(error_of(item, came.over->name(), user.empty() ? "default" : user));
    }
    return last;
  }

  void kept() {
    where_->publish(key_);
    finish(receipt{size(), false});
  }
  void abort(const error& why) {
    if (!then_) return;
    if (sent_ > 0) {
      pipeline order;
      order.commands.push_back(key_command({"UNLINK", on_its_way_}));
      where_->client->run(std::move(order));
    }
    source_->cancel(why);
    finish(failure(why));
  }
  void finish(expected<receipt> result) {
    late_.call_off();
    held_.clear();
    over_.reset();
    if (result && !ended_) source_->cancel({errc::already_exists, "the blob is there already"});
    std::exchange(then_, nullptr)(std::move(result));
  }

  const keyed_ptr where_;
  const digest blob_;
  const steady_time until_;
  const std::string key_;
  const std::string on_its_way_;
  const blob_source_ptr source_;
  done<receipt> then_;  ///< null once it was called: it is over
  alarm late_;
  byte_chain held_;
  std::uint64_t sent_ = 0;
  std::size_t in_flight_ = 0;
  connection_ptr over_;
  bool pulling_ = false;
  bool ended_ = false;  ///< the source has ended well: all was right
};

}  // namespace

void write_key(const keyed_ptr& where, write_blob order, done<receipt> then) {
  if (is_empty_blob(order.blob)) return then(receipt{0, true});
  if (static_cast<std::uint64_t>(order.blob.size) > where->options().max_blob_size.bytes) {
    auto why = where->too_large(order.blob);
    order.source->cancel(why);
    return then(failure(std::move(why)));
  }
  auto upload = std::make_shared<append_upload>(where, std::move(order), std::move(then));
  where->engine().loop->post([upload] { upload->start(); });
}

}  // namespace kiln::redis_store
