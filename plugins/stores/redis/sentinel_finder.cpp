#include <utility>

#include "core/wire/status.hpp"
#include "plugins/stores/redis/node_finder.hpp"
#include "plugins/stores/redis/redis_connection.hpp"
#include "plugins/stores/redis/server_fault.hpp"

namespace kiln::redis_store {
namespace {

class sentinel_finder final : public node_finder, public std::enable_shared_from_this<sentinel_finder> {
public:
  sentinel_finder(engine_ptr engine, std::vector<server_address> sentinels)
      : engine_(std::move(engine)), sentinels_(std::move(sentinels)) {}

  void find(found then) override { ask(first_, sentinels_.size(), std::move(then)); }

private:
  // One after the other; who knew it last time is asked first.
  void ask(std::size_t whom, std::size_t left, found then) {
    auto go_on = [self = shared_from_this(), whom, left, then](const error& why) {
      if (left == 1) return then(failure(why));
      self->ask((whom + 1) % self->sentinels_.size(), left - 1, then);
    };
    redis_connection::open(engine_, sentinels_[whom], sentinel_greeting(*engine_),
                           [self = shared_from_this(), whom, then, go_on](expected<connection_ptr> sentinel) {
                             if (!sentinel) return go_on(sentinel.error());
                             self->ask_for_master(*sentinel, whom, then, go_on);
                           });
  }
  void ask_for_master(const connection_ptr& sentinel, std::size_t whom, const found& then,
                      const std::function<void(const error&)>& go_on) {
    const auto& master = engine_->options.master;
    sentinel->send({make_command({"SENTINEL", "get-master-addr-by-name", master})},
                   [self = shared_from_this(), sentinel, whom, then, go_on](replies answers) {
                     auto address = self->read(answers.front(), *sentinel);
                     sentinel->close({errc::cancelled, "the sentinel has been asked"});
                     if (!address) return go_on(address.error());
                     self->first_ = whom;
                     then(std::move(address));
                   });
  }
  expected<server_address> read(const expected<resp_reply>& answer, const redis_connection& sentinel) const {
    if (!answer) return failure(answer.error());
    if (answer->is_fault()) return fail(error_of(*answer, sentinel.name(), engine_->options.sentinel_user));
    if (answer->items.size() != 2)
      return fail(try_again(errc::unavailable, fmt::format("sentinel {} knows no master {}", sentinel.name(),
                                                           engine_->options.master)));
    return server_address{std::string(answer->items[0].text.view()),
                          std::string(answer->items[1].text.view()), sentinels_.front().encrypted};
  }

  const engine_ptr engine_;
  const std::vector<server_address> sentinels_;
  std::size_t first_ = 0;
};

}  // namespace

std::shared_ptr<node_finder> find_by_sentinels(engine_ptr engine, std::vector<server_address> sentinels) {
  return std::make_shared<sentinel_finder>(std::move(engine), std::move(sentinels));
}

}  // namespace kiln::redis_store
